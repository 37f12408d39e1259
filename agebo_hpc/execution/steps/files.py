"""What the manager and the processes of a job step tell one another, by files of the step.

manager -> step   task.json      what to train and on which slots; there before the step starts
manager -> step   stop           it is there: end at the end of the epoch
step -> manager   words.jsonl    a line when training begins, a line for each epoch, by the leader;
                                 a line of a process that cannot train, with the reason
step -> manager   result.json    the result; by the leader, in one piece
step -> manager   log.txt        what the launcher and the processes print

A step's directory lives as long as the step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Configuration, Evaluation, Result
from agebo_hpc.storage.seal import to_json


@dataclass(frozen=True)
class StepTask:
    """What a step is to train.

    Attributes
    ----------
    evaluation
        The configuration and its id.
    spec
        How to make the trainer.
    slots
        The slots that the evaluation has, leader first; they are the result's ranks.
    positions
        Numbers of these slots on their node, from 0: the devices that they stand for.
    first_core
        Cores of the node that come before the evaluation's own, >= 0.
    threads
        Cores of each process, >= 1.
    submitted, started
        Times at which the evaluation was submitted and its launcher started, seconds since 1970.
    piece
        The piece of the evaluation that is trained; None: the whole.
    checkpoints
        Directory of the run's checkpoints, which all nodes see; None: there are none.
    """

    evaluation: Evaluation
    spec: TrainerSpec
    slots: tuple[int, ...]
    positions: tuple[int, ...]
    first_core: int
    threads: int
    submitted: float
    started: float
    piece: Assignment | None = None
    checkpoints: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the task as plain data for JSON."""
        evaluation = {"id": self.evaluation.id, **self.evaluation.configuration.to_dict()}
        values = {**vars(self), "spec": self.spec.to_dict(), "evaluation": evaluation}
        if self.piece is not None:
            values["piece"] = {name: getattr(self.piece, name) for name in _OF_A_PIECE}
        return values

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StepTask:
        """Read what `to_dict` gave."""
        values = dict(data)
        plain = values.pop("evaluation")
        evaluation = Evaluation(plain["id"], Configuration.from_dict(plain))
        piece = values.pop("piece")
        return cls(
            evaluation=evaluation,
            piece=None if piece is None else Assignment(evaluation, **piece),
            spec=TrainerSpec(**values.pop("spec")),
            slots=tuple(values.pop("slots")),
            positions=tuple(values.pop("positions")),
            **values,
        )


_OF_A_PIECE = ("start", "end", "full_length", "bracket", "checkpoint")


@dataclass(frozen=True)
class StepFiles:
    """The files of one step. Each side writes its own and reads the other's.

    Attributes
    ----------
    path
        The step's directory, on a file system that all nodes see.
    """

    path: Path

    @property
    def log(self) -> Path:
        """What the launcher and the processes print."""
        return self.path / "log.txt"

    def write_task(self, task: StepTask) -> None:
        """Make the directory and write down what is to be trained. By the manager."""
        self.path.mkdir(parents=True)
        self._replace("task.json", task.to_dict())

    def read_task(self) -> StepTask:
        """Return what is to be trained. By the step."""
        return StepTask.from_dict(json.loads((self.path / "task.json").read_text()))

    def order_stop(self) -> None:
        """Ask the step to end at the end of its epoch. By the manager."""
        (self.path / "stop").touch()

    def is_stopped(self) -> bool:
        """Tell whether the step is asked to end. By the step."""
        return (self.path / "stop").exists()

    def say(self, word: Mapping[str, Any]) -> None:
        """Append one line for the manager. By the leader, or who cannot train."""
        with (self.path / "words.jsonl").open("a") as file:
            file.write(to_json(dict(word)) + "\n")

    def words(self, offset: int) -> tuple[list[dict[str, Any]], int]:
        """Return the whole lines from a byte offset on, and the next offset. By the manager."""
        try:
            with (self.path / "words.jsonl").open("rb") as file:
                file.seek(offset)
                text = file.read()
        except FileNotFoundError:
            return [], offset
        end = text.rfind(b"\n") + 1
        return [json.loads(line) for line in text[:end].splitlines()], offset + end

    def write_result(self, result: Result) -> None:
        """Leave the result. By the leader."""
        self._replace("result.json", result.to_dict())

    def read_result(self) -> Result | None:
        """Return the result, None if the step left none. By the manager."""
        try:
            return Result.from_dict(json.loads((self.path / "result.json").read_text()))
        except FileNotFoundError:
            return None

    def log_tail(self, length: int = 3000) -> str:
        """Return how the output ends."""
        try:
            return self.log.read_text(errors="replace")[-length:].strip()
        except FileNotFoundError:
            return ""

    def _replace(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a file that is seen whole or not at all."""
        new = self.path / f"{name}.new"
        new.write_text(to_json(dict(content)))
        os.replace(new, self.path / name)
