"""What `retrain` and `ensemble` print of the model that they made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agebo_hpc.cli.model_output import print_folds, print_optimism, print_scores, warn_of
from agebo_hpc.text import counted

if TYPE_CHECKING:
    from agebo_hpc.baselines.record import Baselines
    from agebo_hpc.models.bundle import Model
    from agebo_hpc.models.description import ModelDescription


def report_training(
    model: Model, out: Path, seconds: float, as_json: bool, baselines: Baselines | None = None
) -> None:
    """Print a model's scores, its place among the baselines, its speed and where it lies."""
    description = model.description
    warn_of(description)
    scores = dict(description.scores)
    if as_json:
        told = {"model": str(out), "seconds": seconds, "scores": scores}
        told |= {} if baselines is None else {"baselines": baselines.scores}
        told |= {"verdict": _verdict(description)} if "baselines" in scores else {}
        for name in ("calibration", "decision"):
            if name in description.training:
                told[name] = description.training[name]
        seeds = description.training.get("seeds")
        click.echo(json.dumps(told if seeds is None else {**told, "seeds": seeds}))
        return
    speed, single = scores.pop("rows_per_second"), scores.pop("single", None)
    intervals, folds = scores.pop("intervals", {}), scores.pop("folds", None)
    scores.pop("optimism", None)
    judged = scores.pop("baselines", None)
    if folds is not None:
        print_folds(folds)
    for part, values in scores.items():
        print_scores(part, description.data["rows"][part], values, intervals[part])
    for line in _parts_without_score(description):
        click.echo(line)
    # Without a test part the validation part has the scores of seeds, if it was not trained on.
    shown = next(iter(reversed(scores)), "")
    for entry in description.training.get("seeds", ()) if shown else ():
        rows, own = description.data["rows"][shown], entry["intervals"][shown]
        print_scores(f"seed {entry['seed']}", rows, entry[shown], own)
    print_optimism(description)
    if baselines is not None and baselines.text:
        what = f"{baselines.shown_metric} of the validation part"
        click.echo(f"baselines   {baselines.text}  ({what})")
    if baselines is not None and "boosting" not in baselines.scores:
        why = baselines.remarks or "boosting was not measured yet; `agebo-hpc resume` does so"
        click.echo(f"            {why}")
    if judged is not None:
        _print_judged(judged, description)
    _print_decision(description)
    curve = description.training.get("curve", ())
    epochs = (
        f"{counted(len(curve), 'epoch')}, "
        if curve
        else f"{counted(len(model.members), 'member')}, "
    )
    click.echo(
        f"network     {description.configuration['num_parameters']:,} parameters, "
        f"{epochs}{seconds:.1f} s"
    )
    click.echo(f"inference   {speed:,.0f} rows per second")
    if single is not None:
        fast = single["rows_per_second"]
        part = "test" if "test" in single else "validation"
        own = single["intervals"][part]
        print_scores("single", description.data["rows"][part], single[part], own)
        click.echo(
            f"price       the single network does {fast:,.0f} rows per second, "
            f"{fast / speed:.1f} times as many"
        )
    click.echo(f"model       {out}")


def _parts_without_score(description: ModelDescription) -> list[str]:
    """Return a line for each part that gives no score, and one if none is left."""
    from agebo_hpc.models.description import trained_parts

    seen = trained_parts(description)
    lines = []
    for part in ("validation", "test"):
        if not description.data["rows"][part]:
            lines.append(f"{part:<11} no rows, no score")
        elif part in seen:
            lines.append(f"{part:<11} trained on, no score")
    if len(lines) > 1:
        lines.append("note        no row is left to score this network on: it has no score")
    return lines


def _print_decision(description: ModelDescription) -> None:
    decision = description.training.get("decision")
    if decision is not None:
        second = description.schema["class_labels"][1]
        by = f": validation {decision['by']} {decision['before']:.5g} -> {decision['after']:.5g}"
        click.echo(
            f"threshold   {second} from the probability {decision['threshold']:.4g} on"
            + (by if decision["by"] else "")
        )
    told = description.training.get("calibration")
    if told is None:
        return
    changes = [
        f"{name.replace('_', ' ')} {told['before'][name]:.5g} -> {told['after'][name]:.5g}"
        for name in told["before"]
    ]
    click.echo(
        f"calibrated  temperature {told['temperature']:.4g}: validation {', '.join(changes)}"
    )


def _verdict(description: ModelDescription) -> str:
    """Return in a sentence how a model stands against boosting; empty where it is not known."""
    from agebo_hpc.analysis.search_metric import SearchMetric
    from agebo_hpc.analysis.verdict import stored_comparison, verdict

    told = description.scores["baselines"]
    found = stored_comparison(told)
    if found is None:
        return ""
    return verdict(SearchMetric(told["metric"]), None, None, comparison=found).text


def _print_judged(judged: Mapping[str, Any], description: ModelDescription) -> None:
    from agebo_hpc.analysis.search_metric import SearchMetric

    metric = SearchMetric(judged["metric"])
    if judged["part"] == "test":
        shown = ", ".join(f"{name} {metric.say(s)}" for name, s in judged["scores"].items())
        click.echo(f"            {shown}  ({metric.words} of the test part)")
    said = _verdict(description)
    if said:
        click.echo(f"better than boosting? {said}")
