"""What an option of a search is: one record, from which all that is said of it follows.

The command line and its help, the checks, the stored request, what a resume may change, the
options of ``experiment`` and the tables in the documentation are made from these records.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from numbers import Integral, Real
from typing import Any, get_type_hints

from agebo_hpc.errors import UsageError
from agebo_hpc.run.notation import (
    HOW_DURATIONS_ARE_WRITTEN,
    read_integers,
    read_seconds,
    read_settings,
    read_switch,
    write_seconds,
    write_value,
)

KINDS = {int: "a whole number", float: "a number"}
"""Types of numbers, in words."""


class OptionGroup(Enum):
    """What an option is about; the value is the heading in the help."""

    SEARCH = "Search"
    TRAINING = "Training"
    SCHEDULING = "Scheduling"
    MACHINE = "Machine"
    LIMITS = "Limits"
    OUTPUT = "Output"
    SIMULATION = "Simulation"


class OnResume(Enum):
    """What a resume may do with an option; the value says it."""

    START = "of one start: each may set it anew"
    GOAL = "may be set anew, and holds from then on"
    FORCE = "may change with --set, and holds from then on"
    NEVER = "cannot change"


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes
    ----------
    name
        Field of the request, and key in the stored one.
    kind
        Type of its values; None stands beside them where something else decides.
    default
        Value where nothing is given.
    help
        One or more whole sentences.
    group
        What it is about.
    on_resume
        What a resume may do with it.
    unit
        Unit of a number; ``s`` makes it a duration.
    choices
        Names that are allowed, or what returns them; empty: any.
    least, above, below
        Bounds of a number, of which `above` and `below` are not allowed themselves.
    unset
        What None means.
    zero
        What 0 means.
    recipe
        Field of the training recipe that it replaces; empty: none.
    usual
        Whether the short help shows it.
    checked_later
        Whether only what loads the named thing knows whether it is there.
    for_simulation
        Whether the simulated executor alone has it.
    is_kept
        Whether it stands in the stored request.
    flag, metavar
        Spelling on the command line, where it does not follow from the name and the type.
    """

    name: str
    kind: type
    default: Any
    help: str
    group: OptionGroup
    on_resume: OnResume
    unit: str = ""
    choices: Sequence[str] | Callable[[], Sequence[str]] = ()
    least: float | None = None
    above: float | None = None
    below: float | None = None
    unset: str = ""
    zero: str = ""
    recipe: str = ""
    usual: bool = False
    checked_later: bool = False
    for_simulation: bool = False
    is_kept: bool = True
    flag: str = ""
    metavar: str = ""

    @property
    def spelling(self) -> str:
        """The option as it is typed."""
        return self.flag or f"--{self.name.replace('_', '-')}"

    @property
    def off(self) -> str:
        """What is typed to switch off what is on by default; empty for all others."""
        return f"--no-{self.spelling.removeprefix('--')}" if self.default is True else ""

    @property
    def names(self) -> tuple[str, ...]:
        """What may be chosen; empty where it is no choice."""
        return tuple(self.choices() if callable(self.choices) else self.choices)

    @property
    def is_duration(self) -> bool:
        """Whether its values are seconds."""
        return self.kind is float and self.unit == "s"

    @property
    def shown_default(self) -> str:
        """What holds where the option is not given, as the help says it."""
        return self.shown({} if self.kind is dict else self.default)

    def shown(self, value: Any) -> str:
        """Return a value as it would be typed, or what stands for it."""
        if self.kind is bool:
            return "on" if value else "off"
        if value is None:
            return self.unset
        if self.kind is dict:
            return " ".join(write_value(value)) or "none"
        if value == 0 and self.zero:
            return f"0: {self.zero}"
        if self.is_duration:
            return write_seconds(value)
        return " ".join(write_value(value))

    @property
    def shown_type(self) -> str:
        """What is to be given, with its unit."""
        if self.metavar:
            return self.metavar
        if self.kind is bool:
            return ""
        if self.choices:
            return "|".join(self.names)
        if self.is_duration:
            return "TIME"
        usual = {int: "N", float: "X", str: "TEXT", tuple: "N,N,..."}[self.kind]
        return self.unit.upper().replace(" ", "_") if self.unit else usual

    def read(self, text: Any) -> Any:
        """Return the value that a word of the command line stands for, checked.

        Raises
        ------
        UsageError
            If it is not allowed; the message says what came and what is allowed.
        """
        value = self._converted(text) if isinstance(text, str) else text
        self.check(value)
        return value

    def _converted(self, text: str) -> Any:
        reader: Callable[[str], Any] = self.kind
        if self.kind is dict:
            return read_settings([text])
        if self.is_duration or self.kind in (tuple, bool):
            readers = {float: read_seconds, tuple: read_integers, bool: read_switch}
            reader = readers[self.kind]
            try:
                return reader(text)
            except ValueError as error:
                raise UsageError(f"{self.spelling}: {error}") from None
        try:
            return reader(text)
        except ValueError:
            kind = KINDS[self.kind]
            raise self._wrong(text, f"{kind}, {self.bounds}" if self.bounds else kind) from None

    def check(self, value: Any) -> None:
        """Check a value.

        Raises
        ------
        UsageError
            If it is not allowed; the message says what came and what is allowed.
        """
        if value is None:
            if self.default is not None:
                raise self._wrong(value, self.allowed)
            return
        if self.choices and not self.checked_later and value not in self.names:
            raise UsageError(f"{self.spelling} is {value}; choose among {', '.join(self.names)}.")
        if self.kind is bool and not isinstance(value, bool):
            raise self._wrong(value, "on or off")
        if self.kind is tuple and not _are_counts(value):
            given = ",".join(map(str, value)) if isinstance(value, Sequence) else value
            raise self._wrong(given, "numbers of at least 1, such as 1,2,4,8")
        if self.kind in (int, float) and not self._holds(value):
            is_whole = isinstance(value, Integral) and not isinstance(value, bool)
            kind = "a whole number, " if self.kind is int and self.bounds and not is_whole else ""
            raise self._wrong(value, f"{kind}{self.allowed}")

    def _holds(self, value: Any) -> bool:
        is_number = isinstance(value, Real if self.kind is float else Integral)
        return (
            is_number
            and not isinstance(value, bool)
            and math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    @property
    def allowed(self) -> str:
        """What a value may be, in words."""
        if self.is_duration and self.above is None and self.least is None:
            return HOW_DURATIONS_ARE_WRITTEN.removeprefix("write ")
        return self.bounds or KINDS.get(self.kind, "a value")

    @property
    def bounds(self) -> str:
        """Bounds of a number, in words; empty where there are none."""
        bounds = [
            *([f"{self.least:g} or more"] if self.least is not None else []),
            *([f"more than {self.above:g}"] if self.above is not None else []),
            *([f"less than {self.below:g}"] if self.below is not None else []),
        ]
        return " and ".join(bounds)

    def _wrong(self, value: Any, allowed: str) -> UsageError:
        return UsageError(f"{self.spelling} is {value}; give {allowed}.")


def _are_counts(value: Any) -> bool:
    if not isinstance(value, Sequence) or not value:
        return False
    return all(isinstance(each, Integral) and int(each) >= 1 for each in value)


def option(default: Any, text: str, group: OptionGroup, on_resume: OnResume, **more: Any) -> Any:
    """Return a field of a data class that is an option; its name and type are the field's.

    Parameters
    ----------
    default, text, group, on_resume
        See `Option`.
    **more
        Further attributes of `Option`.
    """
    record = Option("", str, default, text, group, on_resume, **more)
    if isinstance(default, dict):
        return field(default_factory=dict, metadata={"option": record})
    return field(default=default, metadata={"option": record})


def required(text: str, group: OptionGroup, on_resume: OnResume, **more: Any) -> Any:
    """Return a field without a default that is an option."""
    record = Option("", str, None, text, group, on_resume, **more)
    return field(kw_only=True, metadata={"option": record})


def options_of(owner: type) -> dict[str, Option]:
    """Return the options among the fields of a data class, by name."""
    hints = get_type_hints(owner)
    return {
        each.name: replace(each.metadata["option"], name=each.name, kind=_kind(hints[each.name]))
        for each in fields(owner)
        if "option" in each.metadata
    }


def _kind(hint: Any) -> type:
    """Return the type of values of an annotation, None left out."""
    parts = [part for part in getattr(hint, "__args__", ()) if part is not type(None)]
    is_optional = len(parts) == 1 and type(None) in hint.__args__
    plain = parts[0] if is_optional else hint
    origin = getattr(plain, "__origin__", plain)
    if origin in (bool, int, float, str, tuple):
        return origin  # type: ignore[no-any-return]
    return dict
