"""Every history under the same checks."""

import shutil

import pytest
from history_contract import HistoryContract

from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

CONFIG = {"search": {"method": "agebo"}}


class TestRunDirectory(HistoryContract):
    """The journal and its copies on a disk."""

    durable = True

    @pytest.fixture
    def place(self, tmp_path):
        return RunDirectory.create(tmp_path / "run", CONFIG)

    def opened(self, place):
        return History.open(place, self.durable)

    def killed(self, place, history):
        """Return a copy of the files as they are now; nothing is flushed or closed before."""
        number = len(list(place.path.parent.iterdir()))
        copy = place.path.with_name(f"copy{number}")
        shutil.copytree(place.path, copy)
        return RunDirectory.open(copy)


class TestRunDirectoryOfASimulation(TestRunDirectory):
    """Not synced one by one: a kill of the process loses nothing all the same."""

    durable = False
