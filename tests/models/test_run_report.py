"""The report of a run with the model that was made of it."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.analysis.report import write_analysis
from agebo_hpc.analysis.runs import read_runs
from agebo_hpc.data.numbers import network_shape
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.models import run_report
from agebo_hpc.models.bundle import Model, load_model, save_model
from agebo_hpc.models.description import ModelDescription
from agebo_hpc.models.explanation import explain
from agebo_hpc.models.retraining import with_scores
from agebo_hpc.models.run_report import models_of
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.cost import tell_shape
from agebo_hpc.space.problem import Recipe, preset
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.training.network import initial_parameters, keras_model

LABEL = "<script>alert(1)</script> & $x$"


def table_of(kind, columns=3, rows=400):
    """Return a table whose first column tells the target."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(rows, columns))
    frame = pd.DataFrame(x, columns=["<b>first</b> $1$", *map(str, range(columns - 1))])
    frame["place"] = rng.choice(["north", "south", "east"], rows)
    if kind == "number":
        return frame.assign(target=1000 + 50 * x[:, 0])
    order = np.argsort(np.argsort(x[:, 0])) * kind // rows
    return frame.assign(target=[LABEL if k == 0 else f"k{k}" for k in order])


def prepared(home, kind, **shape):
    home.mkdir(exist_ok=True)
    return prepare_dataset(table_of(kind, **shape), "target", home / "data.h5", PrepareOptions())


def model_of(dataset, name="v1", **training):
    """Return a network with random numbers, as a model with its scores."""
    space = preset(name).architecture
    architecture = space.random(np.random.default_rng(3))
    graph = space.decode(architecture, *network_shape(dataset, space))
    graph = graph.with_numbers(sigma=0.3, dropout=0.0)
    network = keras_model(graph, initial_parameters(graph, np.random.default_rng(1)), dataset.task)
    labels = dataset.class_labels
    codes = dataset.preprocessing.codes if graph.num_codes else ()
    description = ModelDescription(
        dataset.task,
        json.loads(json.dumps(graph.to_dict())),
        {"num_parameters": graph.num_parameters},
        {"include_validation": False, **training},
        replace(dataset.preprocessing, codes=codes).to_dict(),
        {
            "target": dataset.target,
            "columns": list(dataset.preprocessing.columns),
            "feature_names": list(dataset.feature_names),
            "class_labels": None if labels is None else list(labels),
        },
        {
            "name": dataset.name,
            "path": str(dataset.path),
            "fingerprint": dataset.fingerprint,
            "rows": dict(dataset.num_rows),
        },
        {"evaluation_id": 1, "rank": 1, "created": "2026-01-01T00:00:00+00:00"},
    )
    return with_scores(Model(network, description), dataset)


def run_on(home, dataset, objectives=(0.5, 0.75, None), metric=None, name="v1"):
    space = preset(name).architecture
    task_metric = {"classification": "accuracy", "regression": "r2"}[dataset.task]
    problem = {
        "data": str(dataset.path),
        "data_fingerprint": dataset.fingerprint,
        "metric": metric or task_metric,
        "objective": "last",
        "architecture": json.loads(space.to_json()),
        "recipe": asdict(Recipe()),
        "shape": tell_shape(*network_shape(dataset, space)),
    }
    run = RunDirectory.create(home / "run", {"search": {"seed": 1}, "problem": problem})
    history = History.open(run)
    history.session("start", {"slots": 2, "cores": 4})
    architecture = space.random(np.random.default_rng(3))
    for number, objective in enumerate(objectives):
        values = {"batch_size": 32, "learning_rate": 0.01, "num_processes": 1}
        evaluation = Evaluation(number, Configuration(architecture, values))
        history.submitted(evaluation)
        status = Status.FAILED if objective is None else Status.DONE
        history.append(Result(evaluation, status, objective, submitted=0, started=0, ended=1))
    history.close()
    return run.path


def page_of(home, run, wanted=None, load=load_model):
    runs = read_runs([run])
    models = models_of(runs, wanted, load)
    analysis = write_analysis(runs, home / "out", formats=["png"], models=models)
    return analysis.files[0].read_text(), {file.name for file in analysis.files}


@pytest.mark.parametrize(
    ("kind", "preset_name", "shape", "said", "files"),
    [
        (2, "tabular", {}, "2 classes", {"confusion.png", "calibration.png"}),
        (100, "v1", {"rows": 1500}, "of 100 classes", {"confused.csv", "calibration.csv"}),
        ("number", "tabular", {}, "in units of the target", {"residuals.png", "residuals.csv"}),
        (3, "v1", {"columns": 300}, "Shown are the first 20 of", {"columns.png"}),
    ],
)
def test_a_model_in_the_run_is_explained(tmp_path, kind, preset_name, shape, said, files):
    dataset = prepared(tmp_path, kind, **shape)
    run = run_on(tmp_path, dataset, name=preset_name)
    save_model(model_of(dataset, preset_name), run / "models" / "evaluation_1")
    text, written = page_of(tmp_path, run)
    assert said in text and "could not" not in text
    assert files | {"network.png", "columns.csv"} <= written
    assert f"fingerprint {dataset.fingerprint[:8]}" in text
    assert " / ".join(f"{n:,}" for n in dataset.num_rows.values()) in text
    assert "test rows, shuffled" in text and "seed 0" in text
    assert "seen by the search, optimistic" in text
    assert "4 cores in 2 slots" in text and "<b>2</b><span>1 failed" in text
    assert "<script" not in text and "<b>first" not in text


def test_the_column_that_tells_the_target_is_the_most_important(tmp_path):
    dataset = prepared(tmp_path, "number")
    found = explain(model_of(dataset), dataset, "r2")
    assert list(found.importance["column"][:1]) == ["<b>first</b> $1$"] or found.rows
    assert set(found.importance["column"]) == set(dataset.preprocessing.columns)
    assert found.part == "test" and found.rows == dataset.num_rows["test"]
    assert found.residuals["true"].between(700, 1300).all()
    again = explain(model_of(dataset), dataset, "r2")
    pd.testing.assert_frame_equal(found.importance, again.importance)


def test_what_the_rows_do_not_allow_is_told_in_another_metric(tmp_path):
    dataset = prepared(tmp_path, 2)
    model = model_of(dataset)
    assert explain(model, dataset, "no such metric").metric == "accuracy"
    assert explain(model, dataset, "neg_log_loss").metric == "neg_log_loss"
    numbers = prepared(tmp_path / "numbers", "number")
    found = explain(model_of(numbers), numbers, "neg_mean_gamma_deviance")
    assert found.metric in ("neg_mean_gamma_deviance", "neg_mean_squared_error")


def test_a_model_that_saw_the_validation_rows_is_explained_on_test_rows_alone(tmp_path):
    dataset = prepared(tmp_path, 2)
    assert explain(model_of(dataset, include_validation=True), dataset, "accuracy").part == "test"


def test_a_model_of_all_rows_has_no_score_and_is_not_explained(tmp_path):
    dataset = prepared(tmp_path, 2)
    everything = model_of(dataset, include_validation=True, all_rows=True)
    assert set(everything.description.scores) == {"rows_per_second"}
    with pytest.raises(DataError, match="trained on all rows"):
        explain(everything, dataset, "accuracy")


def test_without_a_model_the_page_shows_the_best_network_of_the_search(tmp_path):
    run = run_on(tmp_path, prepared(tmp_path, 3))
    text, written = page_of(tmp_path, run, load=lambda path: pytest.fail("nothing to load"))
    assert "validation accuracy</em><b>0.75</b>" in text and "optimistic" in text
    assert "Evaluation 1, the best of the search" in text and "network.png" in written
    assert "There is no retrained model" in text


def test_failed_evaluations_alone_have_a_report(tmp_path):
    run = run_on(tmp_path, prepared(tmp_path, 3), [None, None])
    text, written = page_of(tmp_path, run)
    assert "No network has a score" in text or "boosting was not measured" in text
    assert "<b>0</b><span>2 failed" in text and "failures.png" in written


def test_a_model_whose_data_are_gone_still_tells_its_scores(tmp_path):
    dataset = prepared(tmp_path, 3)
    run = run_on(tmp_path, dataset)
    model = model_of(dataset)
    save_model(model, run / "models" / "evaluation_1")
    dataset.path.unlink()
    text, _ = page_of(tmp_path, run)
    assert f"<b>{model.description.scores['test']['accuracy']:.5g}</b>" in text
    assert "The data that the model was trained on are not here any more" in text


def test_without_tensorflow_the_scores_are_told_and_why_there_is_no_more(tmp_path, monkeypatch):
    dataset = prepared(tmp_path, 3)
    run = run_on(tmp_path, dataset)
    save_model(model_of(dataset), run / "models" / "evaluation_1")
    monkeypatch.setattr(run_report.importlib.util, "find_spec", lambda name: None)
    text, _ = page_of(tmp_path, run)
    assert "TensorFlow is not installed here" in text and "test accuracy</em>" in text


def test_a_model_of_other_data_is_refused_and_a_damaged_one_in_the_run_passed_over(tmp_path):
    dataset = prepared(tmp_path, 3)
    run = run_on(tmp_path, dataset)
    other = prepared(tmp_path / "other", 2)
    save_model(model_of(other), tmp_path / "model")
    with pytest.raises(UsageError, match="other data"):
        page_of(tmp_path, run, tmp_path / "model")
    save_model(model_of(dataset), run / "models" / "evaluation_1")
    (run / "models" / "evaluation_1" / "network.keras").write_bytes(b"x")
    assert "There is no retrained model" in page_of(tmp_path, run)[0]
