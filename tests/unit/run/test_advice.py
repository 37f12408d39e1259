"""What a search says at its end where its networks have learnt nothing."""

import pytest

from agebo_hpc.run.advice import advice_on_constants, advice_on_metric
from agebo_hpc.space.recipe import Recipe


@pytest.mark.parametrize(("constant", "known"), [(0, 0), (1, 1), (0, 8), (4, 8)])
def test_nothing_is_said_unless_most_networks_predict_the_same_for_every_row(constant, known):
    assert advice_on_constants(constant, known, "class", Recipe()) == ""


def test_what_to_change_is_told_in_words_that_can_be_typed():
    said = advice_on_constants(5, 8, "class", Recipe(epochs=20))
    assert said.startswith("5 of 8 networks predict one class for every row")
    for words in ("--fix learning_rate=", "--epochs 40", "--class-weights balanced", "--metric"):
        assert words in said


def test_what_was_changed_already_is_not_advised_again():
    recipe = Recipe(metric="roc_auc", class_weights="balanced")
    said = advice_on_constants(8, 8, "class", recipe)
    assert "--class-weights" not in said and "--metric" not in said and "--epochs" in said


def test_numbers_have_neither_classes_nor_their_metrics():
    said = advice_on_constants(8, 8, "number", Recipe())
    assert "one number" in said and "class" not in said and "--metric" not in said


def test_another_metric_is_advised_where_almost_all_rows_are_of_one_class():
    said = advice_on_metric(("no", "yes"), (950, 50), "auto")
    assert "95.0% of the training rows are 'no'" in said and "--metric average_precision" in said
    assert "--metric f1_macro" in advice_on_metric(("a", "b", "c"), (5, 990, 5), "accuracy")


@pytest.mark.parametrize(
    ("labels", "counts", "metric"),
    [
        (None, None, "auto"),
        (("no", "yes"), (900, 100), "auto"),
        (("no", "yes"), (990, 10), "roc_auc"),
        (("no", "yes"), (990, 10), "neg_log_loss"),
    ],
)
def test_no_other_metric_is_advised_where_none_is_needed(labels, counts, metric):
    assert advice_on_metric(labels, counts, metric) == ""
