"""The job-step executor: every evaluation is a step of processes of its own.

The manager starts a launcher (`mpirun`, `srun`) for each evaluation. That is slower than ranks
that live on, by the start of an interpreter and of TensorFlow, but a crash, a leak or the
out-of-memory killer costs one evaluation and no more. With exclusive worker groups an evaluation
of n processes has the whole group's cores, divided by n.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agebo_hpc.errors import LaunchError, error_of
from agebo_hpc.execution.backoff import Backoff
from agebo_hpc.execution.executor import Executor, settled
from agebo_hpc.execution.exit_status import judge_end
from agebo_hpc.execution.placement import Block, Placement
from agebo_hpc.execution.steps.files import StepFiles, StepTask
from agebo_hpc.execution.steps.launch import (
    SESSION_BASE,
    StepSite,
    overlap_lines,
    site_words,
    slot_lines,
    step_environment,
    step_words,
)
from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.execution.worker_groups import carve
from agebo_hpc.processes.own_program import own_program
from agebo_hpc.processes.parent_death import with_parent_death
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status
from agebo_hpc.storage.checkpoints import CheckpointFiles

logger = logging.getLogger(__name__)

START_SECONDS = 300.0
"""A step that has not begun to train after so long is ended: its launcher hangs."""

GRACE_SECONDS = 5.0
"""How much longer than the evaluation's time limit a step may take to see it itself."""

CLOSE_SECONDS = 10.0
"""How long steps may take to end when they are told to, before they are killed."""

STEPS_NAME = "steps"
"""Directory of the steps in the run directory."""


@dataclass
class _Step:
    """A running step."""

    evaluation: Evaluation
    files: StepFiles
    block: Block
    process: subprocess.Popen[bytes]
    submitted: float
    started: float
    clock: float
    begun: float | None = None
    offset: int = 0
    num_reported: int = 0
    """Epochs that the manager has heard of before this step."""
    is_ordered: bool = False
    """Whether this evaluation alone was told to end."""
    overdue: str = ""
    """Why the step was told to end, if it was; it is killed at `kill_at`."""
    kill_at: float = 0.0


@dataclass
class _Waiting:
    evaluation: Evaluation
    piece: Assignment | None = None
    submitted: float = field(default_factory=time.time)


class StepsExecutor(Executor):
    """Runs every evaluation as a job step. Lives on the manager, which needs no MPI.

    Parameters
    ----------
    spec
        How the steps make their trainers.
    site
        Hosts, slots and launcher.
    run
        Run directory, on a file system that all nodes see; it need not be there yet.
    max_processes
        Largest number of slots of a worker group, >= 1.
    exclusive
        Whether an evaluation has a whole worker group for itself.
    show_slots
        Whether `remarks` describe each slot in a line.
    checkpoints
        Where trainings leave what they go on from; None: they begin anew where they go on.
    """

    runs_elsewhere = True

    def __init__(
        self,
        spec: TrainerSpec,
        site: StepSite,
        run: Path,
        max_processes: int,
        *,
        exclusive: bool = False,
        show_slots: bool = False,
        checkpoints: CheckpointFiles | None = None,
    ) -> None:
        groups = carve(site.slots(), max_processes)
        self._spec = spec
        self._checkpoints = None if checkpoints is None else str(checkpoints.path.resolve())
        self._site = site
        self._exclusive = exclusive
        self._group_of = {slot: group for group in groups for slot in group}
        self._placement = Placement(groups, exclusive=self._exclusive)
        self._env = step_environment(os.environ, site)
        self._scratch = tempfile.TemporaryDirectory(
            prefix="agebo_steps.", ignore_cleanup_errors=True
        )
        self._path = run.resolve() / STEPS_NAME
        self._waiting: dict[int, _Waiting] = {}
        self._steps: dict[int, _Step] = {}
        self._ready: list[Result] = []
        self._num_started = 0
        self._is_clean = False
        self._has_begun = False
        self.num_slots = self._placement.num_slots
        self.max_processes = self._placement.largest_group
        self.remarks = [
            f"{site_words(site)}, in groups of up to {self.max_processes}",
            *overlap_lines(site),
            *(slot_lines(site, groups) if show_slots else ()),
        ]

    def num_at_once(self, num_processes: int) -> int:
        """Return how many evaluations of so many processes the groups hold."""
        return self._placement.num_at_once(num_processes)

    def has_room(self) -> bool:
        """Tell whether a slot is free that no evaluation waits for."""
        return self._placement.has_room()

    def submit(self, evaluation: Evaluation) -> None:
        """Start an evaluation on a block of slots, or let it wait for one."""
        self._submit(_Waiting(evaluation))

    def submit_piece(self, assignment: Assignment) -> None:
        """Start a piece of a training on a block of slots, or let it wait for one."""
        self._submit(_Waiting(assignment.evaluation, assignment))

    def _submit(self, waiting: _Waiting) -> None:
        evaluation = waiting.evaluation
        self._waiting[evaluation.id] = waiting
        block = self._placement.request(evaluation.id, evaluation.configuration.num_processes)
        if block is not None:
            self._start(evaluation.id, block)

    def collect(self, stop: Callable[[], bool], seconds: float) -> list[Result]:
        """Return the evaluations whose steps have ended; wait for the first one.

        Raises
        ------
        AgeboError
            If a step cannot train, and none before it has begun to: its reason is everyone's.
        """
        deadline, backoff = time.monotonic() + seconds, Backoff()
        while True:
            for step in list(self._steps.values()):
                self._look_at(step)
            if self._ready:
                ready, self._ready = self._ready, []
                return ready
            if stop():
                self._stop_all()
                if not self.num_running:
                    return []
            if time.monotonic() > deadline:
                return []
            backoff.sleep()

    def stop(self, evaluation_id: int) -> None:
        """Order one evaluation to end at the end of its epoch; one that waits is cut now."""
        if evaluation_id in self._steps:
            self._steps[evaluation_id].is_ordered = True
            self._steps[evaluation_id].files.order_stop()
        elif evaluation_id in self._waiting:
            self._placement.withdraw(evaluation_id)
            waiting = self._waiting.pop(evaluation_id)
            now = time.time()
            self._ready.append(
                Result(
                    waiting.evaluation,
                    Status.CUT,
                    submitted=waiting.submitted,
                    started=now,
                    ended=now,
                )
            )
            self._start_all(self._placement.start_waiting())

    @property
    def num_running(self) -> int:
        """Number of evaluations that run or wait, or whose result was not collected yet."""
        return len(self._steps) + len(self._waiting) + len(self._ready)

    def close(self) -> None:
        """End the steps that still run, and remove what they left."""
        for step in self._steps.values():
            _end(step.process, signal.SIGTERM)
        deadline = time.monotonic() + CLOSE_SECONDS
        for step in self._steps.values():
            with suppress(subprocess.TimeoutExpired):
                step.process.wait(max(0.0, deadline - time.monotonic()))
            _end(step.process, signal.SIGKILL)
            step.process.wait()
        self._steps.clear()
        shutil.rmtree(self._path, ignore_errors=True)
        self._scratch.cleanup()

    def _start_all(self, started: Iterable[tuple[int, Block]]) -> None:
        for evaluation_id, block in started:
            self._start(evaluation_id, block)

    def _start(self, evaluation_id: int, block: Block) -> None:
        waiting = self._waiting.pop(evaluation_id)
        if not self._is_clean:
            # Of a session that was killed: nobody reads them any more.
            shutil.rmtree(self._path, ignore_errors=True)
            self._is_clean = True
        self._num_started += 1
        files = StepFiles(self._path / f"{self._num_started}-{evaluation_id}")
        site, first = self._site, block[0]
        node = site.node(first)
        threads, first_slot = node.threads, first
        if self._exclusive:
            group = self._group_of[first]
            threads, first_slot = max(1, len(group) * node.threads // len(block)), group[0]
        task = StepTask(
            evaluation=waiting.evaluation,
            spec=self._spec,
            slots=block,
            positions=tuple(site.position(slot) for slot in block),
            first_core=site.position(first_slot) * node.threads,
            threads=threads,
            submitted=waiting.submitted,
            started=time.time(),
            piece=waiting.piece,
            checkpoints=self._checkpoints,
        )
        files.write_task(task)
        words = step_words(site, node.name, len(block), threads, self._env)
        # An orphan would keep its cores: it ends with the launcher's daemon on its node.
        program = own_program("agebo_hpc.execution.steps.process", with_parent=True)
        program += [str(files.path), str(len(block))]
        self._steps[evaluation_id] = _Step(
            evaluation=waiting.evaluation,
            files=files,
            block=block,
            process=self._spawn([*words, *program], files),
            submitted=waiting.submitted,
            started=task.started,
            clock=time.monotonic(),
            num_reported=0 if waiting.piece is None else waiting.piece.num_reported,
        )

    def _spawn(self, command: list[str], files: StepFiles) -> subprocess.Popen[bytes]:
        with files.log.open("wb") as log:
            try:
                return subprocess.Popen(
                    with_parent_death(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**self._env, SESSION_BASE: str(self._session_of(files))},
                    start_new_session=True,
                )
            except OSError as error:
                raise LaunchError(f"Cannot start {command[0]}: {error.strerror}.") from error

    def _session_of(self, files: StepFiles) -> Path:
        """Return the directory of a step's launcher: what a killed one leaves there harms none."""
        return Path(self._scratch.name) / files.path.name

    def _look_at(self, step: _Step) -> None:
        """Read what a step reports; take its result when it has ended; end it if it is overdue."""
        code = step.process.poll()
        words, step.offset = step.files.words(step.offset)
        for word in words:
            if "begun" in word:
                step.begun = time.monotonic()
                self._has_begun = True
            elif "refused" in word and not self._has_begun:
                raise error_of(word["code"], word["refused"])
            elif word.get("record", {}).get("epoch", 0) > step.num_reported:
                self.on_report(step.evaluation.id, word["record"])
        if code is None:
            self._end_if_overdue(step)
            return
        del self._steps[step.evaluation.id]
        result = step.files.read_result() or self._without_result(step, code)
        self._ready.append(settled(result, step.is_ordered))
        # Whatever the launcher left behind on this node.
        _end(step.process, signal.SIGKILL)
        shutil.rmtree(step.files.path, ignore_errors=True)
        shutil.rmtree(self._session_of(step.files), ignore_errors=True)
        self._start_all(self._placement.release(step.evaluation.id))

    def _end_if_overdue(self, step: _Step) -> None:
        now = time.monotonic()
        if step.overdue:
            if now > step.kill_at:
                _end(step.process, signal.SIGKILL)
            return
        step.overdue = self._why_overdue(step, now)
        if step.overdue:
            step.kill_at = now + CLOSE_SECONDS
            _end(step.process, signal.SIGTERM)

    def _why_overdue(self, step: _Step, now: float) -> str:
        limit = self._spec.eval_timeout
        if step.begun is None and now - step.clock > START_SECONDS:
            return f"The step did not begin to train within {START_SECONDS:g} s and was ended."
        if limit and step.begun is not None and now - step.begun > limit + GRACE_SECONDS:
            return f"The evaluation did not end within {limit:g} s; its step was ended."
        return ""

    def _without_result(self, step: _Step, code: int) -> Result:
        output = step.files.log_tail()
        if step.overdue:
            status = Status.LOST if step.begun is None else Status.TIMED_OUT
            reason = step.overdue
        else:
            status, reason = judge_end(code, output)
        return Result(
            step.evaluation,
            status,
            submitted=step.submitted,
            started=step.started,
            ended=time.time(),
            ranks=step.block,
            host=self._site.node(step.block[0]).name,
            traceback=f"{reason}\n{output}".strip(),
        )

    def _stop_all(self) -> None:
        for step in self._steps.values():
            step.files.order_stop()
        for evaluation_id in list(self._waiting):
            self._placement.withdraw(evaluation_id)
            del self._waiting[evaluation_id]


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a launcher and all that it started in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
