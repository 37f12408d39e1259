"""The baselines of one session: begun with it, shown while it runs, told at its end."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping
from typing import Any

from agebo_hpc.baselines.process import BaselineProcess
from agebo_hpc.execution.limits import Limits
from agebo_hpc.reporter import Reporter
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.run.tally import Tally
from agebo_hpc.space.problem import Problem
from agebo_hpc.storage.run_directory import RunDirectory

logger = logging.getLogger(__name__)

PATIENCE, PATIENCE_ALONE = 60.0, 300.0
"""Seconds that the end of a search waits at most for the baselines; of a session that had nothing
else to do."""


class SearchBaselines:
    """What simple models reach, where a search trains networks on data.

    Parameters
    ----------
    run, request, problem
        The search.
    config
        The configuration of the run.
    """

    def __init__(
        self,
        run: RunDirectory,
        request: SearchRequest,
        problem: Problem,
        config: Mapping[str, Any],
    ) -> None:
        self._run = run
        self._request = request
        self._problem = problem
        self._facts = config["problem"]
        self._process: BaselineProcess | None = None

    def begin(self) -> None:
        """Begin to measure what is not known yet; never waits."""
        problem, request = self._problem, self._request
        is_real = problem.data is not None and problem.trainer is None and not request.simulate
        if is_real and request.baselines and "metric" in self._facts:
            facts = self._facts["data_fingerprint"], self._facts["metric"]
            self._process = BaselineProcess(
                self._run.path, str(problem.data), *facts, request.seed
            )

    @property
    def text(self) -> str:
        """What is known so far, in a few words."""
        known = None if self._process is None else self._process.known
        return "" if known is None else known.text

    def wait(self, limits: Limits, reporter: Reporter) -> None:
        """Give a short search the seconds that the baselines take, if its wall time has them.

        A session of a search that was complete before has no time for evaluations, and measures
        what is missing. What then still is is told.
        """
        if self._process is None:
            return
        patience = PATIENCE_ALONE if limits.walltime == 0 else min(PATIENCE, limits.remaining)
        self._process.wait(patience, lambda: bool(limits.order))
        missing = self._process.missing
        if missing and self._process.is_running:
            reporter.say(
                f"not measured yet: {', '.join(missing)}; agebo-hpc resume "
                f"{shlex.quote(str(self._run.path))}, or retrain, measures what is missing"
            )

    def end(self, tally: Tally, reporter: Reporter) -> None:
        """Tell what the simple models reach, and which are not worse than the best network."""
        if self._process is None:
            return
        self._process.close()
        known = self._process.known
        if known is None:
            return
        tally.baselines = known.text
        remarks = f" ({known.remarks})" if known.remarks else ""
        what = f"{known.shown_metric} on the validation rows"
        logger.info("baselines, %s: %s%s", what, known.text, remarks)
        above = "" if tally.best is None else known.above(float(tally.best.objective or 0.0))
        if above:
            logger.info("no network is better than these baselines: %s", above)
            reporter.say(f"no network is better than these baselines: {above}")
