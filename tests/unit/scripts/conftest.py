"""A checkout with the real set-up scripts and stand-ins for all that takes time."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# An interpreter that notes how it is called. It knows venv and pip by their words alone.
PYTHON = r"""#!/bin/bash
echo "$*" >>"{calls}"
case "$*" in
*_base_executable*) readlink -f "$0" ;;
*'"%d.%d"'*) echo {version} ;;
*find_spec*) echo "{calls}.site/tensorflow" ;;
*is_cuda_build*) exit 1 ;;
*SOABI*) echo "python {version} cpython" ;;
"-m venv "*)
    place=${{@: -1}}
    mkdir -p "$place/bin" && ln -sfn "$(readlink -f "$0")" "$place/bin/python"
    ln -sfn /bin/true "$place/bin/patchelf"
    [ -e "$place/bin/mpicxx" ] || ln -s /bin/true "$place/bin/mpicxx"
    ;;
*" download "*)
    while [ "$1" != --dest ]; do shift; done
    mkdir -p "$2" && cp "{calls}.sdist" "$2/horovod-0.28.1.tar.gz"
    ;;
*" wheel "*)
    while [ "$1" != --wheel-dir ]; do shift; done
    name=horovod && [[ ${{@: -1}} != mpi4py* ]] || name=mpi4py
    mkdir -p "$2" && env >"{calls}.env" && echo "compiled $RANDOM" >"$2/$name-1-py3-none-any.whl"
    [ -z "$BUILD_FAILS" ] || {{ echo "error: no such header" && exit 1; }}
    ;;
*" install "*)
    [ -n "$PIP_WAITS" ] || exit 0
    touch "$PIP_WAITS.begun"
    until [ -e "$PIP_WAITS" ]; do sleep 0.05; done
    ;;
esac
"""


# What the scripts call. Only these are on PATH: an MPI of this machine must not be found.
TOOLS = "bash cat cp cut sha256sum dirname mktemp rm tail head id env getconf grep mkdir mv flock"
TOOLS += " readlink realpath ln touch timeout tar gzip sed make nproc sleep sync uname"


class Checkout:
    """A copy of what the set-up reads, in a directory of its own.

    Parameters
    ----------
    home
        An empty directory; the checkout is `home`/checkout.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.root = home, home / "checkout"
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=_big)
        for name in ("setup.cfg", "constraints.txt", "Makefile"):
            shutil.copy(ROOT / name, self.root)
        # Two ranks are not started: what the check does is tested with real ones.
        self.program(self.root / "scripts" / "ranks.sh", "exit ${CHECK_FAILS:-0}")
        self.calls = home / "calls"
        self.venv = self.root / ".venv"
        self.python = self.interpreter("python3.11", "3.11")
        for tool in TOOLS.split():
            (home / "tools").mkdir(exist_ok=True)
            (home / "tools" / tool).symlink_to(shutil.which(tool))
        self.program(home / "tools" / "c++", "echo compiler 12.2")
        self._pack_source()

    def program(self, path: Path, text: str) -> Path:
        """Write a shell script that can be run."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{text}\n" if not text.startswith("#!") else text)
        path.chmod(0o755)
        return path

    def interpreter(self, name: str, version: str) -> Path:
        """Make a stand-in for Python of a version."""
        text = PYTHON.format(calls=self.calls, version=version)
        return self.program(self.home / "pythons" / name, text)

    def mpi(self, name: str) -> Path:
        """Make the directory of an MPI of the site and return it, for PATH."""
        for tool in ("mpicc", "mpicxx", "mpirun"):
            self.program(self.home / name / "bin" / tool, f'echo "{name} 4.1"')
        return self.home / name / "bin"

    def set_up(self, *, path: Path | None = None, home: Path | None = None, **settings: str):
        """Run the set-up script as `make` does; PYTHON is the stand-in unless settings name it."""
        return subprocess.run(
            ["bash", self.root / "scripts" / "setup_environment.sh"],
            env=self.environment(path, home, **settings),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def environment(self, path: Path | None = None, home: Path | None = None, **settings: str):
        """Return the environment of a call; `path` is an MPI that is found, `home` the user's."""
        return {
            "PATH": os.pathsep.join(str(place) for place in (path, self.home / "tools") if place),
            "HOME": str(home or self.home / "user"),
            **settings,
        }

    def first(self, *, path: Path | None = None, home: Path | None = None, **settings: str):
        """Set up for the first time and return what was said."""
        done = self.set_up(path=path, home=home, **{"PYTHON": str(self.python), **settings})
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def count(self, word: str) -> int:
        """Return how many calls of the interpreter had a word in them."""
        return self.calls.read_text().count(word) if self.calls.exists() else 0

    def _pack_source(self) -> None:
        source = self.home / "source" / "horovod-0.28.1"
        header = source / "third_party/flatbuffers/include/flatbuffers/stl_emulation.h"
        header.parent.mkdir(parents=True)
        header.write_text("  const size_type count_;\n")
        (source / "horovod" / "runner").mkdir(parents=True)
        (source / "horovod/runner/js_run.py").write_text(
            "from distutils.spawn import find_executable\n"
        )
        subprocess.run(
            ["tar", "-czf", f"{self.calls}.sdist", "-C", source.parent, source.name], check=True
        )


def _big(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("bench", "tables", "__pycache__")]


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout whose interpreter installs nothing."""
    return Checkout(tmp_path)
