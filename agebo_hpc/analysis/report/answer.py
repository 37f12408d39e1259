"""The first screen of a report: what was found, on what, how sure it is and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from agebo_hpc.analysis.comparable import DIGITS
from agebo_hpc.analysis.data_facts import DataFacts, data_facts
from agebo_hpc.analysis.missing_baselines import why_no_boosting
from agebo_hpc.analysis.reported_model import ReportedModel
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.analysis.standing import standing
from agebo_hpc.analysis.verdict import Verdict, stored_comparison, sure, verdict
from agebo_hpc.intervals.optimism import told_optimism
from agebo_hpc.space.configuration import Status, said_of
from agebo_hpc.text import counted

OPTIMISTIC = "seen by the search, optimistic"


@dataclass(frozen=True)
class Fact:
    """One thing of the first screen.

    Attributes
    ----------
    name, value, note
        What it is, what it amounts to, and what has to be known of it; plain text.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """What a reader who was not there wants to know first.

    Attributes
    ----------
    verdict
        Whether the network is better than boosting.
    scores, facts
        The scores, the most telling first; and what they were reached on and with.
    warning
        What is wrong with the result; empty: nothing.
    optimism
        What the validation score owes to the choice of the best, a sentence; empty: not known.
    """

    verdict: Verdict
    scores: Sequence[Fact]
    facts: Sequence[Fact]
    warning: str = ""
    optimism: str = ""


def answer(run: Run, model: ReportedModel | None = None) -> Answer:
    """Sum up a run and its model.

    Parameters
    ----------
    run
        The run; it may have no score at all.
    model
        A model of it.
    """
    stands, data = standing(run), data_facts(run, model)
    best = stands["best"]
    baselines = stands["baselines"] or {}
    metric = SearchMetric(run.metric)
    scores = model_scores(model, metric)
    told = {} if model is None else _table(model.part("scores"), "baselines")
    compared = stored_comparison(told)
    if scores.test is None and compared is not None and compared.part == "test":
        # A metric of the user's own, which a model does not keep among its scores.
        scores = replace(scores, test=compared.network)
    found = verdict(
        metric,
        baselines.get("boosting"),
        None if best is None else best["objective"],
        scores.test,
        scores.interval,
        compared,
        why_no_boosting(run),
    )
    return Answer(
        found,
        [
            *_test(scores, metric, model),
            *_validation(scores, metric, best),
            *_baselines(baselines, metric, told),
        ],
        [*_of_data(data, run), *_of_search(run, stands)],
        " ".join(filter(None, [_warning(best, model), _simpler(metric, baselines, best, told)])),
        _optimism(model, metric),
    )


@dataclass(frozen=True)
class ModelScores:
    """The scores of a retrained network in the metric of the search; None: not known.

    Attributes
    ----------
    test, interval
        On the test rows, and the ends of its 95 % interval.
    validation
        On the validation rows.
    rows
        Test rows.
    """

    test: float | None = None
    interval: tuple[float, float] | None = None
    validation: float | None = None
    rows: int | None = None


def model_scores(model: ReportedModel | None, metric: SearchMetric) -> ModelScores:
    """Return what a model's description says of its scores."""
    if model is None:
        return ModelScores()
    scores = model.part("scores")
    test, validation = (_table(scores, part) for part in ("test", "validation"))
    interval = metric.interval_of(_table(_table(scores, "intervals"), "test"))
    rows = _table(model.part("data"), "rows").get("test")
    return ModelScores(metric.of(test), interval, metric.of(validation), rows)


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name)
    return found if isinstance(found, Mapping) else {}


def _test(scores: ModelScores, metric: SearchMetric, model: ReportedModel | None) -> list[Fact]:
    if model is None or not model.description:
        return []
    name = f"test {metric.words}"
    if scores.test is None:
        return [Fact(name, "none", _why_no_test(model))]
    which = f"evaluation {model.evaluation_id}, retrained"
    if model.num_networks > 1:
        which = f"an ensemble of {model.num_networks} networks"
    told = "no interval is known" if scores.interval is None else sure(metric, scores.interval)
    rows = "" if scores.rows is None else f", on {scores.rows:,} rows that no choice has seen"
    return [Fact(name, metric.say(scores.test), f"{told}; {which}{rows}")]


def _why_no_test(model: ReportedModel) -> str:
    if model.part("training").get("all_rows"):
        return "the network was trained on all rows: none are left to score it on"
    if _table(model.part("data"), "rows").get("test") == 0:
        return "the data were prepared without a test part: no rows are left that no choice saw"
    return "the model's file has no such score"


def _validation(
    scores: ModelScores, metric: SearchMetric, best: Mapping[str, Any] | None
) -> list[Fact]:
    name = f"validation {metric.words}"
    if scores.validation is not None:
        return [Fact(name, metric.say(scores.validation), f"of the same network; {OPTIMISTIC}")]
    if best is None:
        return [Fact(f"best {metric.words}", "none", "no evaluation has a score")]
    which = f"the best, evaluation {best['evaluation_id']}; {OPTIMISTIC}"
    return [Fact(name, metric.say(best["objective"]), which)]


def _baselines(
    baselines: Mapping[str, float], metric: SearchMetric, told: Mapping[str, Any]
) -> list[Fact]:
    """Return those on the validation rows, or on the rows that judged the model."""
    notes = {
        "constant": "the same for every row",
        "linear": "logistic or ridge regression",
        "boosting": "gradient boosting, defaults",
    }
    judged = _table(told, "scores") if told.get("part") == "test" else {}
    facts = []
    for name, score in baselines.items():
        where = "validation rows"
        if name in judged:
            score, where = judged[name], f"test rows ({metric.say(score)} on the validation rows)"
        facts.append(Fact(name, metric.say(score), f"a baseline: {notes.get(name, '')}; {where}"))
    return facts


def _simpler(
    metric: SearchMetric,
    baselines: Mapping[str, float],
    best: Mapping[str, Any] | None,
    told: Mapping[str, Any],
) -> str:
    """Say which models simpler than boosting are not worse on the same rows; empty: none."""
    known = stored_comparison(told)
    if known is not None:
        ours, theirs, part = known.network, _table(told, "scores"), known.part
    elif best is not None:
        ours, theirs, part = best["objective"], baselines, "validation"
    else:
        return ""
    found = [
        f"the {name} model ({metric.say(theirs[name])})"
        for name in ("constant", "linear")
        if name in theirs and theirs[name] >= ours
    ]
    if not found:
        return ""
    return (
        f"On the {part} rows the network ({metric.say(ours)}) is not better than "
        f"{' and '.join(found)}."
    )


def _optimism(model: ReportedModel | None, metric: SearchMetric) -> str:
    told = {} if model is None else _table(model.part("scores"), "optimism")
    if not told or model is None:
        return ""
    said = told_optimism(told, metric.words, model.num_networks > 1)
    return f"{said[0].upper()}{said[1:]}."


def _of_data(data: DataFacts, run: Run) -> list[Fact]:
    simulated = "" if data.name else "a simulation, or a trainer of its own, has none"
    name = data.name or "none"
    mark = f"fingerprint {data.fingerprint[:DIGITS]}" if data.fingerprint else simulated
    facts = [Fact("data", name, mark)]
    if data.rows:
        split = f"; split {data.split}" if data.split else ""
        facts.append(Fact("rows", data.rows_text, " / ".join(data.rows) + split))
    if data.task:
        target = f"of {data.target!r}" if data.target else ""
        columns = f", from {data.num_columns:,} columns" if data.num_columns else ""
        facts.append(Fact("task", data.task_text, (target + columns).lstrip(", ")))
    metric = SearchMetric(run.metric)
    aim = "what the search makes small" if metric.is_loss else "what the search makes large"
    return [*facts, Fact("metric", metric.words, aim)]


def _of_search(run: Run, stands: Mapping[str, Any]) -> list[Fact]:
    failed = stands["counts"].get(str(Status.FAILED), 0)
    others = f"{failed:,} failed" if failed else "none failed"
    method = run.section("search").get("method", "unknown")
    spent = str(timedelta(seconds=round(stands["seconds"])))
    return [
        Fact("networks trained", f"{stands['finished'] - failed:,}", others),
        Fact("time", spent, _cores(run)),
        Fact("search", str(method), _ended(stands)),
    ]


def _ended(stands: Mapping[str, Any]) -> str:
    return f"{stands['state']}: {stands['why']}" if stands["why"] else str(stands["state"])


def _cores(run: Run) -> str:
    """Return what the time was spent on: slots, their cores and the hours of these."""
    if not run.sessions:
        return "no session was recorded"
    slots = counted(run.num_slots, "slot")
    cores = [session.start.get("cores") for session in run.sessions]
    if not all(cores):
        hours = sum(s.num_slots * s.seconds for s in run.sessions) / 3600
        return f"{slots}; {hours:.2g} slot-hours"
    spent = zip(run.sessions, cores, strict=True)
    hours = sum(int(number or 0) * session.seconds for session, number in spent) / 3600
    last = int(cores[-1] or 0)
    return f"{counted(last, 'core')} in {slots}; {hours:.2g} core-hours"


def _warning(best: Mapping[str, Any] | None, model: ReportedModel | None) -> str:
    said = "" if best is None else said_of(best["predicts_one"])
    if said and best is not None:
        return (
            f"Evaluation {best['evaluation_id']}, the best, {said}: it has learnt nothing from "
            "the inputs, whatever its score."
        )
    return ""
