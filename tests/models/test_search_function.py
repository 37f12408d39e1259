"""`agebo_hpc.search`: what the command does, as a function, and the run that it returns."""

import inspect
import re
import shutil
import threading

import numpy as np
import pandas as pd
import pytest
from pages import DOCS, blocks

import agebo_hpc
from agebo_hpc import ArchitectureSpace, Problem, Recipe, prepare_dataset
from agebo_hpc.errors import (
    AgeboError,
    ConfigurationError,
    InputMissingError,
    LaunchError,
    UsageError,
)
from agebo_hpc.run.options import OPTIONS
from agebo_hpc.space import by_rows

SMALL = Problem(architecture=ArchitectureSpace(num_nodes=1), recipe=Recipe(epochs=2))
QUICK = {"threads_per_slot": 1, "baselines": False, "verbose": False}
SIMULATED = {"executor": "simulated", "simulate": "lognormal:mean=60", "groups": 2}
SIMULATED |= {"verbose": False, "manager_charge": 0}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    table["side"] = np.where(table["a"] + table["b"] > 0, "left", "right")
    return prepare_dataset(table, "side", tmp_path_factory.mktemp("data") / "d.h5")


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    return agebo_hpc.search(data, out=out, problem=SMALL, max_evals=2, **QUICK)


def test_every_option_of_the_command_is_a_keyword(data):
    signature = inspect.signature(agebo_hpc.search)
    assert set(signature.parameters) >= set(OPTIONS) | {"resume", "force", "trust"}
    for name in set(OPTIONS) - {"data", "out"}:
        assert f"\n{name}\n" in agebo_hpc.search.__doc__, name
    assert not re.search(r"--\w", agebo_hpc.search.__doc__)


def test_the_package_of_the_same_name_is_there_as_well():
    import agebo_hpc.search.search

    assert callable(agebo_hpc.search) and inspect.isclass(agebo_hpc.search.search.Search)


def test_a_run_tells_what_was_found(run):
    assert run.is_complete and run.state == "complete" and "best" in repr(run)
    assert len(run.history) == 2 and run.best_score == run.history["objective"].max()
    assert run.best.evaluation.id in set(run.history["evaluation_id"])
    assert run.baselines == {} and run.config["request"]["max_evals"] == 2
    assert run.status["finished"] == 2


def test_a_run_is_resumed_with_other_options_retrained_and_reported(run, tmp_path):
    assert run.resume(max_evals=3, epochs=3, verbose=False) is run
    assert run.history["epochs"].tolist() == [2, 2, 3]
    model = run.retrain(tmp_path / "model", threads=1)
    assert model.description.scores["test"]["accuracy"] > 0
    assert agebo_hpc.load_model(tmp_path / "model").class_labels == ("left", "right")
    assert len(run.retrain(size=2, epochs=1).description.configuration["members"]) >= 1
    page = agebo_hpc.open_run(run.path).report(tmp_path / "report")
    assert page.name == "report.html" and page.is_file()


def test_a_search_of_little_time_trains_less_and_the_network_that_is_kept_in_full(
    data, tmp_path, monkeypatch
):
    # As if a core were slow; on the 84 training rows there is time enough otherwise.
    monkeypatch.setattr(by_rows, "VISITS_PER_SECOND", 4)
    run = agebo_hpc.search(data, out=tmp_path / "run", max_evals=1, max_time=600, **QUICK)
    stored = run.config["problem"]
    assert (stored["preset"], stored["recipe"]["epochs"]) == ("tabular", 2)
    # The first is by hand; and another time changes nothing of trainings to come.
    assert list(run.best.evaluation.configuration.architecture) == list(stored["first"][0])
    # Nor does another version, in which other things follow from the rows.
    monkeypatch.setattr(by_rows, "BY_ROWS", by_rows.BY_ROWS[-1:])
    run.resume(max_evals=2, max_time=6000, verbose=False)
    assert run.history["epochs"].tolist() == [2, 2]
    assert set(run.history["batch_size"]) <= {32, 64, 128, 256}
    monkeypatch.undo()
    assert run.retrain(threads=1).description.training["recipe"]["epochs"] == 20
    assert stored["full_epochs"] == 20  # of a training in full


def test_a_search_that_is_asked_for_again_goes_on(data, run):
    again = agebo_hpc.search(data, out=run.path, resume=True, problem=SMALL, max_evals=4, **QUICK)
    assert len(again.history) == 4
    other = Problem(architecture=ArchitectureSpace(num_nodes=2), recipe=Recipe(epochs=2))
    with pytest.raises(ConfigurationError, match="another problem"):
        agebo_hpc.search(data, out=run.path, resume=True, problem=other, **QUICK)
    with pytest.raises(ConfigurationError, match="seed 42; now it is 7"):
        run.resume(seed=7)
    with pytest.raises(UsageError, match="holds a search"):
        agebo_hpc.search(data, out=run.path, **QUICK)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"max_eval": 3}, UsageError, "did you mean max_evals"),
        ({"max_evals": 0}, UsageError, "^max_evals is 0; give a?.*1 or more"),
        ({"processes": [3], "max_processes": 2}, UsageError, "^processes allows 3 but max_proc"),
        ({"metric": "r2"}, ConfigurationError, "metric"),
        ({"data": "nowhere.h5"}, InputMissingError, "nowhere.h5"),
        ({"baselines": "perhaps"}, UsageError, "baselines: 'perhaps' is neither on nor off"),
        ({"executor": "mpi"}, LaunchError, "."),
        ({"problem": Problem(trainer=print)}, ConfigurationError, "FILE.py:NAME"),
    ],
)
def test_a_mistake_is_an_error_of_the_package_and_leaves_nothing(
    data, tmp_path, options, error, said
):
    asked = {"data": data, **QUICK, **options}
    with pytest.raises(error, match=said) as told:
        agebo_hpc.search(out=tmp_path / "run", **asked)
    assert isinstance(told.value, AgeboError) and "--" not in str(told.value)
    assert not list(tmp_path.iterdir())


def test_values_may_be_written_as_on_the_command_line(tmp_path):
    run = agebo_hpc.search(out=tmp_path / "run", max_time="90m", slots_per_group=2, **SIMULATED)
    assert run.config["request"]["max_time"] == 5400
    assert run.is_complete and len(run.history) > 100


def test_a_search_may_run_in_any_thread(tmp_path):
    found = []
    asked = {"out": tmp_path / "run", "max_evals": 5, **SIMULATED}
    thread = threading.Thread(target=lambda: found.append(agebo_hpc.search(**asked)))
    thread.start()
    thread.join(60)
    assert len(found[0].history) == 5


def test_a_run_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputMissingError, match="no run directory"):
        agebo_hpc.open_run(tmp_path / "nowhere")


def test_the_example_of_the_page_runs(data, tmp_path, monkeypatch, capsys):
    shutil.copy(data.path, tmp_path / "table.h5")
    monkeypatch.chdir(tmp_path)
    [program] = blocks(DOCS / "models.rst", "search.py")
    exec(compile(program, "search.py", "exec"), found := {})
    assert len(found["run"].history) == 5 and found["again"].is_complete
    assert found["model"].description.scores["test"] and found["page"].is_file()
    assert "complete" in capsys.readouterr().out


@pytest.mark.mpi
def test_ranks_of_mpirun_search_together_and_all_have_the_run(mpirun, data, tmp_path):
    code = f"""
import agebo_hpc
from agebo_hpc.errors import InputMissingError
from agebo_hpc.job.launcher import announced_rank
asked = dict(processes=[1, 2], max_processes=2, data_parallel="mpi", **{QUICK!r})
try:
    agebo_hpc.search("nowhere.h5", out={str(tmp_path / "none")!r}, **asked)
except InputMissingError as error:
    missing = "nowhere.h5" in str(error)
run = agebo_hpc.search(
    {str(data.path)!r}, out={str(tmp_path / "run")!r}, preset="v1-small", epochs=2, max_evals=3,
    **asked,
)
model = run.retrain(epochs=1)
print("rank", announced_rank(), missing, len(run.history), model.class_labels[0], flush=True)
"""
    done = mpirun(3, code, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = sorted(line.split() for line in done.stdout.splitlines() if line.startswith("rank"))
    assert lines == [["rank", str(rank), "True", "3", "left"] for rank in range(3)]
