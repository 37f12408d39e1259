"""Made-up and tabulated trainings, and trainers that sleep for as long."""

import itertools
import math
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.errors import (
    AgeboError,
    ConfigurationError,
    DataError,
    InputMissingError,
    UsageError,
)
from agebo_hpc.simulation.fcnet import (
    ACTIVATIONS,
    BATCH_SIZES,
    COLUMNS,
    DROPOUTS,
    LEARNING_RATES,
    MEASURED,
    SCHEDULES,
    UNITS,
    row_key,
)
from agebo_hpc.simulation.lognormal import Lognormal
from agebo_hpc.simulation.registry import parse_simulation, with_whole_path
from agebo_hpc.simulation.simulation import Simulated
from agebo_hpc.simulation.sleeping import SleepingTrainer
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.space.problem import preset
from agebo_hpc.training.trainer import Slot


def evaluation(number, num_processes=1, batch_size=256, learning_rate=0.004):
    hyperparameters = {
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "num_processes": num_processes,
    }
    return Evaluation(number, Configuration((3, 1, 0), hyperparameters))


def test_durations_have_the_mean_and_the_spread_that_were_asked_for():
    simulation = parse_simulation("lognormal:mean=60,sigma=0.5")
    seconds = [simulation.simulate(evaluation(i), seed=1).seconds for i in range(4000)]
    # Four standard errors.
    assert np.mean(seconds) == pytest.approx(60, abs=4 * np.std(seconds) / math.sqrt(4000))
    assert np.std(np.log(seconds)) == pytest.approx(0.5, rel=4 / math.sqrt(8000))


def test_the_same_evaluation_and_seed_give_the_same_and_others_give_others():
    simulation = Lognormal()
    first = simulation.simulate(evaluation(7), seed=1)
    assert simulation.simulate(evaluation(7), seed=1) == first
    assert simulation.simulate(evaluation(8), seed=1).seconds != first.seconds
    assert simulation.simulate(evaluation(7), seed=2).seconds != first.seconds


def test_n_processes_divide_the_time_by_n_to_the_efficiency():
    simulation = Lognormal(efficiency=0.5)
    one, four = (simulation.simulate(evaluation(0, n), 1).seconds for n in (1, 4))
    assert four == pytest.approx(one / 2)


def test_good_hyperparameters_score_higher_than_bad_ones():
    simulation = Lognormal(noise=0.0)
    good = simulation.simulate(evaluation(0), 1).objective
    assert simulation.simulate(evaluation(0, learning_rate=0.1), 1).objective < good
    assert simulation.simulate(evaluation(0, batch_size=32), 1).objective < good
    assert 0 < good < 1


def test_the_curve_ends_at_the_objective_and_takes_the_whole_time():
    curve = list(Simulated(20.0, 0.8).curve(4))
    assert [record["epoch"] for record in curve] == [1, 2, 3, 4]
    assert curve[-1]["validation_metric"] == 0.8
    assert sum(record["seconds"] for record in curve) == 20.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("uniform", "uniform; choose among lognormal, fcnet, lcbench"),
        ("lognormal:mena=3", "'mena'; choose among efficiency, mean, noise, sigma"),
        ("lognormal:mean=long", "mean=long; give a number"),
        ("lognormal:mean=0", "mean=0.0; give more than 0"),
        ("lognormal:sigma=-1", "sigma=-1.0; give 0 or more"),
        ("lognormal:60", "'60'; write key=value"),
        ("lognormal:efficiency=2", "efficiency=2.0; give 0 to 1"),
        ("fcnet", "needs the table"),
        ("fcnet:t.parquet,factor=0", "factor=0.0; give more than 0"),
    ],
)
def test_a_simulation_that_is_not_known_is_refused_in_one_line(text, said):
    with pytest.raises(UsageError, match=said) as caught:
        parse_simulation(text)
    assert "\n" not in str(caught.value)


def test_any_problem_can_be_simulated_and_keeps_its_spaces():
    base = preset("v1-small")
    problem = Lognormal().problem(base)
    assert problem.architecture == base.architecture
    assert (problem.data, problem.recipe.epochs) == (None, 1)
    assert problem.trainer(problem, Slot()) == SleepingTrainer(Lognormal(), 1)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Return a file with the whole space of one data set; times and errors follow the units."""
    layer = itertools.product(UNITS, ACTIVATIONS)
    spaces = [BATCH_SIZES, LEARNING_RATES, SCHEDULES, DROPOUTS, DROPOUTS]
    rows = [
        (*first, *second, *rest)
        for first, second in itertools.product(list(layer), repeat=2)
        for rest in itertools.product(*spaces)
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for name in MEASURED:
        number = int(name[-1])
        is_error = name.startswith("val_loss")
        frame[name] = 10.0**-number if is_error else frame["n_units_1"] + float(number)
    path = tmp_path_factory.mktemp("fcnet") / "table.parquet"
    frame.assign(dataset="protein", model_size=7.0).to_parquet(path)
    return path


def test_a_tabulated_training_has_its_rows_time_error_and_size(table):
    simulation = parse_simulation(f"fcnet:{table}:protein,factor=0.5,efficiency=1")
    problem = simulation.problem(preset("v1"))
    architecture = (1 + 2 * UNITS.index(64), 0)
    seen = set()
    for number, n in itertools.product(range(20), (1, 2)):
        [values] = problem.hyperparameters.sample(1, np.random.default_rng(number))
        chosen = Configuration(architecture, {**values, "num_processes": n})
        assert row_key(chosen)[:4] == (64, "relu", 16, "relu")
        found = simulation.simulate(Evaluation(number, chosen), seed=3)
        training = round(found.objective)
        assert found.seconds == 0.5 * (64 + training) / n
        assert (found.objective, found.num_parameters) == (training, 7)
        seen.add(training)
    assert seen == {0, 1, 2, 3}


def test_n_processes_have_the_error_of_the_global_batch_and_rate_and_the_time_of_their_own(
    tmp_path,
):
    # One architecture is enough; error and time tell which row was looked up.
    spaces = [BATCH_SIZES, LEARNING_RATES, SCHEDULES, DROPOUTS, DROPOUTS]
    rows = [(16, "relu", 16, "relu", *rest) for rest in itertools.product(*spaces)]
    frame = pd.DataFrame(rows, columns=COLUMNS).assign(dataset="made", model_size=1.0)
    for name in MEASURED:
        error = 10.0 ** -(frame["batch_size"] / 100 + frame["init_lr"])
        frame[name] = error if name.startswith("val_loss") else 640.0 / frame["batch_size"]
    frame.to_parquet(tmp_path / "made.parquet")
    simulation = parse_simulation(f"fcnet:{tmp_path / 'made.parquet'},efficiency=1")

    def found(n, batch_size, learning_rate):
        values = {"lr_schedule": "const", "dropout_1": 0.0, "dropout_2": 0.0}
        chosen = evaluation(0, n, batch_size, learning_rate).configuration.hyperparameters
        return simulation.simulate(Evaluation(0, Configuration((0, 0), {**chosen, **values})), 1)

    assert found(1, 16, 0.001).objective == pytest.approx(0.16 + 0.001)
    assert found(4, 16, 0.001).objective == pytest.approx(0.64 + 0.005)
    assert found(4, 16, 0.001).seconds == 640 / 16 / 4
    # Beyond the table: as eight processes of eight rows, and no faster.
    assert found(8, 64, 0.1).objective == pytest.approx(0.64 + 0.1)
    assert found(8, 64, 0.1).seconds == 640 / 8 / 8


def test_every_architecture_and_hyperparameter_of_the_space_is_in_the_table(table):
    simulation = parse_simulation(f"fcnet:{table}")
    problem = simulation.problem(preset("v1"))
    assert problem.architecture.size == 13 * 13
    for number in range(200):
        rng = np.random.default_rng(number)
        [values] = problem.hyperparameters.sample(1, rng)
        chosen = Configuration(problem.architecture.random(rng), values)
        assert simulation.simulate(Evaluation(number, chosen), 1).seconds > 0


def test_the_file_of_a_simulation_is_stored_with_its_whole_path(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    text = f"fcnet:{table.name}:protein,factor=0.5"
    assert with_whole_path(text) == f"fcnet:{table}:protein,factor=0.5"
    assert with_whole_path("lognormal:mean=3") == "lognormal:mean=3"


PLACES = (
    *("lcbench", "fcnet", "recorded", "a:b", "a,b", "a=b", "factor=2", "a b", " a ", "a\\b"),
    *("a\\,b", "x,factor=2", "\\", "recorded:recorded", "\u00fc\n"),
)


@pytest.mark.parametrize("directory", PLACES)
@pytest.mark.parametrize("kind", ["fcnet", "lcbench", "recorded"])
def test_a_stored_simulation_reads_back_whatever_its_directories_are_called(
    kind, directory, tmp_path, monkeypatch
):
    (tmp_path / directory).mkdir()
    monkeypatch.chdir(tmp_path / directory)
    dataset = "" if kind == "recorded" else ":covertype"
    simulation = parse_simulation(f"{kind}:{kind}{dataset},factor=2")
    stored = with_whole_path(f"{kind}:{kind}{dataset},factor=2")
    monkeypatch.chdir("/")
    assert parse_simulation(stored) == replace(
        simulation, file=str(tmp_path / directory / kind)
    ), stored
    assert with_whole_path(stored) == stored


def test_a_colon_in_the_path_of_a_table_is_no_data_set():
    assert parse_simulation("fcnet:/a:b/t.csv:protein").file == "/a:b/t.csv"
    assert parse_simulation("fcnet:/a:b/t.csv").dataset == ""
    assert parse_simulation("recorded:/a=1/t.parquet,factor=2").file == "/a=1/t.parquet"
    with pytest.raises(UsageError, match="comma within a path"):
        parse_simulation("recorded:/a,b/t.parquet")


def test_a_table_that_cannot_be_used_is_refused(table, tmp_path):
    def problem_of(text):
        return parse_simulation(text).problem(preset("v1"))

    with pytest.raises(InputMissingError, match="nowhere.parquet"):
        problem_of("fcnet:nowhere.parquet")
    with pytest.raises(ConfigurationError, match="'naval'.*protein"):
        problem_of(f"fcnet:{table}:naval")
    (tmp_path / "other.csv").write_text("dataset,n_units_1\na,1\n")
    with pytest.raises(DataError, match="no column activation_fn_1"):
        problem_of(f"fcnet:{tmp_path}/other.csv")
    pd.read_parquet(table).iloc[:1].to_csv(tmp_path / "part.csv", index=False)
    part = parse_simulation(f"fcnet:{tmp_path}/part.csv")
    [values] = part.problem(preset("v1")).hyperparameters.sample(1, np.random.default_rng(0))
    with pytest.raises(AgeboError, match="give the whole table"):
        part.simulate(Evaluation(0, Configuration((5, 5), values)), 1)


@pytest.fixture
def told():
    """Return the records that a stop rule was told, and the rule: stop at the second epoch."""
    records = []

    def rule(record=None):
        records.append(record)
        return len(records) == 2

    return records, rule


def training(num_epochs):
    trainer = SleepingTrainer(Lognormal(mean=0.08, sigma=0.0), num_epochs)
    return trainer.prepare(evaluation(0), seed=1)


def test_a_sleeping_training_takes_its_time_and_gives_its_objective():
    sleeping = training(num_epochs=2)
    began = time.monotonic()
    outcome = sleeping.run(None, lambda record=None: False)
    assert time.monotonic() - began >= 0.08
    assert (outcome.status, outcome.objective) == (Status.DONE, sleeping.simulated.objective)
    assert len(outcome.curve) == 2


def test_a_sleeping_training_reports_its_epochs_and_can_be_cut(told):
    records, rule = told
    outcome = training(num_epochs=4).run(None, rule)
    assert (outcome.status, outcome.objective) == (Status.CUT, None)
    assert list(outcome.curve) == records
    assert [record["epoch"] for record in records] == [1, 2]


def test_a_sleeping_training_that_is_told_to_stop_in_its_last_epoch_is_done(told):
    assert training(num_epochs=2).run(None, told[1]).status is Status.DONE
