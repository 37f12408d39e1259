"""The rooms of the package and who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Callable
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


def forbidden(is_allowed: Callable[[Path, str], bool]) -> list[str]:
    """Return every import of the package that is not allowed, as words to read."""
    return [
        f"{identifier(module)} must not import {name}"
        for module in MODULES
        for name in sorted(imports(module))
        if not is_allowed(module, name)
    ]


def goes_in_one_direction(module: Path, name: str) -> bool:
    """Return whether a module may import this of its own package."""
    here, parts = room(module), name.split(".")
    if parts[0] != "agebo_hpc" or len(parts) == 1:
        return True
    known = parts[1] if (PACKAGE / parts[1]).exists() else Path(parts[1] + ".py").stem
    there = known if not known.startswith("_") and known != here else here
    return there == here or column(here) < column(there)


def test_imports_between_rooms_go_in_one_direction():
    assert forbidden(goes_in_one_direction) == []


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


def directory(module: Path) -> str:
    """Return the directory of a module, from the package on."""
    return str(module.relative_to(PACKAGE).parent)


def can_be_read_alone(module: Path, other: Path) -> bool:
    """Return whether a module may import one that is an executor's, or is none of them."""
    there = directory(other)
    shared = there == "execution/mpi" and other.stem in OF_EVERY_MPI
    return there == directory(module) or there not in SIDE_BY_SIDE or shared


def test_executors_can_each_be_read_alone():
    executors = [module for module in MODULES if directory(module) in SIDE_BY_SIDE]
    assert {directory(module) for module in executors} == SIDE_BY_SIDE
    assert [
        f"{identifier(module)} must not import {identifier(other)}"
        for module in executors
        for other in own_imports(module)
        if not can_be_read_alone(module, other)
    ] == []


def is_behind_its_door(module: Path, name: str) -> bool:
    """Return whether a module may import this library."""
    doors = DOORS.get(name.split(".")[0])
    return doors is None or room(module) in doors or identifier(module) in doors


def test_mpi_tensorflow_and_hdf5_stay_behind_their_doors():
    assert forbidden(is_behind_its_door) == []


def knows_no_file(module: Path, name: str) -> bool:
    """Return whether a module of spaces or searches may import this library."""
    # A problem may be a user's Python file, and that one module reads it.
    is_bound = room(module) in {"space", "search"} and identifier(module) != "space/problem.py"
    return not is_bound or name.split(".")[0] not in FILES


def test_spaces_and_searches_know_no_files():
    assert forbidden(knows_no_file) == []


@pytest.mark.parametrize(
    ("is_allowed", "module", "name"),
    [
        (goes_in_one_direction, "search/search.py", "agebo_hpc.execution.driver.Driver"),
        (goes_in_one_direction, "errors.py", "agebo_hpc.text.one_line"),
        (goes_in_one_direction, "run/compose.py", "agebo_hpc.simulation.registry"),
        (is_behind_its_door, "space/graph.py", "tensorflow.keras"),
        (is_behind_its_door, "execution/driver.py", "h5py"),
        (knows_no_file, "search/search.py", "pathlib.Path"),
        (knows_no_file, "space/problem.py", "pathlib.Path"),
    ],
)
def test_what_is_looked_for_would_be_found(is_allowed, module, name):
    assert is_allowed(PACKAGE / module, name) == (module in ("run/compose.py", "space/problem.py"))


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
    code = f"{statement}\nimport sys; print([m for m in {heavy} if m in sys.modules])"
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


def dotted(module: Path) -> str:
    """Return the name by which a module is imported."""
    parts = module.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def test_commands_and_rooms_for_the_laptop_load_neither_mpi_nor_tensorflow():
    # What none of them has loaded in one process, none of them loads.
    names = [f"agebo_hpc.cli.{module}" for module, _ in COMMANDS.values()]
    names += [dotted(m) for m in MODULES if room(m) in {"analysis", "search", "space"}]
    assert len(set(names)) > 30
    loaded = loaded_by("\n".join(f"import {name}" for name in names))
    assert not loaded & {"mpi4py", "tensorflow", "keras", "horovod"}
