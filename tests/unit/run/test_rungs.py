"""Searches that train piece by piece: wherever one is broken off, nothing is lost or doubled."""

from contextlib import closing
from dataclasses import replace

import pytest

from agebo_hpc.__main__ import run as command
from agebo_hpc.analysis.best_share import curve_band
from agebo_hpc.analysis.runs import read_run
from agebo_hpc.analysis.standing import standing
from agebo_hpc.errors import DataError
from agebo_hpc.execution.driver import Driver
from agebo_hpc.execution.limits import Limits
from agebo_hpc.execution.proposals import InlineProposals
from agebo_hpc.run.restoring import restore, restored_scheduler
from agebo_hpc.scheduling.schedulers import BY_RUNGS, SchedulerSettings, make_scheduler
from agebo_hpc.search.methods import make_search
from agebo_hpc.search.settings import BayesianSettings, SearchSettings
from agebo_hpc.simulation.executor import Machine, SimulatedExecutor
from agebo_hpc.simulation.lognormal import Lognormal
from agebo_hpc.simulation.virtual_clock import VirtualClock
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.space.problem import v1_hyperparameters
from agebo_hpc.storage.history import History
from agebo_hpc.storage.reader import read_history, read_replay
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.storage.seal import seal, unseal

EPOCHS = 9
EVALS = 30


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)


class Losing(SimulatedExecutor):
    """Loses every fifth piece of a training with its rank, which is back at once."""

    num_ended = 0

    def collect(self, stop, seconds):
        results = super().collect(stop, seconds)
        for place, result in enumerate(results):
            self.num_ended += 1
            if self.num_ended % 5 == 0:
                results[place] = replace(result, status=Status.LOST, objective=None)
        return results


def session(
    run,
    name,
    max_evals=EVALS,
    kind=SimulatedExecutor,
    method="age",
    walltime=None,
    surrogate="forest",
):
    """Run a session of a search; return its driver and the history's events."""
    space = v1_hyperparameters().with_processes([1])
    settings = SearchSettings(
        seed=5,
        num_initial=4,
        population_size=5,
        sample_size=2,
        bayesian=BayesianSettings(surrogate=surrogate),
    )
    search = make_search(method, ArchitectureSpace(num_nodes=2), space, settings)
    clock = VirtualClock(0.0, charge=0.0)
    executor = kind(Lognormal(sigma=1.0), Machine(4), clock, 5, EPOCHS)
    scheduler_settings = SchedulerSettings(name, EPOCHS, eta=3)
    with closing(History.open(RunDirectory.open(run), durable=False, now=executor.now)) as history:
        for evaluation, told in restore(search, history):
            history.submitted(evaluation, told)
        pending = sorted(history.pending.values(), key=lambda evaluation: evaluation.id)
        driver = Driver(
            InlineProposals(search, history, len(history.heard), num_proposed=history.next_id),
            executor,
            Limits(max_evals, walltime, clock=executor.clock),
            make_scheduler(scheduler_settings, history.past, pending),
            ahead=1,
            num_told=len(history.results),
            num_pending=len(pending),
            paused=set(history.paused),
            losses=history.losses.copy(),
        )
        history.session("start", {"slots": 4})
        driver.is_complete = driver.run()
        history.session("end", {"reason": "complete"})
        return driver, list(history.past)


def new_run(path):
    return RunDirectory.create(path, {"search": {"method": "agebo"}}).path


def check(events, num_evaluations=EVALS):
    """Check that pieces follow one another, each once but for those that were lost."""
    reached, open_pieces, failed = {}, {}, set()
    for event in events:
        name = event.evaluation.id
        if isinstance(event, Assignment):
            if name in open_pieces:
                # It was under way when the process was killed.
                assert open_pieces[name] == event
            else:
                assert event.start == reached.get(name, 0)
            open_pieces[name] = event
            continue
        piece = open_pieces[name]
        if event.status is Status.LOST:
            continue
        del open_pieces[name]
        failed |= {name} if event.status is Status.FAILED else set()
        if event.status in (Status.PAUSED, Status.STOPPED, Status.DONE):
            assert len(event.curve) == piece.end
            reached[name] = piece.end
    assert open_pieces == {} and len({*reached, *failed}) == num_evaluations
    return reached


def told(events):
    return [(event.id, event.status) for event in events if isinstance(event, Result)]


@pytest.mark.parametrize("name", BY_RUNGS)
def test_a_search_ends_with_all_trained_as_far_as_they_deserve(name, tmp_path):
    driver, events = session(new_run(tmp_path / "run"), name)
    assert driver.is_complete
    reached = check(events)
    assert 1 <= sum(level == EPOCHS for level in reached.values()) < EVALS
    replay = read_replay(tmp_path / "run")
    assert set(replay.pending) == set(replay.paused) == driver.paused
    assert all(each.status is not Status.PAUSED for each in replay.results)
    assert [each.id for each in replay.heard] == [name for name, _ in told(events)]


@pytest.mark.parametrize("name", BY_RUNGS)
def test_what_is_stopped_is_over_and_what_is_paused_is_not(name, tmp_path):
    driver, events = session(new_run(tmp_path / "run"), name)
    stops = name in ("asha-stopping", "median")
    statuses = {status for _, status in told(events)}
    assert (Status.STOPPED in statuses) == stops
    assert bool(driver.paused) == (not stops)
    assert driver.num_told + len(driver.paused) == EVALS


@pytest.mark.parametrize("name", BY_RUNGS)
def test_killed_at_any_line_it_goes_on_without_losing_or_doubling_any(name, tmp_path):
    whole = new_run(tmp_path / "whole")
    session(whole, name)
    lines = (whole / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for cut in range(5, len(lines), 23):
        run = new_run(tmp_path / f"cut{cut}")
        (run / "journal.jsonl").write_bytes(b"".join(lines[:cut]))
        driver, events = session(run, name)
        assert driver.is_complete
        check(events)


@pytest.mark.parametrize("name", BY_RUNGS)
def test_ranks_that_die_cost_a_piece_each_and_no_more(name, tmp_path):
    driver, events = session(new_run(tmp_path / "run"), name, kind=Losing)
    assert Status.LOST in {status for _, status in told(events)}
    assert driver.is_complete
    check(events)


@pytest.mark.parametrize("name", ["asha", "sha", "hyperband"])
def test_more_evaluations_go_on_with_the_same_rungs(name, tmp_path):
    run = new_run(tmp_path / "run")
    _, first = session(run, name, method="random")
    driver, events = session(run, name, 2 * EVALS, method="random")
    assert driver.is_complete and events[: len(first)] == first
    check(events, 2 * EVALS)
    # A wider rung promotes some of those that were left behind.
    assert len({each.evaluation.id for each in events if isinstance(each, Assignment)}) == 60


@pytest.mark.parametrize("name", BY_RUNGS)
@pytest.mark.parametrize("walltime", [20.0, 60.0, 120.0])
def test_over_at_its_wall_time_it_goes_on_later(name, walltime, tmp_path):
    run = new_run(tmp_path / "run")
    driver, events = session(run, name, walltime=walltime)
    assert not driver.is_complete
    # Again in vain, then to the end; what would not have ended in time is begun by then.
    session(run, name, walltime=walltime / 2)
    driver, events = session(run, name)
    assert driver.is_complete
    ended = [each for each in events if isinstance(each, Result)]
    assert {each.id for each in ended if each.status is not Status.CUT} == set(range(EVALS))
    assert any(each.status is Status.DONE for each in ended)


def test_an_optimizer_learns_at_every_rung_too(tmp_path):
    driver, events = session(new_run(tmp_path / "run"), "asha", method="agebo")
    observed = driver.proposals._search._proposer._hyperparameters._data.ids
    values = [name for name, status in told(events) if status is not Status.LOST]
    assert observed == values and len(values) > EVALS


def optimizer_of(driver):
    return driver.proposals._search._proposer._hyperparameters


@pytest.mark.parametrize("name", [*BY_RUNGS, "fifo"])
def test_a_gaussian_process_learns_each_value_at_its_epochs_and_is_resumed_the_same(
    name, tmp_path
):
    run = new_run(tmp_path / "run")
    driver, events = session(run, name, method="agebo", surrogate="gp")
    data = optimizer_of(driver)._data
    values = {(e.id, len(e.curve)): e.objective for e in events if told_value(e)}
    known = {(e.id, e.resource): e.objective for e in data._by_key.values() if told_value(e)}
    if name == "fifo":
        assert data.counts == {EPOCHS: EVALS}
    else:
        assert known == values and len(data.counts) >= 3
    # Asked and told again from the journal alone, it is what it was.
    RunDirectory.open(run).history_path.unlink(missing_ok=True)
    again, _ = session(run, name, method="agebo", surrogate="gp")
    assert optimizer_of(again).state() == optimizer_of(driver).state()


def told_value(event):
    return getattr(event, "objective", None) is not None


def test_the_search_learns_at_every_rung(tmp_path):
    driver, events = session(new_run(tmp_path / "run"), "asha")
    population = driver.proposals._search._proposer._architectures.population
    last = {each.id: each for each in events if isinstance(each, Result)}
    assert len(population) == 5
    for member in population:
        assert member.objective == last[member.id].objective


def test_from_the_command_line_with_more_and_what_is_seen_of_it(tmp_path, capsys):
    out = str(tmp_path / "run")
    machine = ["--executor", "simulated", "--simulate", "lognormal:mean=60", "--groups", "4"]
    asked = ["--scheduler", "asha", "--eta", "2", "--epochs", "8", "--max-evals", "12"]
    assert command(["search", "--out", out, "--method", "random", *machine, *asked]) == 0
    first = standing(read_run(out))
    assert first["state"] == "complete" and first["finished"] + first["paused"] == 12
    assert first["pending"] == 0 and set(first["rungs"]) == {1, 2, 4, 8}
    assert first["spent_in_full"] == 12 * 8 > first["spent"]
    # Every evaluation has its curve, as far as it was trained.
    band = curve_band(read_run(out).latest)
    assert list(band["evaluations"][[0, 1, 3, 7]]) == list(first["rungs"].values())
    assert list(first["rungs"].values()) == sorted(first["rungs"].values(), reverse=True)
    assert command(["resume", out, "--max-evals", "40"]) == 0
    second = standing(read_run(out))
    assert second["finished"] + second["paused"] == 40 and set(second["rungs"]) == {1, 2, 4, 8}
    assert all(second["rungs"][level] > first["rungs"][level] for level in (1, 2, 4))
    capsys.readouterr()
    assert command(["status", out]) == 0
    said = capsys.readouterr().out
    assert f"{second['paused']} paused" in said and f"{second['rungs'][1]} after 1, " in said
    assert command(["resume", out, "--max-evals", "50", "--eta", "3"]) == 78
    assert "--eta" in capsys.readouterr().err


@pytest.mark.parametrize("name", BY_RUNGS)
@pytest.mark.parametrize(
    "change",
    [
        {"epochs": [0, 2, 9]},
        {"epochs": [1, 9, 9]},
        {"epochs": [3, 9, 9]},
        {"bracket": 2**40},
        {"bracket": 7},
    ],
    ids=str,
)
def test_pieces_that_do_not_follow_from_one_another_are_told_in_one_line(name, change, tmp_path):
    run = new_run(tmp_path / "run")
    session(run, name)
    events = [unseal(line) for line in (run / "journal.jsonl").read_bytes().splitlines()]
    first = next(event for event in events if event["event"] == "assigned")
    first.update(change)
    (run / "journal.jsonl").write_bytes(b"".join(map(seal, events)))
    (run / "journal.copy.jsonl").unlink()
    with closing(History.open(RunDirectory.open(run), durable=False)) as history:
        try:
            restored_scheduler(SchedulerSettings(name, EPOCHS, eta=3), history)
        except DataError as error:
            assert "do not follow from one another" in str(error) and "\n" not in str(error)
        else:
            # Who has one bracket and looks at levels alone has nothing to find in some of these.
            assert name == "median"


@pytest.mark.parametrize("name", ["fifo", *BY_RUNGS])
def test_the_csv_has_a_row_for_each_with_its_value_at_the_highest_rung(name, tmp_path, capsys):
    out = str(tmp_path / "run")
    machine = ["--executor", "simulated", "--simulate", "lognormal:mean=60", "--groups", "4"]
    asked = ["--scheduler", name, "--epochs", "9", "--max-evals", str(EVALS), "--method", "random"]
    command(["search", "--out", out, *machine, *asked, "--walltime", "150"])
    for _ in range(2):
        replay = read_replay(out)
        capsys.readouterr()
        assert command(["history", out, "--columns", "evaluation_id,status,objective,epochs"]) == 0
        rows = [line.split(",") for line in capsys.readouterr().out.splitlines()[1:]]
        told = {each.id: each for each in replay.heard}
        assert len(rows) == len(told) and {int(row[0]) for row in rows} == set(told)
        for number, status, objective, epochs in rows:
            last = told[int(number)]
            assert (status, int(epochs)) == (str(last.status), len(last.curve))
            assert float(objective) == last.objective
        finished = read_history(out)
        assert len(finished) == len(replay.results) and "paused" not in set(finished["status"])
        everyone = read_history(out, paused=True)
        assert list(everyone["evaluation_id"]) == [int(row[0]) for row in rows]
        assert list(everyone["ended"]) == sorted(everyone["ended"])
        command(["resume", out, "--max-evals", str(EVALS)])
    assert len(rows) == EVALS
