"""`agebo-hpc status` and `agebo-hpc history`: look at a run, also while it goes on."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from agebo_hpc.analysis.comparable import DIGITS
from agebo_hpc.analysis.data_facts import DataFacts
from agebo_hpc.analysis.live import sparkline
from agebo_hpc.analysis.rung_agreement import agreement_lines
from agebo_hpc.analysis.rungs import rung_lines
from agebo_hpc.analysis.runs import Run, read_run
from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.analysis.standing import ENDED, GOING_ON, may_go_on, standing
from agebo_hpc.analysis.tables import baseline_table, trajectory
from agebo_hpc.errors import UsageError
from agebo_hpc.intervals.interval import with_interval
from agebo_hpc.metrics.table import said, shown
from agebo_hpc.space.configuration import said_of
from agebo_hpc.streams import write_as_is
from agebo_hpc.text import counted, noun
from agebo_hpc.training.ways import NAMES

STATES = {"no sign of life": "since", "stopped": "at", "failed": "at"}
"""States after which a search can go on, and the word before the time."""
CLEAR = "\x1b[2J\x1b[H"
"""What makes a terminal empty."""


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option(
    "--watch",
    is_flag=True,
    help="Show it anew until the search ends or Ctrl-C; where the output is no terminal, wait and "
    "print the end only.",
)
@click.option(
    "--every",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Seconds from one look to the next of --watch.",
)
def status(run: Path, as_json: bool, watch: bool, every: float) -> None:
    """Show how the search in the directory RUN stands; works while it runs."""
    if watch:
        _watch(run, every, as_json)
    else:
        _show(read_run(run), as_json)


def _watch(path: Path, every: float, as_json: bool) -> None:
    """Show a run until it ends; on a terminal again and again, elsewhere its end."""
    is_live = sys.stdout.isatty() and not as_json
    try:
        while True:
            began = time.monotonic()
            run = read_run(path)
            goes_on = may_go_on(run)
            if is_live:
                write_as_is(sys.stdout, CLEAR)
                _show(run, False)
                _show_curve(run)
            if not goes_on:
                break
            # A long history takes a while to read; that must not become all the time.
            time.sleep(max(every, 4 * (time.monotonic() - began)))
    except KeyboardInterrupt:
        return
    if not is_live:
        _show(run, as_json)


def _show(run: Run, as_json: bool) -> None:
    stands = standing(run)
    if as_json:
        click.echo(json.dumps(stands))
        return
    for name, text in _lines(stands):
        click.echo(f"{name:<12} {text}".rstrip())


def _show_curve(run: Run) -> None:
    """Print the best so far as a curve, where the terminal has the characters."""
    best = trajectory(run.history, run.intervals)["best_so_far"].to_numpy()
    width = min(80, shutil.get_terminal_size().columns - 14)
    curve = sparkline(best, width) if width > 0 else ""
    try:
        curve.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return
    if curve:
        click.echo(f"{'best so far':<12} {curve}")


def _lines(stands: dict[str, Any]) -> list[tuple[str, str]]:
    """Arrange what is known as (name, text) lines."""
    lines = [("run", stands["run"]), *_problem(stands), ("state", _state(stands))]
    lines.append(("evaluations", _counts(stands)))
    if stands["best"] is not None:
        lines += _best(stands["best"], stands["metric"] or "")
    lines += _baselines(stands)
    if stands["constant"]:
        told = f"{stands['constant']} of {counted(stands['known'], 'network')} "
        told += f"{noun(stands['constant'], 'predicts', 'predict')} the same for every row"
        lines.append(("constant", told))
    lines += [*rung_lines(stands), *agreement_lines(stands)]
    if stands["busy_share"] is not None:
        lines.append(
            ("busy", f"{stands['busy_share']:.0%} of {counted(stands['num_slots'], 'slot')}")
        )
    if stands["evaluations_per_hour"] is not None:
        speed = f"{stands['evaluations_per_hour']:.3g}"
        lines.append(("speed", f"{speed} {noun(float(speed), 'evaluation')} per hour"))
    if stands["data_parallel"] is not None:
        way = NAMES.get(stands["data_parallel"], stands["data_parallel"])
        lines.append(("gradients", f"summed over the ranks of a training by {way}"))
    left = stands["seconds_left"]
    tail = "" if left is None else f", {_duration(left)} left"
    lines.append(("time", f"{_duration(stands['seconds'])} searched in {_lives(stands)}{tail}"))
    return lines


def _problem(stands: dict[str, Any]) -> list[tuple[str, str]]:
    """Say what is searched for: data, task and metric, as far as they are known."""
    data = DataFacts(**stands["data"])
    lines = []
    if data.name:
        mark = f" ({data.fingerprint[:DIGITS]})" if data.fingerprint else ""
        rows = f", rows {data.rows_text} ({' / '.join(data.rows)})" if data.rows else ""
        lines.append(("data", f"{data.name}{mark}{rows}"))
    if data.task:
        target = f" of {data.target!r}" if data.target else ""
        lines.append(("task", f"{data.task_text}{target}"))
    if stands["metric"]:
        lines.append(("metric", SearchMetric(stands["metric"]).words))
    return lines


def _state(stands: dict[str, Any]) -> str:
    state, why = str(stands["state"]), f": {stands['why']}" if stands["why"] else ""
    when = STATES.get(state)
    if when is None:
        return state + why
    code = f" with code {stands['exit_code']}" if stands["exit_code"] is not None else ""
    again = f"`agebo-hpc resume {shlex.quote(stands['run'])}` goes on"
    return f"{state} {when} {stands['last_sign']}{code}{why}; {again}"


def _counts(stands: dict[str, Any]) -> str:
    counts = [f"{count} {name.replace('_', ' ')}" for name, count in stands["counts"].items()]
    if stands["paused"]:
        counts.append(f"{stands['paused']} paused")
    if stands["pending"]:
        counts.append(f"{stands['pending']} {_waiting(stands['state'])}")
    limit = f" of {stands['max_evals']}" if stands["max_evals"] is not None else ""
    return f"{stands['finished']}{limit} finished: {', '.join(counts) or 'none yet'}"


def _waiting(state: str) -> str:
    """Say what happens to evaluations that are begun and not finished."""
    if state in GOING_ON:
        return "running"
    return "to be repeated" if state in STATES else "not finished"


def _best(best: dict[str, Any], metric: str) -> list[tuple[str, str]]:
    values = ", ".join(f"{k} {_short(v)}" for k, v in best["hyperparameters"].items())
    nodes = str(best["architecture"]).split("; ")
    one = said_of(best["predicts_one"])
    which = f"evaluation {best['evaluation_id']}" + (f", which {one}" if one else "")
    told = said(metric, best["objective"])
    if best["interval"] is not None:
        told = with_interval(best["objective"], best["interval"])
    return [
        ("best", f"{told} by {which}: {values}"),
        *_optimism(best),
        *(("", _numbered(number, node)) for number, node in enumerate(nodes, 1)),
    ]


def _optimism(best: dict[str, Any]) -> list[tuple[str, str]]:
    if not best["at_most"]:
        return []
    told = f"the best of {best['chosen_among']} on the validation rows: that flatters, in the mean"
    return [("", f"{told} by {best['at_most']:.2g} at most; the test rows tell (retrain)")]


def _baselines(stands: dict[str, Any]) -> list[tuple[str, str]]:
    metric, scores = stands["metric"] or "", stands["baselines"] or {}
    lines = [", ".join(f"{name} {shown(metric, score)[1]:.5g}" for name, score in scores.items())]
    lines.append(stands["baseline_remarks"])
    if stands["baselines_missing"] and stands["state"] in ENDED:
        names = " and ".join(stands["baselines_missing"])
        run = shlex.quote(stands["run"])
        lines.append(f"{names} not measured yet: agebo-hpc resume {run}, or retrain, does so")
    known = list(filter(None, lines))
    return [("" if number else "baselines", line) for number, line in enumerate(known)]


def _numbered(number: int, node: str) -> str:
    """Return a node with its number; what is none follows the nodes as it is."""
    return node if node.startswith(("members", "embedding")) else f"node {number:2d}: {node}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _lives(stands: dict[str, Any]) -> str:
    return counted(stands["lives"], "session")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--csv",
    "target",
    default="-",
    show_default=True,
    help="File to write; `-` is the standard output.",
)
@click.option(
    "--columns",
    default="",
    help="Columns to write, with commas between, in this order. Default: all.",
)
@click.option(
    "--baselines",
    is_flag=True,
    help="Write what simple models reach on the same rows instead, one line for each.",
)
def history(run: Path, target: str, columns: str, baselines: bool) -> None:
    """Write the evaluations of the search in RUN as CSV, one line for each.

    They are those that are finished, and those that a scheduler has paused, with what they had at
    the highest rung that they have come to.
    """
    from agebo_hpc.analysis.csv_text import history_csv, table_csv, write_text
    from agebo_hpc.storage.reader import read_history

    chosen = [name.strip() for name in columns.split(",")] if columns else []
    table = baseline_table(read_run(run).baselines) if baselines else read_history(run, True)
    text = (table_csv if baselines else history_csv)(table, chosen)
    if target == "-":
        click.echo(text, nl=False)
        return
    if not target:
        raise UsageError("--csv is empty; give a file name, or `-` for the standard output.")
    write_text(Path(target), text)
    what = "baselines" if baselines else "evaluations"
    click.echo(f"{len(table)} {what} written to {target}", err=True)
