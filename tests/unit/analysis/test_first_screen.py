"""The first screen of the report as text."""

from __future__ import annotations

from collections.abc import Callable

from agebo_hpc.analysis.report.answer import Answer, Fact, answer
from agebo_hpc.analysis.report.first_screen import first_screen
from agebo_hpc.analysis.runs import read_scored_runs
from agebo_hpc.analysis.verdict import Verdict
from agebo_hpc.storage.run_directory import RunDirectory


def test_the_answer_comes_first_and_values_stand_below_each_other():
    found = Answer(
        Verdict("yes", "Yes: it is."),
        [Fact("test accuracy", "0.9", "sure"), Fact("linear", "0.8")],
        [Fact("data", "flights")],
        "All is wrong.",
        "It flatters.",
    )
    assert first_screen(found) == [
        "Yes: it is.",
        "Warning: All is wrong.",
        "It flatters.",
        "  test accuracy  0.9      sure",
        "  linear         0.8",
        "  data           flights",
    ]


def test_every_fact_of_the_page_is_in_the_text(make_run: Callable[..., RunDirectory]):
    [run] = read_scored_runs([make_run([0.1, 0.5, None, 0.3] * 10).path]).values()
    found = answer(run)
    lines = first_screen(found)
    assert len(lines) == 1 + len(found.scores) + len(found.facts)
    for fact, line in zip([*found.scores, *found.facts], lines[1:], strict=True):
        assert line.split(maxsplit=1)[0] in fact.name
        assert fact.value in line and fact.note in line
