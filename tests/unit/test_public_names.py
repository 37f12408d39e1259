"""The names that `agebo_hpc` promises: there, light to import, and in the reference."""

import re
import subprocess
import sys

import pytest
from pages import DOCS

import agebo_hpc
from agebo_hpc import errors

REFERENCE = DOCS / "reference"
DIRECTIVE = re.compile(r"^\.\. auto(?:class|function|data):: ([\w.]+)", re.MULTILINE)
# What is trained with is loaded with these, and only with these.
WITH_TENSORFLOW = {"Model", "load_model", "save_model"}
WITH_HDF5 = {"DataSet", "Part", "PrepareOptions", "open_dataset", "prepare_dataset"}


def described() -> list[str]:
    pages = sorted(REFERENCE.glob("*.rst"))
    return [name for page in pages for name in DIRECTIVE.findall(page.read_text())]


def test_every_public_name_has_one_place_in_the_reference():
    names = [name for name in described() if "." not in name]
    assert sorted(names) == sorted(set(agebo_hpc.__all__) - {"__version__"})


def test_the_overview_of_the_reference_names_them_all():
    listed = re.findall(r"^ {3}(\w+)$", (REFERENCE / "index.rst").read_text(), re.MULTILINE)
    pages = {page.stem for page in REFERENCE.glob("*.rst")} - {"index"}
    assert sorted(set(listed) - pages) == sorted(set(agebo_hpc.__all__) - {"__version__"})
    assert pages <= set(listed)


def test_every_error_is_in_the_reference():
    members = (REFERENCE / "errors.rst").read_text().split(":members:")[1].split("\n   :")[0]
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert set(re.findall(r"\w+", members)) == classes


def test_public_names_are_listed_for_completion():
    assert set(agebo_hpc.__all__) <= set(dir(agebo_hpc))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="NoSuchThing"):
        _ = agebo_hpc.NoSuchThing


def test_public_names_are_loaded_without_tensorflow_mpi_and_hdf5_where_they_need_none():
    light = sorted(set(agebo_hpc.__all__) - WITH_TENSORFLOW - WITH_HDF5 - {"read_history"})
    heavy = {"mpi4py", "tensorflow", "keras", "horovod", "h5py"}
    code = (
        f"import sys, agebo_hpc\nfor name in {light}: getattr(agebo_hpc, name)\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.parametrize("name", sorted({*WITH_HDF5, "read_history"}))
def test_data_and_histories_are_there(name):
    assert getattr(agebo_hpc, name).__doc__


def test_the_function_search_is_there_whatever_was_imported_first():
    code = (
        "import inspect, agebo_hpc.search.methods\n"
        "from agebo_hpc import search\n"
        "print(callable(search), 'out' in inspect.signature(search).parameters)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr
