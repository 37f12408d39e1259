"""Epochs are reported while an evaluation runs, and one evaluation can be told to stop."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.mpi

HERE = Path(__file__).parent

SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, {here!r})
import made_up
from agebo_hpc.execution.mpi.shutdown import leave
from agebo_hpc.execution.mpi.executor import MPIExecutor
from agebo_hpc.execution.mpi.worker import serve
from agebo_hpc.execution.mpi.world import form_groups, join_world
from agebo_hpc.reporter import on_standard_error
from agebo_hpc.space.configuration import Configuration, Evaluation
from agebo_hpc.training.trainer import Slot

world = form_groups(join_world(), 2)
if not world.is_manager:
    trainer = made_up.reports.trainer(None, Slot())
    leave(world, 0, serve(world, trainer, 1, 60.0, on_standard_error()))
    sys.exit()

def evaluation(number, n):
    chosen = dict(batch_size=32, learning_rate=0.1, num_processes=n)
    return Evaluation(number, Configuration((1,), chosen))

executor = MPIExecutor(world)
told = []

def on_report(number, record):
    told.append([number, record["epoch"]])
    if number == 1 and record["epoch"] >= 3:
        executor.stop(1)

executor.on_report = on_report
for number, n in enumerate([2, 2, 2]):
    executor.submit(evaluation(number, n))
executor.stop(2)
results = {{}}
while executor.num_running:
    for result in executor.collect(lambda: False, 1.0):
        results[result.id] = [str(result.status), len(result.curve)]
Path({out!r}).write_text(json.dumps([told, results]))
executor.close()
leave(world, 0, executor.has_losses)
"""


def test_reports_come_in_order_and_a_stop_order_cuts_one_evaluation_only(mpirun, tmp_path):
    out = tmp_path / "found.json"
    done = mpirun(3, SCRIPT.format(here=str(HERE), out=str(out)), timeout=120)
    assert done.returncode == 0, done.stderr
    told, results = json.loads(out.read_text())
    of_first = [epoch for number, epoch in told if number == 0]
    assert of_first == list(range(1, 61))
    assert results["0"] == ["done", 60]
    # Epoch 3 was reported, the order came back while the next epochs ran.
    status, epochs = results["1"]
    assert status == "stopped"
    assert 3 <= epochs < 60
    # This one still waited for its slots.
    assert results["2"] == ["cut", 0]
