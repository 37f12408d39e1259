"""Tables of recorded trainings: the file, and searches that replay it."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from agebo_hpc.errors import (
    DataError,
    InputMissingError,
    UsageError,
)
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.simulation.executor import Machine, SimulatedExecutor
from agebo_hpc.simulation.recorded.replay import Recorded, problem_of
from agebo_hpc.simulation.recorded.surrogate import TrainingFeatures, cross_validate
from agebo_hpc.simulation.recorded.table import (
    RecordedTable,
    RecordedTraining,
    read_table,
    to_bytes,
)
from agebo_hpc.simulation.registry import num_epochs_of, parse_simulation, with_whole_path
from agebo_hpc.simulation.virtual_clock import VirtualClock
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.space.problem import preset

TABLES = Path(__file__).parents[3] / "scripts" / "tables"
EPOCHS = 3
SPACE = preset("v1-small")
HYPERPARAMETERS = SPACE.hyperparameters.with_processes([1, 2])
FACTS = {
    "architecture": asdict(SPACE.architecture),
    "hyperparameters": HYPERPARAMETERS.to_dict(),
    "recipe": {**asdict(SPACE.recipe), "epochs": EPOCHS},
    "objective": "last",
    "data": {"name": "made up", "shape": [5, 3]},
}


def training(number):
    """Return a training whose metric and seconds follow from its configuration."""
    rng = np.random.default_rng(number)
    [values] = HYPERPARAMETERS.sample(1, rng)
    configuration = Configuration(SPACE.architecture.random(rng), values)
    best = 0.9 - 0.1 * math.log10(values["learning_rate"] / 0.004) ** 2
    spent = 100 / values["batch_size"] / values["num_processes"]
    return RecordedTraining(
        search=0,
        evaluation_id=number,
        configuration=configuration,
        num_parameters=1000 + number,
        seconds_before=0.5,
        metric=tuple(best - 0.3 * 0.5**epoch for epoch in range(EPOCHS)),
        seconds=tuple(spent * (1 + epoch) for epoch in range(EPOCHS)),
    )


TRAININGS = tuple(training(number) for number in range(120))


def written(path, facts=FACTS, trainings=TRAININGS):
    path.write_bytes(to_bytes(RecordedTable(facts, trainings)))
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return written(tmp_path_factory.mktemp("recorded") / "table.parquet")


@pytest.fixture
def simulation(table):
    return parse_simulation(f"recorded:{table}")


def unknown(number):
    """Return a configuration of the spaces that was not recorded."""
    return training(10_000 + number).configuration


def test_a_table_is_read_as_it_was_written_to_the_last_digit(table):
    found = read_table(table)
    assert found.trainings == TRAININGS
    assert {name: found.facts[name] for name in FACTS} == json.loads(json.dumps(FACTS))
    assert to_bytes(RecordedTable(FACTS, found.trainings)) == table.read_bytes()


def test_what_was_recorded_goes_as_it_went(simulation):
    for number, recorded in enumerate(TRAININGS):
        found = simulation.simulate(Evaluation(number, recorded.configuration), seed=1)
        assert found.objective == recorded.metric[-1]
        assert found.num_parameters == recorded.num_parameters
        assert found.seconds == pytest.approx(0.5 + sum(recorded.seconds), rel=1e-12)
        records = list(found.curve(EPOCHS))
        assert tuple(record["validation_metric"] for record in records) == recorded.metric
        assert tuple(record["seconds"] for record in records) == recorded.seconds


def test_a_training_that_was_made_twice_goes_one_way_or_the_other(tmp_path):
    again = replace(TRAININGS[0], metric=(0.1, 0.2, 0.3), evaluation_id=999)
    simulation = Recorded(str(written(tmp_path / "t.parquet", trainings=(*TRAININGS, again))))
    found = {
        simulation.simulate(Evaluation(i, TRAININGS[0].configuration), seed=1).objective
        for i in range(30)
    }
    assert found == {0.3, TRAININGS[0].metric[-1]}


def test_the_best_epoch_counts_where_it_did_in_the_recorded_search(tmp_path):
    falling = tuple(replace(t, metric=t.metric[::-1]) for t in TRAININGS)
    facts = {**FACTS, "objective": "best"}
    simulation = Recorded(str(written(tmp_path / "t.parquet", facts, falling)))
    found = simulation.simulate(Evaluation(0, falling[0].configuration), seed=1)
    assert found.objective == falling[0].metric[0]
    assert simulation.problem(SPACE).objective == "best"


def test_what_was_not_recorded_is_predicted_within_what_was(simulation):
    recorded = np.array([t.metric for t in TRAININGS])
    for number in range(20):
        evaluation = Evaluation(number, unknown(number))
        found = simulation.simulate(evaluation, seed=1)
        assert found == simulation.simulate(evaluation, seed=2)
        metric = np.array(found.metrics)
        assert len(metric) == len(found.epoch_seconds) == EPOCHS
        assert (recorded.min(axis=0) <= metric).all() and (metric <= recorded.max(axis=0)).all()
        assert found.objective == metric[-1]
        assert found.seconds > sum(found.epoch_seconds) > 0
        graph = SPACE.architecture.decode(evaluation.configuration.architecture, 5, 3)
        assert found.num_parameters == graph.num_parameters


def test_another_process_predicts_the_same(table):
    """Two replays of a table are fitted apart, as in two processes."""
    first = Recorded(str(table)).simulate(Evaluation(0, unknown(0)), seed=1)
    copy = table.with_name("copy.parquet")
    copy.write_bytes(table.read_bytes())
    assert Recorded(str(copy)).simulate(Evaluation(0, unknown(0)), seed=1) == first


def test_predictions_find_out_what_matters():
    features = TrainingFeatures(problem_of(FACTS), 5, 3)
    errors = cross_validate(*features.arrays(TRAININGS))
    assert errors["metric_rank_correlation"] > 0.8
    assert errors["seconds_r2"] > 0.8
    assert 1 <= errors["seconds_median_factor"] < 1.5
    assert errors["metric_mean_absolute_error"] < np.std([t.metric[-1] for t in TRAININGS])


def test_predictions_of_noise_are_known_to_be_worth_nothing():
    rng = np.random.default_rng(0)
    noise = tuple(replace(t, metric=tuple(rng.uniform(size=EPOCHS))) for t in TRAININGS)
    errors = cross_validate(*TrainingFeatures(problem_of(FACTS), 5, 3).arrays(noise))
    assert errors["metric_r2"] < 0.1


def test_a_table_of_one_epoch_is_predicted_from_too(tmp_path):
    short = tuple(replace(t, metric=t.metric[:1], seconds=t.seconds[:1]) for t in TRAININGS)
    facts = {**FACTS, "recipe": {**FACTS["recipe"], "epochs": 1}}
    simulation = Recorded(str(written(tmp_path / "t.parquet", facts, short)))
    assert len(simulation.simulate(Evaluation(0, unknown(0)), seed=1).metrics) == 1


def test_the_factor_stretches_all_durations(table, simulation):
    longer = parse_simulation(f"recorded:{table},factor=30")
    for configuration in (TRAININGS[0].configuration, unknown(0)):
        evaluation = Evaluation(0, configuration)
        found, before = (s.simulate(evaluation, seed=1) for s in (longer, simulation))
        assert found.seconds == pytest.approx(30 * before.seconds)
        assert found.epoch_seconds[1] == pytest.approx(30 * before.epoch_seconds[1])
        assert found.objective == before.objective


def test_spaces_and_recipe_are_the_recorded_ones(table, simulation):
    problem = simulation.problem(preset("v1"))
    assert problem.architecture == SPACE.architecture
    assert problem.hyperparameters.processes == (1, 2)
    assert (problem.recipe.epochs, problem.data) == (EPOCHS, None)
    assert num_epochs_of(simulation) == EPOCHS
    assert with_whole_path(f"recorded:{table}") == f"recorded:{table}"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"epochs": 4}, "epochs is asked to be 4.*it is 3"),
        ({"objective": "best"}, "objective is asked to be best.*it is last"),
        ({"optimizer": "lars"}, "optimizer is asked to be lars.*it is adam"),
        ({"processes": (2, 4)}, "--processes has 4.*search with --processes 1,2"),
    ],
)
def test_what_the_trainings_do_not_have_is_refused(table, tmp_path, option, said):
    asked = {"data": None, "out": str(tmp_path / "run"), "simulate": f"recorded:{table}"}
    with pytest.raises(UsageError, match=said) as caught:
        SearchRequest(**asked, **option).load_problem()
    assert "\n" not in str(caught.value)
    assert SearchRequest(**asked, epochs=3, processes=(2,)).load_problem().recipe.epochs == 3


class Manual:
    """A clock's seconds of work: none."""

    def __call__(self):
        return 0.0


def test_epochs_end_when_they_ended_and_a_stop_order_waits_for_that(simulation):
    recorded = TRAININGS[0]
    ends = 0.5 + np.cumsum(recorded.seconds)
    found = simulation.simulate(Evaluation(0, recorded.configuration), seed=1)
    assert [found.seconds_until(epoch, EPOCHS) for epoch in (1, 2, 3)] == pytest.approx(list(ends))
    moments = (0.0, ends[0] - 1e-6, ends[0] + 1e-6, ends[1] + 1e-6, ends[2] + 5)
    assert [found.epoch_at(moment, EPOCHS) for moment in moments] == [1, 1, 2, 3, 3]

    clock = VirtualClock(1000.0, charge=0.0, real=Manual())
    machine = Machine(num_groups=1, slots_per_group=2, latency=0.0)
    executor = SimulatedExecutor(simulation, machine, clock, seed=1, num_epochs=EPOCHS)
    executor.submit(Evaluation(0, recorded.configuration))
    clock.jump(1000.0 + ends[0] + 1e-6)
    executor.stop(0)
    [result] = executor.collect(lambda: False, math.inf)
    assert (result.status, len(result.curve)) == (Status.STOPPED, 2)
    assert result.ended == pytest.approx(1000.0 + ends[1])


def test_the_manager_does_not_pay_for_predictions():
    worked = iter(range(0, 1000, 10))
    clock = VirtualClock(0.0, charge=1.0, real=lambda: float(next(worked)))
    with clock.free():
        pass
    assert clock.now() == 20.0


def test_a_damaged_table_is_refused_in_one_line(table, tmp_path):
    content = table.read_bytes()
    rng = np.random.default_rng(5)
    damaged = tmp_path / "damaged.parquet"
    refused = 0
    for position in [*rng.integers(len(content), size=60), 0, len(content) - 1]:
        changed = bytearray(content)
        changed[position] ^= 0x55
        damaged.write_bytes(changed)
        try:
            found = read_table(damaged)
        except DataError as error:
            assert "\n" not in str(error) and "damaged.parquet" in str(error)
            refused += 1
        else:
            assert found.trainings == TRAININGS
    assert refused > 30
    damaged.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="damaged or no table"):
        read_table(damaged)


def test_what_is_no_table_is_refused(table, tmp_path):
    def load(name):
        return parse_simulation(f"recorded:{tmp_path / name}").problem(SPACE)

    with pytest.raises(InputMissingError, match="nowhere.parquet"):
        load("nowhere.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(DataError, match="damaged or no table"):
        load("text.parquet")
    content = pyarrow.parquet.read_table(table)
    pyarrow.parquet.write_table(content.replace_schema_metadata({}), tmp_path / "foreign.parquet")
    with pytest.raises(DataError, match="not a table of recorded trainings"):
        load("foreign.parquet")
    facts = {name: value for name, value in FACTS.items() if name != "recipe"}
    written(tmp_path / "layout.parquet", facts)
    with pytest.raises(DataError, match="another layout.*'recipe'"):
        load("layout.parquet")
    [metadata] = content.schema.metadata.values()
    newer = {**json.loads(metadata), "format_version": 2}
    pyarrow.parquet.write_table(
        content.replace_schema_metadata({"agebo_hpc": json.dumps(newer)}),
        tmp_path / "newer.parquet",
    )
    with pytest.raises(DataError, match="version 2; this program reads.*version 1"):
        load("newer.parquet")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recorded", "needs the table"),
        ("recorded:t.parquet,factor=0", "factor=0.0; give more than 0"),
        ("recorded:t.parquet,speed=2", "'speed'; choose among factor"),
    ],
)
def test_a_replay_that_is_not_said_right_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        parse_simulation(text)


@pytest.mark.parametrize("file", sorted(TABLES.glob("*.parquet")), ids=lambda file: file.stem)
def test_a_table_of_the_project_is_small_says_its_source_and_can_be_replayed(file):
    assert file.stat().st_size < 500_000
    table = read_table(file)
    assert table.facts["source"] and table.facts["note"]
    assert {t.configuration.num_processes for t in table.trainings} == {1, 2}
    simulation = Recorded(str(file))
    problem = simulation.problem(preset("v1"))
    assert problem.architecture == preset("v1").architecture
    first = table.trainings[0]
    found = simulation.simulate(Evaluation(0, first.configuration), seed=1)
    assert found.objective == first.metric[-1]
    rng = np.random.default_rng(1)
    [values] = problem.hyperparameters.sample(1, rng)
    other = Configuration(problem.architecture.random(rng), values)
    best = max(t.metric[-1] for t in table.trainings)
    assert 0 < simulation.simulate(Evaluation(1, other), seed=1).objective <= best
