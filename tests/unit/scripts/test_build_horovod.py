"""The build script of Horovod: NCCL where all of it is there, sources that new compilers take."""

from pathlib import Path

import pytest


def build(checkout, *, is_cuda_build=False, **settings):
    """Set up with the parts of CUDA on disk and return what the build had in its environment."""
    cuda, nccl = checkout.home / "cuda", checkout.home / "nccl"
    checkout.program(cuda / "bin" / "nvcc", "echo release 12")
    (nccl / "include").mkdir(parents=True, exist_ok=True)
    (nccl / "include" / "nccl.h").write_text("#define NCCL_VERSION_CODE 22000\n")
    if is_cuda_build:
        text = checkout.python.read_text()
        checkout.python.write_text(text.replace("exit 1 ;;", "exit 0 ;;"))
    done = checkout.set_up(
        PYTHON=str(checkout.python), CUDA_HOME=str(cuda), NCCL_HOME=str(nccl), **settings
    )
    seen = Path(f"{checkout.calls}.env")
    lines = seen.read_text().splitlines() if seen.exists() else []
    return done, dict(line.split("=", 1) for line in lines if "=" in line)


def test_nccl_is_built_in_where_tensorflow_and_the_machine_have_cuda(checkout):
    done, env = build(checkout, is_cuda_build=True)
    assert done.returncode == 0, done.stderr
    assert env["HOROVOD_GPU_OPERATIONS"] == "NCCL"
    assert env["HOROVOD_NCCL_HOME"] == str(checkout.home / "nccl")


@pytest.mark.parametrize(("is_cuda_build", "choice"), [(False, "auto"), (True, "0")])
def test_it_is_left_out_where_there_is_no_cuda_or_it_is_not_wanted(
    checkout, is_cuda_build, choice
):
    done, env = build(checkout, is_cuda_build=is_cuda_build, AGEBO_NCCL=choice)
    assert done.returncode == 0, done.stderr
    assert env["HOROVOD_WITH_MPI"] == "1" and "HOROVOD_GPU_OPERATIONS" not in env


def test_a_must_that_is_not_there_is_an_error_that_says_what_is_missing(checkout):
    done, env = build(checkout, AGEBO_NCCL="1")
    assert done.returncode == 1 and not env
    assert "missing: a TensorFlow that is built for CUDA" in done.stderr


def test_another_release_of_nccl_compiles_again(checkout):
    build(checkout, is_cuda_build=True)
    header = checkout.home / "nccl" / "include" / "nccl.h"
    for release, said in ((22000, "from the cache"), (22100, "compiling")):
        (checkout.venv / ".agebo" / "horovod").unlink()
        header.write_text(f"#define NCCL_VERSION_CODE {release}\n")
        homes = {"CUDA_HOME": checkout.home / "cuda", "NCCL_HOME": checkout.home / "nccl"}
        done = checkout.set_up(**{name: str(home) for name, home in homes.items()})
        assert f"Horovod: {said}" in done.stdout, done.stderr


def test_headers_that_new_compilers_want_come_before_the_users_own_flags(checkout):
    _, env = build(checkout, CXXFLAGS="-O1 -march=native")
    wanted = "-include stdexcept -include string -include cstdint -O1 -march=native"
    assert env["CXXFLAGS"] == wanted


def test_the_source_is_mended_where_new_compilers_and_pythons_refuse_it(checkout):
    # The unpacked source is the last word that pip gets.
    keep = f'cp -r "${{@: -1}}" "{checkout.calls}.mended"\n    mkdir -p "$2" && env'
    checkout.python.write_text(checkout.python.read_text().replace('mkdir -p "$2" && env', keep))
    checkout.first()
    mended = Path(f"{checkout.calls}.mended")
    header = mended / "third_party/flatbuffers/include/flatbuffers/stl_emulation.h"
    assert header.read_text() == "  size_type count_;\n"
    assert "distutils" not in (mended / "horovod/runner/js_run.py").read_text()


def test_a_build_without_what_makes_its_wheel_movable_says_so_first(checkout):
    text = checkout.python.read_text()
    checkout.python.write_text(text.replace('ln -sfn /bin/true "$place/bin/patchelf"', ":"))
    done = checkout.set_up(PYTHON=str(checkout.python))
    assert done.returncode == 1 and "no patchelf" in done.stderr
    assert checkout.count(" wheel ") == 0
