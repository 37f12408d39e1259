"""Sites as records."""

import subprocess
from pathlib import Path

import pytest

from agebo_hpc.errors import ConfigurationError, InputMissingError
from agebo_hpc.launch.site import Site, load_site, site_names, site_of

ROOT = Path(__file__).parents[3]
GOOD = {
    "name": "mine",
    "description": "A cluster",
    "scheduler": "slurm",
    "launcher": "srun",
    "cores": 16,
}


def test_the_machines_of_the_papers_are_there():
    assert {"theta", "thetagpu", "polaris", "slurm-cpu", "slurm-gpu", "laptop"} <= set(
        site_names()
    )
    assert (load_site("theta").cores, load_site("theta").launcher) == (64, "aprun")
    assert (load_site("thetagpu").gpus, load_site("thetagpu").scheduler) == (8, "cobalt")
    assert load_site("polaris").device_order == (3, 2, 1, 0)


def test_a_file_of_ones_own_is_a_site(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('description = "Ours"\nscheduler = "slurm"\nlauncher = "srun"\ncores = 48\n')
    site = load_site(str(path))
    assert (site.name, site.cores, site.gpus) == ("mine", 48, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scheduler": "lsf"}, ["scheduler", "'lsf'", "slurm, pbs, cobalt, none"]),
        ({"launcher": "jsrun"}, ["launcher", "'jsrun'", "mpirun"]),
        ({"cores": 0}, ["cores", "0", "at least 1"]),
        ({"cores": "many"}, ["cores", "many"]),
        ({"gpus": 2, "device_order": [1, 1]}, ["device_order", "0 to 1"]),
        ({"gpus": 0, "device_order": [0]}, ["device_order", "there is no GPU"]),
        ({"gpus": True}, ["gpus", "True", "at least 0"]),
        ({"memory_gib": "much"}, ["memory_gib", "much", "more than 0"]),
        ({"max_nodes": -1}, ["max_nodes", "-1", "at least 0"]),
        ({"modules": "module load x"}, ["modules", "a list of texts"]),
        ({"directives": ["--switches={few}"]}, ["directives", "{nodes}"]),
        ({"directives": ["--output={}"]}, ["directives", "{nodes}"]),
        ({"can_requeue": "no"}, ["can_requeue", "true or false"]),
        ({"srun_mpi": 4}, ["srun_mpi", "4", "a text"]),
        ({"environment": "A=1"}, ["environment", "A=1", "a table"]),
        ({"environment": {"A B": "1"}}, ["environment", "A B", "names of variables"]),
        ({"colour": "red"}, ["colour", "not known", "scheduler"]),
    ],
)
def test_a_wrong_record_is_refused_with_what_is_allowed(change, words):
    with pytest.raises(ConfigurationError) as error:
        site_of({**GOOD, **change})
    assert all(word in str(error.value) for word in words), error.value


def test_a_record_without_a_field_names_it():
    with pytest.raises(ConfigurationError, match="launcher is missing"):
        site_of({name: value for name, value in GOOD.items() if name != "launcher"})


def test_an_unknown_name_lists_the_sites_and_a_bad_file_is_named(tmp_path):
    with pytest.raises(InputMissingError, match="polaris"):
        load_site("frontier")
    bad = tmp_path / "bad.toml"
    bad.write_text("= 3")
    with pytest.raises(ConfigurationError, match=r"bad\.toml is not a TOML file"):
        load_site(str(bad))


def test_what_the_environment_has_set_wins_over_the_site():
    site = site_of({**GOOD, "environment": {"A": "with space", "B": "2"}, "slots": 4})
    assert isinstance(site, Site)
    code = site.shell_text() + 'echo "$AGEBO_CORES_PER_NODE|$AGEBO_SLOTS_PER_NODE|$A|$B"'
    done = subprocess.run(
        ["bash", "-euc", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "AGEBO_SLOTS_PER_NODE": "3"},
    )
    assert done.stdout.strip() == "16|3|with space|2"


def test_the_shell_gets_the_very_text_of_a_variable_and_replaces_variables_in_it():
    values = {"Q": 'a "b" `c` {d} it\'s', "S": "/scratch/$WHO", "P": r"c:\d"}
    site = site_of({**GOOD, "environment": values})
    code = site.shell_text() + 'printf "%s\\n" "$Q" "$S" "$P"'
    done = subprocess.run(
        ["bash", "-euc", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "WHO": "me"},
    )
    assert done.stdout.splitlines() == [values["Q"], "/scratch/me", values["P"]]


@pytest.mark.parametrize("name", site_names())
def test_the_shell_reads_the_same_record(name):
    text = (ROOT / "jobs" / "sites" / f"{name}.env").read_text()
    wanted = "# shellcheck shell=bash\n" + load_site(name).shell_text()
    assert text == wanted, f"agebo-hpc sites show --shell {name} > jobs/sites/{name}.env"
