"""TensorBoard reads the event files, and those of later calls go on where earlier ones end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agebo_hpc.analysis.event_files import write_event_files
from agebo_hpc.analysis.runs import read_scored_runs
from agebo_hpc.errors import UsageError
from agebo_hpc.storage.run_directory import RunDirectory

Make = Callable[..., RunDirectory]

READ = """
import sys
sys.modules["tensorflow"] = None
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]).Reload()
for tag in ("objective", "best_so_far", "failed", "hyperparameters/learning_rate"):
    print(tag, *((e.step, round(e.value, 6)) for e in events.Scalars(tag)), sep=";")
"""


def read(place: Path) -> list[str]:
    command = [sys.executable, "-W", "ignore", "-c", READ, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_tensorboard_reads_what_was_written_call_after_call(
    make_run: Make, tmp_path: Path
) -> None:
    first = read_scored_runs([make_run([0.25, None], "one/run").path])
    later = read_scored_runs([make_run([0.25, None, 0.125, 0.5], "two/run").path])
    assert [f.parent.name for f in write_event_files(first, tmp_path / "e")] == ["run"]
    assert write_event_files(first, tmp_path / "e") == []
    assert len(write_event_files(later, tmp_path / "e")) == 1
    assert read(tmp_path / "e" / "run") == [
        "objective;(1, 0.25);(3, 0.125);(4, 0.5)",
        "best_so_far;(1, 0.25);(3, 0.25);(4, 0.5)",
        "failed;(1, 0.0);(2, 1.0);(3, 1.0);(4, 1.0)",
        "hyperparameters/learning_rate;(1, 0.1);(3, 0.1);(4, 0.1)",
    ]
    with pytest.raises(UsageError, match="event files of 4 evaluations and run has 2"):
        write_event_files(first, tmp_path / "e")


def test_tensorflow_is_not_loaded(make_run: Make, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from agebo_hpc.analysis.event_files import write_event_files;"
        "from agebo_hpc.analysis.runs import read_scored_runs;"
        "write_event_files(read_scored_runs([sys.argv[1]]), Path(sys.argv[2]));"
        "assert 'tensorflow' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(make_run([0.1]).path), str(tmp_path / "e")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
