"""What `bench_manager.py` makes of the records: the same rule for every contender."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Evaluated:
    """One evaluation: worker, and start and end in seconds; no end: infinity."""

    worker: str
    start: float
    end: float


def read_records(directory: Path) -> list[Evaluated]:
    """Read the records of all workers; a line that is being written has a start but no end."""
    found = []
    for path in directory.glob("worker_*.csv"):
        for line in path.read_text().splitlines():
            _, start, end = (line + ",,").split(",")[:3]
            if start:
                found.append(Evaluated(path.stem, float(start), float(end or "inf")))
    return sorted(found, key=lambda evaluated: evaluated.start)


def figures(records: list[Evaluated], workers: int, seconds: float) -> dict[str, float]:
    """Return busy share, throughput and gaps of a window that begins with the first start.

    Parameters
    ----------
    records
        Of one run, in order of their starts, > 0.
    workers
        Ranks that could have worked, whether they did or not.
    seconds
        Length of the window. What runs at its end counts up to there; a worker that waits then
        has waited at least so long.

    Returns
    -------
    dict
        ``busy_share`` (of workers x seconds), ``per_second`` (evaluations that ended),
        ``gap_median`` and ``gap_99`` (seconds from an end to the next start on the same worker),
        ``workers_used``.
    """
    begin = records[0].start
    deadline = begin + seconds
    inside = [record for record in records if record.start < deadline]
    busy = sum(min(record.end, deadline) - record.start for record in inside)
    waits = gaps(inside, deadline)
    return {
        "busy_share": busy / (workers * seconds),
        "per_second": sum(record.end < deadline for record in inside) / seconds,
        "gap_median": float(np.median(waits)) if waits else float("nan"),
        "gap_99": float(np.quantile(waits, 0.99)) if waits else float("nan"),
        "workers_used": len({record.worker for record in inside}),
    }


def gaps(records: list[Evaluated], deadline: float) -> list[float]:
    """Return the seconds that each worker waited after each of its evaluations."""
    by_worker: dict[str, list[Evaluated]] = {}
    for record in records:
        by_worker.setdefault(record.worker, []).append(record)
    waits = []
    for own in by_worker.values():
        starts = [record.start for record in own[1:]] + [deadline]
        waits += [
            start - record.end
            for record, start in zip(own, starts, strict=True)
            if record.end < deadline
        ]
    return waits
