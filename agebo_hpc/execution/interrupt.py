"""Signals that ask a search to stop."""

from __future__ import annotations

import signal
import threading


class Interrupt:
    """Remembers that a signal asked the search to stop. The handler does nothing else.

    A second SIGINT ends the search at once, but for what it is saving.

    Attributes
    ----------
    received
        The signal that came last; None: none did.
    is_saving
        Whether the search is about to end anyway and must not be disturbed.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.is_saving = False
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is not threading.main_thread():
            # Python gives signals to the main thread, which is somebody else's here.
            return self
        for number in self.SIGNALS:
            self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _remember(self, number: int, frame: object) -> None:
        again = self.received is not None and number == signal.SIGINT
        self.received = signal.Signals(number)
        if again and not self.is_saving:
            raise KeyboardInterrupt
