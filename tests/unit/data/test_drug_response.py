"""Tables of drug responses, from a small package of the same layout."""

import gzip
import hashlib
import tarfile

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data import registry
from agebo_hpc.data.drug_response import drug_pairs, responses, sensitivity
from agebo_hpc.data.preparation import PrepareOptions
from agebo_hpc.errors import DataError

CELLS, DRUGS = 30, (1, 3, 1004, 1526)


@pytest.fixture
def tables():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(CELLS, len(DRUGS)))
    values[rng.random(values.shape) < 0.2] = np.nan
    ic50 = pd.DataFrame(values, columns=[f"Drug_{n}_IC50" for n in DRUGS])
    cells = np.arange(100, 100 + CELLS)
    ic50.insert(0, "COSMIC_ID", rng.permutation(cells))
    features = pd.DataFrame({"COSMIC_ID": cells, "TISSUE_FACTOR": rng.choice(["x", "y"], CELLS)})
    features["MSI_FACTOR"] = rng.integers(0, 2, CELLS)
    features["TP53_mut"] = np.arange(CELLS)
    return ic50, features


def test_measured_pairs_keep_their_numbers(tables):
    long = responses(tables[0])
    assert len(long) == int(tables[0].iloc[:, 1:].notna().sum().sum())
    row = long.iloc[5]
    wide = tables[0].set_index("COSMIC_ID")
    assert wide.loc[row["cell"], f"Drug_{int(row['drug'])}_IC50"] == row["ln_ic50"]


def test_a_fifth_of_the_lines_is_sensitive_to_each_drug(tables):
    number = len(responses(tables[0]))
    table = sensitivity(*tables, number, 1)
    assert list(table.columns) == ["drug", "tissue", "msi", "TP53_mut", "sensitive"]
    shares = table.groupby("drug")["sensitive"].mean()
    assert len(shares) == 4 and shares.between(0.2, 0.26).all()


def test_every_pair_of_drugs_on_a_line_can_be_drawn_once_and_says_their_difference(tables):
    long = responses(tables[0])
    counts = long.groupby("cell").size()
    total = int((counts * (counts - 1)).sum())
    table = drug_pairs(*tables, total, 1)
    cells = table["TP53_mut"] + 100
    keys = set(zip(cells, table["drug_a"], table["drug_b"], strict=True))
    assert len(keys) == total and (table["drug_a"] != table["drug_b"]).all()
    value = long.set_index(["cell", "drug"])["ln_ic50"]
    a = value.loc[list(zip(cells, table["drug_a"], strict=True))].to_numpy()
    b = value.loc[list(zip(cells, table["drug_b"], strict=True))].to_numpy()
    np.testing.assert_array_equal(table["difference"], a - b)


def test_the_same_seed_draws_the_same_rows_and_too_many_are_refused(tables):
    first, again, other = (drug_pairs(*tables, 50, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    with pytest.raises(DataError, match="--rows is 999999"):
        sensitivity(*tables, 999_999, 1)


def test_the_pairs_are_fetched_as_three_inputs(tables, tmp_path, monkeypatch):
    archive = tmp_path / "gdsctools-1.0.1.tar.gz"
    files = {}
    with tarfile.open(archive, "w:gz") as tar:
        for name, frame in zip(("IC50", "FEATURES"), tables, strict=True):
            content = gzip.compress(frame.to_csv(index=False).encode(), mtime=0)
            path = tmp_path / name
            path.write_bytes(content)
            tar.add(path, f"gdsctools-1.0.1/{name}.csv.gz")
            files[name] = (f"{name}.csv.gz", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(registry, "pip_download", lambda requirement, directory: archive)
    monkeypatch.setattr(registry, "GDSC_IC50", files["IC50"])
    monkeypatch.setattr(registry, "GDSC_FEATURES", files["FEATURES"])
    small = registry.replace(registry.KNOWN_SETS["gdsc-combo"], columns=5)
    monkeypatch.setitem(registry.KNOWN_SETS, "gdsc-combo", small)
    data = registry.fetch_dataset("gdsc-combo", tmp_path / "d.h5", PrepareOptions(), rows=150)
    assert sum(data.num_rows.values()) == 150
    assert [item.name for item in data.inputs] == ["cell", "drug_a", "drug_b"]
    assert data.input_widths[1:] == (4, 4)
    monkeypatch.setattr(registry, "GDSC_IC50", ("IC50.csv.gz", "0" * 64))
    with pytest.raises(DataError, match="SHA-256"):
        registry.fetch_dataset("gdsc-combo", tmp_path / "e.h5", PrepareOptions(), rows=150)
