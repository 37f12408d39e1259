"""What one session of a search works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agebo_hpc.errors import AgeboError
from agebo_hpc.reporter import Reporter
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.run.resumption import other_layout
from agebo_hpc.storage.run_directory import RunDirectory

if TYPE_CHECKING:
    from agebo_hpc.space.hyperparameters import HyperparameterSpace
    from agebo_hpc.space.problem import Problem


@dataclass(frozen=True)
class Session:
    """What one session of a search works on.

    Attributes
    ----------
    request
        Request of this session.
    reporter
        Tells a person how it goes.
    run
        The run directory when it is resumed; None: it is made.
    force
        Whether a resumed search may go on with data that have changed.
    has_new_limit
        Whether this session was given a limit of its own: one that was complete then goes on.
    trust
        Whether the problem file of a resumed search may run although it is another user's.
    """

    request: SearchRequest
    reporter: Reporter
    run: RunDirectory | None = None
    force: bool = False
    has_new_limit: bool = True
    trust: bool = False

    def hyperparameters(self, problem: Problem, largest_group: int) -> HyperparameterSpace:
        """Return the space of the search: that of its first session where it is resumed.

        Raises
        ------
        LaunchError
            If a new search asks for more processes than a worker group holds.
        DataError
            If the stored space has not the layout that this version reads.
        """
        from agebo_hpc.space.hyperparameters import HyperparameterSpace

        if self.run is None:
            return self.request.hyperparameters(problem, largest_group)
        try:
            return HyperparameterSpace.from_dict(self.run.config["problem"]["hyperparameters"])
        except (AgeboError, LookupError, TypeError, ValueError) as error:
            raise other_layout(self.run, error) from error
