"""Whether `agebo-hpc replay` finds what does not follow, and nothing else."""

import json
import shutil
from itertools import pairwise

import pytest

from agebo_hpc.__main__ import run as command
from agebo_hpc.scheduling.schedulers import BY_RUNGS, SCHEDULERS
from agebo_hpc.storage.seal import seal, unseal

MACHINE = ["--executor", "simulated", "--simulate", "lognormal:mean=60,sigma=1", "--groups", "4"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)


def search(out, scheduler, *words, evals=24):
    eta = ["--eta", "3"] if scheduler not in ("fifo", "median") else []
    asked = ["--scheduler", scheduler, "--epochs", "9", "--method", "random", *eta, *words]
    code = command(["search", "--out", str(out), "--max-evals", str(evals), *MACHINE, *asked])
    assert code in (0, 75)


def replayed(out, capsys):
    """Return the code and the line that `agebo-hpc replay` prints."""
    capsys.readouterr()
    code = command(["replay", str(out)])
    said = capsys.readouterr()
    assert said.err == "" and said.out.count("\n") == 1
    return code, said.out.strip()


def events_of(out):
    return [unseal(line) for line in (out / "journal.jsonl").read_bytes().splitlines()]


def write(out, events):
    """Write a journal as a search would have, with lines of its own numbers."""
    events = [{**event, "line": number} for number, event in enumerate(events, 1)]
    (out / "journal.jsonl").write_bytes(b"".join(map(seal, events)))
    for name in ("journal.copy.jsonl", "history.h5"):
        (out / name).unlink(missing_ok=True)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_what_a_search_and_its_resumes_decided_follows(scheduler, tmp_path, capsys):
    out = tmp_path / "run"
    search(out, scheduler, "--walltime", "200")
    assert replayed(out, capsys)[0] == 0
    assert command(["resume", str(out), "--max-evals", "24"]) == 0
    assert command(["resume", str(out), "--set", "max_evals=40"]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    code, line = replayed(out, capsys)
    assert code == 0 and f"of scheduler {scheduler}, all follow" in line
    assert before == {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    events = events_of(out)
    decided = [
        event
        for event in events
        if event["event"] == "assigned"
        or (event["event"] == "result" and event["result"]["status"] in ("paused", "stopped"))
    ]
    ended = [event for event in events if event["event"] == "result"]
    num = len(ended if scheduler == "fifo" else decided)
    assert num >= 40 and f" {num} decisions " in line


@pytest.mark.parametrize("scheduler", BY_RUNGS)
def test_what_was_killed_anywhere_and_went_on_follows(scheduler, tmp_path, capsys):
    whole = tmp_path / "whole"
    search(whole, scheduler)
    events = events_of(whole)
    for cut in range(5, len(events), 29):
        out = tmp_path / f"cut{cut}"
        shutil.copytree(whole, out)
        write(out, events[:cut])
        assert replayed(out, capsys)[0] == 0
        assert command(["resume", str(out)]) == 0
        assert replayed(out, capsys)[0] == 0


def test_what_ranks_lost_and_a_population_follow(tmp_path, capsys):
    out = tmp_path / "run"
    search(out, "asha", "--rank-lifetime", "400", "--method", "agebo", "--brackets", "all")
    assert any(e["event"] == "result" and e["result"]["status"] == "lost" for e in events_of(out))
    assert replayed(out, capsys)[0] == 0


def _swapped(events):
    places = [n for n, event in enumerate(events) if event["event"] == "assigned"]
    first, second = next((a, b) for a, b in pairwise(places) if b == a + 1)
    events[first], events[second] = events[second], events[first]
    return first


def _better(events):
    """Make one that was paused so good that it goes on, which it did not."""
    promoted = {e["id"] for e in events if e["event"] == "assigned" and e["epochs"][0]}
    place = next(
        n
        for n, event in enumerate(events)
        if event["event"] == "result"
        and n > 60
        and event["result"]["status"] == "paused"
        and event["result"]["evaluation"]["id"] not in promoted
    )
    events[place]["result"]["objective"] = 1e9
    return next(n for n in range(place, len(events)) if events[n]["event"] == "assigned")


def _dropped(events):
    place = next(n for n, e in enumerate(events) if e["event"] == "assigned" and e["epochs"][0])
    del events[place]
    return next(n for n in range(place, len(events)) if events[n]["event"] == "assigned")


def _other_bracket(events):
    place = next(n for n, e in enumerate(events) if e["event"] == "assigned" and n > 40)
    events[place]["bracket"] += 1
    return place


def _stopped(events):
    place = next(
        n
        for n, e in enumerate(events)
        if e["event"] == "result" and n > 40 and e["result"]["status"] == "paused"
    )
    events[place]["result"]["status"] = "stopped"
    return place


@pytest.mark.parametrize("change", [_swapped, _better, _dropped, _other_bracket, _stopped])
def test_the_first_decision_that_does_not_follow_is_named(change, tmp_path, capsys):
    out = tmp_path / "run"
    search(out, "asha", "--processes", "1", evals=40)
    events = events_of(out)
    line = change(events) + 1
    write(out, events)
    code, said = replayed(out, capsys)
    assert code == 65 and f"line {line} of the journal does not follow" in said
    assert "recorded is evaluation" in said and "what follows is" in said


@pytest.mark.parametrize("scheduler", ["asha-stopping", "median"])
def test_a_training_that_should_have_been_stopped_is_found(scheduler, tmp_path, capsys):
    out = tmp_path / "run"
    search(out, scheduler, evals=40)
    events = events_of(out)
    place = next(
        n
        for n, e in enumerate(events)
        if e["event"] == "result" and e["result"]["status"] == "stopped"
    )
    events[place]["result"]["status"] = "paused"
    write(out, events)
    code, said = replayed(out, capsys)
    assert code == 65 and f"line {place + 1} " in said and "stopped; " in said


def test_a_whole_training_is_never_paused(tmp_path, capsys):
    out = tmp_path / "run"
    search(out, "fifo")
    events = events_of(out)
    place = [n for n, event in enumerate(events) if event["event"] == "result"][-1]
    events[place]["result"]["status"] = "paused"
    write(out, events)
    assert replayed(out, capsys)[0] == 65


def test_a_run_of_a_version_without_schedulers_says_what_cannot_be_checked(tmp_path, capsys):
    out = tmp_path / "run"
    search(out, "fifo")
    events = events_of(out)
    for name in ("scheduler", "eta", "max_rungs", "min_epochs", "brackets", "checkpoint_space"):
        events[0]["config"]["request"].pop(name, None)
    for event in events:
        event.pop("seconds", None)
    write(out, events)
    code, said = replayed(out, capsys)
    assert code == 0 and "their order cannot be checked" in said


def test_bad_input_is_told_in_one_line(tmp_path, capsys):
    out = tmp_path / "run"
    assert command(["replay", str(out)]) == 66
    search(out, "asha")
    lines = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (out / "journal.copy.jsonl").unlink()
    (out / "journal.jsonl").write_bytes(b"".join([*lines[:9], b"{}\n", *lines[10:]]))
    capsys.readouterr()
    assert command(["replay", str(out)]) == 65
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and json.dumps("line 10").strip('"') in said.lower()
