"""The second paper's problems end to end: several inputs, tuned recipes, rank metrics."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.storage.reader import read_history

ONNX = """
import sys, pickle, onnxruntime
columns = pickle.load(open(sys.argv[2], "rb"))
outputs = onnxruntime.InferenceSession(sys.argv[1]).run(None, columns)
pickle.dump(outputs, open(sys.argv[3], "wb"))
"""


def make_pairs(rows=400, seed=0):
    """Return two drugs with dose and effect on one cell; the target is their difference."""
    rng = np.random.default_rng(seed)
    strength = {"x": 2.0, "y": 0.0, "z": -2.0}
    frame = pd.DataFrame({"gene_1": rng.normal(size=rows), "gene_2": rng.normal(size=rows)})
    for name in "ab":
        frame[f"{name}_drug"] = rng.choice(list(strength), rows)
        frame[f"{name}_dose"] = rng.normal(1, 0.3, rows)
    effect = {n: frame[f"{n}_drug"].map(strength) * frame[f"{n}_dose"] for n in "ab"}
    frame["gain"] = effect["a"] - effect["b"] + 0.1 * frame["gene_1"]
    frame["wins"] = np.where(frame["gain"] > 2.0, "yes", "no")
    return frame.round(4)


@pytest.fixture(scope="module")
def home(agebo, tmp_path_factory):
    """Return a directory with the table, a data set of three inputs and one of classes."""
    path = tmp_path_factory.mktemp("inputs")
    make_pairs().to_csv(path / "pairs.csv", index=False)
    for target, other, inputs in [
        ("gain", "wins", ["cell=gene_*", "a=a_*", "b=b_*"]),
        ("wins", "gain", []),
    ]:
        options = [word for text in inputs for word in ("--input", text)]
        options += ["--alike", "a,b"] if inputs else []
        done = agebo(
            "data", "prepare", path / "pairs.csv", "--target", target, "--drop", other,
            "--out", path / f"{target}.h5", *options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert ("a (4 features); b (4 features, like a)" in done.stdout) == bool(inputs)
    return path


@pytest.fixture(scope="module")
def run(agebo, home):
    """Return a search of three evaluations and one more in a second session."""
    out = home / "run"
    done = agebo(
        "search", home / "gain.h5", "--out", out, "--preset", "combo-like", "--epochs", "3",
        "--max-evals", "3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before = read_history(out)
    done = agebo("resume", out, "--max-evals", "4")
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(read_history(out).iloc[:3], before)
    return out


def test_a_search_over_three_inputs_tunes_the_recipe_too(run):
    history = read_history(run)
    assert len(history) == 4 and set(history["status"]) == {"done"}
    assert {len(architecture) for architecture in history["architecture"]} == {18}
    assert set(history["optimizer"]) <= set(
        ("sgd", "rmsprop", "adagrad", "adam", "adadelta", "adamax", "nadam")
    )
    assert set(history["loss"]) <= {"mse", "mae", "huber", "log_cosh", "mape", "msle"}
    assert history["plateau_patience"].between(3, 30).all()
    assert history["batch_size"].between(16, 2048).all()
    assert set(history["num_processes"]) == {1}


def test_the_best_is_retrained_evaluated_used_and_exported(agebo, home, run, tmp_path):
    model = tmp_path / "model"
    done = agebo("retrain", run, "--out", model, "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)["scores"]
    best = read_history(run)["objective"].max()
    assert scores["validation"]["r2"] == pytest.approx(best, abs=1e-5)
    done = agebo("evaluate", model, home / "gain.h5", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scores"] == scores["test"]
    done = agebo("predict", model, home / "pairs.csv", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    predicted = pd.read_csv(tmp_path / "out.csv")["prediction"].to_numpy()
    done = agebo("export", model, "--format", "onnx", "--out", tmp_path / "m.onnx")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(home / "pairs.csv")
    columns = {
        name: table[[name]].to_numpy(object if name.endswith("drug") else np.float64)
        for name in open_dataset(home / "gain.h5").preprocessing.columns
    }
    (tmp_path / "in.pkl").write_bytes(pickle.dumps(columns))
    words = [tmp_path / name for name in ("m.onnx", "in.pkl", "out.pkl")]
    subprocess.run([sys.executable, "-c", ONNX, *words], check=True, timeout=120)
    [elsewhere] = pickle.loads((tmp_path / "out.pkl").read_bytes())
    np.testing.assert_allclose(elsewhere, predicted, rtol=1e-4, atol=1e-4)


@pytest.mark.mpi
def test_ranks_search_for_a_rank_metric_with_class_weights(mpirun, home, tmp_path):
    done = mpirun(
        3,
        [
            "-m", "agebo_hpc", "search", home / "wins.h5", "--out", tmp_path / "run",
            "--preset", "attn-like", "--epochs", "2", "--max-evals", "2", "--processes", "2",
            "--class-weights", "no=0.6,yes=3",
        ],
        timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run")
    assert list(history["status"]) == ["done"] * 2
    assert history["objective"].between(0, 1).all()
    assert {len(ranks) for ranks in history["ranks"]} == {2}
    text = (tmp_path / "run" / "config.toml").read_text()
    assert 'metric = "average_precision"' in text and "yes = 3.0" in text


@pytest.mark.parametrize(
    ("data", "options", "code", "text"),
    [
        ("wins.h5", ("--preset", "combo-like"), 78, "3 inputs, the data set has 1"),
        ("gain.h5", ("--preset", "attn-like"), 78, "metric is 'average_precision'"),
        ("gain.h5", ("--preset", "combo-like", "--optimizer", "sgd"), 2, "--fix optimizer=sgd"),
        ("wins.h5", ("--class-weights", "no=1,yes=x"), 2, "--class-weights is no=1,yes=x"),
        ("wins.h5", ("--class-weights", "0=1,1=2"), 78, "the data set has no, yes"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(
    agebo, home, tmp_path, data, options, code, text
):
    done = agebo("search", home / data, "--out", tmp_path / "run", *options)
    assert done.returncode == code, done.stderr
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("error: ") and text in line
    assert not (tmp_path / "run").exists()
