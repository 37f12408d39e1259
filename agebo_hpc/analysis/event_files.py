"""TensorBoard's event files of runs, written without TensorFlow."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.tables import SCORED, best_so_far, hyperparameter_columns, scored
from agebo_hpc.directories import NewFiles
from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.files import write_file

try:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter
except ModuleNotFoundError as error:
    raise ConfigurationError(
        f"Event files need tensorboard, and {error.name} is not installed: "
        "`pip install 'agebo_hpc[tensorboard]'`."
    ) from error

# TensorBoard reads the files of a directory by name and never looks at an earlier one again: what
# is new goes into a further file, whose name says up to which step.
_NAME = re.compile(r"events\.out\.tfevents\.(\d{10})\.agebo_hpc")


def write_event_files(runs: Mapping[str, Run], directory: Path) -> list[Path]:
    """Write what is new since the last call; a TensorBoard that runs shows it.

    Scalars, with the number of finished evaluations as step and their end as time:
    ``objective``, ``best_so_far``, ``seconds``, ``num_parameters`` and each numeric hyperparameter
    of evaluations that are done; ``failed``, how many are not done by then.

    Parameters
    ----------
    runs
        Runs by label, which becomes the name of a subdirectory.
    directory
        Made where needed.

    Returns
    -------
    list of Path
        The new files, one for each run that has something new.

    Raises
    ------
    UsageError
        If they cannot be written, or a subdirectory holds more than the run's evaluations.
    """
    files = []
    with NewFiles() as new:
        for label, run in runs.items():
            place = directory / (re.sub(r"[^\w.=-]+", "_", label).strip("_") or "run")
            try:
                new.directory(place)
                files += _write_new_steps(place, label, run, new)
            except OSError as error:
                raise UsageError(
                    f"Cannot write into {str(place)!r}: {error.strerror}; give another "
                    "--tensorboard."
                ) from error
    return files


def _write_new_steps(place: Path, label: str, run: Run, new: NewFiles) -> list[Path]:
    covered, number = _covered(place), len(run.history)
    if covered > number:
        raise UsageError(
            f"{str(place)!r} holds event files of {covered} evaluations and {label} has "
            f"{number}; choose another --tensorboard."
        )
    if covered == number:
        return []
    file = new.file(place / f"events.out.tfevents.{number:010d}.agebo_hpc")
    write_file(file, event_bytes(run, covered))
    return [file]


def _covered(place: Path) -> int:
    """Return up to which step the files of a directory go."""
    matches = [_NAME.fullmatch(path.name) for path in place.iterdir()]
    return max((int(match[1]) for match in matches if match), default=0)


def event_bytes(run: Run, after: int = 0) -> bytes:
    """Return the content of an event file with the steps behind ``after``."""
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in _events(run, after):
        writer.write(event.SerializeToString())
    return buffer.getvalue()


def _events(run: Run, after: int) -> Iterable[Event]:
    history = run.history
    steps = np.arange(1, len(history) + 1)
    failed = (~history["status"].isin(SCORED)).cumsum().to_numpy()
    done = scored(history)
    best = dict(zip(done.index, best_so_far(done["objective"].to_numpy()), strict=True))
    names = [
        name for name in hyperparameter_columns(history) if history[name].dtype.kind in "biuf"
    ]
    start = float(history["ended"].iloc[0]) if len(history) else 0.0
    yield Event(wall_time=start, file_version="brain.Event:2")
    rows = list(zip(steps, failed, history.iterrows(), strict=True))
    for step, failures, (index, row) in rows[after:]:
        values = {"failed": float(failures)}
        if index in best:
            values |= {
                "objective": row["objective"],
                "best_so_far": best[index],
                "seconds": row["seconds_total"],
                "num_parameters": row["num_parameters"],
                **{f"hyperparameters/{name}": row[name] for name in names},
            }
        summary = Summary(
            value=[Summary.Value(tag=t, simple_value=float(v)) for t, v in values.items()]
        )
        yield Event(wall_time=float(row["ended"]), step=int(step), summary=summary)
