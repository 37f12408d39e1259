"""What a report says of one run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from agebo_hpc.analysis.best_share import (
    best_share,
    curve_band,
    hyperparameter_summary,
    learning_curves,
)
from agebo_hpc.analysis.costs import failure_causes, outcomes, training_times
from agebo_hpc.analysis.figures.evolution import lineage_figure, population_figure
from agebo_hpc.analysis.figures.findings import (
    curves_figure,
    importance_figure,
    parallel_figure,
)
from agebo_hpc.analysis.figures.machine import (
    failures_figure,
    slots_figure,
    training_time_figure,
    utilisation_figure,
)
from agebo_hpc.analysis.importance import MIN_EVALUATIONS, importance
from agebo_hpc.analysis.lineage import Evolution, ancestors, lineage, population
from agebo_hpc.analysis.occupation import occupation, slot_shares, utilisation
from agebo_hpc.analysis.report.exhibit import Exhibit, without_empty
from agebo_hpc.analysis.rung_agreement import MIN_PAIRS, agreement_facts, rung_agreement
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.analysis.tables import scored, search_seconds, top_configurations
from agebo_hpc.text import counted

NUM_CURVES = 5
MAX_ANCESTORS = 15


def details(run: Run) -> list[Exhibit]:
    """Return what is shown of one run, which has an evaluation that is done."""
    return [
        _hyperparameters(run),
        _importance(run),
        _curves(run),
        *_rungs(run),
        *_evolution(run),
        _utilisation(run),
        _slots(run),
        _training_time(run),
        _failures(run),
    ]


def endings(run: Run) -> list[Exhibit]:
    """Return what is shown of one run without any score: how its evaluations ended."""
    return [_failures(run), _utilisation(run), _slots(run)]


def _hyperparameters(run: Run) -> Exhibit:
    done = scored(run.history)
    best = best_share(run.history, at_least=5)
    five = top_configurations(run.history, 5)
    summary = hyperparameter_summary(best)
    return Exhibit(
        "hyperparameters",
        "Hyperparameters of the best",
        "Each line is an evaluation; coloured are the best 1 %, five at least "
        f"({len(best)} of {len(done)}), grey a part of the others. Where the coloured lines meet "
        "on an axis, the search has settled that value; where they spread, it does not matter or "
        "needs more search.",
        lambda: parallel_figure(best, done, SearchMetric(run.metric).axis),
        {"hyperparameters": summary, "best_1_percent": _flat(best)},
        {
            "The best five": without_empty(five.drop(columns=["architecture", "decisions"])),
            f"The best 1 %, five at least ({counted(len(best), 'evaluation')})": summary,
        },
    )


def _flat(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the best without what is no number or text."""
    table = top_configurations(rows, len(rows))
    return table.drop(columns="architecture")


def _importance(run: Run) -> Exhibit:
    title = "What the objective depends on"
    reading = (
        "A forest learnt the objective; shuffling one variable costs it that share of the "
        "variance that it can explain. It speaks of the region in which the search looked: what "
        "was settled early has hardly been varied since. If little is explained in all, nothing "
        "follows."
    )
    table = importance(run.history, run.space)
    if table.empty:
        why = f"This needs {MIN_EVALUATIONS} evaluations that are done, with different objectives."
        return Exhibit("importance", title, reading, missing=why)
    draw = lambda: importance_figure(table)  # noqa: E731
    return Exhibit("importance", title, reading, draw, {"importance": table})


def _curves(run: Run) -> Exhibit:
    title = "Learning curves of the best"
    reading = (
        "Lines that still rise at the end ask for more epochs; a validation loss that grows while "
        "the training loss falls is overfitting. Grey: 80 % of all evaluations."
    )
    curves = learning_curves(run.history, NUM_CURVES)
    if "validation_metric" not in curves:
        why = "The best evaluations have no learning curves."
        return Exhibit("learning_curves", title, reading, missing=why)
    band = curve_band(run.latest)
    losses = tuple(
        n for n in ("loss", "validation_loss") if n in curves and curves[n].notna().any()
    )
    draw = lambda: curves_figure(curves, band, SearchMetric(run.metric).axis, losses)  # noqa: E731
    tables = {"learning_curves": curves, "learning_curves_of_all": band}
    return Exhibit("learning_curves", title, reading, draw, tables)


def _rungs(run: Run) -> list[Exhibit]:
    """Return whether the rungs agree, where trainings were compared before their end."""
    if run.pieces is None:
        return []
    title = "Do the rungs agree?"
    reading = (
        "The correlation between the order of networks at a rung and that of the same networks at "
        "a later one, with its 95 % interval. Near 1, a short training tells which networks are "
        "worth a long one. Chosen: only those that were promoted have both values; the "
        "correlation is corrected for that."
    )
    table = rung_agreement(run.pieces)
    if table["correlation"].isna().all():
        why = f"Fewer than {MIN_PAIRS} evaluations have come to two rungs."
        return [Exhibit("rungs", title, reading, missing=why)]
    warning = agreement_facts(run.pieces)["rung_warning"]
    reading = f"{reading} {warning}" if warning else reading
    return [Exhibit("rungs", title, reading, None, {"rungs": table}, {"Rank correlation": table})]


def _evolution(run: Run) -> list[Exhibit]:
    titles = {"population": "The population", "lineage": "Where the best came from"}
    evolution = Evolution.of_config(run.section("search"))
    if evolution is None:
        why = "This method has no population."
        return [Exhibit(name, title, "", missing=why) for name, title in titles.items()]
    repeatable = run.told if evolution.is_of_all(run.changed) else None
    family = lineage(run.history, run.parents, repeatable, evolution)
    size = evolution.population_size
    people = population(run.history, family, size)
    best = int(best_share(run.history, 1.0)["evaluation_id"].iloc[0])
    line = ancestors(family, best)
    origins = ", ".join(f"{n} {name}" for name, n in family["origin"].value_counts().items())
    return [
        Exhibit(
            "population",
            titles["population"],
            f"The {size} youngest networks, from which parents are drawn: their objectives, how "
            "long ago they were trained, and how many mutations they are away from a random "
            "network. While the dotted line is below the population's size, proposals are random. "
            "Few unique architectures mean that the search has narrowed.",
            lambda: population_figure(people, SearchMetric(run.metric).axis),
            {"population": people},
        ),
        Exhibit(
            "lineage",
            titles["lineage"],
            "Each dot is an evaluation in the colour of its generation; the line leads from a "
            f"random network to the best, one changed decision at each point. Origins: {origins}. "
            "Parents are those that the journal names.",
            lambda: lineage_figure(run.history, family, line, SearchMetric(run.metric).axis),
            {"lineage": family},
            {
                f"Evaluation {best} and its ancestors, oldest first"
                + f" (the youngest {MAX_ANCESTORS} of {len(line)})"
                * (len(line) > MAX_ANCESTORS): _line_table(run, family, line)
            },
        ),
    ]


def _line_table(run: Run, family: pd.DataFrame, line: list[int]) -> pd.DataFrame:
    """Return a table of an ancestry: what was changed and what it gained, the youngest first."""
    objectives = run.history.set_index("evaluation_id")["objective"]
    rows = (
        family.set_index("evaluation_id").loc[list(reversed(line[:MAX_ANCESTORS]))].reset_index()
    )
    architectures = run.history.set_index("evaluation_id")["architecture"]
    changed = [
        _change(
            run,
            int(row.decision),
            architectures.get(row.parent_id),
            architectures[row.evaluation_id],
        )
        for row in rows.itertuples()
    ]
    return rows[["evaluation_id", "generation", "gain"]].assign(
        objective=objectives.loc[rows["evaluation_id"]].to_numpy(), changed=changed
    )


def _change(
    run: Run, position: int, before: tuple[int, ...] | None, after: tuple[int, ...]
) -> str:
    """Return which decision was changed, and how; an empty text for a random network."""
    if position < 0 or before is None:
        return ""
    space, old, new = run.space, before[position], after[position]
    if space is None or position >= len(space.variables):
        return f"decision {position}: {old} \u2192 {new}"
    variable = space.variables[position]
    name = variable.name.replace("_", " ")
    if variable.kind == "skip":
        return f"{name} {'added' if new else 'removed'}"
    old_text, new_text = (space.describe_choice(variable, choice) for choice in (old, new))
    return f"{name}: {old_text} \u2192 {new_text}"


def _utilisation(run: Run) -> Exhibit:
    title = "Busy slots"
    reading = (
        "The share of the slots' time that went into evaluations that finished. Those that still "
        "run, were cut or were lost do not count, so the right end of a search that goes on falls."
    )
    table = utilisation(run.history, run.capacity).dropna()
    if table.empty:
        return Exhibit("utilisation", title, reading, missing="No time has passed.")
    draw = lambda: utilisation_figure(table)  # noqa: E731
    return Exhibit("utilisation", title, reading, draw, {"utilisation": table})


def _slots(run: Run) -> Exhibit:
    title = "What each slot did"
    reading = (
        "A row for each rank that trains, a bar for each evaluation in the colour of its n. White "
        "between bars is waiting; a row that ends early is a rank that died; dark bars failed."
    )
    table = occupation(run.history, run.capacity)
    seconds = sum(max(0.0, end - start) for start, end, _ in run.capacity)
    if table.empty or seconds <= 0:
        return Exhibit("slots", title, reading, missing="The history names no ranks.")
    shares = slot_shares(table, seconds)
    draw = lambda: slots_figure(table)  # noqa: E731
    return Exhibit("slots", title, reading, draw, {"slots": table, "slot_shares": shares})


def _training_time(run: Run) -> Exhibit:
    table = training_times(run.history)
    return Exhibit(
        "training_time",
        "Training time and n",
        "Left: durations by the number of processes, with what perfect scaling would give. Right: "
        "what these evaluations reached. Slot-seconds are what one evaluation costs: with perfect "
        "scaling they are the same for every n. Other hyperparameters differ too: the batch size "
        "above all changes the time.",
        lambda: training_time_figure(scored(run.history), table),
        {"training_time": table},
        {"Seconds of an evaluation": table},
    )


def _failures(run: Run) -> Exhibit:
    history = run.history
    seconds = search_seconds(
        history["ended"].to_numpy(), [(start, end) for start, end, _ in run.capacity]
    )
    table, causes = outcomes(history), failure_causes(history)
    shown = {"Status by n": table} | ({"Causes": causes} if len(causes) else {})
    return Exhibit(
        "failures",
        "How evaluations ended",
        "Left: all of them by status; right: when those that are not done ended. Many of one kind "
        "that begin at one moment are the machine's fault; steady ones are the space's.",
        lambda: failures_figure(history, np.asarray(seconds)),
        {"failures": table, "failure_causes": causes},
        shown,
    )
