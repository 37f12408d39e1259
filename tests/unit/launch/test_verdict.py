"""Whether a job is followed by another."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from agebo_hpc.launch.verdict import IDLE_LIVES, idle_lives, judge, main
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.past_session import PastSession
from agebo_hpc.storage.replay import Replay
from agebo_hpc.storage.run_directory import RunDirectory

BEGAN = 1_000_000.0


def status(state, code=None, after=10.0):
    time = datetime.fromtimestamp(BEGAN + after, UTC).isoformat(timespec="seconds")
    return {"time": time, "state": state, "exit_code": code}


def replay(*sessions):
    """Return a history of sessions, each (ended in order, number of evaluations)."""
    found = Replay()
    for number, (ended, evaluations) in enumerate(sessions):
        start = BEGAN + 100 * number
        end = {"reason": "stopped"} if ended else None
        found.sessions.append(PastSession(start, start + 50, {}, end))
        for i in range(evaluations):
            evaluation = Evaluation(i, Configuration((0,), {"num_processes": 1}))
            found.results.append(Result(evaluation, Status.DONE, 0.5, ended=start + 10))
    return found


@pytest.mark.parametrize(
    ("found", "code", "expected"),
    [
        (status("complete", 0), 0, 0),
        (status("complete", 0), 143, 0),  # a launcher that hides an orderly end
        (status("stopped", 75), 75, 75),
        (status("stopped", 75), 1, 75),  # mpirun after a signal
        (status("failed", 70), 70, 70),
        (status("failed", 70), 143, 70),
        (status("running"), 137, 75),  # killed
        (status("running"), 0, 75),
        (status("running"), 9, 75),  # killed, as MPICH's launcher says it
        (status("stopped", 75, after=-500), 9, 75),
        (status("stopped", 75), 0, 75),  # MPICH's launcher after a signal
        (status("running"), 71, 71),  # a rank of this session says what is wrong
        (status("stopped", 75, after=-500), 78, 78),  # of an older session: this one did not start
        (status("stopped", 75, after=-500), 2, 2),
        (status("stopped", 75, after=-500), 137, 75),
        (None, 137, 75),
    ],
)
def test_the_run_directory_is_believed_before_the_launcher(found, code, expected):
    assert judge(found, replay((False, 3)), since=BEGAN, code=code)[0] == expected


@pytest.mark.parametrize("code", [9, 137])
def test_a_kill_is_named_however_the_launcher_says_it(code):
    _, reason = judge(status("running"), replay((False, 3)), since=BEGAN, code=code)
    assert "a rank by SIGKILL: out of memory, most likely" in reason


def test_lives_that_are_killed_without_a_new_evaluation_end_a_chain():
    idle = replay((True, 5), *[(False, 0)] * IDLE_LIVES)
    assert idle_lives(idle) == IDLE_LIVES
    code, reason = judge(status("running"), idle, since=BEGAN, code=137)
    assert code == 70 and "3 times in a row" in reason
    assert judge(status("running"), replay((False, 0), (False, 1)), since=BEGAN, code=137)[0] == 75


def test_a_rank_whose_death_the_manager_could_tell_of_is_no_end_in_order():
    died = status("failed", 75)
    for code in (137, 9, 75, 1, 71):
        verdict, reason = judge(died, replay((False, 3)), since=BEGAN, code=code)
        assert verdict == 75 and "the search was killed" in reason, code
    assert "SIGKILL: out of memory" in judge(died, replay((False, 3)), since=BEGAN, code=137)[1]


def test_lives_in_which_a_rank_died_before_any_evaluation_end_a_chain_too():
    idle = replay((True, 5), *[(False, 0)] * IDLE_LIVES)
    for session in idle.sessions[2:]:
        session.end = {"reason": "failed"}
    assert idle_lives(idle) == IDLE_LIVES
    assert judge(status("failed", 75), idle, since=BEGAN, code=137)[0] == 70


@pytest.mark.parametrize(("code", "expected"), [(0, 70), (71, 71), (2, 2), (137, 137), (143, 71)])
def test_without_a_run_directory_the_launchers_code_stands(code, expected):
    assert judge(None, None, since=BEGAN, code=code)[0] == expected


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [("complete", 0, 0), ("stopped", 75, 75), ("running", None, 75), ("failed", 78, 78)],
)
def test_before_a_job_an_earlier_one_says_whether_to_go_on(state, code, expected):
    assert judge(status(state, code), replay((False, 1)))[0] == expected


def test_it_is_said_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none"), "--since", "0", "--code", "71"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("71 no run directory") and out.count("\n") == 1


def test_a_run_whose_configuration_is_lost_is_still_one(tmp_path, capsys):
    run = RunDirectory.create(tmp_path / "run", {"search": {"seed": 1}})
    with closing(History.open(run)) as history:
        history.session("start", {"slots": 1})
    run.config_path.unlink()
    assert main([str(run.path), "--since", "0", "--code", "137"]) == 0
    assert capsys.readouterr().out.startswith("75 the search was killed")
