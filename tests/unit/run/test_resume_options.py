"""What a resume may do with each option follows from the option's record."""

from dataclasses import fields

import pytest

from agebo_hpc.errors import ConfigurationError, DataError, UsageError
from agebo_hpc.run.changes import read_changes
from agebo_hpc.run.notation import write_value
from agebo_hpc.run.option import OnResume
from agebo_hpc.run.options import OPTIONS
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.run.resumption import changed_configuration, resume_request, stored_request
from agebo_hpc.storage.run_directory import RunDirectory

OF_FIRST_VERSION = (
    *("method", "preset", "executor", "population", "sample_size", "kappa", "lie", "trees"),
    *("mutation", "seed", "max_processes", "isolation"),
)
"""Options that the oldest stored requests have."""
NOW = {
    **{"method": "random", "preset": "v1-small", "problem": "p.py:mine", "executor": "serial"},
    **{
        "fixed": {"batch_size": 32},
        "mutation": "nodes",
        "lie": "max",
        "surrogate": "scikit-optimize",
    },
    **{"objective": "best", "optimizer": "sgd", "loss": "mae", "metric": "roc_auc"},
    **{"target_transform": "log"},
    **{"class_weights": "balanced", "schedule": "cosine", "precision": "bfloat16", "xla": "on"},
    **{"input": "stream", "processes": (1, 2), "allocation": "exclusive", "isolation": "child"},
    **{"data_parallel": "mpi", "span_nodes": True, "synchronous": True, "show_ranks": True},
    **{"baselines": False, "scheduler": "asha", "brackets": "all"},
    **{"label_smoothing": 0.1, "dropout": 0.1, "ahead": 3, "simulate": "lognormal"},
}
"""Another value of each option that is no plain number."""
RECORDS = pytest.mark.parametrize(
    "record", [r for r in OPTIONS.values() if r.name != "out"], ids=lambda r: r.name
)


def other_value(record):
    """Return a value of an option that is allowed and not its default."""
    if record.name == "data":
        return "moved.h5"
    if record.name in NOW:
        return NOW[record.name]
    return (record.default or 1) + 1


@pytest.fixture
def run(tmp_path):
    """Return the directory of a search of which every option is as usual."""
    request = SearchRequest(data="d.h5", out=str(tmp_path / "run"))
    config = {
        "request": request.to_dict(),
        "search": {"num_initial": 5},
        "problem": {"hyperparameters": {}, "architecture": {}},
    }
    return RunDirectory.create(request.out, config)


@RECORDS
def test_each_option_may_change_as_its_record_says(run, record):
    given = {record.name: other_value(record)}
    before = getattr(stored_request(run), record.name)
    if record.on_resume in (OnResume.START, OnResume.GOAL):
        assert getattr(resume_request(run, given), record.name) == given[record.name]
        return
    with pytest.raises(ConfigurationError) as caught:
        resume_request(run, given)
    said = str(caught.value)
    now = given[record.name]
    assert f"{record.spelling} {record.shown(before)}; now it is {record.shown(now)}" in said
    assert "None" not in said and "{" not in said
    assert "\n" not in said
    if record.on_resume is OnResume.FORCE:
        assert "--set" in said and "--force" in said
        for allowed in ({"force": True}, {"changed": [record.name]}):
            asked = resume_request(run, given, **allowed)
            assert getattr(asked, record.name) == given[record.name]
    else:
        assert "cannot change" in said
        with pytest.raises(ConfigurationError, match="cannot change"):
            resume_request(run, given, force=True, changed=[record.name])


@RECORDS
def test_a_change_is_read_as_behind_the_option(record):
    value = other_value(record)
    words = ["on" if value else "off"] if record.kind is bool else write_value(value)
    setting = f"{record.spelling.lstrip('-')}={words[0]}"
    if record.on_resume is OnResume.NEVER:
        with pytest.raises(UsageError, match="cannot change; start a new search"):
            read_changes([setting])
        return
    found = read_changes([setting])
    assert found == {record.name: record.read(words[0])}
    assert read_changes([f"{record.name}={words[0]}"]) == found
    with pytest.raises(UsageError, match="given twice"):
        read_changes([setting, setting])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("epochs", "write NAME=VALUE"),
        ("=3", "write NAME=VALUE"),
        ("epoch=3", "did you mean epochs"),
        ("zzz=3", "choose among"),
        ("epochs=three", "--epochs is three; give a whole number"),
        ("max-time=soon", "not a duration"),
        ("baselines=maybe", "neither on nor off"),
    ],
)
def test_a_change_that_is_none_is_said_in_one_line(setting, said):
    with pytest.raises(UsageError, match=said) as told:
        read_changes([setting])
    assert "\n" not in str(told.value)


@RECORDS
def test_what_is_as_before_may_be_given_again(run, record):
    before = getattr(stored_request(run), record.name)
    assert resume_request(run, {record.name: before}) == stored_request(run)


@RECORDS
def test_what_is_changed_for_good_is_stored_and_the_rest_is_not(run, record):
    value = other_value(record)
    now = {**run.config["request"], record.name: value}
    sections = {"search": {}, "problem": {}}
    stored, found = changed_configuration(
        {"request": run.config["request"], **sections}, {"request": now, **sections}
    )
    is_kept = record.on_resume in (OnResume.GOAL, OnResume.FORCE) or record.name == "data"
    assert list(found) == ([f"request.{record.name}"] if is_kept else [])
    assert (stored["request"].get(record.name) == value) == is_kept


def test_the_request_of_the_first_version_still_opens(run):
    # It always stored these.
    evolution = {"population": 100, "sample_size": 10, "preset": "v1"}
    whole = {**run.config["request"], **evolution}
    old = {name: whole[name] for name in (*OF_FIRST_VERSION, "data", "out")}
    run.config["request"] = old
    assert stored_request(run) == SearchRequest(data="d.h5", out=str(run.path), **evolution)


@pytest.mark.parametrize("name", [f.name for f in fields(SearchRequest)])
def test_a_stored_request_without_one_of_the_options_still_opens(run, name):
    run.config["request"].pop(name, None)
    opened = stored_request(run)
    assert opened.out == str(run.path)
    if name not in ("data", "out"):
        assert getattr(opened, name) == ({} if name == "fixed" else OPTIONS[name].default)


def test_a_stored_request_of_a_later_version_names_what_is_unknown(run):
    run.config["request"]["colour"] = "blue"
    with pytest.raises(DataError, match="colour"):
        stored_request(run)


def test_what_is_not_kept_is_not_stored():
    request = SearchRequest(data=None, out="run", show_ranks=True)
    assert request.show_ranks and "show_ranks" not in request.to_dict()
