"""Configuration, evaluation and result: what travels between search, executor and history."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from agebo_hpc.space.architecture import Architecture

Hyperparameters = Mapping[str, Any]
"""Values by name; always holds ``batch_size``, ``learning_rate`` and ``num_processes``."""


@dataclass(frozen=True)
class Configuration:
    """An architecture together with the hyperparameters of its data-parallel training.

    Attributes
    ----------
    architecture
        The decision vector.
    hyperparameters
        ``batch_size`` (rows per process and step), ``learning_rate`` (for one process) and
        ``num_processes`` (the paper's n), besides what a problem adds.
    """

    architecture: Architecture
    hyperparameters: Hyperparameters

    @property
    def num_processes(self) -> int:
        """Number of ranks that train this configuration together."""
        return int(self.hyperparameters["num_processes"])

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits that name this configuration on every machine."""
        return blake2b(self.to_json().encode(), digest_size=8).hexdigest()

    def __hash__(self) -> int:
        return hash((self.architecture, tuple(sorted(self.hyperparameters.items()))))

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain data for JSON."""
        return {
            "architecture": list(self.architecture),
            "hyperparameters": dict(self.hyperparameters),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Configuration:
        """Read what `to_dict` gave."""
        return cls(tuple(data["architecture"]), dict(data["hyperparameters"]))

    def to_json(self) -> str:
        """Return the configuration as JSON text, keys sorted."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Configuration:
        """Read what `to_json` wrote."""
        return cls.from_dict(json.loads(text))


NO_PARENT = -1
"""The parent's id of a configuration without parent."""


@dataclass(frozen=True)
class Evaluation:
    """Training one configuration once.

    Attributes
    ----------
    id
        Counts from 0 over the whole search.
    configuration
        What is trained.
    parent
        Id of the evaluation whose configuration was mutated to this one; `NO_PARENT`: it was
        drawn at random; None: not known. Equal evaluations may have learnt it or not.
    """

    id: int
    configuration: Configuration
    parent: int | None = field(default=None, compare=False)


class Status(StrEnum):
    """How an evaluation ended."""

    DONE = "done"
    FAILED = "failed"
    """An exception in building or training the network."""
    NON_FINITE = "non_finite"
    """The loss or the objective is infinite or not a number."""
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    """The evaluation's own time limit ended it."""
    STOPPED = "stopped"
    """An order to stop this evaluation alone ended it; it has the value of its last epoch."""
    PAUSED = "paused"
    """At the end of an assignment that is not the whole training; it has the value it has there,
    and the scheduler says whether it goes on. Never the last word on an evaluation."""
    CUT = "cut"
    """Stopped with the search; proposed again on resume, never told to the search."""
    LOST = "lost"
    """A rank of it died; proposed again, never told to the search."""

    @property
    def is_final(self) -> bool:
        """Whether the evaluation has ended; one that was cut, lost or paused may go on."""
        return self not in (Status.CUT, Status.LOST, Status.PAUSED)

    @property
    def is_told(self) -> bool:
        """Whether the search hears of it: of what has ended, and of every value at a rung."""
        return self.is_final or self is Status.PAUSED

    @property
    def has_value(self) -> bool:
        """Whether the evaluation has an objective."""
        return self in (Status.DONE, Status.STOPPED, Status.PAUSED)


PREDICTS_ONE = ("", "class", "number")
"""What a network may predict one of for every row; the first: it tells rows apart."""


def judge_objective(objective: Any) -> tuple[Status, float | None, str]:
    """Return what becomes of an evaluation that is said to be done, by its objective.

    Parameters
    ----------
    objective
        What a training gave: a number, or what turns into one, such as a scalar of NumPy.

    Returns
    -------
    tuple of (Status, float or None, str)
        The status, the objective as a finite number, and what is wrong with it: done; non-finite
        where it is infinite or not a number; failed where it is nothing of the kind.
    """
    number: float | None = None
    with suppress(TypeError, ValueError):
        if not isinstance(objective, (str, bytes)):
            number = _as_float(objective)
    if number is None:
        return Status.FAILED, None, f"The objective is {objective!r:.80}; it must be a number."
    if not math.isfinite(number):
        return Status.NON_FINITE, None, f"The objective is {number}; it must be finite."
    return Status.DONE, number, ""


def _as_float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


@dataclass(frozen=True)
class Result:
    """What came back from one evaluation.

    Attributes
    ----------
    evaluation
        What was evaluated.
    status
        How it ended.
    objective
        The number to make large, finite; None unless the status has one. A result that
        is said to be so without such a number is non-finite or failed, wherever it comes from,
        see `judge_objective`.
    curve
        One mapping for each epoch: ``epoch`` (from 1), ``loss``, ``validation_loss``,
        ``validation_metric``, ``learning_rate``, ``seconds``.
    times
        Seconds of each phase: ``queue`` (submitted to started), ``build``, ``train``,
        ``validate`` and what a trainer adds.
    submitted, started, ended
        Seconds since 1970, UTC.
    ranks
        World ranks that trained it, leader first.
    host
        Host of the leader.
    num_parameters
        Trainable numbers of the network; 0 where it was never built.
    peak_memory
        Largest resident memory of the leader's process so far, bytes.
    traceback
        Traceback of a failure, with the rank and host where it happened; else empty.
    predicts_one
        ``"class"`` or ``"number"`` where the network predicts the same one for every validation
        row; empty where it tells rows apart; None: not known.
    """

    evaluation: Evaluation
    status: Status
    objective: float | None = None
    curve: tuple[Mapping[str, float], ...] = ()
    times: Mapping[str, float] = field(default_factory=dict)
    submitted: float = math.nan
    started: float = math.nan
    ended: float = math.nan
    ranks: tuple[int, ...] = ()
    host: str = ""
    num_parameters: int = 0
    peak_memory: int = 0
    traceback: str = ""
    predicts_one: str | None = None

    def __post_init__(self) -> None:
        if not self.status.has_value:
            return
        status, objective, reason = judge_objective(self.objective)
        judged = {"status": status if reason else self.status, "objective": objective}
        for name, value in (*judged.items(), ("traceback", self.traceback or reason)):
            object.__setattr__(self, name, value)

    @property
    def id(self) -> int:
        """Id of the evaluation."""
        return self.evaluation.id

    @property
    def validation_loss(self) -> float:
        """Validation loss that belongs to the objective, see `loss_of`."""
        return loss_of(self.objective, self.curve)

    @property
    def place(self) -> tuple[float, float, int]:
        """What sorts results, the best first: the objective, the loss of equal ones, the id."""
        objective = -math.inf if self.objective is None else self.objective
        return -objective, self.validation_loss, self.id

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data for JSON."""
        evaluation = {"id": self.evaluation.id, **self.evaluation.configuration.to_dict()}
        mine = {name: getattr(self, name) for name in _RESULT_FIELDS}
        if self.predicts_one is None:
            del mine["predicts_one"]
        return {**mine, "evaluation": evaluation, "status": str(self.status)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Result:
        """Read what `to_dict` gave."""
        fields = dict(data)
        evaluation = fields.pop("evaluation")
        return cls(
            evaluation=Evaluation(evaluation["id"], Configuration.from_dict(evaluation)),
            status=Status(fields.pop("status")),
            curve=tuple(fields.pop("curve")),
            ranks=tuple(fields.pop("ranks")),
            **fields,
        )


def loss_of(objective: float | None, curve: Sequence[Mapping[str, float]]) -> float:
    """Return the validation loss of the last epoch whose metric is the objective.

    Parameters
    ----------
    objective
        Objective of the evaluation.
    curve
        Its learning curve, see `Result`.

    Returns
    -------
    float
        The loss; infinite where the curve has none that is a number, so that whoever has one
        comes first.
    """
    losses = (
        entry.get("validation_loss")
        for entry in reversed(curve)
        if entry.get("validation_metric") == objective
    )
    loss = next(losses, None)
    return math.inf if loss is None or math.isnan(loss) else float(loss)


def said_of(predicts_one: Any) -> str:
    """Return a remark on a network that predicts one and the same for every row; else nothing.

    Parameters
    ----------
    predicts_one
        See `Result`; what is no text, as the NaN of a table, is not known.
    """
    if not isinstance(predicts_one, str) or not predicts_one:
        return ""
    return f"predicts one {predicts_one} for every row"


# `dataclasses.asdict` copies every number of a learning curve; this is done for each result.
_RESULT_FIELDS = tuple(f.name for f in fields(Result))
