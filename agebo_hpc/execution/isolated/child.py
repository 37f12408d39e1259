"""A child process that trains, as its rank sees it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from agebo_hpc.execution.evaluate import TrainingError
from agebo_hpc.execution.exit_status import judge_signal
from agebo_hpc.execution.isolated.server_process import End
from agebo_hpc.space.configuration import Status


class Child:
    """A child that trains.

    Attributes
    ----------
    connection
        Channel to the child.
    """

    def __init__(self, number: int, connection: Connection, await_end: Callable[[], End]) -> None:
        self.connection = connection
        self._number = number
        self._await_end = await_end
        self._end: End | None = None

    def send(self, *message: Any) -> None:
        """Send a message; it is dropped where the child has ended."""
        with suppress(OSError):
            self.connection.send(message)

    def hear(self) -> tuple[str, Any]:
        """Return the child's next message; wait for it.

        Raises
        ------
        TrainingError
            If the training failed, or the child ended without a word.
        AgeboError
            If the child refused for what the user can mend.
        """
        try:
            word, content = self.connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if word == "failed":
            raise TrainingError(*content)
        if word == "refused":
            raise content
        return word, content

    def kill(self) -> None:
        """End the child at once."""
        if self._end is None:
            with suppress(ProcessLookupError):
                os.kill(self._number, signal.SIGKILL)

    def end(self) -> End:
        """Wait for the child's end, after its last message."""
        if self._end is None:
            self._end = self._await_end()
            self.connection.close()
        return self._end

    def _death(self) -> TrainingError:
        status = self.end().status
        if os.WIFSIGNALED(status):
            found, reason = judge_signal(os.WTERMSIG(status))
            return TrainingError(found, reason)
        text = f"The training's process ended with code {os.waitstatus_to_exitcode(status)}."
        return TrainingError(Status.FAILED, text)
