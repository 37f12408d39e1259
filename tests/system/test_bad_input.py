"""What a user can get wrong in a search: one line, the right code, nothing left behind."""

from pathlib import Path

import h5py
import pytest

MADE_UP = Path(__file__).parent.parent / "mpi" / "made_up.py"


def assert_refused(done, code, *said):
    """Expect one line on standard error that begins with "error:" and says all of it."""
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, done.stderr
    for word in said:
        assert word in lines[0]
    assert "Traceback" not in done.stderr
    return lines[0]


@pytest.fixture
def refused(agebo, tmp_path):
    """Call the command line in an empty directory; nothing may be written there."""
    empty = tmp_path / "empty"
    empty.mkdir()

    def check(code, words, *said):
        done = agebo(*words, timeout=60, cwd=empty)
        assert_refused(done, code, *said)
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert list(empty.iterdir()) == []

    return check


OPTIONS = [
    (2, ["--method", "agbo"], ["agbo", "agebo, age, random, mixed-age, mixed-bo"]),
    (2, ["--lie", "median"], ["median", "mean, min, max"]),
    (2, ["--mutation", "all"], ["all", "any, nodes"]),
    (78, ["--preset", "v2"], ["'v2'", "v1, v1-small"]),
    (78, ["--fix", "batch=32"], ["'batch'", "batch_size"]),
    (78, ["--fix", "batch_size=33"], ["33", "32", "1024"]),
    (2, ["--fix", "batch_size"], ["'batch_size'", "NAME=VALUE"]),
    (2, ["--fix", "num_processes=2"], ["--processes 2"]),
    (2, ["--sample-size", "0"], ["--sample-size", "0"]),
    (2, ["--population", "-3"], ["--population", "-3"]),
    (2, ["--seed", "-1"], ["--seed", "-1"]),
    (2, ["--kappa", "-0.5"], ["--kappa", "-0.5"]),
    (2, ["--trees", "0"], ["--trees", "0"]),
    (2, ["--max-evals", "0"], ["--max-evals", "0"]),
    (2, ["--max-evals", "many"], ["--max-evals", "many"]),
    (2, ["--epochs", "0"], ["--epochs", "0"]),
    (2, ["--walltime", "soon"], ["--walltime", "soon", "1h30m"]),
    (2, ["--walltime", "0"], ["--walltime", "0"]),
    (2, ["--processes", "0"], ["--processes", "0"]),
    (2, ["--processes", "abc"], ["--processes", "abc", "1,2,4,8"]),
    (2, ["--processes", "1,16"], ["16", "--max-processes"]),
    (2, ["--objective", "mean"], ["mean", "last", "best"]),
    (2, ["--executor", "cloud"], ["cloud", "serial", "mpi"]),
    (2, ["--metod", "age"], ["--metod", "--method"]),
    (71, ["--processes", "1,2"], ["2", "1 trainer rank", "Start at least 3 ranks"]),
]


@pytest.mark.parametrize(
    ("code", "options", "said"),
    OPTIONS,
    ids=lambda v: " ".join(map(str, v)) if isinstance(v, list) else str(v),
)
def test_an_option_with_a_value_that_is_not_allowed_is_refused(
    refused, tiny_dataset, code, options, said
):
    refused(code, ["search", tiny_dataset, "--out", "run", *options], *said)


@pytest.mark.mpi
def test_the_mpi_executor_without_ranks_is_refused(agebo, tiny_dataset, tmp_path):
    words = ["search", tiny_dataset, "--out", tmp_path / "run", "--executor", "mpi"]
    done = agebo(*words, process=True)
    assert_refused(done, 71, "1 rank", "mpirun -n 2")
    assert not (tmp_path / "run").exists()


def test_a_data_set_that_is_not_there_is_named(refused):
    refused(66, ["search", "nowhere.h5", "--out", "run"], "nowhere.h5")


def test_a_text_file_is_no_data_set(refused, tiny_table):
    refused(65, ["search", tiny_table, "--out", "run"], tiny_table.name, "data prepare")


def test_an_hdf5_file_of_another_program_is_no_data_set(refused, tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["measurements"] = [1.0, 2.0]
    refused(65, ["search", other, "--out", "run"], "other.h5", "data prepare")


def test_a_directory_is_no_data_set(refused, tmp_path):
    refused(65, ["search", tmp_path, "--out", "run"], str(tmp_path))


def test_a_data_set_cut_short_is_refused(refused, tiny_dataset, tmp_path):
    short = tmp_path / "short.h5"
    short.write_bytes(tiny_dataset.read_bytes()[:3000])
    refused(65, ["search", short, "--out", "run"], "short.h5")


def test_without_data_or_a_problem_there_is_nothing_to_search(refused):
    refused(2, ["search", "--out", "run"], "DATA.h5")


def test_without_a_run_directory_there_is_nowhere_to_write(refused, tiny_dataset):
    refused(2, ["search", tiny_dataset], "--out")


def test_a_run_that_is_not_there_cannot_be_resumed(refused):
    refused(66, ["resume", "nowhere"], "nowhere")


PROBLEMS = {
    "broken": "raise OSError('no luck')",
    "no_syntax": "def (",
    "a_number": "problem = 7",
    "needs_more": "def problem(size): return None",
    "of_no_epochs": "from agebo_hpc.space.problem import *\nproblem = Problem(recipe=Recipe(0))",
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_file_that_cannot_be_used_is_refused(refused, tmp_path, tiny_dataset, name):
    path = tmp_path / f"{name}.py"
    path.write_text(PROBLEMS[name])
    words = ["search", tiny_dataset, "--out", "run", "--problem", f"{path}:problem"]
    refused(78, words, f"{name}.py")


WITH_MOMENTUM = """
from skopt.space import Real
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import Problem

problem = Problem(hyperparameters=HyperparameterSpace([Real(0.0, 0.5, name="momentum")]))
"""


def test_a_hyperparameter_that_no_training_uses_is_refused(refused, tiny_dataset, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(WITH_MOMENTUM)
    words = ["search", tiny_dataset, "--out", "run", "--problem", f"{path}:problem"]
    refused(78, words, "momentum", "learning_rate", "trainer")


def test_a_problem_that_the_file_does_not_have_is_named(refused):
    refused(78, ["search", "--out", "run", "--problem", f"{MADE_UP}:fast"], "'fast'")


def test_a_problem_file_that_is_not_there_is_named(refused, tiny_dataset):
    words = ["search", tiny_dataset, "--out", "run", "--problem", "nowhere.py:problem"]
    refused(66, words, "nowhere.py")


def test_a_problem_without_a_name_says_how_to_write_it(refused, tiny_dataset):
    words = ["search", tiny_dataset, "--out", "run", "--problem", "mine.py"]
    refused(78, words, "mine.py", "FILE.py:NAME")


def test_a_run_directory_that_exists_is_left_as_it_is(agebo, tiny_dataset, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    done = agebo("search", tiny_dataset, "--out", out, "--max-evals", "1")
    assert_refused(done, 2, str(out), "--out")
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


def test_a_run_directory_with_a_search_names_resume_and_another_place(agebo, tmp_path):
    words = ["search", "--problem", f"{MADE_UP}:quick", "--max-evals", "1", "--out"]
    out = tmp_path / "run"
    assert agebo(*words, out).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    done = agebo(*words, out)
    assert_refused(done, 2, str(out), "agebo-hpc resume", "--out")
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_run_directory_that_cannot_be_made_is_named(agebo, tiny_dataset, tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        done = agebo("search", tiny_dataset, "--out", place, "--max-evals", "1")
        assert_refused(done, 2, str(place), "--out")
    assert (tmp_path / "file").read_text() == "mine"


def test_data_that_changed_since_the_search_began_are_refused(
    agebo, tiny_dataset, tiny_regression, tmp_path
):
    data, out = tmp_path / "data.h5", tmp_path / "run"
    data.write_bytes(tiny_dataset.read_bytes())
    words = ["--preset", "v1-small", "--epochs", "1", "--max-evals", "1"]
    assert agebo("search", data, "--out", out, *words).returncode == 0
    data.write_bytes(tiny_regression.read_bytes())
    done = agebo("resume", out, "--max-evals", "2")
    assert_refused(done, 78, "data.h5", "Restore")


# --- the same on ranks: said once, by the first rank, and nothing hangs ------------------------

QUICK = ["--problem", f"{MADE_UP}:quick"]
ON_RANKS = [
    (1, 71, [], ["1 rank", "mpirun -n 2"]),
    (3, 71, [*QUICK, "--processes", "1,4"], ["4", "2 trainer ranks", "Start at least 5 ranks"]),
    (3, 71, ["--processes", "2", "--executor", "serial"], ["serial", "3"]),
    (3, 2, ["--method", "agbo"], ["agbo"]),
    (3, 78, [*QUICK, "--fix", "batch_size=33"], ["33"]),
    # Trainer ranks load TensorFlow by then, where no problem file may bring its own trainer.
    (2, 78, ["--fix", "batch_size=33"], ["33"]),
    (3, 78, ["--problem", f"{MADE_UP}:fast"], ["'fast'"]),
]


@pytest.mark.mpi
@pytest.mark.parametrize(("ranks", "code", "options", "said"), ON_RANKS)
def test_on_ranks_a_mistake_is_said_once_and_all_ranks_leave(
    mpirun, tiny_dataset, tmp_path, ranks, code, options, said
):
    words = ["-m", "agebo_hpc", "search", tiny_dataset, "--out", tmp_path / "run", *options]
    done = mpirun(ranks, words, timeout=60)
    assert_refused(done, code, *said)
    assert not (tmp_path / "run").exists()


@pytest.mark.mpi
def test_on_ranks_a_missing_data_set_is_said_once(mpirun, tmp_path):
    words = ["-m", "agebo_hpc", "search", tmp_path / "nowhere.h5", "--out", tmp_path / "run"]
    words += QUICK
    assert_refused(mpirun(3, words, timeout=60), 66, "nowhere.h5")
    assert list(tmp_path.glob("run*")) == []


@pytest.mark.mpi
def test_on_ranks_a_run_directory_that_exists_is_said_once(mpirun, tiny_dataset, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    words = ["-m", "agebo_hpc", "search", tiny_dataset, "--out", out, *QUICK]
    assert_refused(mpirun(3, words, timeout=60), 2, str(out))
    assert [path.name for path in out.iterdir()] == ["notes.txt"]
