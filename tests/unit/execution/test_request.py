"""What is asked of a search, checked and turned into a problem and a space."""

import pytest

from agebo_hpc.errors import ConfigurationError, LaunchError, UsageError
from agebo_hpc.execution.request import SearchRequest
from agebo_hpc.space.problem import preset


def request(**changes):
    return SearchRequest(**{"data": "d.h5", "out": "run", **changes})


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("method", "agbo", "agbo"),
        ("max_evals", 0, "--max-evals is 0"),
        ("walltime", 0.0, "--walltime is 0"),
        ("walltime", float("nan"), "--walltime is nan"),
        ("epochs", -1, "--epochs is -1"),
        ("processes", (0, 1), r"--processes is \(0, 1\)"),
        ("processes", (), "--processes"),
        ("processes", (1, 16), "--processes allows 16 but --max-processes is 8"),
        ("sample_size", 0, "--sample-size is 0"),
        ("population", 0, "--population is 0"),
        ("mutation", "all", "--mutation is all"),
        ("kappa", -1.0, "--kappa is -1"),
        ("lie", "median", "--lie is median"),
        ("trees", 0, "--trees is 0"),
        ("seed", -1, "--seed is -1"),
        ("fixed", {"num_processes": 2}, "num_processes=2; give --processes 2"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(field, value, said):
    with pytest.raises(UsageError, match=said) as caught:
        request(**{field: value})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_sample_larger_than_the_population_is_the_whole_population():
    assert request(population=5, sample_size=10).search_settings(1).sample_size == 5


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
