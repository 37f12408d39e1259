"""Some 95 of a hundred intervals hold the true score; the bench measures a thousand tables."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "scripts" / "bench" / "bench_coverage.py"


@pytest.fixture(scope="module")
def measured() -> list[dict]:
    bench = runpy.run_path(str(BENCH))
    coverages = bench["coverages"]
    coverages.__globals__["POPULATION"] = 300_000
    return list(coverages(200, [200]))


def test_each_score_is_held_by_nearly_all_intervals_and_not_by_all(measured: list[dict]) -> None:
    assert len(measured) == 16
    for row in measured:
        # Three standard errors of 200 tables on either side.
        assert 0.9 <= row["coverage"] <= 1.0 and not row["without"], row
    assert 0.93 < sum(row["coverage"] for row in measured) / len(measured) < 0.98


@pytest.mark.long
@pytest.mark.parametrize("rows", [200, 1000])
def test_a_thousand_tables(rows: int) -> None:
    bench = runpy.run_path(str(BENCH))
    for row in bench["coverages"](1000, [rows]):
        assert 0.93 <= row["coverage"] <= 0.975, row
