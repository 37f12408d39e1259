"""What a person is told while something runs: through a reporter that is handed in.

The command line hands in one that writes on the standard error, an estimator one that warns as
Python does, a test one that keeps what was said.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from agebo_hpc.errors import AgeboWarning
from agebo_hpc.streams import write_as_is

WARNING = "warning: "
"""What a line begins with that is a warning."""


class Reporter(Protocol):
    """Tells a person something.

    Attributes
    ----------
    is_live
        Whether a line can be shown in the place of the one before.
    """

    @property
    def is_live(self) -> bool:
        """Whether a line can be shown in the place of the one before."""
        ...

    def say(self, text: str) -> None:
        """Tell how it goes, in one or more lines without an end of the last one."""
        ...

    def warn(self, text: str) -> None:
        """Tell what may be wrong, in one line."""
        ...

    def show(self, line: str) -> None:
        """Tell how far it is: where it is live, in the place of the line before."""
        ...


class StreamReporter:
    """Writes on a stream; rewrites the line of progress where that is a terminal.

    Parameters
    ----------
    stream
        Stream of text that is written to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_live = stream.isatty()
        self._is_open = False

    def say(self, text: str) -> None:
        """Write lines."""
        self._end_line()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def warn(self, text: str) -> None:
        """Write a line that begins with "warning:"."""
        self.say(f"{WARNING}{text}")

    def show(self, line: str) -> None:
        """Write a line, in the place of the one before on a terminal."""
        if not self.is_live:
            self.say(line)
            return
        write_as_is(self._stream, "\r\x1b[K")
        self._stream.write(line)
        self._stream.flush()
        self._is_open = True

    def _end_line(self) -> None:
        if self._is_open:
            self._stream.write("\n")
            self._is_open = False


class WarningReporter:
    """Warns as Python does, and tells nothing else: what a library does in another's program."""

    is_live = False

    def say(self, text: str) -> None:
        """Tell nothing."""

    def warn(self, text: str) -> None:
        """Issue an `agebo_hpc.errors.AgeboWarning`."""
        warnings.warn(text, AgeboWarning, stacklevel=2)

    def show(self, line: str) -> None:
        """Tell nothing."""


@dataclass
class ListReporter:
    """Keeps what was said.

    Attributes
    ----------
    lines, warnings, shown
        What was said, warned of and shown, in order.
    """

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    is_live: bool = False

    def say(self, text: str) -> None:
        """Keep lines."""
        self.lines += text.splitlines()

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self.warnings.append(text)

    def show(self, line: str) -> None:
        """Keep a line of progress."""
        self.shown.append(line)


def on_standard_error() -> StreamReporter:
    """Return what writes on the standard error of this process."""
    return StreamReporter(sys.stderr)


def tell(reporter: Reporter, lines: Iterable[str]) -> None:
    """Tell lines; those that begin with "warning:" are warnings."""
    for line in lines:
        if line.startswith(WARNING):
            reporter.warn(line.removeprefix(WARNING))
        else:
            reporter.say(line)
