"""Every scheduler under the same checks."""

import pytest
from scheduler_contract import EPOCHS, RungSchedulerContract, SchedulerContract

from agebo_hpc.scheduling.schedulers import SCHEDULERS, SchedulerSettings, make_scheduler


class Made:
    """Makes the scheduler of a name; its trainings have nine epochs, three rungs by three."""

    name = "fifo"
    settings = {}

    def build(self, waiting=(), num_epochs=EPOCHS, past=()):
        settings = SchedulerSettings(
            self.name, num_epochs, eta=3, **({} if num_epochs < EPOCHS else self.settings)
        )
        return make_scheduler(settings, past, waiting)


class TestFifo(Made, SchedulerContract):
    pass


class TestSha(Made, RungSchedulerContract):
    name = "sha"


class TestShaWithLargerBrackets(Made, RungSchedulerContract):
    name = "sha"
    settings = {"bracket_size": 20}


class TestHyperband(Made, RungSchedulerContract):
    name = "hyperband"


class TestAsha(Made, RungSchedulerContract):
    name = "asha"
    settings = {"brackets": "one"}
    enough_for_one = 9


class TestAsynchronousHyperband(Made, RungSchedulerContract):
    name = "asha"
    settings = {"brackets": "all"}
    enough_for_one = 9


class TestAshaOfStandardBrackets(Made, RungSchedulerContract):
    name = "asha"
    enough_for_one = 9


class TestAshaStopping(Made, RungSchedulerContract):
    name = "asha-stopping"


class TestMedian(Made, RungSchedulerContract):
    name = "median"


def test_every_scheduler_is_tried():
    tried = {kind.name for kind in Made.__subclasses__()}
    assert tried == set(SCHEDULERS)


@pytest.mark.parametrize("name", ["asha", "hyperband"])
def test_one_without_end_goes_on_too(name):
    scheduler = make_scheduler(SchedulerSettings(name, 1, eta=2, is_endless=True))
    assert scheduler.next() is None and scheduler.num_waiting == 0
