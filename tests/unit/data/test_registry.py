"""Known data sets, with the network replaced where there is none."""

import socket
import subprocess
import urllib.error
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets

from agebo_hpc.data import packages, registry
from agebo_hpc.data.preparation import PrepareOptions
from agebo_hpc.errors import DataError, InputMissingError, UsageError


def test_an_unknown_name_lists_those_known():
    with pytest.raises(UsageError, match="airlines, albert, dionis.*Did you mean 'covertype'"):
        registry.known_set("covertyp")


def test_what_is_known_before_departure_has_no_trace_of_the_flight_itself():
    flights = pd.DataFrame(
        {
            "year": 2013,
            "month": [1, 1, 2],
            "day": [1, 2, 3],
            "dep_time": [517, 533, np.nan],
            "sched_dep_time": [515, 5, 2359],
            "sched_arr_time": [819, 830, 24],
            "arr_delay": [11.0, 0.0, np.nan],
            "carrier": "UA",
            "flight": [1545, 1, 2],
            "origin": "EWR",
            "dest": "IAH",
            "distance": 1400,
            "air_time": 227,
        }
    )
    table = registry.flights_before_departure(flights)
    assert len(table.columns) == 11 and not {"dep_time", "air_time"} & set(table.columns)
    assert table["sched_dep_time"].tolist() == [315, 5]
    assert table["sched_arr_time"].tolist() == [499, 510]
    assert table["weekday"].tolist() == [1, 2]
    assert table["delayed"].tolist() == ["late", "on_time"]


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("no route"), TimeoutError("timed out"), ValueError("gone")]
)
def test_openml_out_of_reach_is_one_line_and_no_file(tmp_path, monkeypatch, error):
    def fail(**arguments):
        assert socket.getdefaulttimeout() == registry.NETWORK_SECONDS
        raise error

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fail)
    with pytest.raises(InputMissingError, match=r"41167.*check the internet connection") as caught:
        registry.fetch_dataset("dionis", tmp_path / "d.h5")
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []
    assert socket.getdefaulttimeout() is None


def openml(monkeypatch, frame, target):
    asked = []

    def fetch(**arguments):
        asked.append(arguments["data_id"])
        return SimpleNamespace(frame=frame, target_names=[target])

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    return asked


@pytest.mark.parametrize(
    ("name", "number"),
    [("covertype", 1596), ("airlines", 1169), ("albert", 41147), ("dionis", 41167)],
)
def test_another_table_than_expected_is_refused(tmp_path, monkeypatch, table, name, number):
    asked = openml(monkeypatch, table, "grade")
    with pytest.raises(DataError, match="600 rows x 7 columns"):
        registry.fetch_dataset(name, tmp_path / "d.h5")
    assert asked == [number]


def test_a_table_from_openml_is_prepared(tmp_path, monkeypatch, table):
    known = registry.KNOWN_SETS["covertype"]
    small = registry.replace(known, rows=600, columns=7)
    monkeypatch.setitem(registry.KNOWN_SETS, "covertype", small)
    openml(monkeypatch, table, "grade")
    data = registry.fetch_dataset("covertype", tmp_path / "d.h5", PrepareOptions(seed=3))
    assert data.name == "covertype" and data.target == "class" and data.schema["seed"] == 3


def test_an_existing_file_is_refused_before_the_download(tmp_path):
    (tmp_path / "d.h5").touch()
    with pytest.raises(UsageError, match="--force"):
        registry.fetch_dataset("dionis", tmp_path / "d.h5")


def test_a_failing_pip_is_told_by_its_last_error(tmp_path, monkeypatch):
    def fail(command, **arguments):
        return subprocess.CompletedProcess(command, 1, "", "note\nERROR: No matching version.\n")

    monkeypatch.setattr(packages.subprocess, "run", fail)
    with pytest.raises(InputMissingError, match=r"\(No matching version\)"):
        packages.pip_download("nothing==1.0", tmp_path)


def test_a_pip_that_never_ends_is_given_up(tmp_path, monkeypatch):
    def hang(command, timeout, **arguments):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(packages.subprocess, "run", hang)
    with pytest.raises(InputMissingError, match="no answer in 900 s"):
        packages.pip_download("nothing==1.0", tmp_path)
