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
    optimism = [found.optimism] if found.optimism else []
    shown = [*found.scores, *found.facts]
    return [found.verdict.text, *warning, *optimism, *_lines(shown)]


def _lines(facts: Sequence[Fact]) -> list[str]:
    name, value = (max(map(len, texts)) for texts in zip(*map(_first_two, facts), strict=True))
    return [f"  {f.name:<{name}}  {f.value:<{value}}  {f.note}".rstrip() for f in facts]


def _first_two(fact: Fact) -> tuple[str, str]:
    return fact.name, fact.value
