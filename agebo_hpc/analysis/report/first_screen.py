"""The first screen of a report as lines of text, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Sequence

from agebo_hpc.analysis.report.answer import Answer, Fact


def first_screen(found: Answer) -> list[str]:
    """Return the answer, the scores and what they were reached on and with, a line for each.

    Parameters
    ----------
    found
        What the report begins with.
    """
    warning = [f"Warning: {found.warning}"] if found.warning else []
    shown = [*found.scores, *found.facts]
    width = max(len(fact.name) for fact in shown)
    optimism = [found.optimism] if found.optimism else []
    return [found.verdict.text, *warning, *optimism, *_lines(shown, width)]


def _lines(facts: Sequence[Fact], width: int) -> list[str]:
    return [
        f"  {fact.name:<{width}}  {fact.value}{f' ({fact.note})' if fact.note else ''}"
        for fact in facts
    ]
