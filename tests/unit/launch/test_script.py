"""The text of batch scripts, held against stored ones.

To accept a change: AGEBO_STORE=1 python -m pytest tests/unit/launch/test_script.py
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agebo_hpc.errors import UsageError
from agebo_hpc.launch.script import BatchJob, clock, script_text
from agebo_hpc.launch.site import load_site, site_of

PATHS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
STORED = Path(__file__).parent / "scripts"
COMMON = {
    "run": "/runs/one",
    "home": "/opt/agebo",
    "library": "/opt/agebo/agebo_hpc/launch/job.sh",
}
WORDS = ("/data/covertype.h5", "--max-evals", "2000", "--fix", "batch_size=256")
JOBS = {
    "slurm-cpu": {"nodes": 4, "walltime": 10800, "search": WORDS, "account": "ours"},
    "slurm-gpu": {
        "nodes": 2,
        "walltime": 7200,
        "search": WORDS,
        "queue": "gpu",
        "executor": "steps",
    },
    "theta": {"nodes": 128, "walltime": 10800, "search": WORDS, "continuation": "chain"},
    "thetagpu": {"nodes": 8, "walltime": 10800, "search": WORDS, "data_bytes": 3 * 2**30},
    "polaris": {"nodes": 10, "walltime": 10800, "search": WORDS, "account": "ours"},
    "pbs-cpu": {"nodes": 2, "walltime": 3600, "activate": "/env/bin/activate", "slots": 4},
    "laptop": {"nodes": 1, "walltime": 1800, "threads": 2, "slots": 2},
}


def text_of(name):
    return script_text(load_site(name), BatchJob(**COMMON, **JOBS[name]))


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_script_is_as_it_was(name):
    path, text = STORED / f"{name}.sh", text_of(name)
    if os.environ.get("AGEBO_STORE"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_script_parses_and_shellcheck_has_nothing_to_say(name, tmp_path):
    path = tmp_path / "job.sh"
    path.write_text(text_of(name))
    subprocess.run(["bash", "-n", path], check=True)
    program = shutil.which("shellcheck", path=PATHS)
    if program is None:
        pytest.skip("there is no shellcheck; the extra `test` has it")
    done = subprocess.run([program, path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_directives_come_before_the_first_command():
    lines = text_of("polaris").splitlines()
    directives = [i for i, line in enumerate(lines) if line.startswith("#PBS")]
    commands = [i for i, line in enumerate(lines) if line and not line.startswith("#")]
    assert directives and max(directives) < min(commands)
    assert directives == list(range(directives[0], directives[-1] + 1))


def test_the_same_question_has_the_same_answer():
    assert text_of("slurm-cpu") == text_of("slurm-cpu")


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("theta", {"continuation": "requeue"}, ["cannot requeue", "chain"]),
        ("slurm-cpu", {"walltime": 30}, ["30 s", "a minute"]),
        ("slurm-cpu", {"nodes": 0}, ["--nodes is 0"]),
        *(
            ("slurm-cpu", {"name": name}, [f"--name is {name!r}"])
            for name in ("a b", "a/b", "", "-x", ".x", "ä", "a" * 64, "a\nb", "a,b", "%x")
        ),
    ],
)
def test_what_a_site_cannot_do_is_refused(name, change, words):
    with pytest.raises(UsageError) as error:
        script_text(load_site(name), BatchJob(**COMMON, **{**JOBS[name], **change}))
    assert all(word in str(error.value) for word in words)


def test_words_with_spaces_and_quotes_stay_what_they_are(tmp_path):
    words = ("/data/my table.h5", "--out", "it's; rm -rf /")
    text = script_text(
        load_site("laptop"), BatchJob(**COMMON, nodes=1, walltime=600, search=words)
    )
    code = 'agebo_job() { printf "%s\\n" "$@"; }\n' + text.splitlines()[-1]
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == list(words)


def test_a_duration_is_written_as_schedulers_read_it():
    assert [clock(s) for s in (60, 3661, 360000)] == ["00:01:00", "01:01:01", "100:00:00"]


def test_a_pbs_site_that_says_nothing_of_nodes_asks_for_them():
    record = {"name": "x", "description": "x", "scheduler": "pbs", "launcher": "mpirun"}
    site = site_of({**record, "cores": 16, "gpus": 2})
    text = script_text(site, BatchJob(**COMMON, nodes=3, walltime=600))
    assert "#PBS -l select=3:ncpus=16:ngpus=2\n#PBS -l place=scatter\n" in text
    own = script_text(site, BatchJob(**COMMON, nodes=3, walltime=600, directives=("-l nodes=3",)))
    assert "select" not in own
