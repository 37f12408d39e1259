"""How far the order at a rung is that at the next one."""

import json

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.__main__ import run as command
from agebo_hpc.analysis.rung_agreement import (
    MIN_PAIRS,
    agreement_facts,
    agreement_lines,
    corrected_correlation,
    normal_scores,
    rung_agreement,
    rung_warning,
)


def values(num, rho, seed):
    """Return values at two levels whose normal scores are so much correlated."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=num)
    return x, rho * x + np.sqrt(1 - rho**2) * rng.normal(size=num)


def pieces(rho, num=200, promoted=None, straight=0, seed=0, metric_is_objective=True):
    """Return pieces of trainings, of which the best are promoted from 1 to 3 epochs.

    The last ones, ``straight`` of them, were trained to 3 epochs at once.
    """
    x, y = values(num, rho, seed)
    best = set(np.argsort(-x[: num - straight])[: promoted or 0])
    rows = []
    for name in range(num):
        curve = [{"epoch": e, "validation_metric": v} for e, v in ((1, x[name]), (3, y[name]))]
        if not metric_is_objective:
            curve = [{**entry, "validation_metric": 0.5} for entry in curve]
        if name < num - straight:
            rows.append((name, "paused", x[name], 1, tuple(curve[:1])))
        if name >= num - straight or name in best:
            rows.append((name, "paused", y[name], 3, tuple(curve)))
    names = ["evaluation_id", "status", "objective", "epochs", "curve"]
    return pd.DataFrame(rows, columns=names)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8, 0.95])
def test_of_the_promoted_it_is_as_among_all(rho):
    found = [
        rung_agreement(pieces(rho, 400, promoted=100, seed=seed)).iloc[0] for seed in range(60)
    ]
    assert all(row.chosen and row.pairs == 100 for row in found)
    assert np.mean([row.correlation for row in found]) == pytest.approx(rho, abs=0.06)
    # Uncorrected it would be far off.
    x, y = values(400, rho, 0)
    best = np.argsort(-x)[:100]
    if rho:
        assert np.corrcoef(x[best], y[best])[0, 1] < rho - 0.1 * (rho < 0.9)
    covered = np.mean([row.low <= rho <= row.high for row in found])
    assert covered >= 0.85


def test_who_was_trained_on_without_being_compared_counts_first():
    row = rung_agreement(pieces(0.6, 300, promoted=40, straight=120)).iloc[0]
    assert (row.pairs, row.chosen) == (120, False)
    assert row.low < 0.6 < row.high
    # A curve that is of another number than the objective tells nothing.
    other = pieces(0.6, 300, promoted=40, straight=120, metric_is_objective=False)
    assert tuple(rung_agreement(other).iloc[0][["pairs", "chosen"]]) == (40, True)


def test_a_low_rung_is_warned_of_with_the_option_to_change():
    table = pieces(0.0, 400, straight=100)
    last = table[table["epochs"] == 3].assign(epochs=9, status="done")
    last["objective"] = last["objective"] * 2
    facts = agreement_facts(pd.concat([table, last[:60]]))
    assert "--min-epochs 3" in facts["rung_warning"]
    assert agreement_lines(facts)[-1] == ("warning", facts["rung_warning"])
    assert "--min-epochs 2 and a smaller --eta" in agreement_facts(table)["rung_warning"]
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("rho", [0.7, 0.9])
def test_a_good_rung_is_not_warned_of(rho):
    for seed in range(40):
        assert not agreement_facts(pieces(rho, 80, promoted=20, seed=seed))["rung_warning"]


def test_few_pairs_are_told_and_not_judged():
    facts = agreement_facts(pieces(0.0, 40, promoted=MIN_PAIRS - 1))
    assert facts["rung_warning"] == "" and facts["rung_agreement"][0]["correlation"] is None
    assert agreement_lines(facts) == [
        ("rung order", "too few to compare: 9 of 10 came to two rungs")
    ]


@pytest.mark.parametrize("table", [pieces(0.5)[:0], pieces(0.5)])
def test_with_one_rung_or_none_there_is_nothing_to_say(table):
    assert agreement_lines(agreement_facts(table)) == []
    assert agreement_lines(agreement_facts(None)) == []


def test_equal_values_and_ones_that_are_not_finite():
    same = pieces(0.5, 100, promoted=30).assign(objective=0.5)
    assert agreement_facts(same)["rung_agreement"][0]["correlation"] is None
    table = pieces(0.5, 100, promoted=30)
    table.loc[table["epochs"] == 3, "objective"] = np.inf
    assert agreement_lines(agreement_facts(table)) == []


def test_an_order_that_is_the_same_or_reversed():
    x = normal_scores(np.arange(20.0))
    value, low, high = corrected_correlation(x, x, 1.0)
    assert value == pytest.approx(1) and low > 0.99 and high <= 1
    assert corrected_correlation(x, -x, 3.0)[0] == pytest.approx(-1)


def test_status_and_report_tell_it(tmp_path, capsys):
    out = str(tmp_path / "run")
    machine = ["--executor", "simulated", "--simulate", "lognormal:mean=60", "--groups", "4"]
    asked = ["--scheduler", "asha", "--eta", "3", "--epochs", "9", "--max-evals", "120"]
    assert command(["search", "--out", out, "--method", "random", *machine, *asked]) == 0
    capsys.readouterr()
    assert command(["status", out]) == 0
    assert "rank correlation" in capsys.readouterr().out
    assert command(["status", out, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [(row["epochs"], row["next"]) for row in facts["rung_agreement"]][:2] == [
        (1, 3),
        (3, 9),
    ]
    assert not facts["rung_agreement"][0]["chosen"]
    figures = tmp_path / "figures"
    assert command(["analyze", out, "--out", str(figures), "--figures", "none"]) == 0
    assert "Do the rungs agree?" in (figures / "report.html").read_text()


def test_a_rung_that_tells_little_about_the_last_alone_is_to_be_the_next_one():
    row = {"epochs": 1, "next": 3, "pairs": 50, "chosen": True}
    rows = [
        {**row, "correlation": 0.8, "low": 0.7, "high": 0.9},
        {**row, "epochs": 3, "next": 9, "correlation": 0.8, "low": 0.7, "high": 0.9},
        {**row, "next": 9, "chosen": False, "correlation": 0.1, "low": -0.2, "high": 0.4},
    ]
    assert rung_warning(rows).endswith("with --min-epochs 3.")
    assert rung_warning(rows[:2]) == rung_warning([]) == ""
