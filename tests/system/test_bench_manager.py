"""The benchmark of managers: what it counts, and a run of a few seconds with real ranks."""

import json
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench"
COMMAND = f"{sys.executable} {BENCH / 'bench_manager.py'}"
sys.path.insert(0, str(BENCH))

from manager_analysis import Evaluated, figures, read_records  # noqa: E402
from manager_work import Settings, length  # noqa: E402


def test_what_runs_at_the_deadline_counts_up_to_it_and_what_waits_has_waited_so_long():
    records = [
        Evaluated("a", 100.0, 103.0),
        Evaluated("b", 101.0, 102.0),
        Evaluated("a", 103.5, 120.0),
        Evaluated("b", 110.5, 111.0),
    ]
    found = figures(records, workers=3, seconds=10.0)
    assert found["busy_share"] == pytest.approx((3.0 + 1.0 + 6.5) / 30.0)
    assert found["per_second"] == pytest.approx(0.2)
    # Worker a waited 0.5 s; worker b from 102 to the deadline; the third was never used.
    assert found["gap_median"] == pytest.approx((0.5 + 8.0) / 2)
    assert found["gap_99"] == pytest.approx(8.0, abs=0.1)
    assert found["workers_used"] == 2


def test_an_evaluation_that_has_not_ended_is_read_with_its_start(tmp_path):
    (tmp_path / "worker_2.csv").write_text("0,5.0,6.0\n3,6.5,")
    (tmp_path / "worker_1.csv").write_text("1,5.5,7.5\n")
    records = read_records(tmp_path)
    assert [(record.worker, record.start) for record in records] == [
        ("worker_2", 5.0),
        ("worker_1", 5.5),
        ("worker_2", 6.5),
    ]
    assert figures(records, workers=2, seconds=4.0)["busy_share"] == pytest.approx(5.5 / 8.0)


def test_the_length_of_an_evaluation_depends_on_its_number_and_has_the_mean_asked_for():
    settings = Settings("", mean=0.2, sigma=0.5, seed=1)
    lengths = [length(settings, number) for number in range(2000)]
    assert lengths == [length(settings, number) for number in range(2000)]
    assert sum(lengths) / len(lengths) == pytest.approx(0.2, rel=0.05)
    assert length(settings, 0) != length(Settings("", 0.2, 0.5, 2), 0)


@pytest.mark.mpi
def test_a_short_run_measures_our_manager_beside_a_hand_made_one(shell, tmp_path):
    words = "--workers 2 --mean 0.2 --seconds 3 --contenders agebo,futures-skopt"
    done = shell(f"{COMMAND} {words}", tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    *table, last = done.stdout.splitlines()
    found = {row["contender"]: row for row in json.loads(last)["results"]}
    assert set(found) == {"agebo", "futures-skopt"}
    for name, row in found.items():
        assert any(line.startswith(name) for line in table)
        assert row["workers_used"] == 2
        # How much of it depends on the machine and what else it does.
        assert 0.0 < row["busy_share"] <= 1.0
        assert row["per_second"] > 0.0
        assert 0.0 < row["gap_median"] <= row["gap_99"]


def test_a_contender_whose_library_is_not_here_is_refused(shell, tmp_path):
    done = shell(f"{COMMAND} --contenders deephyper-bo", tmp_path, timeout=60)
    assert done.returncode == 2
    assert "--deephyper-python" in done.stderr
