"""Why what boosted trees reach is not known beside a run, and what measures it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from agebo_hpc.baselines.record import NAMES

if TYPE_CHECKING:
    from agebo_hpc.analysis.runs import Run


def missing_baselines(run: Run) -> list[str]:
    """Return the names of the simple models that a run asked for and that were not tried yet."""
    if not _wants(run):
        return []
    return list(NAMES) if run.baselines is None else run.baselines.missing


def cure(run: Run) -> str:
    """Return in words what measures the simple models that a run lacks."""
    path = shlex.quote(str(run.path))
    return f"`agebo-hpc resume {path}` and `agebo-hpc retrain {path}` measure what is missing"


def why_no_boosting(run: Run) -> str:
    """Return in a sentence why boosting has no score, and what to do; empty: it has one."""
    known = run.baselines
    if known is not None and "boosting" in known.scores:
        return ""
    if "boosting" in missing_baselines(run):
        return f"boosting was not measured beside this search yet; {cure(run)}."
    tried = [] if known is None else [b for b in known.found if b.name == "boosting"]
    if tried:
        return f"boosting has no score: {tried[0].remark or 'the rows do not allow one'}."
    if run.section("request").get("baselines") is False:
        return "boosting was not measured, as the search was started with --no-baselines."
    if run.section("problem").get("data_fingerprint"):
        return f"boosting was not measured beside this search; {cure(run)}."
    return "boosting was not measured, as this search trains on no data set that is known here."


def _wants(run: Run) -> bool:
    """Tell whether a resume, or a retraining, of a run measures simple models."""
    asked, problem = run.section("request"), run.section("problem")
    is_ours = problem.get("trainer", "tensorflow") == "tensorflow" and not asked.get("simulate")
    known = problem.get("data_fingerprint") and problem.get("metric")
    return bool(asked.get("baselines") is True and is_ours and known)
