"""`pip install 'agebo_hpc[all]'` from a wheel, without a compiler: all but Horovod is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILERS = re.compile(
    r"(.*-)?(cc|c\+\+|c89|c99|gcc|g\+\+|cpp|clang|mpi.*|opal.*|orte.*|ld|as)(-\d+|\..*)?$"
)
RANKS = ["--oversubscribe", "--bind-to", "none"]
ROOM = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2", "LANG": "C.UTF-8"}
ROOM |= {
    f"{name}_ALLOW_RUN_AS_ROOT{end}": "1" for name in ("OMPI", "PRTE") for end in ("", "_CONFIRM")
}


class Bare:
    """A virtual environment with the wheel in it, on a PATH that has no compiler and no MPI.

    Parameters
    ----------
    home
        An empty directory.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.desk = home, home / "desk"
        self.desk.mkdir()
        (home / "tools").mkdir()
        for tool in Path("/usr/bin").iterdir():
            if not COMPILERS.match(tool.name):
                (home / "tools" / tool.name).symlink_to(tool)
        passed = {
            k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "HTTP", "http"))
        }
        path = f"{home / 'venv' / 'bin'}:{home / 'tools'}"
        self.env = {**passed, **ROOM, "PATH": path, "HOME": str(home)}
        subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
        self.install(self.build())

    def build(self) -> Path:
        """Build the wheel from a copy: the checkout stays as it is."""
        source = self.home / "source"
        files = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
        for name in filter(None, files.split("\0")):
            if (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                (source / name).write_bytes((ROOT / name).read_bytes())
        self.run("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", self.home / "dist", source)
        (wheel,) = (self.home / "dist").glob("agebo_hpc-*.whl")
        return wheel

    def install(self, wheel: Path) -> None:
        """Install it as README says, in the versions that the project is tested with."""
        wanted = f"agebo_hpc[all] @ file://{wheel}"
        self.run("pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wanted, timeout=3000)

    def run(self, *words, timeout: float = 900) -> str:
        """Run a program of the environment and return its output; it must end with 0."""
        done = subprocess.run(
            words, cwd=self.desk, env=self.env, capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
        return done.stdout

    def agebo(self, *words, ranks: int = 0) -> str:
        """Run `agebo-hpc`, under mpirun if ranks are asked for."""
        return self.run(
            *(["mpirun", "-n", str(ranks), *RANKS] if ranks else []), "agebo-hpc", *words
        )


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return Bare(tmp_path_factory.mktemp("bare"))


@pytest.mark.long
@pytest.mark.mpi
@pytest.mark.timeout(7200)
def test_a_wheel_in_a_bare_environment_searches_trains_predicts_and_exports(bare, tiny_table):
    where = bare.run("python", "-c", "import agebo_hpc; print(agebo_hpc.__file__)")
    assert where.startswith(str(bare.home / "venv"))
    found = bare.run(
        "python", "-c", "from importlib.util import find_spec as f; print(f('horovod'))"
    )
    assert found.strip() == "None"
    info = bare.agebo("info", "--timeout", "600")
    assert re.search(r"^horovod +not installed", info, re.M) and "training by MPI" in info
    assert "All is well" in bare.agebo("smoke", "--limit", "600", ranks=3)

    table = pd.read_csv(tiny_table)
    table.to_csv(bare.desk / "table.csv", index=False)
    table.drop(columns=["label", "amount"]).head(50).to_csv(bare.desk / "rows.csv", index=False)
    words = ["--target", "label", "--drop", "amount", "--out", "table.h5"]
    bare.agebo("data", "prepare", "table.csv", *words)
    asked = ["--preset", "v1-small", "--epochs", "2", "--processes", "2", "--max-processes", "2"]
    bare.agebo("search", "table.h5", "--out", "run", *asked, "--max-evals", "2", ranks=3)
    bare.agebo("resume", "run", "--max-evals", "4", ranks=3)
    bare.agebo("history", "run", "--csv", "evaluations.csv")
    evaluations = pd.read_csv(bare.desk / "evaluations.csv")
    assert len(evaluations) == 4 and set(evaluations["num_processes"]) == {2}
    bare.agebo("analyze", "run", "--out", "figures")
    assert list((bare.desk / "figures").glob("*.png"))

    bare.agebo("retrain", "run", "--rank", "1", "--out", "model", ranks=2)
    bare.agebo("evaluate", "model", "table.h5")
    bare.agebo("predict", "model", "rows.csv", "predictions.csv")
    predicted = pd.read_csv(bare.desk / "predictions.csv")
    assert len(predicted) == 50 and set(predicted.iloc[:, 0]) <= {"yes", "no"}
    for kind, name in (("keras", "m.keras"), ("onnx", "m.onnx"), ("savedmodel", "saved")):
        bare.agebo("export", "model", "--format", kind, "--out", name)
        assert (bare.desk / name).exists()


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_the_wheel_says_which_pythons_it_is_for(bare):
    text = bare.run("pip", "show", "--verbose", "agebo_hpc")
    for version in ("3.11", "3.12", "3.13"):
        assert f"Programming Language :: Python :: {version}" in text
