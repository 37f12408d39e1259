"""Tests that belong together stay in one worker when several share the suite."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from groups import RANKS, scheduler

ROOT = Path(__file__).parents[2]
ON_RANKS = {
    "mpi/test_plain.py": "def test_ranks(i): pass",
    "system/test_marked.py": "@pytest.mark.mpi\ndef test_ranks(i): pass",
    "system/test_fixture.py": "def test_ranks(i, mpirun): pass",
    "training/test_standing.py": "def test_ranks(i, standing_ranks): pass",
    "unit/test_marked_class.py": "@pytest.mark.mpi\nclass TestRanks:\n"
    "    def test_ranks(self, i): pass",
}
SHARING = {
    "unit/test_module.py": "@pytest.fixture(scope='module')\ndef made(): return 1\n"
    "def test_shared(i, made): pass",
    "training/test_class.py": "@pytest.fixture(scope='class')\ndef made(): return 1\n"
    "class TestShared:\n    def test_shared(self, i, made): pass",
}
FREE = {f"unit/test_free_{number}.py": "def test_free(i): pass" for number in range(3)}
HEAD = """import os, time
import pytest
pytestmark = pytest.mark.parametrize("i", range(4))
@pytest.fixture(autouse=True)
def noted(i):
    time.sleep(0.02)
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{os.environ['PYTEST_XDIST_WORKER']} {__file__}\\n")
"""


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """Run a suite with this one's conftest in two workers; file -> worker -> tests."""
    home = tmp_path_factory.mktemp("suite")
    tests, notes = home / "tests", home / "notes"
    shutil.copytree(ROOT / "tests" / "support", tests / "support")
    shutil.copy(ROOT / "tests" / "conftest.py", tests)
    shutil.copy(ROOT / "setup.cfg", home)
    for name, text in {**ON_RANKS, **SHARING, **FREE}.items():
        (tests / name).parent.mkdir(exist_ok=True)
        (tests / name).write_text(f"{HEAD}{text}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-q", "-p", "no:cacheprovider"],
        cwd=home,
        # Nothing of the run that this test is part of.
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        | {"NOTES": str(notes)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for line in notes.read_text().splitlines():
        worker, file = line.split(maxsplit=1)
        found.setdefault(str(Path(file).relative_to(tests)), Counter())[worker] += 1
    return found


def test_every_test_runs_once(workers):
    assert {name: sum(count.values()) for name, count in workers.items()} == dict.fromkeys(
        (*ON_RANKS, *SHARING, *FREE), 4
    )


@pytest.mark.parametrize("name", SHARING)
def test_those_that_share_what_was_made_for_their_file_share_a_worker(workers, name):
    assert len(workers[name]) == 1


class Worker:
    """What the scheduler needs of a worker: it remembers what it was told to run."""

    shutting_down = False
    gateway = SimpleNamespace(id="gw")

    def __init__(self):
        self.told = []

    def send_runtest_some(self, indices):
        self.told += indices

    def shutdown(self):
        self.shutting_down = True


@pytest.fixture
def shared(tmp_path):
    """Return what schedules tests whose groups are given, and so many workers."""

    def make(groups, number=2):
        (tmp_path / "groups.json").write_text(json.dumps(groups))
        config = SimpleNamespace(
            option=SimpleNamespace(loadscopereorder=True),
            getvalue=lambda name: ["popen"] * number,
        )
        made = scheduler(config, None, tmp_path / "groups.json")
        workers = [Worker() for _ in range(number)]
        for worker in workers:
            made.add_node(worker)
            made.add_node_collection(worker, list(groups))
        made.schedule()
        return made, workers

    return make


def turns(shared, workers, groups):
    """Let each worker end one test after another, all equally long; yield what runs at once."""
    names = list(groups)
    for turn in range(len(names)):
        at_once = [(worker, worker.told[turn]) for worker in workers if turn < len(worker.told)]
        yield [names[index] for _, index in at_once]
        for worker, index in at_once:
            shared.mark_test_complete(worker, index)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_one_worker_at_a_time_starts_ranks_while_there_is_anything_else(shared, number):
    groups = {f"on_ranks_{i}": f"{RANKS}test_{i // 2}" for i in range(8)}
    groups |= {f"free_{i}": f"free_{i}" for i in range(40)}
    made, workers = shared(groups, number)
    run = list(turns(made, workers, groups))
    assert Counter(name for names in run for name in names) == Counter(list(groups))
    on_ranks = [sum("ranks" in name for name in names) for names in run]
    assert set(on_ranks[:8]) == {1}, "they come first, one after another"
    assert not any(on_ranks[8:])


def test_what_is_left_of_ranks_in_the_end_is_shared(shared):
    groups = {f"on_ranks_{i}": f"{RANKS}test_{i}" for i in range(20)}
    groups |= {f"free_{i}": f"free_{i}" for i in range(4)}
    made, workers = shared(groups)
    run = list(turns(made, workers, groups))
    assert Counter(name for names in run for name in names) == Counter(list(groups))
    assert len([names for names in run if len(names) == 1]) <= 2


def test_a_worker_that_crashes_while_another_ones_successor_starts_does_not_end_the_run(shared):
    groups = {f"test_{i}": f"{RANKS}file" if i < 4 else f"test_{i}" for i in range(12)}
    made, (first, second) = shared(groups)
    third, fourth = Worker(), Worker()
    for crashed, successor in ((first, third), (second, fourth)):
        assert made.remove_node(crashed) in groups
        made.add_node(successor)
    for successor in (third, fourth):
        made.add_node_collection(successor, list(groups))
        made.schedule()
    for worker in (third, fourth):
        for index in worker.told:
            made.mark_test_complete(worker, index)
    assert sorted(third.told + fourth.told) == list(range(12))
    assert len({index in third.told for index in range(4)}) == 1
