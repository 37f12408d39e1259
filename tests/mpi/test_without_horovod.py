"""Where Horovod is not installed, MPI sums the gradients, and nothing tries to import it."""

import json
import os
import shlex

import pytest

from agebo_hpc.storage.reader import read_history, read_replay
from tests.conftest import ROOT, child_environment

pytestmark = pytest.mark.mpi

PAIRS = ["--preset", "v1-small", "--processes", "2", "--epochs", "2", "--fix", "batch_size=64"]
PAIRS += ["--method", "random"]


@pytest.fixture
def lacking(tmp_path):
    """Return an environment in which an import of Horovod fails."""
    package = tmp_path / "path" / "horovod"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('no Horovod here')\n")
    rest = child_environment().get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join([str(package.parent), str(ROOT), rest])}


def test_a_search_over_pairs_and_a_retraining_do_without(
    mpirun, agebo, tmp_path, tiny_dataset, lacking
):
    run = tmp_path / "run"
    words = ["-m", "agebo_hpc", "search", tiny_dataset, "--out", run, *PAIRS]
    done = mpirun(3, [*words, "--max-evals", "3"], env=lacking)
    assert done.returncode == 0, done.stderr
    history = read_history(run)
    assert list(history["status"]) == ["done"] * 3, history["traceback"].iloc[0]
    assert set(history["ranks"]) == {(1, 2)}
    line = "data-parallel training by MPI (auto: Horovod is not installed on host"
    assert line in (run / "log.txt").read_text() and line in done.stderr
    assert "by MPI" in agebo("status", run).stdout
    assert json.loads(agebo("status", run, "--json").stdout)["data_parallel"] == "mpi"

    model = tmp_path / "model"
    words = ["-m", "agebo_hpc", "retrain", run, "--out", model, "--json"]
    done = mpirun(2, words, env=lacking)
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)["scores"]["validation"]["accuracy"]
    assert again == pytest.approx(history["objective"].max(), abs=1e-12)

    # With Horovod the same search goes on by Horovod, or by MPI where that is asked for.
    for asked, found in (((), "Horovod"), (("--data-parallel", "mpi"), "MPI")):
        number = len(read_history(run)) + 1
        words = ["-m", "agebo_hpc", "resume", run, "--max-evals", str(number), *asked]
        done = mpirun(3, words)
        assert done.returncode == 0, done.stderr
        assert f"data-parallel training by {found} (a" in done.stderr
    assert [session.start["data_parallel"] for session in read_replay(run).sessions] == [
        "mpi",
        "horovod",
        "mpi",
    ]


@pytest.mark.parametrize(
    ("command", "ranks"),
    [
        ("search {data} --out {out} --data-parallel horovod --preset v1-small", 3),
        ("search {data} --out {out} --data-parallel horovod --preset v1-small", 0),
        (
            "search {data} --out {out} --data-parallel horovod --executor steps --preset v1-small",
            0,
        ),
    ],
)
def test_horovod_that_is_asked_for_is_refused_before_anything_is_trained(
    mpirun, agebo, tmp_path, tiny_dataset, lacking, command, ranks
):
    out = tmp_path / "run"
    words = shlex.split(command.format(data=tiny_dataset, out=out))
    run = [*words, "--max-evals", "1"]
    done = (
        mpirun(ranks, ["-m", "agebo_hpc", *run], env=lacking)
        if ranks
        else agebo(*run, env=lacking, process=True)
    )
    assert done.returncode == 71, done.stderr
    said = [line for line in done.stderr.splitlines() if "Horovod" in line]
    assert len(said) == 1, done.stderr
    assert "--data-parallel mpi" in said[0]
    assert "Traceback" not in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("hidden", [True, False])
def test_children_of_several_ranks_are_refused_before_the_search_starts(
    mpirun, tmp_path, tiny_dataset, lacking, hidden
):
    out = tmp_path / "run"
    words = [
        "-m",
        "agebo_hpc",
        "search",
        tiny_dataset,
        "--out",
        out,
        *PAIRS,
        "--isolation",
        "child",
    ]
    done = mpirun(
        3,
        [*words, "--max-evals", "1", "--data-parallel", "auto" if hidden else "mpi"],
        env=lacking if hidden else None,
    )
    assert done.returncode == 78, done.stderr
    assert "--max-processes 1" in done.stderr and "Traceback" not in done.stderr
    assert not out.exists()


def test_children_that_train_alone_do_without(mpirun, tmp_path, tiny_dataset, lacking):
    out = tmp_path / "run"
    words = [
        "-m",
        "agebo_hpc",
        "search",
        tiny_dataset,
        "--out",
        out,
        *PAIRS,
        "--isolation",
        "child",
    ]
    done = mpirun(3, [*words, "--max-evals", "2", "--processes", "1"], env=lacking)
    assert done.returncode == 0, done.stderr
    assert list(read_history(out)["status"]) == ["done"] * 2


def test_steps_of_two_processes_do_without(agebo, tmp_path, tiny_dataset, lacking):
    out = tmp_path / "run"
    words = ["search", tiny_dataset, "--out", out, *PAIRS, "--executor", "steps"]
    words += ["--max-processes", "2", "--max-evals", "1"]
    env = {**lacking, "AGEBO_SLOTS_PER_NODE": "2"}
    done = agebo(*words, env=env, process=True)
    assert done.returncode == 0, done.stderr
    [row] = read_history(out).itertuples()
    assert (row.status, row.num_processes) == ("done", 2)
    assert "data-parallel training by MPI" in done.stderr


def test_smoke_checks_what_is_there_and_says_so(mpirun, agebo, lacking):
    done = mpirun(2, ["-m", "agebo_hpc", "smoke"], env=lacking)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("MPI sums over") == 3
    assert "Horovod sums" not in done.stdout
    assert "Horovod is not installed" in done.stdout
    report = json.loads(agebo("info", "--json", env=lacking, process=True).stdout)
    assert report["horovod"] == "not installed"
    assert "MPI" in report["data_parallel"]
