"""Horovod or MPI: decided from what all trainer ranks have, without loading either."""

import sys

import pytest

from agebo_hpc.errors import ConfigurationError, LaunchError
from agebo_hpc.training import ways
from agebo_hpc.training.ways import (
    Way,
    by_host,
    check_children,
    choose_way,
    has_horovod,
    load_horovod,
)

WITH, WITHOUT = {"a": True, "b": True}, {"a": True, "b": False, "c": False}


def test_auto_takes_horovod_where_all_hosts_have_it_and_mpi_elsewhere():
    assert choose_way("auto", WITH).name == "horovod"
    lacking = choose_way("auto", WITHOUT)
    assert lacking.name == "mpi"
    assert "host b and 1 more" in str(lacking)


@pytest.mark.parametrize("hosts", [WITH, WITHOUT])
def test_what_is_asked_for_is_taken_or_refused(hosts):
    assert choose_way("mpi", hosts).name == "mpi"
    if hosts is WITH:
        assert choose_way("horovod", hosts).name == "horovod"
        return
    with pytest.raises(LaunchError, match=r"not installed on host b and 1 more.*parallel mpi"):
        choose_way("horovod", hosts)


def test_a_host_has_horovod_when_all_of_its_ranks_have_it():
    ranks = [("a", True), ("b", False), ("a", True), ("b", True)]
    assert by_host(ranks) == {"a": True, "b": False}


def package(place, text, library=None):
    (place / "horovod" / "tensorflow").mkdir(parents=True)
    (place / "horovod" / "__init__.py").write_text(text)
    (place / "horovod" / "tensorflow" / "__init__.py").write_text(text)
    if library:
        (place / "horovod" / "tensorflow" / library).touch()


@pytest.fixture
def first_on_path(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.split(".")[0] == "horovod"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


BROKEN = "raise ImportError('undefined symbol:\\n _ZN10tensorflow')"


def test_a_package_without_its_tensorflow_library_is_not_horovod(first_on_path):
    package(first_on_path, BROKEN)
    assert not has_horovod()


def test_looking_for_horovod_imports_nothing(first_on_path):
    package(first_on_path, BROKEN, "mpi_lib.cpython-311.so")
    assert has_horovod()
    assert "horovod" not in sys.modules


@pytest.mark.parametrize("blocked", [None, ImportError])
def test_an_import_that_is_blocked_is_no_horovod(monkeypatch, blocked):
    monkeypatch.setitem(sys.modules, "horovod", None)
    if blocked is not None:

        def refuse(name):
            raise blocked(name)

        monkeypatch.setattr(ways, "find_spec", refuse)
    assert not has_horovod()


def test_a_horovod_that_cannot_be_loaded_is_one_line_that_says_what_to_do(first_on_path):
    package(first_on_path, BROKEN, "mpi_lib.so")
    with pytest.raises(LaunchError, match=r"undefined symbol: _ZN10tensorflow") as caught:
        load_horovod()
    assert "\n" not in str(caught.value)
    assert "--data-parallel mpi" in str(caught.value)
    assert caught.value.exit_code == 71


@pytest.mark.parametrize(
    ("asked", "said"),
    [("mpi", "--data-parallel is mpi"), ("auto", "Horovod is not installed")],
)
def test_children_of_several_ranks_need_horovod(asked, said):
    check_children("auto", Way("horovod", ""))
    with pytest.raises(ConfigurationError, match=said) as caught:
        check_children(asked, Way("mpi", ""))
    assert "--max-processes 1" in str(caught.value)
