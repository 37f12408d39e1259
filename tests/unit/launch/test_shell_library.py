"""The shell library of batch scripts, with stand-ins for schedulers and launchers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "agebo_hpc" / "launch" / "job.sh"
SCRIPTS = [
    LIBRARY,
    *sorted((ROOT / "slurm").iterdir()),
    *sorted((ROOT / "jobs").glob("*.*")),
    *sorted((ROOT / "jobs" / "sites").iterdir()),
]

PATHS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def bash(code, tmp_path, **env):
    """Source the library and run code; returns the finished process."""
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail\nsource {LIBRARY}\n{code}"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path}/bin:{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            **env,
        },
    )


def stand_in(tmp_path, name, text):
    path = tmp_path / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def slurm(tmp_path):
    """A job of the nodes a and b, each with 8 cores."""
    stand_in(tmp_path, "scontrol", 'if [ "$1" = show ]; then echo a; echo b; else echo "$@"; fi')
    return {
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NODELIST": "x",
        "SLURM_JOB_CPUS_PER_NODE": "8(x2)",
        "AGEBO_RUN": str(tmp_path / "run"),
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_parses_and_shellcheck_has_nothing_to_say(script):
    subprocess.run(["bash", "-n", script], check=True)
    program = shutil.which("shellcheck", path=PATHS)
    if program is None:
        pytest.skip("there is no shellcheck; the extra `test` has it")
    done = subprocess.run(
        [program, "-x", script], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("setting", "slots", "threads", "ranks"),
    [
        ({}, 8, 1, 17),
        ({"AGEBO_SLOTS_PER_NODE": "2"}, 2, 4, 5),
        ({"AGEBO_GPUS_PER_NODE": "4"}, 4, 2, 9),
        ({"AGEBO_CORES_PER_NODE": "32"}, 8, 4, 17),
        ({"SLURM_JOB_CPUS_PER_NODE": "4(x2)"}, 4, 1, 9),
        ({"SLURM_JOB_CPUS_PER_NODE": "", "SLURM_CPUS_ON_NODE": "4"}, 4, 1, 9),
        ({"SLURM_JOB_CPUS_PER_NODE": "2(x2)"}, 2, 1, 5),
        ({"AGEBO_LAUNCHER": "aprun"}, 8, 1, 16),
    ],
)
def test_ranks_follow_the_nodes(slurm, tmp_path, setting, slots, threads, ranks):
    code = "agebo_layout >&2; echo $agebo_slots $agebo_threads $agebo_ranks"
    done = bash(code, tmp_path, **{**slurm, **setting})
    assert done.stdout.split() == [str(slots), str(threads), str(ranks)], done.stderr


UNEQUAL = {"SLURM_JOB_CPUS_PER_NODE": "16,4"}


@pytest.mark.parametrize(
    ("launcher", "file", "lines"),
    [
        ("srun", "run.hosts", ["a"] * 9 + ["b"] * 4),
        ("mpirun", "run.hosts", ["a"] * 9 + ["b"] * 4),
        ("hydra", "run.hosts.counts", ["a:9", "b:4"]),
    ],
)
def test_nodes_that_differ_get_ranks_by_their_own_cores(slurm, tmp_path, launcher, file, lines):
    code = """agebo_layout; agebo_command; agebo_search_words d.h5
    echo "threads '$agebo_threads' $AGEBO_NODE_THREADS"; echo "${agebo_search[*]}" """
    done = bash(code, tmp_path, **{**slurm, **UNEQUAL}, AGEBO_LAUNCHER=launcher)
    assert "a: 16 cores by SLURM_JOB_CPUS_PER_NODE; 8 slots of 2 threads" in done.stdout, done
    assert "b: 4 cores by SLURM_JOB_CPUS_PER_NODE; 4 slots of 1 thread a" in done.stdout
    assert "ranks: 13, that is 1 manager and 12 trainers" in done.stdout
    assert "threads '' 2,1" in done.stdout
    assert "--max-processes 8" in done.stdout and "--threads-per-slot" not in done.stdout
    assert (tmp_path / file).read_text().split() == lines


def test_a_launcher_of_equal_counts_gets_those_of_the_smallest_node(slurm, tmp_path):
    code = 'agebo_layout >&2; agebo_command; echo "${agebo_words[*]}"'
    done = bash(code, tmp_path, **{**slurm, **UNEQUAL}, AGEBO_LAUNCHER="mpiexec")
    assert done.stdout.startswith("mpiexec -n 8 --ppn 4 --depth 1"), done.stderr


def test_steps_find_the_slots_of_each_node(slurm, tmp_path):
    code = "agebo_layout >&2; agebo_command; agebo_search_words d.h5; echo $AGEBO_SLOTS_PER_NODE"
    done = bash(code, tmp_path, **{**slurm, **UNEQUAL}, AGEBO_EXECUTOR="steps")
    assert done.stdout.split() == ["8,4"], done.stderr


def test_a_job_that_shares_its_node_binds_nothing(slurm, tmp_path):
    # Two such jobs would choose the same cores.
    few = {"SLURM_JOB_CPUS_PER_NODE": "1(x2)", "SLURMD_NODENAME": "a"}
    done = bash("agebo_layout; echo $AGEBO_BIND", tmp_path, **{**slurm, **few})
    bound = os.sched_getaffinity(0) == {0}
    assert done.stdout.endswith("cores\n" if bound else "none\n"), done
    done = bash("agebo_layout; echo $AGEBO_BIND", tmp_path, **{**slurm, **few}, AGEBO_BIND="cores")
    assert done.stdout.endswith("cores\n")


def test_more_threads_than_cores_are_refused(slurm, tmp_path):
    setting = {"AGEBO_SLOTS_PER_NODE": "4", "AGEBO_THREADS_PER_SLOT": "4"}
    done = bash("agebo_layout", tmp_path, **{**slurm, **setting})
    assert done.returncode == 78
    assert "need 16 cores; the node a has 8" in done.stderr


def test_the_manager_is_the_first_rank_of_the_first_node(slurm, tmp_path):
    setting = {"AGEBO_SLOTS_PER_NODE": "2", "AGEBO_LAUNCHER": "srun"}
    code = 'agebo_layout >&2; agebo_command; echo "${agebo_words[*]}"; cat "$SLURM_HOSTFILE"'
    done = bash(code, tmp_path, **{**slurm, **setting})
    words, *hosts = done.stdout.split("\n")[:-1]
    assert hosts == ["a", "a", "a", "b", "b"]
    assert "--ntasks=5 --distribution=arbitrary" in words and "--kill-on-bad-exit=1" in words


@pytest.mark.parametrize(
    ("launcher", "words"),
    [
        ("mpirun", "mpirun -n 5 --hostfile"),
        ("hydra", "mpiexec -n 5 -f"),
        ("mpiexec", "mpiexec -n 4 --ppn 2 --depth 4 --cpu-bind depth"),
        ("aprun", "aprun -n 4 -N 2 -d 4 -cc depth"),
    ],
)
def test_each_launcher_has_its_words(slurm, tmp_path, launcher, words):
    setting = {"AGEBO_SLOTS_PER_NODE": "2", "AGEBO_LAUNCHER": launcher}
    done = bash(
        'agebo_layout >&2; agebo_command; echo "${agebo_words[*]}"', tmp_path, **slurm, **setting
    )
    assert done.stdout.startswith(words), done.stdout
    if launcher == "hydra":
        assert (tmp_path / "run.hosts.counts").read_text() == "a:3\nb:2\n"


def test_the_launchers_own_files_are_in_a_directory_that_goes_with_it(tmp_path):
    code = """agebo_run bash -c 'echo $PRTE_MCA_prte_local_tmpdir_base; exit 9' || echo "code $?"
    ls "$TMPDIR" """
    (tmp_path / "t").mkdir()
    done = bash(code, tmp_path, TMPDIR=str(tmp_path / "t"))
    base, *rest = done.stdout.splitlines()
    assert base.startswith(str(tmp_path / "t")) and rest == ["code 9"], done.stderr


def test_an_unknown_launcher_or_site_is_named(slurm, tmp_path):
    done = bash("agebo_layout", tmp_path, **slurm, AGEBO_LAUNCHER="jsrun")
    assert done.returncode == 78 and "AGEBO_LAUNCHER is jsrun" in done.stderr
    done = bash("agebo_site", tmp_path, **slurm, AGEBO_SITE="nowhere", AGEBO_HOME=str(ROOT))
    assert done.returncode == 78 and "polaris.env" in done.stderr


def test_a_sites_record_in_place_of_its_shell_form_is_named(tmp_path):
    (tmp_path / "mine.toml").write_text("cores = 4\n")
    done = bash("agebo_site", tmp_path, AGEBO_SITE="mine.toml")
    assert done.returncode == 78
    assert "agebo-hpc sites show --shell mine.toml > mine.env" in done.stderr


def test_a_run_directory_among_the_searchs_words_is_refused(slurm, tmp_path):
    for words in ("d.h5 --out x", "d.h5 --out=x"):
        done = bash(f"agebo_search_words {words}", tmp_path, **slurm)
        assert done.returncode == 2
        assert "named by AGEBO_RUN" in done.stderr


def test_slots_that_share_gpus_are_named(slurm, tmp_path):
    setting = {"AGEBO_SLOTS_PER_NODE": "4", "AGEBO_GPUS_PER_NODE": "2"}
    assert "4 slots share 2 GPUs" in bash("agebo_layout", tmp_path, **{**slurm, **setting}).stdout


def test_a_pbs_job_works_where_it_was_submitted(tmp_path):
    place = tmp_path / "desk"
    place.mkdir()
    stand_in(tmp_path, "stopped", "")
    code = 'agebo_environment() { pwd; exit 0; }; agebo_job "words"'
    done = bash(code, tmp_path, PBS_JOBID="7.host", PBS_O_WORKDIR=str(place))
    assert done.stdout.splitlines()[-1] == str(place), done.stderr


def test_the_launchers_code_comes_back_also_after_a_signal(tmp_path):
    # The launcher says 75 when it hears the signal, and takes its time.
    stand_in(
        tmp_path,
        "slow",
        "trap 'sleep 0.3; exit 75' USR2; touch ready; while :; do sleep 0.1; done",
    )
    code = """
        (until [ -e ready ]; do sleep 0.1; done; kill -USR2 $$) &
        rc=0; agebo_run slow || rc=$?; echo "code $rc"
    """
    assert "code 75" in bash(code, tmp_path).stdout
    for number in (0, 3, 70):
        done = bash(f"rc=0; agebo_run bash -c 'exit {number}' || rc=$?; echo $rc", tmp_path)
        assert done.stdout.strip() == str(number)


@pytest.mark.parametrize(
    ("setting", "trapped", "sent"),
    [
        ({}, "USR2", "USR2"),
        ({"AGEBO_LAUNCHER": "hydra"}, "USR2", "TERM"),
        ({"AGEBO_LAUNCHER": "hydra", "AGEBO_FORWARD_SIGNAL": "INT"}, "USR2", "INT"),
        ({"AGEBO_LAUNCHER": "hydra", "AGEBO_EXECUTOR": "steps"}, "USR2", "USR2"),
        ({"AGEBO_LAUNCHER": "srun", "AGEBO_SIGNAL": "USR1"}, "USR1", "USR2"),
        ({"AGEBO_SIGNAL": "TERM"}, "TERM", "USR2"),
        ({"AGEBO_SIGNAL": "XCPU", "AGEBO_FORWARD_SIGNAL": "TERM"}, "XCPU", "TERM"),
    ],
)
def test_what_is_trapped_and_what_is_sent_on_are_two_things(tmp_path, setting, trapped, sent):
    traps = "; ".join(
        f"trap 'echo heard {name}; exit 0' {name}" for name in ("USR2", "TERM", "INT")
    )
    stand_in(tmp_path, "slow", f"{traps}; touch ready; while :; do sleep 0.1; done")
    # A shell's child in the background ignores INT from its start; a launcher does not.
    stand_in(
        tmp_path,
        "start",
        "exec python -c 'import os, signal; "
        'signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp("slow", ["slow"])\'',
    )
    code = f"""
        (until [ -e ready ]; do sleep 0.1; done; kill -{trapped} $$) &
        agebo_run start; echo "ended=${{agebo_terminated:-0}}"
    """
    done = bash(code, tmp_path, **setting)
    assert f"heard {sent}" in done.stdout, done
    # What the scheduler is to send is no end from outside.
    assert "ended=0" in done.stdout


@pytest.mark.parametrize("name", ["AGEBO_SIGNAL", "AGEBO_FORWARD_SIGNAL"])
def test_a_signal_that_is_none_is_refused_before_anything_starts(tmp_path, name):
    done = bash("agebo_job", tmp_path, **{name: "USR9"})
    assert done.returncode == 78 and f"{name} is USR9" in done.stderr


ARRAY = {"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "3"}


def test_a_task_of_an_array_has_a_name_of_its_own(slurm, tmp_path):
    done = bash("agebo_name_task", tmp_path, **{**slurm, **ARRAY}, SLURM_JOB_NAME="ten")
    assert done.stdout == "update JobId=5_3 JobName=ten-3\n"
    stand_in(tmp_path, "scontrol", "exit 1")
    done = bash("agebo_name_task", tmp_path, **{**slurm, **ARRAY})
    assert done.returncode == 0 and "keeps the array's name" in done.stdout
    assert bash("agebo_name_task", tmp_path, **slurm).stdout == ""


def test_a_task_of_an_array_is_requeued_alone(slurm, tmp_path):
    stand_in(tmp_path, "sleep", "")
    done = bash("agebo_finish 75", tmp_path, **{**slurm, **ARRAY}, AGEBO_CONTINUE="requeue")
    assert "requeue 5_3\n" in done.stdout, done


@pytest.mark.parametrize(
    ("env", "run"),
    [
        ({**ARRAY, "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "ten"}, "runs/ten-5/3"),
        ({**ARRAY, "SLURM_JOB_ID": "7", "AGEBO_RUN": "mine"}, "mine/3"),
        ({"PBS_JOBID": "12[4].server", "PBS_ARRAY_INDEX": "4", "PBS_JOBNAME": "x"}, "runs/x-12/4"),
        ({"PBS_JOBID": "12[4].server", "PBS_ARRAYID": "4", "PBS_JOBNAME": "x"}, "runs/x-12/4"),
        ({"PBS_JOBID": "12.server", "PBS_JOBNAME": "x"}, "runs/x-12"),
        ({"SLURM_JOB_ID": "7", "AGEBO_RUN": "/mine"}, "/mine"),
        ({"COBALT_JOBID": "7"}, "runs/agebo-7"),
    ],
)
def test_each_job_has_a_run_directory_of_its_own(tmp_path, env, run):
    code = 'agebo_environment() { echo "run $AGEBO_RUN"; exit 0; }; agebo_job d.h5'
    done = bash(code, tmp_path, **env)
    assert done.stdout.splitlines()[-1] == f"run {tmp_path / run}", done


@pytest.mark.parametrize(("wish", "number"), [("1", 1), ("0", 0), ("", 0)])
def test_a_job_asks_its_search_for_a_line_for_each_rank(slurm, tmp_path, wish, number):
    code = 'agebo_layout >&2; agebo_search_words d.h5; echo "${agebo_search[*]}"'
    done = bash(code, tmp_path, **slurm, AGEBO_SHOW_RANKS=wish)
    assert done.stdout.split().count("--show-ranks") == number, done
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").touch()
    resumed = bash(code.replace(" d.h5", ""), tmp_path, **slurm, AGEBO_SHOW_RANKS=wish)
    assert resumed.stdout.split()[0] == "resume", resumed
    assert resumed.stdout.split().count("--show-ranks") == number, resumed


@pytest.mark.parametrize(
    ("words", "seed"),
    [("d.h5", "3"), ("d.h5 --seed 40", "43"), ("--seed=7 d.h5", "10"), ("d.h5 --seed 08", "11")],
)
def test_each_task_of_an_array_has_a_seed_of_its_own(slurm, tmp_path, words, seed):
    code = f'agebo_layout >&2; agebo_search_words {words}; echo "${{agebo_search[*]}}"'
    done = bash(code, tmp_path, **{**slurm, **ARRAY})
    found = done.stdout.split()
    assert found.count("--seed") == 1 and found[found.index("--seed") + 1] == seed, done
    assert "d.h5" in found
    assert "--seed" not in bash(code.replace(words, "d.h5"), tmp_path, **slurm).stdout


def test_a_seed_that_is_no_number_is_refused_in_an_array(slurm, tmp_path):
    for words in ("d.h5 --seed x", "d.h5 --seed", "d.h5 --seed=-1"):
        done = bash(
            f"agebo_layout >&2; agebo_search_words {words}", tmp_path, **{**slurm, **ARRAY}
        )
        assert done.returncode == 2 and "--seed is" in done.stderr


@pytest.mark.parametrize(
    "name", ["a b", "a/b", "../x", "-x", "ä", ".hidden", "a$b", "n" * 101, "a\nb"]
)
def test_a_jobs_name_that_cannot_be_a_part_of_a_path_is_refused(tmp_path, name):
    done = bash("agebo_job d.h5", tmp_path, SLURM_JOB_ID="7", SLURM_JOB_NAME=name)
    shown = name.replace("\n", "?")
    assert done.returncode == 2 and f"the job's name is '{shown}'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    code = "agebo_environment() { exit 9; }; agebo_job d.h5"
    named = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": name, "AGEBO_RUN": "run"}
    assert bash(code, tmp_path, **named).returncode == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t.h5 --max-evals 9", ["t.h5", "--max-evals", "9"]),
        ("'/a b/t.h5' --processes 1,2", ["/a b/t.h5", "--processes", "1,2"]),
        ('"it\'s.h5"  --x', ["it's.h5", "--x"]),
        ("$HOME `date` * ;", ["$HOME", "`date`", "*", ";"]),
        ("", []),
        ("a\nb\n", ["a", "b"]),
    ],
)
def test_words_come_from_a_variable_or_a_file(tmp_path, text, words):
    (tmp_path / "file").write_text(text)
    code = 'agebo_asked_words; printf "<%s>\\n" "${agebo_asked[@]}"'
    for setting in ({"AGEBO_SEARCH": text}, {"AGEBO_SEARCH_FILE": str(tmp_path / "file")}):
        done = bash(code, tmp_path, **setting)
        assert done.stdout.splitlines() == [f"<{word}>" for word in words] or (
            not words and done.stdout == "<>\n"
        ), done


def test_words_that_cannot_be_read_are_named(tmp_path):
    done = bash("agebo_asked_words", tmp_path, AGEBO_SEARCH="it's")
    assert done.returncode == 2 and "a quote without its other one" in done.stderr
    done = bash("agebo_asked_words", tmp_path, AGEBO_SEARCH_FILE="none")
    assert done.returncode == 66
    done = bash("agebo_asked_words", tmp_path, AGEBO_SEARCH_FILE="x", AGEBO_SEARCH="y")
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("code", "setting", "returned", "said"),
    [
        (0, {}, 0, ""),
        (70, {"AGEBO_CONTINUE": "requeue"}, 70, ""),
        (75, {"AGEBO_CONTINUE": "none"}, 75, "submit again with AGEBO_RUN="),
        (75, {"AGEBO_CONTINUE": "chain"}, 75, "next job of the chain"),
        (75, {"AGEBO_CONTINUE": "requeue"}, 75, "requeue 7"),
        (
            75,
            {"AGEBO_CONTINUE": "requeue", "SLURM_RESTART_COUNT": "2", "AGEBO_MAX_RESTARTS": "2"},
            75,
            "requeued 2 times",
        ),
    ],
)
def test_what_follows_a_job_depends_on_its_code(slurm, tmp_path, code, setting, returned, said):
    stand_in(tmp_path, "sleep", "")
    done = bash(f"agebo_finish {code}", tmp_path, **{**slurm, **setting})
    assert done.returncode == returned
    assert said in done.stdout


def test_a_stop_file_is_not_run_against(slurm, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "STOP").touch()
    done = bash("agebo_finish 75", tmp_path, **slurm, AGEBO_CONTINUE="requeue")
    assert done.returncode == 75
    assert "remove it" in done.stdout and "requeue 7" not in done.stdout


def test_a_job_that_was_cancelled_is_not_requeued(slurm, tmp_path):
    stand_in(tmp_path, "slow", "trap 'exit 75' USR2; touch ready; while :; do sleep 0.1; done")
    code = """
        (until [ -e ready ]; do sleep 0.1; done; kill -TERM $$) &
        rc=0; agebo_run slow || rc=$?; agebo_finish "$rc"
    """
    done = bash(code, tmp_path, **slurm, AGEBO_CONTINUE="requeue")
    assert done.returncode == 75
    assert "ended from outside" in done.stdout and "requeue 7" not in done.stdout


def test_a_cobalt_job_that_stopped_early_returns_nothing_that_ends_its_chain(tmp_path):
    env = {"COBALT_JOBID": "7", "AGEBO_RUN": str(tmp_path / "run"), "AGEBO_CONTINUE": "chain"}
    assert bash("agebo_finish 75", tmp_path, **env).returncode == 0
    assert bash("agebo_finish 70", tmp_path, **env).returncode == 70


@pytest.mark.parametrize(
    ("setting", "returned"),
    [
        ({}, 9),
        ({"SLURM_RESTART_COUNT": "0", "AGEBO_CONTINUE": "none"}, 9),
        ({"SLURM_RESTART_COUNT": "1"}, 70),
        ({"AGEBO_CONTINUE": "chain"}, 9),
        ({"AGEBO_CONTINUE": "chain", "SLURM_JOB_DEPENDENCY": "afternotok:6"}, 70),
        ({"AGEBO_CONTINUE": "chain", "SLURM_JOB_ID": "", "PBS_JOBID": "7"}, 70),
    ],
)
def test_a_search_that_failed_is_tried_again_only_by_a_job_that_somebody_sent(
    slurm, tmp_path, setting, returned
):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").touch()
    code = """agebo_environment() { :; }; agebo_verdict() { echo "70 it failed"; }
    agebo_layout() { exit 9; }; agebo_job"""
    done = bash(code, tmp_path, **{**slurm, **setting})
    assert done.returncode == returned, done
    assert ("submitted anew" in done.stdout) == (returned == 9)


SBATCH = """
printf '%s\\n' "$AGEBO_RUN" "$@" "end" >>"$HERE/asked"
echo "This costs 96 core hours."
echo "$((16 + $(grep -c '^end' "$HERE/asked")));cluster"
"""


def chain(tmp_path, *words):
    stand_in(tmp_path, "sbatch", SBATCH)
    return subprocess.run(
        [ROOT / "slurm" / "chain.sh", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HERE": str(tmp_path)},
        timeout=60,
    )


def test_each_job_of_a_chain_waits_for_the_one_before_and_keeps_its_words(tmp_path):
    words = ("02", "my run", "a b.sbatch", "--array=0-6:3%1", "--", "t a.h5", "--", "x")
    done = chain(tmp_path, *words)
    assert (done.returncode, done.stdout) == (0, "17\n18\n"), done
    first, second, _ = (tmp_path / "asked").read_text().split("end\n")
    kept = ["--parsable", "--kill-on-invalid-dep=yes"]
    rest = ["--array=0-6:3%1", "a b.sbatch", "t a.h5", "--", "x"]
    run = str(tmp_path / "my run")
    assert first.splitlines() == [run, *kept, *rest]
    assert second.splitlines() == [run, *kept, "--dependency=afternotok:17", *rest]


@pytest.mark.parametrize("number", ["", "0", "-1", "two", "1.5", "2 ", "9" * 20])
def test_a_chain_of_no_number_of_jobs_is_refused_before_any_is_sent(tmp_path, number):
    done = chain(tmp_path, number, "run", "a.sbatch")
    assert done.returncode == 2 and "NUMBER is" in done.stderr
    assert not (tmp_path / "asked").exists()
