"""Checkpoints of trainings: from where a training goes on that was paused or cut.

A checkpoint saves time and decides nothing: a training without one begins at its first epoch and
comes to the same end. So whatever goes wrong with one is said, and the search goes on.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agebo_hpc.files import read_file, reason, write_atomically
from agebo_hpc.leftovers import is_leftover
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.storage.sealed_file import HEAD_BYTES, check, with_head

logger = logging.getLogger(__name__)

_NAME = re.compile(r"(\d+)-(\d+)\.checkpoint")


class CheckpointFiles:
    """The files of a run's checkpoints, for the processes that train. Local.

    Each has the state of one evaluation after so many epochs. It is written beside its place,
    made durable, and carries its checksum, so that a kill leaves it whole or not at all.

    Parameters
    ----------
    path
        Their directory; it is made when the first one is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_known_bad = False

    def place(self, evaluation_id: int, epoch: int) -> Path:
        """Return the path of an evaluation's checkpoint after so many epochs."""
        return self.path / f"{evaluation_id}-{epoch}.checkpoint"

    def write(self, evaluation_id: int, epoch: int, state: bytes) -> None:
        """Write a checkpoint; durable on return. Where that fails it is said, once."""
        head = {"evaluation": evaluation_id, "epoch": epoch}
        try:
            self.path.mkdir(exist_ok=True)
            write_atomically(self.place(evaluation_id, epoch), with_head(state, head))
        except OSError as error:
            if not self._is_known_bad:
                logger.warning(
                    "Cannot write checkpoints in %s: %s; trainings begin anew where they would go "
                    "on.",
                    self.path,
                    reason(error),
                )
            self._is_known_bad = True

    def read(self, evaluation_id: int, epoch: int) -> bytes | None:
        """Return a checkpoint; None if it is not there, or damaged, which is said."""
        place = self.place(evaluation_id, epoch)
        try:
            data = read_file(place)
            head = check(data)
            if (head.get("evaluation"), head.get("epoch")) != (evaluation_id, epoch):
                raise ValueError("it is another one's")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be used and the training begins anew: %s.", place, error)
            return None
        return data[HEAD_BYTES:]

    def remove(self, evaluation_id: int, epoch: int) -> None:
        """Remove a checkpoint, if it is there."""
        with suppress(OSError):
            self.place(evaluation_id, epoch).unlink(missing_ok=True)


@dataclass
class _Known:
    """What is known of an evaluation's checkpoints: bytes by epoch, and its last objective."""

    sizes: dict[int, int] = field(default_factory=dict)
    objective: float = float("-inf")


class Checkpoints:
    """Which checkpoints there are, and which of them may go. For the manager.

    A checkpoint goes when its evaluation has ended, or has a later one that the history knows of.
    When all together are larger than allowed, those go whose loss costs least, until a tenth is
    free again: of those after the fewest epochs the ones with the worst objective, which are the
    last to be promoted.

    Parameters
    ----------
    files
        The files.
    max_bytes
        Bytes of all checkpoints together, >= 0; one that is being written may come on top.
    """

    def __init__(self, files: CheckpointFiles, max_bytes: int) -> None:
        self.files = files
        self._max_bytes = max_bytes
        self._known: dict[int, _Known] = {}
        self._total = 0
        # The driver's thread asks while another one writes down and tidies up.
        self._lock = threading.Lock()

    def take_up(self, pending: Collection[int], paused: Mapping[int, Result]) -> None:
        """Find what earlier sessions left; remove what no evaluation can go on from.

        Parameters
        ----------
        pending
            Ids of the evaluations that have not ended.
        paused
            The last results of those that are paused, by id.
        """
        for path in self._listed():
            match = _NAME.fullmatch(path.name)
            if match is not None and int(match[1]) in pending:
                self._measure(int(match[1]), int(match[2]))
            elif match is not None or is_leftover(path.name):
                with suppress(OSError):
                    path.unlink()
        for evaluation_id, result in paused.items():
            self.arrived(result)
            for epoch in [e for e in self._epochs(evaluation_id) if e < len(result.curve)]:
                self._remove(evaluation_id, epoch)
        self._keep_within_bound()

    def epoch_of(self, evaluation_id: int, before: int) -> int:
        """Return after how many epochs the last checkpoint is from which to train to ``before``.

        0 if there is none.
        """
        with self._lock:
            sizes = self._known.get(evaluation_id, _Known()).sizes
            return max((epoch for epoch in sizes if epoch < before), default=0)

    def arrived(self, result: Result) -> None:
        """Note that a training came back, whose checkpoint was written before; touches no file."""
        if result.status in (Status.PAUSED, Status.CUT) and result.curve:
            with self._lock:
                known = self._known.setdefault(result.id, _Known())
                known.sizes.setdefault(len(result.curve), 0)
                if result.objective is not None:
                    known.objective = result.objective

    def concerns(self, result: Result) -> bool:
        """Tell whether a result that has arrived leaves anything to `settle`."""
        return result.id in self._known

    def settle(self, result: Result) -> None:
        """Remove what is not needed after a result, which is on disk by now; keep the bound."""
        if result.status.is_final:
            self._forget(result.id)
        elif result.status in (Status.PAUSED, Status.CUT) and result.curve:
            last = len(result.curve)
            if self._measure(result.id, last):
                for epoch in [e for e in self._epochs(result.id) if e < last]:
                    self._remove(result.id, epoch)
            self._keep_within_bound()

    def clear(self) -> None:
        """Remove all: nothing will go on."""
        self._known.clear()
        self._total = 0
        for path in self._listed():
            if _NAME.fullmatch(path.name) or is_leftover(path.name):
                with suppress(OSError):
                    path.unlink()
        with suppress(OSError):
            self.files.path.rmdir()

    def _listed(self) -> list[Path]:
        try:
            return sorted(self.files.path.iterdir())
        except OSError:
            return []

    def _epochs(self, evaluation_id: int) -> list[int]:
        with self._lock:
            return [*self._known.get(evaluation_id, _Known()).sizes]

    def _measure(self, evaluation_id: int, epoch: int) -> bool:
        """Note how large a checkpoint is; False and forgotten if it was never written."""
        try:
            size = self.files.place(evaluation_id, epoch).stat().st_size
        except OSError:
            size = -1
        with self._lock:
            known = self._known.setdefault(evaluation_id, _Known())
            self._total -= known.sizes.pop(epoch, 0)
            if size >= 0:
                known.sizes[epoch] = size
                self._total += size
        return size >= 0

    def _remove(self, evaluation_id: int, epoch: int) -> None:
        with self._lock:
            self._total -= self._known[evaluation_id].sizes.pop(epoch, 0)
        self.files.remove(evaluation_id, epoch)

    def _forget(self, evaluation_id: int) -> None:
        for epoch in self._epochs(evaluation_id):
            self._remove(evaluation_id, epoch)
        with self._lock:
            self._known.pop(evaluation_id, None)

    def _keep_within_bound(self) -> None:
        if self._total <= self._max_bytes:
            return
        with self._lock:
            there = [
                (epoch, known.objective, evaluation_id)
                for evaluation_id, known in self._known.items()
                for epoch in known.sizes
            ]
        for epoch, _, evaluation_id in sorted(there):
            if self._total <= 0.9 * self._max_bytes:
                break
            self._remove(evaluation_id, epoch)
