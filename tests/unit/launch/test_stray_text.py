"""What is put into a script stays in its place: a comment, a word, a path."""

import subprocess
from dataclasses import replace

import pytest

from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.launch.script import BatchJob, script_text
from agebo_hpc.launch.site import load_site, site_names, site_of

JOB = BatchJob(nodes=1, walltime=3600, run="/r", home="/h", library="/l/job.sh", search=("/d.h5",))
SITE = {"name": "x", "description": "y", "scheduler": "slurm", "launcher": "srun", "cores": 4}
STRAY = ["a\ntouch /tmp/stray", "a\rtouch x", "a\x1b[2J", "a\u2028b", "a\x00b", "a\x85touch x"]
WORDS = ["a b", "a #b", "-x", "a;b", "a'b", 'a"b', "$(touch x)", "`x`", "a\\b", "a&b", "a>b"]


@pytest.mark.parametrize("site", site_names())
@pytest.mark.parametrize("text", STRAY)
@pytest.mark.parametrize("field", ["name", "account", "queue", "directives", "run", "search"])
def test_a_line_break_of_any_kind_is_refused(site, field, text):
    value = (text,) if field in ("directives", "search") else text
    with pytest.raises(UsageError):
        script_text(load_site(site), replace(JOB, **{field: value}))


@pytest.mark.parametrize("text", WORDS)
@pytest.mark.parametrize("field", ["name", "account", "queue"])
def test_a_name_is_one_word_and_no_option(field, text):
    with pytest.raises(UsageError):
        script_text(load_site("slurm-cpu"), replace(JOB, **{field: text}))


@pytest.mark.parametrize("text", ["ours", "m1234_g", "proj.a-b", "queue@server", "a,b", "u:w/c"])
@pytest.mark.parametrize("field", ["account", "queue"])
def test_names_of_real_accounts_and_queues_are_taken(field, text):
    for site in ("slurm-cpu", "pbs-cpu", "theta"):
        assert f"{text}\n" in script_text(load_site(site), replace(JOB, **{field: text}))


@pytest.mark.parametrize("text", STRAY)
@pytest.mark.parametrize("field", ["name", "description", "launch_options", "srun_mpi"])
def test_a_sites_text_is_one_line(field, text):
    with pytest.raises(ConfigurationError, match="one line"):
        site_of({**SITE, field: text})


@pytest.mark.parametrize("name", ["../x", "a/b", "", "..", 3])
def test_a_sites_name_is_no_path(name):
    with pytest.raises(ConfigurationError, match="name"):
        site_of({**SITE, "name": name})


def test_a_sites_directive_is_one_line():
    with pytest.raises(ConfigurationError, match="directives"):
        site_of({**SITE, "directives": ["--a\ntouch x"]})


def test_paths_with_anything_else_are_quoted(tmp_path):
    odd = '/d/it\'s $(touch stray) `x` "q" #;&|é.h5'
    text = script_text(load_site("slurm-cpu"), replace(JOB, run=odd, home=odd, search=(odd,)))
    head, _, rest = text.partition("# shellcheck source")
    code = head + 'agebo_job() { printf "%s\\n" "$1"; }\n' + rest.splitlines()[-1]
    code += '\nprintf "%s\\n" "$AGEBO_RUN"\n'
    done = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"{odd}\n{odd}\n", done.stderr
    assert not list(tmp_path.iterdir())
