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
from groups import scheduler

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


def test_all_that_start_ranks_share_one_worker(workers):
    assert len({worker for name in ON_RANKS for worker in workers[name]}) == 1


@pytest.mark.parametrize("name", SHARING)
def test_those_that_share_what_was_made_for_their_file_share_a_worker(workers, name):
    assert len(workers[name]) == 1


def test_the_others_do_not_wait_for_them(workers):
    [with_ranks] = {worker for name in ON_RANKS for worker in workers[name]}
    elsewhere = {worker for name in FREE for worker in workers[name]} - {with_ranks}
    assert elsewhere


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


def test_a_worker_that_crashes_while_another_ones_successor_starts_does_not_end_the_run(tmp_path):
    groups = {f"test_{i}": "ranks" if i < 4 else "" for i in range(12)}
    (tmp_path / "groups.json").write_text(json.dumps(groups))
    config = SimpleNamespace(
        option=SimpleNamespace(loadscopereorder=True), getvalue=lambda name: ["popen"] * 2
    )
    shared = scheduler(config, None, tmp_path / "groups.json")
    first, second, third, fourth = (Worker() for _ in range(4))
    for worker in (first, second):
        shared.add_node(worker)
        shared.add_node_collection(worker, list(groups))
    shared.schedule()
    for crashed, successor in ((first, third), (second, fourth)):
        assert shared.remove_node(crashed) in groups
        shared.add_node(successor)
    for successor in (third, fourth):
        shared.add_node_collection(successor, list(groups))
        shared.schedule()
    for worker in (third, fourth):
        for index in worker.told:
            shared.mark_test_complete(worker, index)
    assert sorted(third.told + fourth.told) == list(range(12))
    assert len({index in third.told for index in range(4)}) == 1
