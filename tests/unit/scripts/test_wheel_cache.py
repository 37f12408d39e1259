"""What was compiled is kept for the next environment, if all that it depends on is the same."""

import os
import shutil
from pathlib import Path

import pytest

CACHE = Path(".cache") / "agebo_hpc" / "wheels"


def wheels(checkout, cache=CACHE):
    return sorted((checkout.home / "user" / cache).glob("*/*.whl"))


def again(checkout, **settings):
    """Set up anew from nothing, as in a second clone."""
    shutil.rmtree(checkout.venv)
    path = settings.pop("path", None)
    done = checkout.first(path=path, **settings)
    return done.stdout


def test_a_second_environment_does_not_compile_again(checkout):
    assert "Horovod: compiling" in checkout.first().stdout
    assert len(wheels(checkout)) == 1 and checkout.count(" wheel ") == 1
    said = again(checkout)
    assert "Horovod: from the cache" in said and "compiling" not in said
    assert checkout.count(" wheel ") == 1
    assert checkout.count(f"--force-reinstall {wheels(checkout)[0]}") == 1


def test_mpi4py_for_a_sites_mpi_is_kept_too(checkout):
    mpi = checkout.mpi("openmpi")
    assert "mpi4py: compiling" in checkout.first(path=mpi, SYSTEM_MPI="1", HOROVOD="0").stdout
    said = again(checkout, path=mpi, SYSTEM_MPI="1", HOROVOD="0")
    assert "mpi4py: from the cache" in said
    said = again(checkout, path=checkout.mpi("mpich"), SYSTEM_MPI="1", HOROVOD="0")
    assert "mpi4py: compiling" in said


CHANGES = {
    "interpreter": lambda c: {"PYTHON": str(c.interpreter("python3.12", "3.12"))},
    "MPI": lambda c: {"SYSTEM_MPI": "1", "path": c.mpi("openmpi")},
    "flags": lambda c: {"CXXFLAGS": "-O1"},
    "Gloo": lambda c: {"AGEBO_GLOO": "0"},
    "Horovod's own settings": lambda c: {"HOROVOD_WITHOUT_MPI_THREADS": "1"},
    "include path": lambda c: {"CPLUS_INCLUDE_PATH": "/opt/include"},
}


def test_another_setting_compiles_again_and_all_are_kept(checkout):
    checkout.first()
    for what, change in CHANGES.items():
        settings = change(checkout)
        assert "Horovod: compiling" in again(checkout, **settings), what
    assert len([wheel for wheel in wheels(checkout) if "horovod" in wheel.name]) == 1 + len(
        CHANGES
    )
    assert "Horovod: from the cache" in again(checkout)


def test_another_compiler_script_or_tensorflow_compiles_again(checkout):
    checkout.first()
    checkout.program(checkout.home / "tools" / "c++", "echo compiler 14.2")
    assert "Horovod: compiling" in again(checkout)
    script = checkout.root / "scripts" / "build_horovod.sh"
    script.write_text(script.read_text() + "\n# another flag\n")
    assert "Horovod: compiling" in again(checkout)
    library = Path(f"{checkout.calls}.site/tensorflow/libtensorflow_framework.so.2")
    library.parent.mkdir(parents=True)
    library.write_text("another TensorFlow")
    assert "Horovod: compiling" in again(checkout)
    assert "Horovod: from the cache" in again(checkout)


def cut(wheel):
    wheel.write_text(wheel.read_text()[:-1])


def flip(wheel):
    wheel.write_text(wheel.read_text().swapcase())


def lose_sums(wheel):
    wheel.with_name("SHA256SUMS").unlink()


def empty_sums(wheel):
    wheel.with_name("SHA256SUMS").write_text("")


def lose(wheel):
    wheel.unlink()


def stand_in_the_way(wheel):
    place = wheel.parent
    shutil.rmtree(place)
    place.write_text("a file")


def give_away(wheel):
    os.chown(wheel.parent, 65534, 65534)


DAMAGES = [cut, flip, lose_sums, empty_sums, lose, stand_in_the_way]
# Only root may give a file away.
DAMAGES += [give_away] if os.getuid() == 0 else []


def test_a_wheel_that_is_damaged_or_not_ours_is_compiled_anew_and_replaced(checkout):
    checkout.first()
    for damage in DAMAGES:
        damage(wheels(checkout)[0])
        assert "Horovod: compiling" in again(checkout), damage.__name__
        assert len(wheels(checkout)) == 1
    assert "Horovod: from the cache" in again(checkout)
    assert not list((checkout.home / "user" / CACHE).glob(".new*"))


@pytest.mark.parametrize("reason", ["a file", "no home", "read-only"])
def test_a_cache_that_cannot_be_written_is_no_failure(checkout, reason):
    settings = {}
    if reason == "a file":
        (checkout.home / "user").write_text("")
    elif reason == "no home":
        settings = {"HOME": ""}
    else:
        if os.getuid() == 0:
            settings = {"XDG_CACHE_HOME": "/proc"}
        (checkout.home / "user").mkdir(mode=0o555)
    assert "Horovod: compiling" in checkout.first(**settings).stdout
    log = (checkout.venv / ".agebo" / "horovod.log").read_text()
    assert reason == "no home" or "could not be kept" in log


def test_the_cache_can_be_left_out_and_put_elsewhere(checkout):
    assert "Horovod: compiling" in checkout.first(AGEBO_CACHE="0").stdout
    assert not wheels(checkout)
    elsewhere = checkout.home / "user" / "else"
    again(checkout, XDG_CACHE_HOME=str(elsewhere))
    assert wheels(checkout, Path("else") / "agebo_hpc" / "wheels")
    assert "from the cache" in again(checkout, XDG_CACHE_HOME=str(elsewhere))
    assert "Horovod: compiling" in again(checkout, XDG_CACHE_HOME=str(elsewhere), AGEBO_CACHE="0")
    # A relative one is ignored.
    again(checkout, XDG_CACHE_HOME="relative")
    assert wheels(checkout)


def test_a_wheel_of_the_cache_that_does_not_work_is_not_stuck_to(checkout):
    checkout.first()
    shutil.rmtree(checkout.venv)
    done = checkout.set_up(PYTHON=str(checkout.python), CHECK_FAILS="1")
    assert done.returncode == 1 and "make setup AGEBO_CACHE=0" in done.stderr
    done = checkout.set_up(AGEBO_CACHE="0")
    assert done.returncode == 0 and "Horovod: compiling" in done.stdout
