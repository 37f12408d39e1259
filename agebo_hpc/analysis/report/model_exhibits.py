"""What a report shows of the model: the network, and how it predicts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from agebo_hpc.analysis.figures.network import network_figure
from agebo_hpc.analysis.figures.quality import (
    LABEL,
    calibration_figure,
    column_importance_figure,
    confusion_figure,
    most_confused_figure,
    residual_figure,
)
from agebo_hpc.analysis.figures.speed import speed_figure
from agebo_hpc.analysis.network_layout import network_layout
from agebo_hpc.analysis.report.exhibit import Exhibit
from agebo_hpc.analysis.reported_model import Explanation, ReportedModel
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.analysis.speed import lowest_shown, speeds
from agebo_hpc.analysis.tables import best_first
from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.cost import told_decoder
from agebo_hpc.space.graph import Graph

SHOWN_COLUMNS = 20
SHOWN_CLASSES = 12
SHOWN_PAIRS = 15
NO_MODEL = (
    "There is no retrained model, and the search keeps no networks: `agebo-hpc retrain RUN` makes "
    "one, and the next report shows this."
)


def model_exhibits(run: Run, model: ReportedModel | None) -> list[Exhibit]:
    """Return the network and how it predicts, of the model or of the search's best evaluation."""
    shown = [_network(run, model)]
    if model is None:
        missing = Exhibit("predictions", "How it predicts", "", missing=NO_MODEL)
        return [*shown, missing, _speed(run)]
    found = model.explanation
    if found is None:
        missing = Exhibit("predictions", "How it predicts", "", missing=model.missing)
        return [*shown, missing, _speed(run)]
    return [*shown, *_predictions(found, model), _columns(found), _speed(run)]


def _predictions(found: Explanation, model: ReportedModel) -> list[Exhibit]:
    shown = []
    if found.confusion is not None:
        shown.append(_confusion(found, found.confusion))
    if found.reliability is not None:
        shown.append(_calibration(found, found.reliability))
    if found.residuals is not None:
        shown.append(_residuals(found, found.residuals, str(model.part("schema")["target"])))
    return shown


def _network(run: Run, model: ReportedModel | None) -> Exhibit:
    title = "The network"
    graph, which = _graph(run, model)
    if graph is None:
        return Exhibit("network", title, "", missing=which)
    classes = _num_classes(run, model)
    reading = (
        f"{which} Data flow from top to bottom; a number behind an operation is the width of its "
        "output, and a coloured line is a skip connection, projected to the width of the sum that "
        f"it enters. In all {graph.num_parameters:,} parameters."
    )
    layout = network_layout(graph, classes)
    return Exhibit("network", title, reading, lambda: network_figure(layout))


def _graph(run: Run, model: ReportedModel | None) -> tuple[Graph | None, str]:
    """Return the network that is shown, and which it is; or None, and why there is none."""
    if model is not None and model.description:
        if model.num_networks > 1:
            which = f"The member with the largest weight, of {model.num_networks} different ones."
        else:
            which = f"Evaluation {model.evaluation_id}, retrained."
        return Graph.from_dict(model.network), which
    best = best_first(run.history)
    shape = run.section("problem").get("shape")
    if best.empty:
        return None, "No evaluation has a score."
    if run.space is None or not shape:
        why = "The run does not say the shape of its data, so that only its decisions are known"
        return None, f"{why}: {run.describe(best['architecture'].iloc[0])}"
    try:
        graph = told_decoder(run.space, shape)(best["architecture"].iloc[0])
    except (ConfigurationError, LookupError, TypeError, ValueError):
        return None, "The run's architectures are none that this version can decode."
    return graph, f"Evaluation {best['evaluation_id'].iloc[0]}, the best of the search."


def _num_classes(run: Run, model: ReportedModel | None) -> int:
    if model is not None and model.description:
        return model.num_classes
    outputs = int(run.section("problem").get("shape", {}).get("num_outputs", 1))
    return outputs if outputs > 1 else 0


def _columns(found: Explanation) -> Exhibit:
    title = "Which columns it lives by"
    table = found.importance
    if table.empty:
        return Exhibit("columns", title, "", missing=found.importance_of)
    top = table.head(SHOWN_COLUMNS)
    shown = f" Shown are the first {len(top)} of {len(table)}." if len(table) > len(top) else ""
    metric = SearchMetric(found.metric)
    reading = (
        f"The longer the bar, the more the {metric.words} "
        f"{'grows' if metric.is_loss else 'falls'} when the values of that column alone are "
        "shuffled among the rows, so that they say nothing any more. Columns that say the same "
        "stand in for each other and look less important than they are together. "
        f"{found.importance_of}{shown}"
    )
    return Exhibit(
        "columns",
        title,
        reading,
        lambda: column_importance_figure(top, metric.words, metric.is_loss),
        {"columns": table},
    )


def _confusion(found: Explanation, confusion: pd.DataFrame) -> Exhibit:
    title, rows = "Which classes it confuses", f"{found.rows:,} {found.part} rows"
    pairs = confused_pairs(confusion)
    tables = {"confusion": confusion.rename_axis("true").reset_index(), "confused": pairs}
    if len(confusion) <= SHOWN_CLASSES:
        reading = (
            f"Each line is a true class, each column what was predicted for it ({rows}): what "
            "does not lie on the diagonal is wrong, and the shade is the share of the line."
        )
        draw = lambda: confusion_figure(confusion)  # noqa: E731
        return Exhibit("confusion", title, reading, draw, tables)
    top = pairs.head(SHOWN_PAIRS)
    if top.empty:
        return Exhibit("confusion", title, "", None, tables, missing=f"None, of {rows}.")
    wrong, shown = int(pairs["rows"].sum()), int(top["rows"].sum())
    reading = (
        f"The longest bars are the confusions that cost most: the true class, then what was "
        f"predicted. These {len(top)} pairs are {shown / wrong:.0%} of the {wrong:,} errors in "
        f"{rows}, of {len(confusion)} classes."
    )
    draw = lambda: most_confused_figure(top)  # noqa: E731
    long = max(map(len, map(str, [*top["true"], *top["predicted"]]))) > LABEL // 2
    shown_pairs = {"The same pairs with their whole names": top} if long else {}
    return Exhibit("confusion", title, reading, draw, tables, shown_pairs)


def confused_pairs(confusion: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of classes that were confused, most rows first.

    Parameters
    ----------
    confusion
        Rows of each true class (index) predicted as each class (columns), in the same order.

    Returns
    -------
    DataFrame
        ``true``, ``predicted``, ``rows``, ``share`` of the true class's rows.
    """
    counts = confusion.to_numpy()
    of_class = counts.sum(axis=1)
    wrong = counts * ~np.eye(len(counts), dtype=bool)
    true, said = np.nonzero(wrong)
    order = np.argsort(-wrong[true, said], kind="stable")
    true, said = true[order], said[order]
    return pd.DataFrame(
        {
            "true": confusion.index.to_numpy()[true],
            "predicted": confusion.columns.to_numpy()[said],
            "rows": wrong[true, said],
            "share": wrong[true, said] / of_class[true],
        }
    )


def _calibration(found: Explanation, table: pd.DataFrame) -> Exhibit:
    error = found.calibration_error or 0.0
    reading = (
        "Points on the dashed line are probabilities that can be taken at their word; below it "
        f"the model is too sure of itself, above it too modest. On {found.rows:,} {found.part} "
        f"rows they are off by {100 * error:.2g} percentage points on average (expected "
        f"calibration error, ECE, {error:.3f})."
    )
    title = "Can its probabilities be believed?"
    draw = lambda: calibration_figure(table)  # noqa: E731
    return Exhibit("calibration", title, reading, draw, {"calibration": table})


def _residuals(found: Explanation, table: pd.DataFrame, target: str) -> Exhibit:
    residuals = (table["predicted"] - table["true"]).abs()
    half, most = residuals.quantile(0.5), residuals.quantile(0.95)
    reading = (
        "Above, points on the dashed line are predicted exactly, and a bend away from it is what "
        "the model has not learnt; below, errors to one side of zero are a bias. Half of the rows "
        f"are off by less than {half:.4g}, 95 % by less than {most:.4g}, in units of the target "
        f"({len(table):,} of {found.rows:,} {found.part} rows shown; the outermost 0.5 % of "
        "errors on each side are counted in the last bar)."
    )
    draw = lambda: residual_figure(table, target)  # noqa: E731
    return Exhibit("residuals", "How far off it is", reading, draw, {"residuals": table})


def _speed(run: Run) -> Exhibit:
    title = "Score and speed"
    table = speeds(run)
    reading = (
        "Each dot is a network: what it reached, and how many rows it predicts in a second on one "
        "core of the machine that the search began on, told from its operations. Of those on the "
        "line none is both slower and worse than another; how much speed the last bit of the "
        "score is worth is yours to say."
    )
    floor = lowest_shown(table)
    hidden = 0 if table.empty else int((table["objective"] < floor).sum())
    if hidden:
        reading += f" The {hidden:,} with the lowest scores lie below the figure."
    if table.empty:
        why = "The run says neither the speed of its machine nor the shape of its data."
        return Exhibit("speed", title, reading, missing=why)
    front = table[table["on_front"]].drop(columns="on_front")
    return Exhibit(
        "speed",
        title,
        reading,
        lambda: speed_figure(table, SearchMetric(run.metric).axis, floor),
        {"speed": table},
        {"The front, fastest first": front},
    )
