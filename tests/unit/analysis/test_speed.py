"""Score against speed: the front of those that nothing beats in both."""

import json

import pandas as pd
import pytest

from agebo_hpc.analysis.figures.speed import speed_figure
from agebo_hpc.analysis.report.model_exhibits import model_exhibits
from agebo_hpc.analysis.runs import read_run
from agebo_hpc.analysis.speed import lowest_shown, speeds
from agebo_hpc.data.numbers import network_shape
from agebo_hpc.data.preparation import prepare_dataset
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.cost import CostBounds, tell_shape, told_decoder
from agebo_hpc.space.problem import preset
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

SPACE = preset("tabular").architecture
SHAPE = {"widths": [14], "num_outputs": 3, "num_numbers": 8, "codes": [[13, True, 0, False]]}
VALUES = {"batch_size": 64, "learning_rate": 0.1, "num_processes": 1}


def run_of(place, found, **problem):
    """Return a run of networks: (units of two layers, objective; None: it failed)."""
    config = {
        "search": {"max_evals": 9},
        "problem": {"architecture": json.loads(SPACE.to_json()), "shape": SHAPE, **problem},
        "machine": {"products_per_second": 1e11},
    }
    directory = RunDirectory.create(place / "run", config)
    history = History.open(directory)
    for number, (units, objective) in enumerate(found):
        architecture = SPACE.of_layers([(units, "relu")] * 2, embedding=(8, 4))
        evaluation = Evaluation(number, Configuration(architecture, VALUES))
        history.submitted(evaluation)
        status = Status.FAILED if objective is None else Status.DONE
        result = Result(
            evaluation, status, objective, submitted=1000.0, started=1000.0, ended=1010.0 + number
        )
        history.append(result)
    history.close()
    return read_run(directory.path)


FOUND = [(64, 0.7), (128, 0.8), (256, 0.75), (512, 0.9), (96, None), (384, 0.9), (192, 0.8)]


def test_the_front_has_what_nothing_beats_in_both(tmp_path):
    table = speeds(run_of(tmp_path, FOUND))
    assert table["evaluation_id"].tolist() == [0, 1, 6, 2, 5, 3]
    assert table["rows_per_second"].is_monotonic_decreasing
    assert table.loc[table["on_front"], "evaluation_id"].tolist() == [0, 1, 5]


def test_the_figure_shows_all_and_the_report_the_front(tmp_path):
    run = run_of(tmp_path, FOUND)
    table = speeds(run)
    floor = lowest_shown(table)
    # The three of the front, and the better half of all.
    assert floor == pytest.approx(0.7) and (table["objective"] >= floor).all()
    [axes] = speed_figure(table, "accuracy", floor).axes
    assert axes.get_xscale() == "log" and len(axes.lines[0].get_xdata()) == 3
    [exhibit] = [exhibit for exhibit in model_exhibits(run, None) if exhibit.name == "speed"]
    [front] = exhibit.shown.values()
    assert front["evaluation_id"].tolist() == [0, 1, 5]


def test_most_of_many_bad_ones_lie_below_the_figure_and_the_page_says_how_many(tmp_path):
    run = run_of(tmp_path, [(64, -0.5), (512, -0.4), *[(256, -50.0)] * 9])
    assert lowest_shown(speeds(run)) == pytest.approx(-1.3)
    run = run_of(tmp_path / "b", [(64, -0.5), (512, -0.4), *[(256, -0.55)] * 9, (128, -50.0)])
    floor = lowest_shown(speeds(run))
    assert floor == pytest.approx(-0.6)
    [exhibit] = [exhibit for exhibit in model_exhibits(run, None) if exhibit.name == "speed"]
    assert "The 1 with the lowest scores lie below" in exhibit.reading
    assert exhibit.figure.axes[0].get_ylim()[0] > -1


@pytest.mark.parametrize("missing", ["shape", "architecture"])
def test_a_run_that_does_not_say_it_has_no_speeds(tmp_path, missing):
    run = run_of(tmp_path, FOUND, **{missing: None})
    assert speeds(run).empty
    [exhibit] = [exhibit for exhibit in model_exhibits(run, None) if exhibit.name == "speed"]
    assert exhibit.missing


def test_what_is_told_of_the_data_gives_networks_of_the_same_cost(tmp_path):
    rows = 300
    frame = pd.DataFrame({"size": [k * 0.37 for k in range(rows)], "flag": [0, 1] * 150})
    frame["month"] = [1 + k % 12 for k in range(rows)]
    frame["place"] = [("north", "south", "west")[k % 3] for k in range(rows)]
    frame["town"] = [f"t{k % 30}" for k in range(rows)]
    frame["late"] = [k // 2 % 2 for k in range(rows)]
    shape = network_shape(prepare_dataset(frame, "late", tmp_path / "t.h5"), SPACE)
    told = json.loads(json.dumps(tell_shape(*shape)))
    decode = told_decoder(SPACE, told)
    bounds = CostBounds(speed=1e11)
    for means in (False, True):
        architecture = SPACE.of_layers(
            [(64, "relu")], embedding=(16, 8), categories=8, repeated=64, means=means, members=2
        )
        real = SPACE.decode(architecture, *shape)
        assert decode(architecture).num_parameters == real.num_parameters
        assert bounds.rows_per_second(decode(architecture)) == bounds.rows_per_second(real)
