"""Networks that predict one class for every row are told wherever they would be taken for good."""

import json

import numpy as np
import pandas as pd
import pytest

SAID = "predicts one class for every row"


@pytest.fixture(scope="module")
def noise(tmp_path_factory, agebo):
    """Return a prepared data set whose target follows from nothing; 97 of 100 rows are alike."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(800, 3)).round(3), columns=["a", "b", "c"])
    table["ill"] = np.where(np.arange(800) % 33 == 0, "yes", "no")
    home = tmp_path_factory.mktemp("noise")
    table.to_csv(home / "noise.csv", index=False)
    out = home / "noise.h5"
    done = agebo("data", "prepare", home / "noise.csv", "--target", "ill", "--out", out)
    assert done.returncode == 0, done.stderr
    return home


def test_a_best_network_of_one_class_is_never_silent(noise, agebo):
    run, model = noise / "run", noise / "model"
    done = agebo(
        "search", noise / "noise.h5", "--out", run, "--max-evals", "3", "--epochs", "2",
        "--fix", "learning_rate=0.01",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warning: 3 of 3 networks predict one class for every row" in done.stderr
    assert "--class-weights balanced" in done.stderr
    assert SAID in done.stderr.splitlines()[-2]
    assert (run / "log.txt").read_text().count(SAID) >= 4

    shown = agebo("status", run).stdout
    assert SAID in shown
    assert "3 of 3 networks predict the same for every row" in shown
    stands = json.loads(agebo("status", run, "--json").stdout)
    assert (stands["best"]["predicts_one"], stands["constant"], stands["known"]) == ("class", 3, 3)
    table = agebo("history", run, "--columns", "evaluation_id,predicts_one").stdout
    assert table.split() == ["evaluation_id,predicts_one", "0,class", "1,class", "2,class"]

    trained = agebo("retrain", run, "--out", model)
    assert trained.returncode == 0, trained.stderr
    assert f"(rank 1) {SAID} of the validation part" in trained.stderr
    assert f"the model {SAID}" in trained.stderr
    predicted = agebo("predict", model, noise / "noise.csv", noise / "out.csv")
    assert predicted.returncode == 0
    assert f"warning: the model {SAID}" in predicted.stderr
    assert set(pd.read_csv(noise / "out.csv")["prediction"]) == {"no"}
