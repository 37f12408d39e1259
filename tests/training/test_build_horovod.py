"""The build script of Horovod asks for NCCL where all of it is there, and says what is missing."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PYTHON = """#!/bin/sh
case "$*" in
*find_spec*) echo {site}/tensorflow ;;
*is_cuda_build*) exit {not_cuda} ;;
*pip*) env ;;
esac
"""


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def build(tmp_path):
    """Return a function that runs the script with a Python that installs nothing."""
    homes = {"CUDA_HOME": str(tmp_path / "cuda"), "NCCL_HOME": str(tmp_path / "nccl")}
    executable(tmp_path / "cuda" / "bin" / "nvcc", "#!/bin/sh\n")
    (tmp_path / "nccl" / "include").mkdir(parents=True)
    (tmp_path / "nccl" / "include" / "nccl.h").touch()

    def run(is_cuda_build, **settings):
        python = tmp_path / "python"
        executable(python, PYTHON.format(site=tmp_path, not_cuda=int(not is_cuda_build)))
        return subprocess.run(
            [ROOT / "scripts" / "build_horovod.sh", python],
            env={"PATH": os.environ["PATH"], **homes, **settings},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_nccl_is_built_in_where_tensorflow_and_the_machine_have_cuda(build, tmp_path):
    done = build(is_cuda_build=True)
    assert done.returncode == 0, done.stderr
    assert "HOROVOD_GPU_OPERATIONS=NCCL" in done.stdout
    assert f"HOROVOD_NCCL_HOME={tmp_path}/nccl" in done.stdout


@pytest.mark.parametrize(("is_cuda_build", "choice"), [(False, "auto"), (True, "0")])
def test_it_is_left_out_where_there_is_no_cuda_or_it_is_not_wanted(build, is_cuda_build, choice):
    done = build(is_cuda_build, AGEBO_NCCL=choice)
    assert done.returncode == 0, done.stderr
    assert "HOROVOD_WITH_MPI=1" in done.stdout
    assert "NCCL=" not in done.stdout.replace("AGEBO_NCCL=", "")


def test_a_must_that_is_not_there_is_an_error_that_says_what_is_missing(build):
    done = build(is_cuda_build=False, AGEBO_NCCL="1")
    assert done.returncode == 1
    assert "missing: a TensorFlow that is built for CUDA" in done.stderr
