"""Every scheduler under the same checks."""

from scheduler_contract import SchedulerContract

from agebo_hpc.scheduling.fifo import Fifo


class TestFifo(SchedulerContract):
    def build(self, waiting=(), num_epochs=9):
        return Fifo(waiting, num_epochs)
