"""The rooms of the package and who may import whom."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from agebo_hpc.cli.main import COMMANDS

PACKAGE = Path(__file__).parents[2] / "agebo_hpc"
MODULES = sorted(PACKAGE.rglob("*.py"))

# From left to right is allowed; rooms of one column do not know each other.
COLUMNS = (
    {"__main__"},
    {"cli"},
    {"experiments", "interface"},
    {"launch", "models", "diagnostics"},
    {"analysis"},
    {"run"},
    {"simulation", "baselines"},
    {"execution"},
    {"training", "scheduling", "storage"},
    {"search", "data"},
    {"space"},
    {"metrics"},
    {"intervals", "job", "processes", "random_state", "versions", "directories"},
    {"files", "reporter"},
    {"streams"},
    {"errors", "leftovers", "patient_file", "python_file", "text", "__init__"},
)
SIDE_BY_SIDE = {"execution/mpi", "execution/steps", "execution/isolated"}
"""Executors that can each be read alone."""
OF_EVERY_MPI = {"start", "preflight", "inbox", "outbox"}
"""Modules of execution/mpi that know no manager: whoever starts MPI, or sends, has them."""
DOORS = {
    "mpi4py": {"execution", "diagnostics", "training/mpi_group.py"},
    "tensorflow": {"training", "models"},
    "keras": {"training", "models"},
    "horovod": {"training"},
    "h5py": {"data", "storage"},
}
FILES = {"pathlib", "os", "io", "h5py", "shutil", "tempfile"}


def room(module: Path) -> str:
    """Return the directory under the package, or the module's own name at the top."""
    parts = module.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else module.stem


@cache
def imports(module: Path, for_annotations: bool = False) -> set[str]:
    """Return the dotted names of all imports, those inside functions included.

    With `for_annotations` only of those that no program runs, under ``if TYPE_CHECKING``.
    """
    found = set()
    tree = ast.parse(module.read_text(), str(module))
    asked = [
        node
        for node in tree.body
        if not for_annotations
        or isinstance(node, ast.If)
        and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    for node in [inner for outer in asked for inner in ast.walk(outer)]:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import; write the whole name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def column(name: str) -> int:
    found = [number for number, rooms in enumerate(COLUMNS) if name in rooms]
    assert found, f"{name} is a new room: give it its place in COLUMNS"
    return found[0]


def identifier(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


@pytest.mark.parametrize("module", MODULES, ids=identifier)
def test_imports_between_rooms_go_in_one_direction(module):
    here = room(module)
    for name in imports(module):
        parts = name.split(".")
        if parts[0] != "agebo_hpc" or len(parts) == 1:
            continue
        known = parts[1] if (PACKAGE / parts[1]).exists() else Path(parts[1] + ".py").stem
        there = known if not known.startswith("_") and known != here else here
        if there == here:
            continue
        assert column(here) < column(there), f"{identifier(module)} must not import {name}"


@cache
def own_imports(module: Path) -> frozenset[Path]:
    """Return the other modules of this package that one imports, early or late.

    Imports for annotations alone never run.
    """
    found = set()
    for name in imports(module) - imports(module, for_annotations=True):
        parts = name.split(".")
        # What follows the module's name is a name in it.
        for length in (len(parts), len(parts) - 1):
            path = PACKAGE.parent.joinpath(*parts[:length]).with_suffix(".py")
            if parts[0] == "agebo_hpc" and path in MODULES and path != module:
                found.add(path)
                break
    return frozenset(found)


def circles() -> list[list[str]]:
    """Return the groups of modules each of which imports, by others, itself."""
    number, lowest, stack, found = {}, {}, [], []

    def visit(module: Path) -> None:
        # Tarjan's strongly connected components.
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in own_imports(module):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            at = stack.index(module)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(sorted(map(identifier, group)))

    for module in MODULES:
        if module not in number:
            visit(module)
    return found


def test_no_module_imports_itself_by_others_not_even_late():
    assert circles() == []


@pytest.mark.parametrize("module", MODULES, ids=identifier)
def test_executors_can_each_be_read_alone(module):
    here = str(module.relative_to(PACKAGE).parent)
    if here in SIDE_BY_SIDE:
        for other in own_imports(module):
            there = str(other.relative_to(PACKAGE).parent)
            shared = there == "execution/mpi" and other.stem in OF_EVERY_MPI
            assert there == here or there not in SIDE_BY_SIDE or shared, (
                f"{identifier(module)} must not import {identifier(other)}"
            )


@pytest.mark.parametrize("module", MODULES, ids=identifier)
def test_mpi_tensorflow_and_hdf5_stay_behind_their_doors(module):
    place = identifier(module)
    for name in imports(module):
        doors = DOORS.get(name.split(".")[0])
        if doors is not None:
            assert room(module) in doors or place in doors, f"{place} must not import {name}"


@pytest.mark.parametrize("module", MODULES, ids=identifier)
def test_spaces_and_searches_know_no_files(module):
    # A problem may be a user's Python file, and that one module reads it.
    if room(module) in {"space", "search"} and identifier(module) != "space/problem.py":
        known = {name.split(".")[0] for name in imports(module)} & FILES
        assert not known, f"{identifier(module)} must not import {known}"


def test_columns_and_doors_name_what_is_there():
    rooms = {room(module) for module in MODULES}
    assert set().union(*COLUMNS) <= rooms
    for name, doors in DOORS.items():
        used = {
            p
            for m in MODULES
            if name in {i.split(".")[0] for i in imports(m)}
            for p in (room(m), identifier(m))
        }
        assert not used or doors <= used, f"{name} goes through no door {doors - used}"


def loaded_by(statement: str) -> set[str]:
    heavy = ("mpi4py", "tensorflow", "keras", "horovod", "h5py")
    code = f"{statement}; import sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(ast.literal_eval(done.stdout.strip().splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import agebo_hpc") == set()


def test_the_help_of_the_command_line_loads_nothing_heavy():
    assert (
        loaded_by("import agebo_hpc.cli.main as m; m.cli(['--help'], standalone_mode=False)")
        == set()
    )


@pytest.mark.parametrize("name", sorted({module for module, _ in COMMANDS.values()}))
def test_a_module_of_commands_loads_neither_mpi_nor_tensorflow(name):
    loaded = loaded_by(f"import agebo_hpc.cli.{name}")
    assert not loaded & {"mpi4py", "tensorflow", "keras", "horovod"}


@pytest.mark.parametrize("name", ["analysis", "search", "space"])
def test_rooms_for_the_laptop_load_neither_mpi_nor_tensorflow(name):
    modules = [m for m in MODULES if room(m) == name]
    names = ", ".join(
        ".".join(m.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for m in modules
    )
    assert not loaded_by(f"import {names}") & {"mpi4py", "tensorflow", "keras", "horovod"}
