"""What the messages between manager and trainer ranks cost.

    python scripts/bench/bench_messages.py [--evaluations 300] [--epochs 300] [--repeats 3]

Two questions: how long a slot is empty between an evaluation that takes no time and the next one
(the manager does nothing but start it), and how much longer an epoch of a tiny network takes when
each is reported to the manager. Every figure is the best of its repeats: other programs only add.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure both, print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rank", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rank:
        on_rank(asked)
        return
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "figures.json"
        words = [ROOT / "scripts" / "ranks.sh", 3, sys.executable, __file__, "--rank", out]
        for name in ("evaluations", "epochs", "repeats"):
            words += [f"--{name}", getattr(asked, name)]
        subprocess.run([str(word) for word in words], check=True, cwd=ROOT)
        figures = json.loads(out.read_text())
    for n in ("1", "2"):
        print(f"from one evaluation to the next, n = {n}: {figures['turnaround_ms'][n]:8.3f} ms")
    plain, reported = figures["epoch_ms"]["plain"], figures["epoch_ms"]["reported"]
    print(f"an epoch without report:                 {plain:8.3f} ms")
    print(f"an epoch with report:                    {reported:8.3f} ms  x {reported / plain:.3f}")
    print(f"of that, the call itself:                {figures['report_ms']:8.3f} ms")
    print(json.dumps({**figures, "report_ratio": round(reported / plain, 4)}))


def on_rank(asked: argparse.Namespace) -> None:
    """Take part: rank 0 measures, the others train."""
    from agebo_hpc.execution.mpi.executor import MPIExecutor
    from agebo_hpc.execution.mpi.shutdown import leave
    from agebo_hpc.execution.mpi.worker import serve
    from agebo_hpc.execution.mpi.world import form_groups, join_world
    from agebo_hpc.reporter import on_standard_error

    world = form_groups(join_world(), 2)
    if not world.is_manager:
        leave(world, 0, serve(world, Trainer(asked.epochs), 1, 60.0, on_standard_error()))
        return
    executor = MPIExecutor(world)
    turnaround = {n: turnaround_ms(executor, n, asked) for n in (1, 2)}
    epochs = {"plain": [], "reported": []}
    for _ in range(asked.repeats):
        for name, times in epochs.items():
            times.append(epoch_ms(executor, name == "reported"))
    best = {name: round(min(times)[0], 4) for name, times in epochs.items()}
    report = round(min(spent for _, spent in epochs["reported"]), 4)
    figures = {"turnaround_ms": turnaround, "epoch_ms": best, "report_ms": report}
    asked.rank.write_text(json.dumps(figures))
    executor.close()
    leave(world, 0, executor.has_losses)


def evaluation(number, n, **settings):
    """Return an evaluation on n processes."""
    from agebo_hpc.space.configuration import Configuration, Evaluation

    return Evaluation(number, Configuration((1,), {"num_processes": n, **settings}))


def turnaround_ms(executor, n, asked) -> float:
    """Return the milliseconds from the end of an evaluation to the start of the next."""
    best = float("inf")
    for _ in range(asked.repeats):
        gaps = []
        ended = None
        for number in range(asked.evaluations):
            executor.submit(evaluation(number, n))
            [result] = executor.collect(lambda: False, 30.0)
            if ended is not None:
                gaps.append(result.started - ended)
            ended = result.ended
        best = min(best, sorted(gaps)[len(gaps) // 2])
    return round(1e3 * best, 4)


def epoch_ms(executor, reports) -> tuple[float, float]:
    """Return the milliseconds of an epoch of a tiny network, and those that the report takes."""
    executor.submit(evaluation(0, 1, trains=True, reports=reports))
    while True:
        for result in executor.collect(lambda: False, 60.0):
            if result.objective is None:
                sys.exit(result.traceback)
            return 1e3 * result.objective, 1e3 * result.times["report"]


class Trainer:
    """Does nothing, or trains a tiny network for many short epochs; the objective is its time."""

    def __init__(self, epochs) -> None:
        self._epochs = epochs

    def prepare(self, evaluation, seed):
        """Return what runs."""
        return Training(evaluation.configuration.hyperparameters, self._epochs)


class Training:
    """See `Trainer`."""

    def __init__(self, settings, epochs) -> None:
        self._settings = settings
        self._epochs = epochs

    def run(self, comm, stop):
        """Train."""
        from agebo_hpc.space.configuration import Status
        from agebo_hpc.training.trainer import Outcome

        seconds = self._train(stop) if self._settings.get("trains") else 0.0
        calls = sorted(getattr(self, "calls", [0.0]))
        return Outcome(Status.DONE, seconds, times={"report": calls[len(calls) // 2]})

    def _train(self, stop) -> float:
        import numpy as np

        from agebo_hpc.space.architecture import ArchitectureSpace
        from agebo_hpc.space.problem import Recipe
        from agebo_hpc.training.data_parallel import SingleProcess
        from agebo_hpc.training.engine import Rows, TrainingPlan, train_network

        space = ArchitectureSpace(num_nodes=1)
        graph = space.decode(tuple([1] + [0] * (len(space.variables) - 1)), 4, 2)
        rng = np.random.default_rng(1)
        rows = Rows.of(
            rng.normal(size=(256, 4)).astype(np.float32),
            rng.integers(0, 2, 256).astype(np.int32),
        )
        chosen = {"batch_size": 64, "learning_rate": 0.01, "num_processes": 1}
        recipe = Recipe(epochs=self._epochs, warmup_epochs=1)
        plan = TrainingPlan(graph, "classification", chosen, recipe)
        moments = []
        self.calls = []

        def watch(record) -> str:
            began = time.perf_counter()
            if self._settings["reports"]:
                stop(record)
            moments.append(time.perf_counter())
            self.calls.append(moments[-1] - began)
            return ""

        train_network(plan, rows, rows, SingleProcess(), watch)
        steady = moments[len(moments) // 10 :]
        return (steady[-1] - steady[0]) / (len(steady) - 1)


if __name__ == "__main__":
    main()
