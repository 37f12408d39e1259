"""What a later session of a search may change, and what it may not."""

import os
import re
import shutil
from contextlib import closing

import pytest

from agebo_hpc import __main__ as program
from agebo_hpc.storage.history import History
from agebo_hpc.storage.reader import read_history, read_replay
from agebo_hpc.storage.run_directory import RunDirectory


@pytest.fixture
def run(agebo, tmp_path):
    """Search for four evaluations on made-up trainings; call again with further options."""
    out = tmp_path / "run"
    words = ["search", "--out", out, "--simulate", "lognormal:mean=0.01", "--seed", "3"]

    def search(*options):
        return agebo(*words, *options, timeout=60)

    search.out = out
    done = search("--max-evals", "4", "--population", "100")
    assert done.returncode == 0, done.stderr
    return search


def test_the_same_command_again_goes_on_and_a_new_goal_is_remembered(run, agebo):
    done = run("--max-evals", "7", "--resume")
    assert done.returncode == 0, done.stderr
    assert len(read_history(run.out)) == 7
    assert "of 7" in agebo("status", run.out).stdout
    done = agebo("resume", run.out)
    assert done.returncode == 0
    assert "no evaluation was left to do" in done.stderr


@pytest.mark.parametrize(
    ("option", "before", "now"),
    [
        ("--population", "100", "50"),
        ("--kappa", "0.001", "1.96"),
        ("--epochs", "the preset's, 20 in v1", "7"),
    ],
)
def test_an_option_that_differs_is_refused_with_both_values(run, option, before, now):
    done = run(option, now, "--max-evals", "5", "--resume")
    assert done.returncode == 78
    assert f"has {option} {before}; now it is {now}" in done.stderr
    assert "--force" in done.stderr
    assert len(read_history(run.out)) == 4


def test_force_changes_it_for_good_and_names_what_changed(run):
    done = run("--population", "50", "--sample-size", "5", "--max-evals", "5", "--resume")
    assert done.returncode == 78
    done = run(
        "--population", "50", "--sample-size", "5", "--max-evals", "5", "--resume", "--force"
    )
    assert done.returncode == 0, done.stderr
    assert RunDirectory.open(run.out).config["search"]["population_size"] == 50
    log = (run.out / "log.txt").read_text()
    assert "request.population is 50; it was 100" in log
    assert len(read_replay(run.out).results) == 5
    # From here on the new values are those of the search.
    assert run("--population", "50", "--max-evals", "6", "--resume").returncode == 0


def test_set_changes_an_option_for_good(run, agebo):
    words = ("--set", "kappa=1.5", "--set", "max-evals=5", "--set", "sample-size=4")
    done = agebo("resume", run.out, *words, timeout=60)
    assert done.returncode == 0, done.stderr
    assert RunDirectory.open(run.out).config["request"]["kappa"] == 1.5
    assert "from here on request.kappa is 1.5" in (run.out / "log.txt").read_text()
    assert len(read_replay(run.out).results) == 5
    for bad, code, said in (
        (("--set", "seed=3"), 2, "cannot change"),
        (("--set", "max_evals=6", "--max-evals", "7"), 2, "both given"),
        (("--set", "kapa=1"), 2, "did you mean kappa"),
    ):
        done = agebo("resume", run.out, *bad, timeout=60)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1) and said in done.stderr


@pytest.mark.parametrize("options", [("--method", "random"), ("--seed", "4"), ("--fix", "a=1")])
def test_what_makes_it_another_search_is_refused_also_by_force(run, options):
    done = run(*options, "--max-evals", "5", "--resume", "--force")
    assert done.returncode == 78
    assert "start a new search" in done.stderr


def test_search_time_counts_over_all_lives(run, agebo):
    done = agebo("resume", run.out, "--max-time", "1s", "--max-evals", "100000", timeout=60)
    assert done.returncode == 0, done.stderr
    first = read_replay(run.out)
    done = agebo("resume", run.out, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--max-evals N" in done.stderr
    assert len(read_replay(run.out).results) == len(first.results)


@pytest.fixture
def here(capsys, monkeypatch):
    """Run the program in this process: its exit code and what it said."""
    monkeypatch.setattr(os, "environ", os.environ.copy())

    def run(*words):
        code = program.run([str(word) for word in words])
        return code, capsys.readouterr().err

    return run


def test_a_search_that_a_walltime_completed_goes_on_for_a_limit_only(here, tmp_path):
    out = tmp_path / "run"
    words = ["search", "--out", out, "--simulate", "lognormal:mean=0.1", "--executor", "simulated"]
    words += ["--groups", "1", "--manager-charge", "0", "--walltime", "2s"]
    assert here(*words)[0] == 0
    number = len(read_history(out))
    code, said = here("resume", out)
    assert code == 0
    assert f"no evaluation was left to do; for more: agebo-hpc resume {out} --walltime T" in said
    assert len(read_history(out)) == number > 5
    for again in (["resume", out, "--walltime", "2s"], [*words, "--resume"]):
        assert here(*again)[0] == 0
        assert len(read_history(out)) > number
        number = len(read_history(out))
    assert here("resume", out, "--max-evals", number + 1)[0] == 0
    assert len(read_history(out)) == number + 1


PROBLEM = """
from functools import partial

from skopt.space import Categorical, Real

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import Problem, Recipe
from agebo_hpc.simulation.registry import parse_simulation
from agebo_hpc.simulation.sleeping import SleepingTrainer

mine = Problem(
    architecture=ArchitectureSpace(num_nodes=3),
    hyperparameters=HyperparameterSpace([
        Real(0.001, 0.1, prior="log-uniform", name="learning_rate"),
        Categorical([1, 2], name="num_processes"),
    ]),
    recipe=Recipe(epochs=2),
    trainer=partial(SleepingTrainer.of, parse_simulation("lognormal:mean=0.01")),
)
"""


def test_a_problem_file_that_has_changed_is_refused_with_both_values(here, tmp_path):
    out, file = tmp_path / "run", tmp_path / "problem.py"
    file.write_text(PROBLEM)
    words = ["search", "--executor", "serial", "--problem", f"{file}:mine", "--out", out]
    assert here(*words, "--max-evals", "3")[0] == 0
    changes = {
        "nodes=3": ("nodes=4", "architecture.num_nodes 3; now it is 4", "cannot change"),
        "0.001,": ("0.002,", "0.001", "cannot change"),
        "epochs=2": ("epochs=5", "recipe.epochs 2; now it is 5", "add --force"),
    }
    for before, (after, both, cure) in changes.items():
        file.write_text(PROBLEM.replace(before, after))
        code, said = here("resume", out, "--max-evals", "4")
        assert code == 78, said
        assert both in said and cure in said
        assert "Traceback" not in said
        assert len(read_history(out)) == 3
    assert here("resume", out, "--max-evals", "4", "--force")[0] == 0
    assert "from here on problem.recipe is" in (out / "log.txt").read_text()
    file.write_text(PROBLEM)
    assert here("resume", out, "--max-evals", "5")[0] == 78
    file.write_text(PROBLEM.replace("epochs=2", "epochs=5"))
    assert here("resume", out, "--max-evals", "5")[0] == 0


def test_the_log_says_how_it_was_called_with_what_and_how_it_ended(run, agebo):
    done = agebo("resume", run.out, "--max-evals", "6", "--walltime", "1h", timeout=60)
    assert done.returncode == 0, done.stderr
    sessions = (run.out / "log.txt").read_text().split("command: ")
    assert len(sessions) == 3
    first, second = sessions[1:]
    assert re.match(r"agebo-hpc search .*--out ", first)
    assert "numpy" in first and "time of this session: no limit" in first
    assert f"resume {run.out} --max-evals 6 --walltime 1h" in second
    assert "time of this session: 1 h 00 min" in second
    best = read_history(run.out)["objective"].max()
    assert f"objective {best:.5f}, " in second[second.index("best: evaluation") :]
    # Times of all machines and zones can be compared.
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ INFO .*", second.splitlines()[1])


def test_what_was_mended_is_said_on_the_screen_and_in_the_log(run, agebo):
    journal = run.out / "journal.jsonl"
    text = journal.read_text()
    journal.write_text(text.replace('"status":"done"', '"status":"gone"', 1))
    (run.out / "config.toml").unlink()
    (run.out / "history.h5").write_bytes(b"")
    done = agebo("resume", run.out, "--max-evals", "6", timeout=60)
    assert done.returncode == 0, done.stderr
    log = (run.out / "log.txt").read_text()
    for said in (done.stderr, log):
        assert "damaged or missing: taken from journal.copy.jsonl" in said
        assert "The configuration is taken from the journal" in said
        assert "history.h5 is made anew from the journal" in said
    assert journal.read_text().startswith(text)
    assert len(read_history(run.out)) == 6
    (run.out / "config.toml").unlink()
    assert run("--max-evals", "7", "--resume").returncode == 0
    assert len(read_history(run.out)) == 7


@pytest.mark.parametrize("lost", ["optimizer = ", '"linear",', "seed = "])
def test_a_configuration_that_lost_a_line_is_not_taken_for_a_changed_problem(run, agebo, lost):
    config = run.out / "config.toml"
    text = config.read_text()
    lines = [line for line in text.splitlines() if not line.strip().startswith(lost)]
    config.write_text("\n".join(lines))
    done = agebo("resume", run.out, "--max-evals", "6", timeout=60)
    assert done.returncode == 65, done.stderr
    assert "config.toml" in done.stderr and "in the search it is" in done.stderr
    config.write_text(text)
    assert agebo("resume", run.out, "--max-evals", "6", timeout=60).returncode == 0


def test_a_stop_file_stops_it_and_has_to_go_before_it_goes_on(run, agebo):
    (run.out / "STOP").touch()
    for _ in range(2):
        done = agebo("resume", run.out, "--max-evals", "8", timeout=60)
        assert done.returncode == 75
        assert f"rm {run.out / 'STOP'}" in done.stderr
    (run.out / "STOP").unlink()
    assert agebo("resume", run.out, timeout=60).returncode == 0
    assert len(read_history(run.out)) == 8


def test_moved_data_are_found_and_changed_data_need_force(agebo, tiny_dataset, tmp_path):
    data, moved = tmp_path / "data.h5", tmp_path / "moved.h5"
    shutil.copy(tiny_dataset, data)
    out = tmp_path / "run"
    small = ["--preset", "v1-small", "--epochs", "1", "--fix", "batch_size=512"]
    done = agebo("search", data, "--out", out, *small, "--max-evals", "2")
    assert done.returncode == 0, done.stderr
    data.rename(moved)
    done = agebo("resume", out, "--max-evals", "3")
    assert done.returncode == 66
    done = agebo("resume", out, "--max-evals", "3", "--data", moved)
    assert done.returncode == 0, done.stderr
    other = tmp_path / "other.h5"
    table = tmp_path / "other.csv"
    table.write_text("a,label\n" + "".join(f"{i},{'yn'[i % 2]}\n" for i in range(200)))
    done = agebo("data", "prepare", table, "--target", "label", "--out", other)
    assert done.returncode == 0, done.stderr
    done = agebo("resume", out, "--max-evals", "4", "--data", other)
    assert done.returncode == 78
    assert "fingerprint" in done.stderr
    done = agebo("resume", out, "--max-evals", "4", "--data", other, "--force")
    assert done.returncode == 0, done.stderr
    assert "problem.data_fingerprint" in (out / "log.txt").read_text()


def test_a_state_of_another_layout_is_refused_and_made_anew_where_it_is_moved_away(run, agebo):
    directory = RunDirectory.open(run.out)
    with closing(History.open(directory)) as history:
        state = dict(history.search_state)
        [name] = [key for key in state if isinstance(state[key], dict) and state[key]][:1]
        history.snapshot({**state, name: {"observations_of_old": []}}, force=True)
    done = agebo("resume", run.out, "--max-evals", "6", timeout=60)
    assert done.returncode == 65, done.stderr
    assert "Traceback" not in done.stderr
    assert "has another layout than this version" in done.stderr
    assert RunDirectory.open(run.out).config["search"]["max_evals"] == 4
    (run.out / "history.h5").rename(run.out.with_name("old.h5"))
    done = agebo("resume", run.out, "--max-evals", "6", timeout=60)
    assert done.returncode == 0, done.stderr
    found = read_history(run.out)["configuration_key"]
    whole = run.out.with_name("whole")
    words = ["search", "--out", whole, "--simulate", "lognormal:mean=0.01", "--seed", "3"]
    assert agebo(*words, "--population", "100", "--max-evals", "6", timeout=60).returncode == 0
    assert found.equals(read_history(whole)["configuration_key"])


@pytest.mark.parametrize("change", ["request", "hyperparameters"])
def test_a_configuration_of_another_layout_is_refused(run, agebo, change):
    directory = RunDirectory.open(run.out)
    config = directory.config
    if change == "request":
        config["request"]["of_tomorrow"] = 1
    else:
        config["problem"]["hyperparameters"] = {"axes": []}
    with closing(History.open(directory)) as history:
        history.change_config(config, {})
    done = agebo("resume", run.out, "--max-evals", "6", timeout=60)
    assert done.returncode == 65, done.stderr
    assert "Resume with the version that wrote it" in done.stderr


def test_a_process_that_grows_too_large_ends_its_life_and_the_next_one_goes_on(agebo, tmp_path):
    out = tmp_path / "run"
    words = ["--simulate", "lognormal:mean=0.01", "--max-evals", "5"]
    done = agebo("search", "--out", out, *words, "--max-memory", "0.001")
    assert done.returncode == 75, done.stderr
    assert "GiB of memory of its own" in done.stderr and "agebo-hpc resume" in done.stderr
    begun = len(read_history(out))
    assert 0 < begun < 5
    done = agebo("resume", out, "--max-memory", "0.001")
    assert done.returncode == 75, done.stderr
    assert begun < len(read_history(out)) < 5
    done = agebo("resume", out, "--max-memory", "8")
    assert done.returncode == 0, done.stderr
    assert list(read_history(out)["status"]) == ["done"] * 5


def test_no_memory_at_all_is_refused(agebo, tmp_path):
    words = ["--simulate", "lognormal:mean=0.01", "--max-memory", "0"]
    done = agebo("search", "--out", tmp_path / "run", *words)
    assert done.returncode == 2
    assert "--max-memory" in done.stderr and "Traceback" not in done.stderr
