"""A model with right checksums and nonsense inside is refused in one line, or works."""

import copy
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.errors import AgeboError, DataError
from agebo_hpc.models.bundle import Model, load_model, save_model
from agebo_hpc.models.description import ModelDescription, read_description
from agebo_hpc.models.networks import EnsembleMember, join_networks
from agebo_hpc.models.validation import check_description, check_network
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.training.network import initial_parameters, keras_model

ROWS = 90
VALUES = (
    *(None, True, False, 0, 1, -1, 3, 10**30, 10**400, 0.5, -0.0, 1e308, float("nan")),
    *(float("inf"), "", "x", "relu", "dense", "\ud800", [], [None], [[]], {}, {"a": 1}, [0, 1, 2]),
)


def make_table():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"size": rng.normal(size=ROWS)})
    frame.loc[::9, "size"] = np.nan
    frame["place"] = rng.choice(["north", "south", "east"], ROWS)
    frame["code"] = [f"c{i % 30}" for i in range(ROWS)]
    frame["day"] = pd.date_range("2024-01-01", periods=ROWS, freq="h")
    frame["kind"] = rng.choice(["a", "b", "c"], ROWS)
    frame["price"] = rng.normal(size=ROWS)
    return frame


def make_model(target, ensemble):
    frame = make_table().drop(columns={"kind", "price"} - {target})
    task = "classification" if target == "kind" else "regression"
    fitted = Preprocessing.fit(frame, target, task=task)
    labels = list(fitted.target.labels) if task == "classification" else None
    outputs = len(labels) if labels else 1
    graph = ArchitectureSpace(num_nodes=2).decode(
        (3, 0, 4, 1, 1), len(fitted.feature_names), outputs
    )
    networks = [
        keras_model(graph, initial_parameters(graph, np.random.default_rng(seed)), task)
        for seed in range(2 if ensemble else 1)
    ]
    members = [EnsembleMember(graph, 0.25), EnsembleMember(graph, 0.75)]
    stored = {"members": [{**graph.to_dict(), "weight": m.weight} for m in members]}
    network = join_networks(members, networks, task) if ensemble else networks[0]
    description = ModelDescription(
        task,
        json.loads(json.dumps(stored if ensemble else graph.to_dict())),
        {"num_parameters": graph.num_parameters},
        {"include_validation": False, "predicts_one": "class"}
        | ({"members": [{"predicts_one": "class"}, {}]} if ensemble else {}),
        json.loads(json.dumps(fitted.to_dict())),
        {
            "target": target,
            "columns": list(fitted.columns),
            "feature_names": list(fitted.feature_names),
            "class_labels": labels,
        },
        {"name": "d", "path": "d.h5", "fingerprint": "0"},
        {"versions": {"keras": "3"}},
    )
    return Model(network, description)


MODELS = {}


def model_of(target, ensemble):
    """Return a model, made once."""
    key = target, ensemble
    if key not in MODELS:
        MODELS[key] = make_model(*key)
    return MODELS[key]


def places(value, path=()):
    """Yield the path of every value in plain data."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def at(data, path):
    for key in path:
        data = data[key]
    return data


def mutate(data, rng):
    """Change plain data at one place, in one of several ways; return what was done."""
    data = copy.deepcopy(data)
    found = [path for path in places(data) if path]
    path, other = (found[rng.integers(len(found))] for _ in range(2))
    owner, key, way = at(data, path[:-1]), path[-1], rng.integers(5)
    if way == 0:
        del owner[key]
    elif way == 1 and isinstance(owner, list):
        owner.append(copy.deepcopy(owner[key]))
    elif way == 2 and isinstance(owner[key], int | float) and not isinstance(owner[key], bool):
        owner[key] = [owner[key] + 1, -owner[key], owner[key] * 1e6][rng.integers(3)]
    elif way == 3:
        owner[key] = copy.deepcopy(at(data, other))
    else:
        owner[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
    return data, f"{way} at {path} with {other}"


def check_one(model, data, done):
    """Load a changed description as a program would; nothing but one line may come of it."""
    if len(data) < len(ModelDescription.__dataclass_fields__):
        # A field of the description itself is gone: reading the file says so.
        return True
    try:
        description = ModelDescription(**data)
        check_description(Path("model.json"), description)
        check_network(Path("network.keras"), description, model.network)
        changed = Model(model.network, description)
        assert isinstance(description.remark, str)
        frame = make_table()
        # Names of columns may be others now; then the table lacks them.
        outputs = changed.outputs(changed.preprocessing.transform(frame))
        predicted = changed.tabulate(outputs, frame.index)
    except AgeboError as error:
        assert error.exit_code == 65 and "\n" not in str(error), (done, error)
        return True
    assert len(predicted) == ROWS and not predicted.isna().any(axis=None), done
    return False


def fuzz(number, seed):
    rng = np.random.default_rng(seed)
    refused = 0
    for count in range(number):
        model = model_of(("kind", "price")[count % 2], count % 4 > 1)
        plain = {
            name: copy.deepcopy(getattr(model.description, name))
            for name in ModelDescription.__dataclass_fields__
        }
        data, done = mutate(plain, rng)
        try:
            refused += check_one(model, data, done)
        except Exception as error:
            raise AssertionError(done) from error
    return refused


def test_changed_descriptions_are_refused_in_one_line_or_work():
    assert fuzz(150, seed=5) > 75


@pytest.mark.long
def test_many_changed_descriptions_are_refused_in_one_line_or_work():
    assert fuzz(1500, seed=6) > 750


def test_a_sound_model_passes_and_so_does_one_without_readings(tmp_path):
    for key in [("kind", False), ("price", True)]:
        model = model_of(*key)
        save_model(model, tmp_path / key[0])
        again = load_model(tmp_path / key[0])
        frame = make_table()
        pd.testing.assert_frame_equal(again.predict(frame), model.predict(frame))
        preprocessing = copy.deepcopy(model.description.preprocessing)
        for item in [preprocessing["target"], *preprocessing["columns"]]:
            item.pop("reading", None)
        assert Preprocessing.from_dict(preprocessing).columns == model.preprocessing.columns


def test_a_network_of_another_model_and_one_of_nan_are_refused(tmp_path):
    first, other = model_of("kind", False), model_of("price", False)
    save_model(Model(other.network, first.description), tmp_path / "swapped")
    with pytest.raises(DataError, match=r"network\.keras makes no sense"):
        load_model(tmp_path / "swapped")
    sick = make_model("kind", False)
    layer = next(layer for layer in sick.network.layers if layer.get_weights())
    layer.set_weights([np.full_like(array, np.nan) for array in layer.get_weights()])
    save_model(sick, tmp_path / "sick")
    with pytest.raises(DataError, match="are not all finite"):
        load_model(tmp_path / "sick")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nonsense", bytes(2000)])
def test_a_network_that_keras_cannot_read_is_refused_in_one_line(tmp_path, content):
    model = model_of("kind", False)
    (tmp_path / "network.keras").write_bytes(content)
    # With the right digest, as somebody would write it.
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / "model.json").write_text(model.description.to_json(digest))
    assert read_description(tmp_path).task == "classification"
    with pytest.raises(DataError, match="cannot be loaded by Keras") as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)
