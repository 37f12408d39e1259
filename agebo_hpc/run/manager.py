"""The deciding rank's part of one session of a search: history, search, driver, reports."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from agebo_hpc.errors import (
    EXIT_AGAIN,
    EXIT_COMPLETE,
    EXIT_INTERRUPTED,
    AgeboError,
)
from agebo_hpc.execution.driver import Driver
from agebo_hpc.execution.executor import Executor
from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.execution.limits import Limits, check_success
from agebo_hpc.execution.proposals import InlineProposals, Proposals, ThreadedProposals
from agebo_hpc.execution.stop_file import StopFile
from agebo_hpc.reporter import tell
from agebo_hpc.run.advice import advice_on_constants
from agebo_hpc.run.baselines import SearchBaselines
from agebo_hpc.run.begun_with import first_points, first_rungs
from agebo_hpc.run.checkpointing import checkpoints_of
from agebo_hpc.run.configuration import (
    parameter_counter,
    proposed_architectures,
    run_configuration,
)
from agebo_hpc.run.ending import end_line, stop_line
from agebo_hpc.run.machine_speed import products_per_second
from agebo_hpc.run.population import usual_population
from agebo_hpc.run.progress import ProgressLine
from agebo_hpc.run.restoring import restore, restored_scheduler
from agebo_hpc.run.resumption import changed_configuration
from agebo_hpc.run.run_log import (
    best_line,
    header_lines,
    log_line,
    logging_to,
    showing_warnings,
)
from agebo_hpc.run.session import Session
from agebo_hpc.run.session_budget import session_budget
from agebo_hpc.run.tally import Tally
from agebo_hpc.search.affordable import affordable_first
from agebo_hpc.search.methods import make_search
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Result
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import Problem
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.text import counted
from agebo_hpc.versions import installed_versions

logger = logging.getLogger(__name__)


class Manager:
    """The deciding rank's part of a session: history, search, driver, reports."""

    def __init__(
        self,
        session: Session,
        problem: Problem,
        space: HyperparameterSpace,
        executor: Executor,
        num_ranks: int,
    ) -> None:
        self._request = session.request
        self._reporter = session.reporter
        self._has_new_limit = session.has_new_limit
        self._is_stopping = False
        self._why = ""
        self._executor = executor
        self._num_ranks = num_ranks
        self._size_of = parameter_counter(problem)
        self._num_epochs = problem.recipe.epochs
        self._recipe = problem.recipe
        self._changes: dict[str, tuple[Any, Any]] = {}
        self._space = space
        num_at_once = max(1, executor.num_at_once(min(space.processes)))
        speed = self._speed(session, problem)
        architectures = proposed_architectures(session.request, problem, speed)
        usual, note = usual_population(session, problem, speed, executor)
        self._notes = [note] if note else []
        settings = session.request.search_settings(first_points(session, num_at_once), usual)
        num_rungs = first_rungs(session, self._num_epochs)
        self._scheduler_settings = session.request.scheduler_settings(self._num_epochs, num_rungs)
        config = run_configuration(
            session.request, problem, space, settings, num_at_once, speed, num_rungs
        )
        if session.run is None:
            self._run = RunDirectory.create(session.request.out, config)
        else:
            self._run = session.run
            if session.request.ahead is None:
                config["search"]["ahead"] = session.run.config["search"].get("ahead", 0)
            config, self._changes = changed_configuration(session.run.config, config)
        self._config = config
        self._baselines = SearchBaselines(self._run, session.request, problem, config)
        self._ahead = config["search"]["ahead"]
        first = self._config["problem"].get("first") or ()
        self._search = make_search(
            session.request.method,
            architectures,
            space,
            settings,
            affordable_first(architectures, tuple(map(tuple, first))),
        )

    @staticmethod
    def _speed(session: Session, problem: Problem) -> float:
        """Return the machine's speed at the run's begin; measured where networks are trained."""
        stored = {} if session.run is None else session.run.config.get("machine", {})
        if "products_per_second" in stored:
            return float(stored["products_per_second"])
        is_real = problem.data is not None and problem.trainer is None
        return products_per_second() if is_real else 0.0

    def run(self, interrupt: Interrupt) -> int:
        """Run the search to one of its limits and return the exit code."""
        with (
            logging_to(self._run.log_path, self._reporter),
            closing(self._open_history()) as history,
        ):
            self._budget = session_budget(
                self._request,
                history,
                self._has_new_limit,
                None if self._executor.is_simulated else self._reporter,
            )
            limits = Limits(
                self._request.max_evals,
                self._budget.seconds,
                interrupt,
                self._executor.clock,
                StopFile(self._run.stop_path),
                self._size_of,
                lambda: self._executor.drain_reason,
            )
            return self._run_with(history, limits)

    def _open_history(self) -> History:
        is_durable = not self._executor.is_simulated
        with showing_warnings(self._reporter):
            return History.open(self._run, is_durable, self._executor.now)

    def _run_with(self, history: History, limits: Limits) -> int:
        """Take the search up where the history has left it, and run it to one of its limits."""
        made_up_for = restore(self._search, history)
        if self._changes:
            history.change_config(self._config, self._changes)
        tally = self._tally_of(history, limits)
        self._begin(history)
        for evaluation, told in made_up_for:
            history.submitted(evaluation, told)
        self._keep_to_groups()
        progress = ProgressLine(tally, self._reporter)
        driver = self._make_driver(history, limits)
        driver.on_change = partial(self._note, driver, tally, progress)
        return self._run_and_save(driver, history, tally, progress)

    def _tally_of(self, history: History, limits: Limits) -> Tally:
        """Return the counts so far; the limits learn how long evaluations took."""
        tally = Tally(
            self._executor.num_slots,
            self._request.max_evals,
            limits.walltime,
            metric=str(self._config["problem"].get("metric", "")),
            clock=self._executor.clock,
        )
        shares: dict[int, float] = {}
        for event in history.past or history.heard:
            if isinstance(event, Assignment):
                shares[event.evaluation.id] = event.share
            else:
                tally.add(event, earlier_session=True)
                limits.note_duration(event, shares.get(event.id, 1.0))
        return tally

    def _make_driver(self, history: History, limits: Limits) -> Driver:
        return Driver(
            self._make_proposals(history),
            self._executor,
            limits,
            restored_scheduler(self._scheduler_settings, history),
            ahead=self._ahead,
            synchronous=self._request.synchronous,
            num_told=len(history.results),
            num_pending=len(history.pending),
            paused=set(history.paused),
            losses=history.losses.copy(),
            checkpoints=checkpoints_of(self._request, history, self._executor, self._changes),
        )

    def _note(
        self, driver: Driver, tally: Tally, progress: ProgressLine, results: Sequence[Result]
    ) -> None:
        """Count and log results, and show now and then how the search stands."""
        for result in results:
            tally.add(result)
            self._log(result)
        if driver.limits.order and not self._is_stopping:
            # A launcher may kill before the epoch is over: what is saved is enough to go on.
            self._is_stopping = True
            self._announce_stop(driver.limits)
            self._write_aside(driver, self._status(tally, "stopping", EXIT_AGAIN))
        if progress.is_due():
            tally.baselines = self._baselines.text
            progress.update(self._executor.num_running)
            if not self._is_stopping:
                self._write_aside(driver, self._status(tally, "running"))

    def _announce_stop(self, limits: Limits) -> None:
        """Say that the search stops, now: a launcher may kill before the epochs are over."""
        said = stop_line(self._run, limits)
        logger.info("%s", said)
        self._reporter.say(said)

    def _write_aside(self, driver: Driver, status: dict[str, Any]) -> None:
        driver.proposals.aside(lambda: self._run.write_status(status))

    def _run_and_save(
        self, driver: Driver, history: History, tally: Tally, progress: ProgressLine
    ) -> int:
        """Run the driver; whatever ends it, say so and save all that the next session needs."""
        limits = driver.limits
        state, code = "failed", None
        try:
            self._baselines.begin()
            complete = self._drive(driver)
            self._why = limits.end_reason(complete)
            code = self._exit_code(complete, limits)
            if code == EXIT_COMPLETE:
                if driver.checkpoints is not None:
                    driver.checkpoints.clear()
                self._baselines.wait(limits, self._reporter)
                check_success(history.results, self._run)
            state = "complete" if code == EXIT_COMPLETE else "stopped"
        except AgeboError as error:
            code = error.exit_code
            raise
        except KeyboardInterrupt:
            state, code = "stopped", EXIT_INTERRUPTED
            raise
        finally:
            limits.interrupt.is_saving = True
            # What is saved comes before what is told. In this order: what is noted after the last
            # snapshot would be a reason for another.
            history.session("end", {"reason": state} | ({"why": self._why} if self._why else {}))
            history.snapshot(self._search.state, force=True)
            self._baselines.end(tally, self._reporter)
            remark = end_line(self._run, limits, tally, state, self._why, self._request.max_time)
            self._advise(tally)
            progress.finish(remark)
            logger.info("%s", best_line(tally.best))
            logger.info("%s", remark)
            _log_refills(driver)
            self._run.write_status(self._status(tally, state, code))
        return code

    def _make_proposals(self, history: History) -> Proposals:
        """Return one with a thread where trainings leave this process time for it."""
        kind = ThreadedProposals if self._executor.runs_elsewhere else InlineProposals
        snapshot = partial(history.snapshot, self._search.state)
        num_told, num_proposed = len(history.heard), history.next_id
        return kind(self._search, history, num_told, snapshot, num_proposed)

    def _drive(self, driver: Driver) -> bool:
        """Run the driver; whatever happens, what it handed over is recorded."""
        with ExitStack() as stack:
            if self._executor.runs_elsewhere:
                stack.enter_context(_quick_thread_switches())
            stack.callback(driver.proposals.close)
            return driver.run()

    def _begin(self, history: History) -> None:
        versions = installed_versions()
        record = {
            "world_size": self._num_ranks,
            "slots": self._executor.num_slots,
            "versions": versions,
            "seconds": self._budget.seconds,
        }
        if self._executor.num_cores:
            record["cores"] = self._executor.num_cores
        if self._executor.data_parallel:
            record["data_parallel"] = self._executor.data_parallel
        history.session("start", record)
        found = len(history.results)
        installed = {name: version for name, version in versions.items() if version}
        for line in header_lines(sys.argv, os.environ, installed, self._budget.seconds):
            logger.info("%s", line)
        logger.info(
            "search in %s: method %s, seed %d, %s, %s%s",
            self._run.path,
            self._request.method,
            self._request.seed,
            counted(self._num_ranks, "rank"),
            counted(self._executor.num_slots, "slot"),
            f", {counted(found, 'evaluation')} of earlier sessions" if found else "",
        )
        notes = (*self._scheduler_settings.remarks, *self._notes)
        for remark in (*self._executor.remarks, *notes):
            logger.info("%s", remark)
        if not self._executor.is_simulated:
            tell(self._reporter, self._notes)
        for name, (before, now) in self._changes.items():
            logger.warning("from here on %s is %s; it was %s", name, now, before)

    def _keep_to_groups(self) -> None:
        """Propose nothing that is too large for the worker groups of this session."""
        largest = self._executor.max_processes
        if max(self._space.processes) > largest:
            self._search.limit_processes(largest)
            logger.warning(
                "evaluations of this search have up to %d processes; with at most %d in a worker "
                "group this session proposes no larger ones",
                max(self._space.processes),
                largest,
            )

    def _log(self, result: Result) -> None:
        logger.info("%s", log_line(result, self._space.names))
        if result.traceback:
            logger.warning("evaluation %d:\n%s", result.id, result.traceback.rstrip())

    def _advise(self, tally: Tally) -> None:
        advice = advice_on_constants(tally.constant, tally.known, tally.kind, self._recipe)
        if advice:
            logger.warning("%s", advice)
            self._reporter.warn(advice)

    def _status(self, tally: Tally, state: str, code: int | None = None) -> dict[str, Any]:
        """Return how the search stands, for ``status.json``."""
        best = tally.best
        now = datetime.fromtimestamp(self._executor.now(), UTC)
        status: dict[str, Any] = {
            "time": now.isoformat(timespec="seconds"),
            "state": state,
            "exit_code": code,
            "counts": {
                "done": tally.done,
                "failed": tally.failed,
                "lost": tally.lost,
                "running": self._executor.num_running,
            },
            "max_evals": self._request.max_evals,
            "max_time": self._request.max_time,
            "busy_share": tally.busy_share,
            "seconds_left": None if math.isnan(tally.seconds_left) else tally.seconds_left,
            "slots": self._executor.num_slots,
            "data_parallel": self._executor.data_parallel or None,
        }
        if tally.paused:
            status["counts"]["paused"] = len(tally.paused)
        if tally.baselines:
            status["baselines"] = tally.baselines
        if best is not None:
            status["best"] = {"evaluation_id": best.id, "objective": best.objective}
            if best.predicts_one:
                status["best"]["predicts_one"] = best.predicts_one
        return status

    def _exit_code(self, complete: bool, limits: Limits) -> int:
        """Return the code of a search that reached its number of evaluations, or did not.

        Without that and without an order, time has ended it.
        """
        used_up = self._budget.completes and not limits.order and not limits.drain_reason
        return EXIT_COMPLETE if complete or used_up else EXIT_AGAIN


def _log_refills(driver: Driver) -> None:
    """Log how long free slots waited for the manager."""
    seconds = sorted(driver.refill_seconds)
    if seconds:
        logger.info(
            "from a result's arrival to the next start: median %.2f ms, 99 %% within %.2f ms",
            1e3 * seconds[len(seconds) // 2],
            1e3 * seconds[int(0.99 * (len(seconds) - 1))],
        )


@contextmanager
def _quick_thread_switches() -> Iterator[None]:
    """Switch between threads every 0.5 ms, not 5 ms, so that workers get their answers sooner."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-4)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
