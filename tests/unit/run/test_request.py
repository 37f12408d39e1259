"""What is asked of a search, checked and turned into a problem and a space."""

import pytest

from agebo_hpc.errors import ConfigurationError, LaunchError, UsageError
from agebo_hpc.run.configuration import initial_points, proposals_ahead
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.space.problem import preset


def request(**changes):
    return SearchRequest(**{"data": "d.h5", "out": "run", "preset": "v1", **changes})


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("method", "agbo", "agbo"),
        ("max_evals", 0, "--max-evals is 0"),
        ("walltime", 0.0, "--walltime is 0"),
        ("walltime", float("nan"), "--walltime is nan"),
        ("epochs", -1, "--epochs is -1"),
        ("processes", (0, 1), "--processes is 0,1; give numbers of at least 1"),
        ("processes", (), "--processes"),
        ("processes", (1, 16), "--processes allows 16 but --max-processes is 8"),
        ("sample_size", 0, "--sample-size is 0"),
        ("population", 0, "--population is 0"),
        ("mutation", "all", "--mutation is all"),
        ("kappa", -1.0, "--kappa is -1"),
        ("lie", "median", "--lie is median"),
        ("trees", 0, "--trees is 0"),
        ("initial_points", 0, "--initial-points is 0; give 1 or more"),
        ("seed", -1, "--seed is -1"),
        ("fixed", {"num_processes": 2}, "num_processes=2; give --processes 2"),
        ("executor", "slurm", "--executor is slurm; choose among auto, serial, mpi"),
        ("allocation", "loose", "--allocation is loose; choose among packed, exclusive"),
        ("ahead", -1, "--ahead is -1; give 0 or more"),
        ("surrogate", "tree", "--surrogate is tree"),
        ("heartbeat_timeout", -1.0, "--heartbeat-timeout is -1.0; give 0 or more"),
        ("simulate", "lognormal", "--simulate trains nothing, so d.h5 would not be used"),
        ("executor", "simulated", "--executor simulated needs --simulate too"),
        ("groups", 4, "--groups is 4 but --executor is auto"),
        ("slots_per_group", 2, "--slots-per-group is 2 but --executor is auto"),
        ("manager_charge", 0.0, "--manager-charge is 0.0 but --executor is auto"),
        ("scheduler", "bohb", "--scheduler is bohb; choose among fifo, sha"),
        ("eta", 1, "--eta is 1; give 2 or more"),
        ("eta", 3, "--eta is 3 but --scheduler is fifo; it is for sha, hyperband"),
        ("brackets", "some", "--brackets is some"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(field, value, said):
    with pytest.raises(UsageError, match=said) as caught:
        request(**{field: value})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_sample_larger_than_the_population_is_the_whole_population():
    assert request(population=5, sample_size=10).search_settings(1).sample_size == 5


SIMULATED = {"data": None, "executor": "simulated", "simulate": "lognormal", "groups": 4}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("groups", None, "needs --groups too"),
        ("groups", 0, "--groups is 0; give 1 or more"),
        ("message_latency", float("inf"), "--message-latency is inf; give 0 or more"),
        ("rank_lifetime", -1.0, "--rank-lifetime is -1.0; give 0 or more"),
        ("simulate", "gaussian", "--simulate is gaussian"),
    ],
)
def test_a_simulated_machine_that_cannot_be_is_refused(field, value, said):
    with pytest.raises(UsageError, match=said):
        request(**{**SIMULATED, field: value})


def test_a_simulated_search_needs_no_data_and_takes_the_number_of_epochs():
    problem = request(**SIMULATED, epochs=7).load_problem()
    assert (problem.data, problem.recipe.epochs, problem.recipe.warmup_epochs) == (None, 7, 0)


def test_a_stored_request_without_the_options_of_later_versions_is_read():
    stored = request(max_evals=3).to_dict()
    for name in ("allocation", "surrogate", "heartbeat_timeout", "slots_per_group"):
        del stored[name]
    assert SearchRequest.from_dict(stored) == request(max_evals=3)


def test_without_a_data_set_nothing_can_be_searched():
    with pytest.raises(UsageError, match="No data set is named"):
        request(data=None).load_problem()


def test_a_shorter_training_warms_up_over_the_same_share_of_its_epochs():
    assert request(epochs=8).load_problem().recipe.warmup_epochs == 2
    assert request(epochs=40).load_problem().recipe.warmup_epochs == 5
    assert request(epochs=8, warmup_epochs=0).load_problem().recipe.warmup_epochs == 0


def test_options_change_the_problem_and_leave_the_preset_as_it_is():
    problem = request(epochs=3, early_stopping=2, objective="best").load_problem()
    assert (problem.recipe.epochs, problem.recipe.early_stopping_patience) == (3, 2)
    assert problem.objective == "best"
    assert problem.data == "d.h5"
    assert preset("v1").recipe.epochs == 20


@pytest.mark.parametrize(("largest", "choices"), [(1, (1,)), (3, (1, 2)), (8, (1, 2, 4, 8))])
def test_by_default_n_is_chosen_among_what_fits_into_a_group(largest, choices):
    space = request().hyperparameters(preset("v1"), largest)
    assert space.processes == choices


def test_choices_of_n_larger_than_the_group_are_refused_with_both_numbers_and_a_remedy():
    with pytest.raises(LaunchError) as caught:
        request(processes=(1, 2, 4)).hyperparameters(preset("v1"), 3)
    text = str(caught.value)
    assert "--processes allows 4" in text and "3 trainer ranks" in text
    assert "at least 5 ranks" in text and "--processes 1,2" in text


def test_a_fixed_hyperparameter_is_no_longer_tuned():
    space = request(fixed={"batch_size": 256}).hyperparameters(preset("v1"), 8)
    assert space.fixed["batch_size"] == 256
    assert set(space.names) == {"learning_rate", "num_processes"}


@pytest.mark.parametrize("fixed", [{"batch": 256}, {"batch_size": 255}, {"learning_rate": 7.0}])
def test_a_fixed_value_that_is_unknown_or_outside_its_dimension_is_refused(fixed):
    with pytest.raises(ConfigurationError):
        request(fixed=fixed).hyperparameters(preset("v1"), 8)


def test_a_request_read_back_is_the_same():
    first = request(processes=(1, 2), walltime=60.0, fixed={"batch_size": 64})
    data = {**first.to_dict(), "processes": [1, 2]}
    assert SearchRequest.from_dict(data) == first


def test_a_request_without_data_read_back_is_the_same():
    first = request(data=None, problem="p.py:mine")
    assert SearchRequest.from_dict(first.to_dict()) == first


def test_a_stored_request_of_another_version_is_refused_by_the_unknown_name():
    with pytest.raises(UsageError, match="colour"):
        SearchRequest.from_dict({**request().to_dict(), "colour": "blue"})


def test_options_of_the_recipe_replace_those_of_the_problem_and_only_those():
    given = {
        "optimizer": "lamb",
        "accumulate_steps": 4,
        "precision": "bfloat16",
        "input": "stream",
        "schedule": "cosine",
        "weight_decay": 0.02,
        "label_smoothing": 0.1,
        "dropout": 0.2,
    }
    recipe = SearchRequest(data="table.h5", out="run", preset="v1", **given).load_problem().recipe
    assert {name: getattr(recipe, name) for name in given} == given
    assert recipe.xla == "auto"
    assert recipe.epochs == 20


def test_accumulating_no_batch_is_a_usage_error():
    with pytest.raises(UsageError, match="--accumulate-steps is 0; give 1 or more"):
        SearchRequest(data="table.h5", out="run", accumulate_steps=0)


def test_few_evaluations_at_once_are_no_reason_to_begin_with_few_random_points():
    assert [initial_points(request(), w) for w in (1, 4, 8, 128)] == [5, 5, 8, 128]
    assert [initial_points(request(initial_points=2), w) for w in (1, 128)] == [2, 2]


def test_a_synchronous_search_has_nothing_ready_ahead():
    assert proposals_ahead(request(synchronous=True), 64) == 0
    assert proposals_ahead(request(), 64) == 8
    with pytest.raises(UsageError, match="--ahead is 2, but with --synchronous"):
        request(synchronous=True, ahead=2)


def test_class_weights_are_read_by_label():
    recipe = request(class_weights="no=0.52,a=b=13.87").load_problem().recipe
    assert recipe.class_weights == {"no": 0.52, "a=b": 13.87}
    assert request(class_weights="balanced").load_problem().recipe.class_weights == "balanced"


@pytest.mark.parametrize("text", ["even", "no=", "no=0,yes=1", "no=nan", "=1"])
def test_class_weights_that_make_no_sense_are_a_usage_error(text):
    with pytest.raises(UsageError, match="--class-weights is"):
        request(class_weights=text).load_problem()


def test_what_a_problem_tunes_is_fixed_by_name_and_not_by_an_option():
    with pytest.raises(UsageError, match="--fix early_stopping_patience=3"):
        request(preset="combo-like", early_stopping=3).load_problem()
    chosen = request(preset="combo-like", fixed={"early_stopping_patience": 3})
    space = chosen.hyperparameters(chosen.load_problem(), 1)
    assert space.fixed["early_stopping_patience"] == 3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"scheduler": "asha", "bracket_size": 9}, "--bracket-size is 9 but --scheduler is asha"),
        ({"scheduler": "median", "eta": 3}, "--eta is 3 but --scheduler is median"),
        ({"scheduler": "sha", "synchronous": True}, "--synchronous proposes in batches"),
    ],
)
def test_options_that_a_scheduler_does_not_take_are_refused(asked, said):
    with pytest.raises(UsageError, match=said):
        SearchRequest(out="run", **SIMULATED, **asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"scheduler": "asha", "min_epochs": 50},
            "--min-epochs is 50, but a whole training has 20",
        ),
        ({"scheduler": "sha", "bracket_size": 3}, "3 configurations are too few for 3 rungs"),
        ({"scheduler": "hyperband", "n_max": 1, "n_min": 4}, "no bracket has at most 1"),
    ],
)
def test_a_scheduler_that_cannot_be_is_refused_in_one_line(asked, said):
    with pytest.raises(UsageError, match=said) as caught:
        SearchRequest(out="run", **SIMULATED, **asked).scheduler_settings(20, None)
    assert "\n" not in str(caught.value)


def test_rungs_follow_from_epochs_and_evaluations_and_stay_what_they_were():
    asked = SearchRequest(out="run", scheduler="asha", max_evals=100, **SIMULATED)
    assert asked.scheduler_settings(256, None).levels == (4, 16, 64, 256)
    assert asked.scheduler_settings(256, 2).levels == (64, 256)
    assert asked.scheduler_settings(20, None).levels == (1, 5, 20)


def test_one_epoch_has_no_part_to_compare_trainings_after():
    asked = SearchRequest(out="run", scheduler="asha", **SIMULATED)
    with pytest.raises(UsageError, match="they have one; give more --epochs"):
        asked.scheduler_settings(1, None)
    assert SearchRequest(out="run", **SIMULATED).scheduler_settings(1, None).levels == (1,)
