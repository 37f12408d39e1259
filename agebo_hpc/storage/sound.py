"""Whether the records of a run directory make sense: what a checksum does not tell.

Anybody can write a run directory, checksums and all. What is wrong in itself is told when it is
read, before it becomes a traceback or a wrong number elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from datetime import datetime
from typing import Any

from agebo_hpc.space.configuration import Status

LARGEST = 2**63
"""Whole numbers are smaller, so that files and tables have a type for them."""
MOST_OF_FLOAT = 2**1023
"""A whole number below this is a finite one as float, too."""
LONGEST = 1e13
"""Seconds; the clock of a search shows less, also that of a simulation."""

Check = Callable[[Any], bool]


def check_config(config: Mapping[str, Any]) -> None:
    """Raise ValueError if what is read of a configuration by all is none."""
    for name, checks in SECTIONS.items():
        _check(config.get(name, {}), checks, f"[{name}]", checks.keys())


def check_status(status: Any) -> None:
    """Raise ValueError if the content of ``status.json`` is none."""
    _check(status, STATUS, "the status")


def check_event(event: Mapping[str, Any]) -> None:
    """Raise ValueError if an event of a journal is none that a search writes."""
    _check(event, {"event": _is_text, "time": _is_time}, "the event")
    _check(event, EVENTS.get(event["event"], {}), f"the event {event['event']!r}", OPTIONAL)


def _check(
    record: Any, checks: Mapping[str, Check], what: str, optional: Set[str] = frozenset()
) -> None:
    if not isinstance(record, Mapping):
        raise ValueError(f"{what} is no object")
    for name, is_right in checks.items():
        if name not in record and name in optional:
            continue
        if not is_right(record.get(name)):
            raise ValueError(f"{name} of {what} is {record.get(name)!r:.80}")


def _is_whole(value: Any) -> bool:
    return type(value) is int and -1 <= value < LARGEST


def _is_number(value: Any) -> bool:
    """Tell whether it is a real number; infinities and NaN are some."""
    return type(value) in (float, bool) or (type(value) is int and abs(value) < LARGEST)


def _is_time(value: Any) -> bool:
    return _is_number(value) and 0 <= value < LONGEST


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_date(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).timestamp() >= 0
    except (TypeError, ValueError, OverflowError, OSError):
        return False


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_speed(value: Any) -> bool:
    return _is_number(value) and 0 <= value < math.inf


def _is_value(value: Any) -> bool:
    return type(value) is not int or abs(value) < MOST_OF_FLOAT


def _is_curve(value: Any) -> bool:
    """Tell whether it is a learning curve. Histories have many entries: types tell enough."""
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and set(map(type, entry.values())) <= NUMBERS
        and type(entry.get("epoch", 1)) is int
        for entry in value
    )


def _or_nothing(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _each(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _by_name(check: Check) -> Check:
    return lambda value: isinstance(value, Mapping) and all(map(check, value.values()))


def _is_evaluation(value: Any) -> bool:
    _check(value, EVALUATION, "the evaluation")
    processes = value["hyperparameters"].get("num_processes", 1)
    return value["id"] >= 0 and _is_whole(processes) and processes >= 1


def _is_result(value: Any) -> bool:
    _check(value, RESULT, "the result", RESULT.keys() - {"evaluation", "status"})
    return True


NUMBERS = {int, float, bool, type(None)}
OPTIONAL = frozenset(
    {"told", "parent", "proposed", "world_size", "slots", "versions", "reason", "why"}
    | {"config", "config_crc32", "previous_crc32", "changes"}
)
"""What not every event has: earlier versions did not write all of it."""
EVALUATION: Mapping[str, Check] = {
    "id": _is_whole,
    "architecture": _each(_is_whole),
    "hyperparameters": _by_name(_is_value),
}
RESULT: Mapping[str, Check] = {
    "evaluation": _is_evaluation,
    "status": lambda value: value in tuple(Status),
    "objective": _or_nothing(_is_number),
    "curve": _is_curve,
    "times": _by_name(_is_number),
    **dict.fromkeys(("submitted", "started", "ended"), _is_number),
    "ranks": _each(_is_whole),
    **dict.fromkeys(("num_parameters", "peak_memory"), _is_whole),
    **dict.fromkeys(("host", "traceback"), _is_text),
    "predicts_one": _or_nothing(_is_text),
}
CONFIG: Mapping[str, Check] = {
    "config": _is_table,
    **dict.fromkeys(("config_crc32", "previous_crc32"), _is_text),
}
EVENTS: Mapping[str, Mapping[str, Check]] = {
    "journal": CONFIG,
    "config": {**CONFIG, "changes": _is_table},
    "submitted": {"evaluation": _is_evaluation, "told": _is_whole, "parent": _is_whole},
    "result": {"result": _is_result, "proposed": _is_whole},
    "assigned": {
        "id": _is_whole,
        "epochs": lambda value: _each(_is_whole)(value) and len(value) == 3,
        "bracket": _is_whole,
    },
    "start": {
        **dict.fromkeys(("world_size", "slots"), lambda value: _is_whole(value) and value >= 0),
        "versions": _by_name(_or_nothing(_is_text)),
        "seconds": _or_nothing(_is_number),
    },
    "end": {"reason": _is_text, "why": _or_nothing(_is_text)},
}
"""By kind of event; one of another kind is told elsewhere."""
SECTIONS: Mapping[str, Mapping[str, Check]] = {
    "problem": {
        **dict.fromkeys(("metric", "data", "data_fingerprint"), _is_text),
        **dict.fromkeys(("shape", "architecture", "hyperparameters", "recipe"), _is_table),
    },
    "data": {
        **dict.fromkeys(("name", "task", "target"), _is_text),
        "rows": _by_name(_is_whole),
        **dict.fromkeys(("num_columns", "num_classes"), _is_whole),
    },
    "search": {
        "method": _is_text,
        **dict.fromkeys(("max_evals", "population_size", "sample_size", "num_rungs"), _is_whole),
    },
    "machine": {"products_per_second": _is_speed},
}
"""Sections of a configuration; each, and each name in it, may be missing."""
STATUS: Mapping[str, Check] = {
    "time": _is_date,
    "pid": lambda value: _is_whole(value) and 0 < value < 2**31,
    "host": _is_text,
    "state": _is_name,
    "exit_code": _or_nothing(_is_whole),
    "seconds_left": _or_nothing(_is_number),
    "data_parallel": _or_nothing(_is_text),
}
