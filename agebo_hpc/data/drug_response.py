"""Tables of drug responses of cancer cell lines (GDSC), from the package gdsctools.

988 cell lines, described by tissue, microsatellite instability and 677 genetic alterations, and
the logarithm of the concentration at which each of 265 drugs halves their growth (IC50). Two
problems are made of it, which stand for those of the second AgEBO-Tabular paper: is a cell line
sensitive to a drug (Attn), and by how much does one drug differ from another on a cell line
(Combo)?
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.errors import DataError

SENSITIVE_SHARE = 0.2
"""Share of the cell lines of a drug, those with its lowest IC50s, that counts as sensitive."""


def responses(ic50: pd.DataFrame) -> pd.DataFrame:
    """Return the measured responses.

    Parameters
    ----------
    ic50
        One row for each cell line, ``COSMIC_ID`` and a column ``Drug_<number>_IC50`` for each
        drug; what was not measured is missing.

    Returns
    -------
    DataFrame
        ``cell``, ``drug`` (number) and ``ln_ic50`` of each pair that was measured.
    """
    long = ic50.melt("COSMIC_ID", var_name="drug", value_name="ln_ic50").dropna()
    numbers = long["drug"].str.extract(r"^Drug_(\d+)_IC50$", expand=False)
    return pd.DataFrame(
        {
            "cell": long["COSMIC_ID"].to_numpy(np.int64),
            "drug": numbers.to_numpy(np.int64),
            "ln_ic50": long["ln_ic50"].to_numpy(np.float64),
        }
    )


def cell_lines(features: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of each cell line, by its number (``cell``)."""
    known = features.rename(
        columns={"COSMIC_ID": "cell", "TISSUE_FACTOR": "tissue", "MSI_FACTOR": "msi"}
    )
    return known.set_index("cell")


def sensitivity(ic50: pd.DataFrame, features: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """Return whether cell lines are sensitive to drugs: imbalanced classes, one input.

    Parameters
    ----------
    ic50, features
        Tables of the package: responses, and features of cell lines.
    rows
        Number of rows of a sample without replacement.
    seed
        Seed of the sample, >= 0.

    Returns
    -------
    DataFrame
        ``drug``, the columns of the cell line, and ``sensitive`` (0 or 1).
    """
    measured = responses(ic50)
    border = measured.groupby("drug")["ln_ic50"].transform("quantile", SENSITIVE_SHARE)
    measured["sensitive"] = (measured["ln_ic50"] <= border).astype(np.int64)
    taken = measured.iloc[_sample(len(measured), rows, seed)].reset_index(drop=True)
    lines = cell_lines(features).loc[taken["cell"]].reset_index(drop=True)
    return pd.concat([taken[["drug"]], lines, taken[["sensitive"]]], axis=1)


def drug_pairs(ic50: pd.DataFrame, features: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """Return pairs of drugs on one cell line: three inputs, two of them alike, a real target.

    Parameters
    ----------
    ic50, features
        Tables of the package: responses, and features of cell lines.
    rows
        Pairs in a sample without replacement of all ordered pairs of different drugs.
    seed
        Seed of the sample, >= 0.

    Returns
    -------
    DataFrame
        The columns of the cell line, ``drug_a``, ``drug_b``, and ``difference``: ln IC50 of the
        first less that of the second.
    """
    measured = responses(ic50).sort_values(["cell", "drug"], ignore_index=True)
    counts = measured.groupby("cell").size().to_numpy()
    pairs = counts * (counts - 1)
    ends = np.cumsum(pairs)
    chosen = _sample(int(ends[-1]), rows, seed)
    line = np.searchsorted(ends, chosen, side="right")
    place = chosen - (ends - pairs)[line]
    first, second = np.divmod(place, counts[line] - 1)
    # The second is one of the others: those from the first on are one further.
    second = second + (second >= first)
    start = (np.cumsum(counts) - counts)[line]
    a, b = (measured.iloc[start + number].reset_index(drop=True) for number in (first, second))
    lines = cell_lines(features).loc[a["cell"]].reset_index(drop=True)
    pair = {
        "drug_a": a["drug"],
        "drug_b": b["drug"],
        "difference": a["ln_ic50"] - b["ln_ic50"],
    }
    return pd.concat([lines, pd.DataFrame(pair)], axis=1)


def _sample(number: int, rows: int, seed: int) -> NDArray[np.int64]:
    if rows > number:
        raise DataError(f"--rows is {rows}, but there are {number}; give fewer.")
    chosen = np.random.default_rng(seed).choice(number, rows, replace=False)
    return np.asarray(chosen, np.int64)
