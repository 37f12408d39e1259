"""Progress in one line: live on a terminal, a heartbeat elsewhere."""

import io
import math

import pytest

from agebo_hpc.reporter import StreamReporter
from agebo_hpc.run.notation import format_seconds
from agebo_hpc.run.progress import ProgressLine
from agebo_hpc.run.run_log import log_line
from agebo_hpc.run.tally import Tally
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status


def result(number, status=Status.DONE, objective=0.5, ranks=(1,), seconds=2.0):
    chosen = {"batch_size": 64, "learning_rate": 0.0123456, "num_processes": len(ranks)}
    return Result(
        Evaluation(number, Configuration((1, 2), chosen)),
        status,
        objective if status is Status.DONE else None,
        started=0.0,
        ended=seconds,
        ranks=ranks,
        host="node7",
        num_parameters=99,
    )


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show_for(stream, seconds):
    """Offer to show the tally ten times a second."""
    clock = Clock()
    progress = ProgressLine(Tally(1, max_evals=9), StreamReporter(stream), clock)
    while clock.now < seconds:
        if progress.is_due():
            progress.update(1)
        clock.now += 0.1
    progress.finish("search complete")
    return stream.getvalue()


def test_off_a_terminal_a_line_comes_at_once_and_then_every_thirty_seconds():
    shown = show_for(io.StringIO(), 95)
    assert "\r" not in shown and "\x1b" not in shown
    lines = shown.splitlines()
    assert len(lines) == 4 + 2
    assert all(line.startswith("0/9 evaluations") for line in lines[:-1])
    assert lines[-1] == "search complete"
    assert shown.endswith("\n")


def test_on_a_terminal_one_line_is_written_again_and_again():
    shown = show_for(Terminal(), 5)
    assert shown.count("\r\x1b[K") > 5
    assert shown.count("\n") == 2
    assert shown.endswith("\nsearch complete\n")


def test_the_tally_counts_the_done_the_failed_and_the_best():
    tally = Tally(num_slots=2, max_evals=10)
    tally.add(result(0, objective=0.3), earlier_session=True)
    tally.add(result(1, objective=0.7))
    tally.add(result(2, objective=0.6))
    tally.add(result(3, Status.FAILED))
    tally.add(result(4, Status.NON_FINITE))
    tally.add(result(5, Status.CUT))
    assert (tally.done, tally.failed, tally.finished_here) == (3, 2, 4)
    assert tally.best.id == 1
    line = tally.line(num_running=2)
    assert line.startswith("5/10 evaluations (2 running, 2 failed) | best 0.70000 (evaluation 1)")


def test_negative_objectives_have_a_best_too():
    tally = Tally(1)
    for number, objective in enumerate([-3.0, -1.0, -2.0]):
        tally.add(result(number, objective=objective))
    assert tally.best.objective == -1.0


def test_the_busy_share_weighs_evaluations_by_their_ranks():
    tally = Tally(num_slots=4)
    tally.began -= 10
    tally.add(result(0, ranks=(1, 2), seconds=8.0))
    assert tally.busy_share == pytest.approx(16 / 40, rel=0.05)


def test_the_time_left_is_that_to_the_nearest_limit():
    tally = Tally(1, max_evals=10, walltime=1000.0)
    tally.began -= 20
    assert tally.seconds_left == pytest.approx(980, abs=2)
    tally.add(result(0))
    tally.add(result(1))
    assert tally.seconds_left == pytest.approx(80, abs=2)
    assert math.isnan(Tally(1).seconds_left)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (61, "1 min 01 s"), (3 * 3600 + 120, "3 h 02 min")],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds, text):
    assert format_seconds(seconds) == text


def test_the_log_line_says_what_was_tried_what_came_of_it_and_where():
    line = log_line(result(7, ranks=(1, 2)), ["batch_size", "learning_rate"])
    assert line == (
        "evaluation 7: done, objective 0.50000, batch_size=64, learning_rate=0.01235, "
        "99 parameters, 2.00 s on ranks 1,2 of node7"
    )
