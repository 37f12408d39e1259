"""Exported models compute in a process without agebo_hpc what the model itself computes."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pandas as pd
import pytest
from elsewhere import KERAS, ONNX, Elsewhere

from agebo_hpc.data.codes import CodeColumn
from agebo_hpc.data.encoders import OneHotEncoder
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.preprocessing import Preprocessing, fit_crossfitted, fit_target
from agebo_hpc.data.reading import LEVEL, NUMBER, TEXT
from agebo_hpc.data.values import as_levels
from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.models import export, portable
from agebo_hpc.models.bundle import Model, load_model, save_model
from agebo_hpc.models.choice import Chosen, RetrainOptions
from agebo_hpc.models.description import ModelDescription
from agebo_hpc.models.ensemble import make_ensemble, select
from agebo_hpc.models.export import export_model
from agebo_hpc.models.onnx_operations import label_array
from agebo_hpc.models.portable import missing_text
from agebo_hpc.models.retraining import retrain
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.training.network import initial_parameters, keras_model

SPACE = {"num_nodes": 5}
RECIPE = {"epochs": 2, "warmup_epochs": 1}


def table(rows=700, seed=3):
    """Return a table with a column for each encoder, missing cells and two targets."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(5, 3, rows), "net/gross": rng.lognormal(0, 2, rows)})
    frame.loc[rng.random(rows) < 0.1, "size"] = np.nan
    frame["place"] = rng.choice(["north", "south", "øst"], rows)
    frame.loc[rng.random(rows) < 0.1, "place"] = None
    frame["code"] = [f"c{i}" for i in rng.integers(0, 40, rows)]
    seconds = rng.integers(-(10**9), 2 * 10**9, rows)
    frame["day"] = pd.to_datetime(pd.Series(seconds), unit="s")
    frame.loc[rng.random(rows) < 0.1, "day"] = pd.NaT
    score = frame["size"].fillna(0) + 3 * (frame["place"] == "north") + rng.normal(0, 1, rows)
    frame["kind"] = pd.qcut(score, 3, labels=["low", "mid", "high"]).astype(str)
    frame["price"] = 1000 + 50 * score
    return frame


def chosen_for(dataset, tmp_path, number=0):
    # All five activations, all skips; the numbers of units differ between networks.
    node, decisions = 0, []
    for variable in ArchitectureSpace(**SPACE).variables:
        if variable.kind == "skip":
            decisions.append(1)
        else:
            decisions.append(1 + 5 * ((node + number) % 6) + node % 5)
            node += 1
    evaluation = Evaluation(
        number,
        Configuration(
            tuple(decisions), {"batch_size": 64, "learning_rate": 0.01, "num_processes": 1}
        ),
    )
    result = Result(evaluation, Status.DONE, 0.5, submitted=0, started=0, ended=1)
    problem = {"objective": "last", "architecture": SPACE, "recipe": RECIPE}
    return Chosen(tmp_path, 1 + number, result, problem, 11)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a directory with a model for classes, one for prices and an ensemble of two."""
    home = tmp_path_factory.mktemp("models")
    for target, other in (("kind", "price"), ("price", "kind")):
        data = prepare_dataset(
            table(), target, home / f"{target}.h5", PrepareOptions(drop=[other])
        )
        models = [
            retrain(chosen_for(data, home, number), data, RetrainOptions()) for number in (0, 1)
        ]
        save_model(models[0], home / target)
        save_model(make_ensemble(models, data), home / f"{target}_ensemble")
    return home


def columns_for_export(frame, model):
    """Return the inputs of an exported model, as `docs/models.rst` tells to make them."""
    told = {}
    for encoder in model.preprocessing.encoders:
        column = frame[encoder.column]
        if encoder.kind == "category":
            values = column.where(column.notna(), "").astype(object).to_numpy()
        elif encoder.kind == "datetime":
            seconds = (column - pd.Timestamp(0)).dt.total_seconds()
            values = seconds.to_numpy(np.float64)
        else:
            values = column.to_numpy(np.float64)
        told[encoder.column] = values[:, None]
    return told


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Compute outputs in a process of its own: `elsewhere("onnx", file, columns, directory)`."""
    processes = {}

    def compute(kind, file, columns, place):
        code = ONNX if kind == "onnx" else KERAS
        if code not in processes or processes[code].process.poll() is not None:
            processes[code] = Elsewhere(code, tmp_path_factory.mktemp("elsewhere"))
        return processes[code].compute(file, columns, place)

    yield compute
    for process in processes.values():
        process.close()


def new_rows():
    """Return rows that training never saw: other categories, years and sizes."""
    frame = table(300, seed=9)
    frame.loc[:20, "place"] = "Mars"
    frame.loc[10:30, "code"] = "unseen"
    frame.loc[40, "net/gross"] = 1e30
    frame.loc[41, "day"] = pd.Timestamp("2000-02-29 23:59:59.5")
    frame.loc[42, "day"] = pd.Timestamp("1899-12-31 00:00:01")
    frame.loc[43, "day"] = pd.Timestamp("2100-03-01")
    return frame


@pytest.mark.parametrize("name", ["kind", "kind_ensemble", "price", "price_ensemble"])
def test_onnx_runtime_gives_the_same_numbers(files, elsewhere, name, tmp_path):
    model, frame = load_model(files / name), new_rows()
    export_model(model, "onnx", tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    used = {name for node in graph.node for name in node.input}
    # ONNX Runtime warns of an unused one at each load.
    assert {constant.name for constant in graph.initializer} <= used
    columns = columns_for_export(frame, model)
    outputs = elsewhere("onnx", tmp_path / "model.onnx", columns, tmp_path)
    expected = model.predict(frame)
    if model.class_labels is None:
        np.testing.assert_allclose(outputs[0], expected["prediction"], rtol=1e-5, atol=1e-3)
        return
    probabilities = expected.drop(columns="prediction")
    np.testing.assert_allclose(outputs[0], probabilities, rtol=0, atol=1e-5)
    assert list(outputs[1]) == list(expected["prediction"])


@pytest.mark.parametrize("kind", ["keras", "savedmodel"])
def test_keras_and_tensorflow_give_the_same_numbers(files, elsewhere, kind, tmp_path):
    frame = new_rows()
    for name in ("kind_ensemble", "price"):
        model = load_model(files / name)
        out = tmp_path / (f"{name}.keras" if kind == "keras" else name)
        export_model(model, kind, out)
        (outputs,) = elsewhere(kind, out, columns_for_export(frame, model), tmp_path)
        expected = model.predict(frame)
        if model.class_labels is None:
            np.testing.assert_allclose(outputs[:, 0], expected["prediction"], rtol=1e-5, atol=1e-3)
        else:
            probabilities = expected.drop(columns="prediction")
            np.testing.assert_allclose(outputs, probabilities, rtol=0, atol=1e-5)


COLUMNS = (
    *("", "self", "prediction", "probabilities", "Prediction", "A", "a", "a_", "net/gross"),
    *("net gross", "1st", "\u21920", "\u2190constant0", "øst", "class", "inputs", "training"),
    *("name", "\N{GRINNING FACE}", "tab\tand\nline", "x" * 300),
)
LEVELS = (
    *("[UNK]", "[UNK]?", "", "?", "nan", "None", "<NA>", "[MASK]", "[PAD]", "null", "0", "-1"),
    *("\u00e9", "e\u0301", "\N{GRINNING FACE}", "two\nlines", "x" * 5000, "x" * 5001, "\ufeffq"),
    *("A", "a", "a b", "%s", "{0}", "\\n", "'", '"', ",", "#"),
)


@pytest.fixture(scope="module")
def odd():
    """Return a model of columns and levels with odd names, and a table with all of them."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            column: rng.normal(size=900)
            if number % 2
            else rng.choice(np.array([*LEVELS[number % 9 : number % 9 + 12], None], object), 900)
            for number, column in enumerate(COLUMNS)
        }
    )
    frame["all levels"] = rng.choice(np.array([*LEVELS, None], object), 900)
    frame["target"] = rng.integers(0, 3, 900)
    readings = {c: NUMBER if n % 2 else TEXT for n, c in enumerate(COLUMNS)}
    coding = fit_target(frame["target"], "classification")
    readings["all levels"] = TEXT
    fitted = replace(fit_crossfitted(frame, coding, readings)[0], codes=())
    assert len(fitted.encoders) == len(COLUMNS) + 1
    graph = ArchitectureSpace(num_nodes=1).decode((3, 1), len(fitted.feature_names), 3)
    network = keras_model(graph, initial_parameters(graph, rng), "classification")
    schema = {"columns": list(fitted.columns), "class_labels": [0, 1, 2]}
    description = ModelDescription(
        "classification", graph.to_dict(), {}, {}, fitted.to_dict(), schema, {}, {}
    )
    unseen = pd.DataFrame([dict.fromkeys(frame, "[UNK]??")])
    unseen[[c for c in COLUMNS if readings[c] is NUMBER]] = np.nan
    return Model(network, description), pd.concat([frame, unseen], ignore_index=True)


def odd_columns(frame, model, kind):
    """Return the inputs of an exported model by their names there."""
    names = export.input_names(kind, model)
    assert list(names) == list(model.preprocessing.columns)
    assert len({name.casefold() for name in names.values()}) == len(names)
    told = {}
    for encoder in model.preprocessing.encoders:
        column = frame[encoder.column]
        if encoder.kind == "category":
            codes, levels = as_levels(column, encoder.reading)
            lost = missing_text(encoder)
            texts = np.array([lost if level is None else level for level in levels], object)
            values = texts[codes]
        else:
            values = column.to_numpy(np.float64)
        told[names[encoder.column]] = values[:, None]
    return told


@pytest.mark.parametrize("kind", ["keras", "savedmodel", "onnx"])
def test_any_text_is_a_level_and_a_name(odd, elsewhere, kind, tmp_path):
    model, frame = odd
    out = tmp_path / {"keras": "odd.keras", "savedmodel": "odd", "onnx": "odd.onnx"}[kind]
    export_model(model, kind, out)
    outputs = elsewhere(kind, out, odd_columns(frame, model, kind), tmp_path)
    expected = model.predict(frame).drop(columns="prediction")
    np.testing.assert_allclose(outputs[0], expected, rtol=0, atol=1e-5)
    assert outputs[0].std(axis=0).min() > 1e-4


WAYS = {
    "flag": {"True": ("true", "TRUE"), "False": ("false", "FALSE")},
    "number": {"3": ("3.0",), "0.5": (), "-1": ("-1.0",)},
    "day": {"2013-01-31": ("2013-01-31 00:00:00", "2013-01-31T00:00:00"), "x": ()},
    "lost": {"a": (), "": ("NA", "None", "nan", "unknown", "?")},
}


@pytest.mark.parametrize("kind", ["keras", "savedmodel", "onnx"])
@pytest.mark.parametrize("one_hot_levels", [16, 1])
def test_an_exported_model_knows_levels_in_the_ways_that_programs_write_them(
    odd, elsewhere, kind, one_hot_levels, tmp_path
):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({c: rng.choice(np.array([*ways]), 400) for c, ways in WAYS.items()})
    frame["target"] = rng.integers(0, 3, 400)
    reading = replace(LEVEL, missing=("unknown",))
    coding = fit_target(frame["target"], "classification")
    fitted, _ = fit_crossfitted(frame, coding, dict.fromkeys(WAYS, reading), one_hot_levels)
    fitted = replace(fitted, codes=())
    graph = ArchitectureSpace(num_nodes=1).decode((3, 1), len(fitted.feature_names), 3)
    network = keras_model(graph, initial_parameters(graph, rng), "classification")
    description = replace(
        odd[0].description, graph=graph.to_dict(), preprocessing=fitted.to_dict()
    )
    model = Model(network, description)
    ways = [(c, way) for c, levels in WAYS.items() for found in levels.values() for way in found]
    others = pd.DataFrame([frame.iloc[0, :4].to_dict() | {column: way} for column, way in ways])
    out = tmp_path / {"keras": "m.keras", "savedmodel": "m", "onnx": "m.onnx"}[kind]
    export_model(model, kind, out)
    told = {export.input_names(kind, model)[c]: others[c].to_numpy(object)[:, None] for c in WAYS}
    outputs = elsewhere(kind, out, told, tmp_path)
    expected = model.predict(others).drop(columns="prediction")
    np.testing.assert_allclose(outputs[0], expected, rtol=0, atol=1e-5)
    assert len(expected.drop_duplicates()) >= 4


class Tables:
    """Operations that look nothing up, and return what is known of each text."""

    def lookup(self, x, keys, table, name):
        assert len(set(keys)) == len(keys) == len(table) - 1
        return dict(zip([*keys, "any other"], table.tolist(), strict=True))


def test_codes_know_a_level_by_the_same_texts_as_features_do():
    levels = ("2013-01-31", "3", "True", None)
    encoder = OneHotEncoder("a", levels, replace(LEVEL, missing=("unknown",)))
    code = CodeColumn("a", size=5)
    known = portable._codes(Tables(), encoder, code, None)
    features = Tables().lookup(None, *portable._level_table(encoder), "a")
    assert known.keys() == features.keys()
    for text in ("TRUE", "3.0", "2013-01-31T00:00:00", "NA", "unknown", ""):
        assert features[text][int(known[text][0]) - 1] == 1
    assert known["any other"] == [0] and sum(features["any other"]) == 0


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ((False, True), "b"),
        ((1, 7), "i"),
        ((0.0, 1.5), "f"),
        (("a", "a\0", "", "nan"), "O"),
        ((-1, 2**63, 2**64), "O"),
    ],
)
def test_labels_of_every_kind_stay_what_they_are(labels, kind):
    array = label_array(labels)
    assert array.dtype.kind == kind
    assert array.tolist() == (list(labels) if kind != "O" else [str(x) for x in labels])


def test_a_level_that_keras_cannot_keep_apart_is_refused_in_one_line(odd, tmp_path):
    frame = pd.DataFrame({"a": ["x", "x\0", "y"] * 30, "t": [0, 1, 1] * 30})
    fitted = Preprocessing.fit(frame, "t", task="classification")
    description = replace(odd[0].description, preprocessing=fitted.to_dict())
    model = Model(odd[0].network, description)
    with pytest.raises(UsageError, match=r"'a' has the level 'x\\x00'.*--format onnx"):
        export_model(model, "keras", tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


def test_an_export_is_replaced_only_with_force_and_nothing_else_ever(files, tmp_path):
    model, out = load_model(files / "kind"), tmp_path / "model.onnx"
    out.write_bytes(b"old")
    with pytest.raises(UsageError, match="exists; give another path, or --force"):
        export_model(model, "onnx", out)
    assert out.read_bytes() == b"old"
    export_model(model, "onnx", out, force=True)
    assert out.read_bytes() != b"old"
    (tmp_path / "home").mkdir()
    with pytest.raises(UsageError, match="is no savedmodel export"):
        export_model(model, "savedmodel", tmp_path / "home", force=True)
    with pytest.raises(UsageError, match=r"a name that ends with \.keras"):
        export_model(model, "keras", tmp_path / "model.h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "model.onnx"]


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"agebo_hpc\[export\]"):
        export.check_export("onnx", tmp_path / "model.onnx", force=False)


def test_greedy_selection_takes_what_helps_and_weighs_it():
    y = np.array([0, 0, 1, 1])
    good = np.array([[0.9, 0.1], [0.4, 0.6], [0.1, 0.9], [0.2, 0.8]], np.float32)
    other = np.array([[0.4, 0.6], [0.9, 0.1], [0.3, 0.7], [0.3, 0.7]], np.float32)
    useless = 1 - good
    counts = select([useless, good, other], y, "classification")
    assert counts[0] == 0 and counts[1] > 0 and counts[2] > 0
    mean = (counts[1] * good + counts[2] * other) / counts.sum()

    def loss(p):
        return -np.log(p[np.arange(4), y]).mean()

    assert loss(mean) < min(loss(good), loss(other))
    assert list(select([useless, good], y, "classification")) == [0, 1]


def test_an_ensemble_gives_the_weighted_mean_of_its_members_and_knows_its_price(files):
    model = load_model(files / "kind_ensemble")
    told = json.loads((files / "kind_ensemble" / "model.json").read_text())
    weights = [member["weight"] for member in told["provenance"]["members"]]
    assert sum(weights) == pytest.approx(1) and len(weights) == len(model.members)
    x = model.preprocessing.transform(new_rows())
    outputs = model.outputs(x)
    np.testing.assert_allclose(model.network(x), outputs.probabilities, atol=1e-6)
    np.testing.assert_allclose(outputs.probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.exp(outputs.raw), outputs.probabilities, atol=1e-5)
    scores = told["scores"]
    assert scores["single"]["rows_per_second"] > 0 and scores["rows_per_second"] > 0
    assert scores["validation"]["loss"] <= scores["single"]["validation"]["loss"] + 1e-6


@pytest.mark.parametrize("kind", ["keras", "savedmodel", "onnx"])
@pytest.mark.parametrize("room", [8, 100])
def test_a_full_disk_is_one_line_and_leaves_nothing(files, small_disk, tmp_path, kind, room):
    disk = tmp_path / "disk"
    with small_disk(disk, "200k"):
        ballast = disk / "ballast"
        ballast.write_bytes(bytes((200 - room) * 1024))
        with pytest.raises(UsageError, match="No space left on device; choose another --out"):
            export_model(load_model(files / "kind"), kind, disk / f"model{export.ENDINGS[kind]}")
        assert [path.name for path in disk.iterdir()] == ["ballast"]


@pytest.mark.parametrize("kind", ["keras", "onnx"])
def test_an_export_goes_into_a_device_and_behind_a_link(files, tmp_path, kind):
    model = load_model(files / "kind")
    export_model(model, kind, "/dev/null")
    ending = export.ENDINGS[kind]
    target, link = tmp_path / f"target{ending}", tmp_path / f"link{ending}"
    target.write_bytes(b"old")
    link.symlink_to(target.name)
    export_model(model, kind, link, force=True)
    assert link.is_symlink() and target.stat().st_size > 1000
