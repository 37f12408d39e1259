"""What tests of several directories share: real ranks with a time limit, the CLI, tiny data."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from command_line import call, call_script, shortened
from groups import KEY, arrange, scheduler, uses_standing_ranks
from standing_ranks import StandingRanks
from without_horovod import skip_without_horovod

# Their assertions say what they compared, as those of test files do.
pytest.register_assert_rewrite("executor_contract", "history_contract", "search_contract")
pytest.register_assert_rewrite("scheduler_contract", "trainer_contract")

ROOT = Path(__file__).resolve().parent.parent
Finished = subprocess.CompletedProcess[str]

# What mpirun leaves when a test kills it, out of the way of later ones with its process id.
SESSIONS = tempfile.TemporaryDirectory(prefix="agebo_ranks.", ignore_cleanup_errors=True)
atexit.register(SESSIONS.cleanup)
GROUPS = Path(SESSIONS.name) / "groups.json"
STANDING = pytest.StashKey[StandingRanks]()
# Tests start more ranks than a small machine has cores, each with one thread.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONUNBUFFERED": "1",
    # For commands that call mpirun themselves: Open MPI 5, then 4.
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_MCA_prte_local_tmpdir_base": SESSIONS.name,
}
AS_ROOT = {
    f"{prefix}_ALLOW_RUN_AS_ROOT{suffix}": "1"
    for prefix in ("OMPI", "PRTE")
    for suffix in ("", "_CONFIRM")
}
# Before any test imports TensorFlow in this process.
for _name in (
    *("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES"),
):
    os.environ.setdefault(_name, ENVIRONMENT[_name])
# What was compiled is kept: tests start hundreds of interpreters, and each worker has all tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A shell's background job and a worker of xdist ignore Ctrl-C; what they start would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
_fsync = os.fsync


def _fsync_of_others(file: Any) -> None:
    """Wait for no disk: it takes longer than most tests, and none of them cuts the power.

    What is neither a file nor a directory is as ever, and so are files that are closed.
    """
    mode = os.fstat(file).st_mode if isinstance(file, int) else os.fstat(file.fileno()).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        _fsync(file)


os.fsync = _fsync_of_others


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ranks", type=int, default=3, help="ranks for tests that run on any number")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests, and say which of them share a worker."""
    arrange(config, items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what cannot run here."""
    skip_without_horovod(item)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where to write the groups."""
    node.workerinput[KEY] = str(GROUPS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let pytest-xdist keep groups together."""
    return scheduler(config, log, GROUPS)


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with the tests' own settings on top."""
    env = {**os.environ, **ENVIRONMENT, **(AS_ROOT if os.getuid() == 0 else {})}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))
    return {**env, **(extra or {})}


@pytest.fixture(scope="session")
def child_settings() -> dict[str, str]:
    """Return the environment of a test that starts and watches its processes itself."""
    return child_environment()


def _end(process: subprocess.Popen[str]) -> None:
    """Let every process below print its stacks, then kill them all."""
    try:
        first = psutil.Process(process.pid)
        family = [*first.children(recursive=True), first]
    except psutil.NoSuchProcess:
        return
    ranks = [member for member in family if "python" in member.name()]
    for number, members in ((signal.SIGABRT, ranks), (signal.SIGKILL, family)):
        for member in members:
            try:
                member.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(members, timeout=3)


def _both_ends(text: str, length: int = 5000) -> str:
    """Return how an output begins and ends; the list of loaded modules says nothing."""
    lines = [line for line in text.splitlines() if not line.startswith("Extension modules:")]
    text = "\n".join(lines)
    return text if len(text) < 2 * length else f"{text[:length]}\n…\n{text[-length:]}"


def run_limited(
    command: Sequence[str | os.PathLike[str]],
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Finished:
    """Run a command; when it takes longer than `timeout` seconds, end it and fail the test."""
    words = [os.fspath(word) for word in command]
    started = time.monotonic()
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=child_environment(env),
        cwd=cwd,
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            stdout, stderr = process.communicate()
            pytest.fail(
                f"no end after {time.monotonic() - started:.0f} s: {' '.join(words)}\n"
                f"--- stdout\n{stdout[-4000:]}\n--- stderr\n{_both_ends(stderr)}",
                pytrace=False,
            )
        except BaseException:
            _end(process)
            raise
    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)


@pytest.fixture
def ranks(request: pytest.FixtureRequest) -> int:
    """Return the number of ranks asked for with --ranks, 3 if none was."""
    return int(request.config.getoption("--ranks"))


@pytest.fixture
def mpirun(tmp_path: Path) -> Callable[..., Finished]:
    """Run Python on n real ranks.

    `mpirun(3, "text of a script")` or `mpirun(3, ["-m", "agebo_hpc", "smoke"])`, with
    `timeout` in seconds (120), `env` and `cwd`; returns returncode, stdout and stderr. A run
    that does not end in time is killed and fails the test with the stacks of all ranks.
    """
    if shutil.which("mpirun", path=child_environment()["PATH"]) is None:
        pytest.skip("there is no mpirun on PATH")
    count = 0

    def run(
        n: int,
        what: str | Sequence[str | os.PathLike[str]],
        timeout: float = 120,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Finished:
        nonlocal count
        if isinstance(what, str):
            count += 1
            script = tmp_path / f"ranks_{count}.py"
            script.write_text(what)
            what = [script]
        launch = [ROOT / "scripts" / "ranks.sh", str(n), sys.executable]
        return run_limited([*launch, *what], timeout, env, cwd)

    return run


@pytest.fixture(scope="session")
def standing_ranks(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    child_settings: dict[str, str],
) -> Iterator[Callable[..., str]]:
    """Run scripts on up to three ranks that live on from test to test.

    `standing_ranks(2, "answer(str(world.allreduce(rank)))", timeout=60)` returns what rank 0
    gave to `answer`. Where ranks only compute this saves each test the start of its own. They
    end when the next test needs none.
    """
    if shutil.which("mpirun", path=child_settings["PATH"]) is None:
        pytest.skip("there is no mpirun on PATH")
    launch = [ROOT / "scripts" / "ranks.sh", "3", sys.executable]

    def run(size: int, script: str, timeout: float = 120) -> str:
        job = request.session.stash.get(STANDING, None)
        if job is None or not job.is_alive:
            job = StandingRanks(launch, tmp_path_factory.mktemp("ranks"), child_settings)
            request.session.stash[STANDING] = job
        return job.run(size, script, timeout)

    yield run
    _end_standing_ranks(request.session)


def _end_standing_ranks(session: pytest.Session) -> None:
    job = session.stash.get(STANDING, None)
    if job is not None:
        del session.stash[STANDING]
        job.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Let standing ranks go before a test that needs none."""
    if nextitem is not None and not uses_standing_ranks(nextitem):
        _end_standing_ranks(item.session)


@pytest.fixture(scope="session")
def small_disk() -> Callable[[Path, int | str], AbstractContextManager[None]]:
    """Mount a file system of so many bytes for a while: `with small_disk(path, "200k"):`."""

    @contextmanager
    def mounted(path: Path, size: int | str) -> Iterator[None]:
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        try:
            yield
        finally:
            subprocess.run(["umount", "--lazy", str(path)], check=True)

    return mounted


@pytest.fixture(scope="session")
def agebo() -> Callable[..., Finished]:
    """Run a command: `agebo("data", "list", timeout=60)`, in this process.

    With `process=True` it is a process of its own, for what only that can show: signals, kills,
    closed streams, what is read while libraries are loaded, MPI, the end of the interpreter. Both
    ways take `timeout` in seconds (180), `env` and `cwd` and return returncode, stdout, stderr.
    """

    def run(
        *args: str | os.PathLike[str],
        timeout: float = 180,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        process: bool = False,
    ) -> Finished:
        args = tuple(shortened(args))
        if process:
            return run_limited([sys.executable, "-m", "agebo_hpc", *args], timeout, env, cwd)
        return call(args, timeout, child_environment(env), cwd)

    return run


@pytest.fixture(scope="session")
def script() -> Callable[..., Finished]:
    """Run a Python script of the project in this process: `script("top_configurations.py", run)`.

    Takes `timeout` in seconds (180), `env` and `cwd` and returns returncode, stdout, stderr.
    """

    def run(
        name: str,
        *args: str | os.PathLike[str],
        timeout: float = 180,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Finished:
        return call_script(ROOT / "scripts" / name, args, timeout, child_environment(env), cwd)

    return run


@pytest.fixture(scope="session")
def shell() -> Callable[..., Finished]:
    """Run a line as it would be typed, with `agebo-hpc` of this Python or of `cwd`/bin."""

    def run(line: str, cwd: Path, timeout: float = 180) -> Finished:
        path = os.pathsep.join([str(cwd / "bin"), child_environment()["PATH"]])
        return run_limited(["bash", "-c", line], timeout, {"PATH": path}, cwd)

    return run


def make_table(rows: int, seed: int = 7) -> pd.DataFrame:
    """Return a table with two targets that a small network learns: `label` and `amount`.

    Parameters
    ----------
    rows
        Number of rows, > 0.
    seed
        Of the generator; the same seed gives the same table.
    """
    rng = np.random.default_rng(seed)
    number = rng.normal(size=(rows, 4))
    place = rng.integers(0, 5, size=rows)
    signal_ = number[:, 0] * number[:, 1] + np.sin(2 * number[:, 2]) + 0.4 * (place - 2)
    frame = pd.DataFrame(np.round(number, 4), columns=["a", "b", "c", "d"])
    frame["place"] = np.array(["north", "south", "east", "west", "centre"])[place]
    frame.loc[rng.random(rows) < 0.03, "d"] = np.nan
    noise = 0.1 * rng.normal(size=rows)
    frame["label"] = np.where(signal_ + noise > 0.0, "yes", "no")
    frame["amount"] = np.round(100.0 + 15.0 * (signal_ + noise), 3)
    return frame


@pytest.fixture(scope="session")
def tiny_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a CSV file of 2,000 rows with the targets `label` (yes, no) and `amount`."""
    path = tmp_path_factory.mktemp("tables") / "tiny.csv"
    make_table(2000).to_csv(path, index=False)
    return path


def _prepare(agebo: Callable[..., Finished], table: Path, target: str, drop: str) -> Path:
    out = table.with_name(f"tiny_{target}.h5")
    done = agebo("data", "prepare", table, "--target", target, "--drop", drop, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def tiny_dataset(agebo: Callable[..., Finished], tiny_table: Path) -> Path:
    """Return a prepared data set of two classes, 2,000 rows, by the command line itself."""
    return _prepare(agebo, tiny_table, "label", "amount")


@pytest.fixture(scope="session")
def tiny_regression(agebo: Callable[..., Finished], tiny_table: Path) -> Path:
    """Return a prepared data set with a real-valued target, 2,000 rows."""
    return _prepare(agebo, tiny_table, "amount", "label")


@pytest.fixture
def heard_hangups() -> Iterator[None]:
    """Let programs of the test hear SIGHUP also where the tests were started by `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
