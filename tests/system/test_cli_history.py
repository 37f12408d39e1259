"""`status`, `history` and `analyze` as a user types them: text, files and exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

SCRIPTS = Path(__file__).parents[2] / "scripts"
Agebo = Callable[..., subprocess.CompletedProcess[str]]


def make_run(path: Path, count: int = 6) -> Path:
    """Make a run directory with some results, of which the third failed."""
    run = RunDirectory.create(path, {"search": {"max_evals": 10}})
    history = History.open(run)
    history.session("start", {"slots": 1, "world_size": 2})
    for number in range(count):
        values = {"batch_size": 32, "learning_rate": 0.01, "num_processes": 1}
        evaluation = Evaluation(number, Configuration((number, 1), values))
        history.submitted(evaluation)
        failed = number == 2
        status, objective = (Status.FAILED, None) if failed else (Status.DONE, number / 10)
        times = {"submitted": 1.0 * number, "started": 1.0 * number, "ended": number + 0.9}
        trace = "Traceback:\n  boom" if failed else ""
        history.append(Result(evaluation, status, objective, traceback=trace, **times))
    history.session("end", {})
    history.close()
    run.write_status({"state": "complete", "exit_code": 0})
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


def check_one_line(finished: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert finished.returncode == code
    assert len(finished.stderr.strip().splitlines()) == 1
    assert all(word in finished.stderr for word in words)


def test_status_shows_counts_best_and_state(agebo: Agebo, run: Path) -> None:
    finished = agebo("status", str(run))
    assert finished.returncode == 0, finished.stderr
    assert "complete" in finished.stdout
    assert "6 of 10 finished: 5 done, 1 failed" in finished.stdout
    assert "0.5 by evaluation 5: batch_size 32, learning_rate 0.01" in finished.stdout
    stands = json.loads(agebo("status", str(run), "--json").stdout)
    assert (stands["state"], stands["best"]["evaluation_id"]) == ("complete", 5)


def test_history_is_written_as_csv_to_a_file_or_the_standard_output(
    agebo: Agebo, run: Path, tmp_path: Path
) -> None:
    printed = agebo("history", str(run), "--csv", "-")
    assert printed.returncode == 0, printed.stderr
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert [row["evaluation_id"] for row in rows] == ["0", "1", "2", "3", "4", "5"]
    assert agebo("history", str(run), "--csv", str(tmp_path / "h.csv")).returncode == 0
    assert (tmp_path / "h.csv").read_text() == printed.stdout


def test_analyze_writes_its_files_and_prints_the_best(
    agebo: Agebo, run: Path, tmp_path: Path
) -> None:
    other = make_run(tmp_path / "other", 2)
    out = tmp_path / "out"
    finished = agebo("analyze", str(run), str(other), "--out", str(out), "--top", "2")
    assert finished.returncode == 0, finished.stderr
    assert (out / "trajectory.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(io.StringIO((out / "top.csv").read_text())))
    assert [(row["run"], row["evaluation_id"]) for row in rows] == [
        *(("run", "5"), ("run", "4")),
        *(("other", "1"), ("other", "0")),
    ]
    for name in ("run", "other"):
        assert f"{name}: is the network better than boosted trees?" in finished.stdout
    assert finished.stdout.count("  networks trained") == 2
    assert "Best 2 of run" in finished.stdout and "Best 2 of other" in finished.stdout
    assert (out / "report.html").stat().st_size > 10_000
    assert (out / "comparison.pdf").read_bytes().startswith(b"%PDF")


def test_analyze_writes_what_is_asked_for(agebo: Agebo, run: Path, tmp_path: Path) -> None:
    out, events = tmp_path / "out", tmp_path / "events"
    options = ["--figures", "none", "--details", "best", "--tensorboard", str(events)]
    finished = agebo("analyze", str(run), "--out", str(out), *options)
    assert finished.returncode == 0, finished.stderr
    assert not list(out.rglob("*.png")) and (out / "report.html").exists()
    assert "in detail: run" in finished.stdout
    assert [path.name for path in events.rglob("*tfevents*")] == [
        "events.out.tfevents.0000000006.agebo_hpc"
    ]
    check_one_line(
        agebo("analyze", str(run), "--out", str(out), "--figures", "gif"), 2, "gif", "png, pdf"
    )


def watch(run: Path, output: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "agebo_hpc", "status", str(run), "--watch", "--every", "0.1"]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent), "TERM": "xterm"}
    environment["PYTHONIOENCODING"] = "utf-8"
    return subprocess.Popen(command, env=environment, stdout=output)


def running(path: Path) -> History:
    """Start a session of this process, with one result."""
    run = RunDirectory.create(path, {"search": {"max_evals": 10}})
    history = History.open(run)
    history.session("start", {"slots": 1, "world_size": 2})
    values = {"batch_size": 32, "learning_rate": 0.01, "num_processes": 1}
    evaluation = Evaluation(0, Configuration((0, 1), values))
    history.submitted(evaluation)
    times = {"submitted": 1.0, "started": 1.0, "ended": 1.9}
    history.append(Result(evaluation, Status.DONE, 0.25, **times))
    run.write_status({"state": "running"})
    return history


def test_watching_is_quiet_where_there_is_no_terminal_and_ends_with_the_search(
    tmp_path: Path,
) -> None:
    history = running(tmp_path / "run")
    process = watch(tmp_path / "run", subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(5)
    # In the order of a search: whoever looks in between learns the same.
    history.session("end", {"reason": "complete"})
    history.run.write_status({"state": "complete", "exit_code": 0})
    history.close()
    text = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 0
    assert text.count("state ") == 1 and "complete" in text and "\x1b" not in text


def test_watching_on_a_terminal_shows_the_search_anew_until_it_ends(tmp_path: Path) -> None:
    history = running(tmp_path / "run")
    mine, its = pty.openpty()
    process = watch(tmp_path / "run", its)
    os.close(its)
    seen = b""
    while seen.count(b"state        running") < 2:
        seen += os.read(mine, 65536)
    history.session("end", {})
    history.close()
    history.run.write_status({"state": "complete", "exit_code": 0})
    while b"state        complete" not in seen:
        seen += os.read(mine, 65536)
    assert process.wait(120) == 0
    os.close(mine)
    assert "best so far  █".encode() in seen and b"\x1b[2J" in seen


def test_a_finished_run_is_watched_once(agebo: Agebo, run: Path) -> None:
    finished = agebo("status", str(run), "--watch", "--json")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["state"] == "complete"


@pytest.mark.parametrize("command", [["status"], ["history"], ["analyze", "--out", "o"]])
def test_a_missing_run_ends_with_66(agebo: Agebo, tmp_path: Path, command: list[str]) -> None:
    missing = str(tmp_path / "none")
    check_one_line(agebo(command[0], missing, *command[1:]), 66, missing)


def test_a_run_without_finished_evaluations_has_a_status_but_no_analysis(
    agebo: Agebo, tmp_path: Path
) -> None:
    empty = make_run(tmp_path / "empty", 0)
    out = tmp_path / "out"
    check_one_line(agebo("analyze", str(empty), "--out", str(out)), 65, str(empty))
    assert not out.exists()
    assert "0 of 10 finished: none yet" in agebo("status", str(empty)).stdout
    assert len(agebo("history", str(empty)).stdout.splitlines()) == 1


def test_wrong_options_end_with_2_and_write_nothing(
    agebo: Agebo, run: Path, tmp_path: Path
) -> None:
    check_one_line(agebo("history", str(run), "--columns", "accuracy"), 2, "'accuracy'", "status")
    nowhere = str(tmp_path / "no" / "h.csv")
    check_one_line(agebo("history", str(run), "--csv", nowhere), 2, nowhere)
    out = tmp_path / "file"
    out.write_text("x")
    check_one_line(agebo("analyze", str(run), "--out", str(out)), 2, str(out))
    check_one_line(agebo("analyze", str(run), "--out", str(out), "--top", "0"), 2, "--top")
    assert out.read_text() == "x"


def test_a_damaged_journal_is_said_and_ends_with_65_where_its_copy_is_damaged_too(
    agebo: Agebo, run: Path
) -> None:
    journal, copy = run / "journal.jsonl", run / "journal.copy.jsonl"
    journal.write_text(journal.read_text().replace('"batch_size":32', '"batch_size":64', 1))
    finished = agebo("status", str(run))
    assert finished.returncode == 0
    assert "line 3 damaged or missing: taken from journal.copy.jsonl" in finished.stderr
    copy.write_text(journal.read_text())
    check_one_line(agebo("status", str(run)), 65, "Line 3 of")


def test_a_script_is_a_program_of_its_own(run: Path, tmp_path: Path) -> None:
    figure = tmp_path / "f.pdf"
    done = subprocess.run(
        [sys.executable, SCRIPTS / "plot_trajectory.py", run, figure],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS.parent)},
    )
    assert done.returncode == 0, done.stderr
    assert figure.read_bytes().startswith(b"%PDF")


def test_the_scripts_draw_and_list_without_the_command_line(
    script: Agebo, run: Path, tmp_path: Path
) -> None:
    call = script
    figure = tmp_path / "f.pdf"
    best = csv.DictReader(io.StringIO(call("top_configurations.py", str(run), "2").stdout))
    assert [row["evaluation_id"] for row in best] == ["5", "4"]
    check_one_line(call("plot_trajectory.py", str(tmp_path / "no"), str(figure)), 1, "no")
    other = make_run(tmp_path / "other", 4)
    slots = call("plot_slots.py", str(run), str(tmp_path / "s.png"))
    assert (slots.returncode, "names no ranks" in slots.stderr) == (1, True)
    counted = call("high_performers.py", str(run), str(other), "--above", "0.35")
    assert [row["unique"] for row in csv.DictReader(io.StringIO(counted.stdout))] == ["1", "2"]
    compared = call("compare_methods.py", str(run), str(other), str(tmp_path / "c.svg"))
    assert compared.returncode == 0, compared.stderr
    assert (tmp_path / "c.svg").read_bytes().startswith(b"<?xml")
    for name in ("compare_methods.py", "high_performers.py", "plot_slots.py"):
        assert name in call(name).stderr
