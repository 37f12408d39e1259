"""The deciding rank's part of one life of a search: history, search, driver, reports."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agebo_hpc.errors import EXIT_AGAIN, EXIT_COMPLETE, AgeboError, LaunchError
from agebo_hpc.execution.driver import Driver
from agebo_hpc.execution.executor import Executor
from agebo_hpc.execution.installation import installed_versions
from agebo_hpc.execution.limits import Interrupt, Limits
from agebo_hpc.execution.progress import ProgressLine, Tally, log_line
from agebo_hpc.execution.request import SearchRequest
from agebo_hpc.search.methods import make_search
from agebo_hpc.search.search import Search
from agebo_hpc.space.configuration import Evaluation, Result
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import METRICS, Problem
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Life:
    """What one life of a search works on.

    Attributes
    ----------
    request
        Of this life.
    run
        The run directory when it is resumed; None: it is made.
    """

    request: SearchRequest
    run: RunDirectory | None = None


def data_facts(problem: Problem) -> dict[str, str]:
    """Return content hash and metric of a problem's data set; empty where it has none. Local."""
    if problem.data is None:
        return {}
    from agebo_hpc.data.dataset import open_dataset

    dataset = open_dataset(problem.data)
    return {"data_fingerprint": dataset.fingerprint, "metric": METRICS[dataset.task]}


class Manager:
    """The deciding rank's part of a life: history, search, driver, reports."""

    def __init__(
        self,
        life: Life,
        problem: Problem,
        space: HyperparameterSpace,
        executor: Executor,
        num_ranks: int,
    ) -> None:
        self._request = life.request
        self._executor = executor
        self._num_ranks = num_ranks
        self._space = space
        smallest = min(space.processes)
        num_initial = max(1, executor.num_slots // smallest)
        if life.run is None:
            config = _configuration(life.request, problem, space, num_initial)
            self._run = RunDirectory.create(life.request.out, config)
        else:
            self._run = life.run
            num_initial = life.run.config["search"]["num_initial"]
            self._space = HyperparameterSpace.from_dict(
                life.run.config["problem"]["hyperparameters"]
            )
        settings = life.request.search_settings(num_initial)
        self._search = make_search(life.request.method, problem.architecture, space, settings)

    def run(self, interrupt: Interrupt) -> int:
        """Run the search to one of its limits and return the exit code."""
        with _logging_to(self._run.log_path), closing(History.open(self._run)) as history:
            limits = Limits(self._request.max_evals, self._request.walltime, interrupt)
            return self._run_with(history, limits)

    def _run_with(self, history: History, limits: Limits) -> int:
        restore(self._search, history)
        tally = Tally(self._executor.num_slots, self._request.max_evals, self._request.walltime)
        for result in history.results:
            tally.add(result, earlier_life=True)
        self._check_processes(history.pending.values())
        self._begin(history)
        progress = ProgressLine(tally, sys.stderr)

        def on_change(results: Sequence[Result]) -> None:
            for result in results:
                tally.add(result)
                self._log(result)
            if results:
                history.snapshot(self._search.state)
            if progress.is_due():
                self._write_status(tally, "running")
                progress.update(self._executor.num_running)

        driver = Driver(
            self._search, self._executor, history, limits, len(history.results), on_change
        )
        state, code = "failed", None
        try:
            complete = driver.run()
            code = _exit_code(complete, limits)
            state = "complete" if code == EXIT_COMPLETE else "stopped"
        except AgeboError as error:
            code = error.exit_code
            raise
        finally:
            remark = self._remark(state, limits, tally)
            progress.finish(remark)
            logger.info("%s", remark)
            history.snapshot(self._search.state, force=True)
            history.life("end", {"reason": state})
            self._write_status(tally, state, code)
        return code

    def _begin(self, history: History) -> None:
        record = {
            "world_size": self._num_ranks,
            "slots": self._executor.num_slots,
            "versions": installed_versions(),
        }
        history.life("start", record)
        found = len(history.results)
        logger.info(
            "search in %s: method %s, seed %d, %d ranks, %d slots%s",
            self._run.path,
            self._request.method,
            self._request.seed,
            self._num_ranks,
            self._executor.num_slots,
            f", {found} evaluations of earlier lives" if found else "",
        )

    def _check_processes(self, pending: Iterable[Evaluation]) -> None:
        """Refuse to go on where what is pending or will be proposed does not fit the groups."""
        needed = max([*self._space.processes, *(e.configuration.num_processes for e in pending)])
        if needed > self._executor.max_processes:
            raise LaunchError(
                f"This search evaluates with up to {needed} processes; the largest worker group "
                f"now has {self._executor.max_processes}. Resume with at least {needed + 1} ranks "
                "on one node."
            )

    def _log(self, result: Result) -> None:
        logger.info("%s", log_line(result, self._space.names))
        if result.traceback:
            logger.warning("evaluation %d:\n%s", result.id, result.traceback.rstrip())

    def _write_status(self, tally: Tally, state: str, code: int | None = None) -> None:
        best = tally.best
        status: dict[str, Any] = {
            "state": state,
            "exit_code": code,
            "counts": {
                "done": tally.done,
                "failed": tally.failed,
                "running": self._executor.num_running,
            },
            "max_evals": self._request.max_evals,
            "busy_share": tally.busy_share,
            "seconds_left": None if math.isnan(tally.seconds_left) else tally.seconds_left,
            "slots": self._executor.num_slots,
        }
        if best is not None:
            status["best"] = {"evaluation_id": best.id, "objective": best.objective}
        self._run.write_status(status)

    def _remark(self, state: str, limits: Limits, tally: Tally) -> str:
        """Say how this life ended and how to go on."""
        signal = limits.interrupt.received
        reason = f" by {signal.name}" if signal else ""
        resume = f"agebo-hpc resume {self._run.path}"
        if state != "complete":
            again = f"; go on with: {resume}"
        elif limits.max_evals is None or tally.finished_here:
            again = ""
        else:
            again = f": no evaluation was left to do; for more: {resume} --max-evals N"
        return f"search {state}{reason} after {limits.elapsed:.1f} s{again}"


def _exit_code(complete: bool, limits: Limits) -> int:
    """Complete: the number of evaluations is reached, or the wall time was the only limit."""
    if limits.interrupt.received is not None:
        return EXIT_COMPLETE if complete else EXIT_AGAIN
    return EXIT_COMPLETE if complete or limits.max_evals is None else EXIT_AGAIN


def restore(search: Search, history: History) -> None:
    """Bring a new search to where the history left the old one."""
    if history.search_state is not None:
        search.load_state(history.search_state)
    for event in history.since_state:
        if isinstance(event, Evaluation):
            search.restore_pending([event])
        else:
            search.tell([event])


def _configuration(
    request: SearchRequest, problem: Problem, space: HyperparameterSpace, num_initial: int
) -> dict[str, Any]:
    """Return all that was asked and what followed from it, for config.toml."""
    asked = request.to_dict()
    if request.data is not None:
        asked["data"] = str(Path(request.data).resolve())
    if request.problem is not None:
        path, _, name = request.problem.rpartition(":")
        asked["problem"] = f"{Path(path).resolve()}:{name}"
    return {
        "request": asked,
        "search": {
            "method": request.method,
            "seed": request.seed,
            "num_initial": num_initial,
            "max_evals": request.max_evals,
            **asdict(request.search_settings(num_initial)),
        },
        "problem": {
            "data": asked.get("data", problem.data),
            **data_facts(problem),
            "preset": request.preset,
            "objective": problem.objective,
            "trainer": "tensorflow" if problem.trainer is None else "of the problem file",
            "architecture": json.loads(problem.architecture.to_json()),
            "hyperparameters": space.to_dict(),
            "recipe": asdict(problem.recipe),
        },
        "versions": installed_versions(),
    }


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("agebo_hpc")
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
