"""Every metric is scikit-learn's, whatever the shards; names and refusals."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as sk
from sklearn.metrics import get_scorer, get_scorer_names

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics import record
from agebo_hpc.metrics.predictions import Classes, Numbers
from agebo_hpc.metrics.record import BINARY, EVERY, MULTICLASS, REGRESSION, Shards
from agebo_hpc.metrics.table import METRICS, find, fit_for, metric_for, said, shown

CENTRE, SCALE = 40.0, 3.0
CLASSES = {BINARY: 2, MULTICLASS: 4, REGRESSION: 1}
OURS = {
    "cohen_kappa": lambda y, p, w: sk.cohen_kappa_score(y, p, sample_weight=w),
    "quadratic_kappa": lambda y, p, w: sk.cohen_kappa_score(
        y, p, weights="quadratic", sample_weight=w
    ),
    "neg_pinball:0.9": lambda y, p, w: -sk.mean_pinball_loss(y, p, alpha=0.9, sample_weight=w),
    "neg_pinball:0.05": lambda y, p, w: -sk.mean_pinball_loss(y, p, alpha=0.05, sample_weight=w),
}
"""Those that have no scorer by their name in scikit-learn."""


def decode(values):
    return np.asarray(values, np.float64) * SCALE + CENTRE


def rows(kind, number=301, seed=0):
    """Return outputs as of a network in float32, targets, and weights, some of them 0."""
    rng = np.random.default_rng(seed)
    classes = CLASSES[kind]
    weights = rng.integers(0, 4, number).astype(np.float32)
    if kind == REGRESSION:
        y = rng.normal(size=number).astype(np.float32)
        outputs = (y + rng.normal(0, 0.7, number)).astype(np.float32)[:, None]
        return outputs, y, weights
    y = rng.integers(0, classes, number).astype(np.int32)
    outputs = rng.normal(0, 2, (number, classes)).astype(np.float32)
    outputs[np.arange(number), y] += 1
    return outputs, y, weights


class Known:
    """What scikit-learn's scorers take for a model: it knows its predictions."""

    def __init__(self, kind, outputs):
        self.classes_ = np.arange(CLASSES[kind])
        self._estimator_type = "regressor" if kind == REGRESSION else "classifier"
        self._outputs = outputs.astype(np.float64)

    def __sklearn_tags__(self):
        from sklearn.dummy import DummyClassifier, DummyRegressor

        make = DummyRegressor if self._estimator_type == "regressor" else DummyClassifier
        return make().__sklearn_tags__()

    def fit(self, X, y):
        return self

    def predict(self, X):
        if self._estimator_type == "regressor":
            return decode(self._outputs[:, 0])
        return self._outputs.argmax(axis=1)

    def predict_proba(self, X):
        return softmax(self._outputs, axis=1)


def expected(metric, kind, outputs, y, weights):
    """Return scikit-learn's score of all rows together."""
    model = Known(kind, outputs)
    truth = decode(y) if kind == REGRESSION else y
    if metric.name in OURS:
        return OURS[metric.name](truth, model.predict(None), weights)
    scorer = get_scorer(metric.name) if metric.name in get_scorer_names() else None
    options = {} if weights is None or not metric.weighs else {"sample_weight": weights}
    if metric.name == "roc_auc" and kind == MULTICLASS:
        scorer = get_scorer("roc_auc_ovr")
    if metric.name.startswith("roc_auc_ov") and kind == BINARY:
        scorer = get_scorer("roc_auc")
    return scorer(model, np.zeros((len(y), 1)), truth, **options)


def divided(metric, kind, outputs, y, weights, cuts):
    """Return the score of shards that end at the cuts, in pieces of 40 rows."""
    shards = Shards(
        metric, CLASSES[kind], decode if kind == REGRESSION else None, weights is not None
    )
    total = 0
    for first, stop in zip((0, *cuts), (*cuts, len(y)), strict=True):
        vector = shards.start(len(y))
        for start in range(first, stop, 40):
            piece = slice(start, min(start + 40, stop))
            of_piece = None if weights is None else weights[piece]
            shards.add(vector, start, outputs[piece], y[piece], of_piece)
        total = total + vector
    return shards.score(total)


ALL = [(metric.name, kind) for metric in METRICS for kind in EVERY if kind in metric.kinds]
ALL += [(name, REGRESSION) for name in ("neg_pinball:0.9", "neg_pinball:0.05")]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "kind"), ALL)
def test_every_metric_is_scikit_learns_over_one_two_and_three_uneven_shards(name, kind, weighted):
    metric = find(name)
    outputs, y, weights = rows(kind)
    if weighted and not metric.weighs:
        weights = None
    used = weights if weighted else None
    right = expected(metric, kind, outputs, y, used)
    for cuts in ((), (17,), (3, 250), (0, 300)):
        found = divided(metric, kind, outputs, y, used, cuts)
        assert found == pytest.approx(right, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["accuracy", "f1_macro", "quadratic_kappa"])
def test_of_very_many_classes_the_decisions_are_gathered(name, monkeypatch):
    monkeypatch.setattr(record, "MOST_SUMS", 9)
    outputs, y, weights = rows(MULTICLASS)
    shards = Shards(find(name), 4)
    assert len(shards.start(301)) == 2 * 301
    found = divided(find(name), MULTICLASS, outputs, y, weights, (100,))
    assert found == pytest.approx(expected(find(name), MULTICLASS, outputs, y, weights))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [BINARY, MULTICLASS])
def test_a_network_that_predicts_one_class_has_every_score_that_scikit_learn_gives_it(kind):
    outputs, y, _ = rows(kind)
    outputs[:] = outputs[0]
    for name in ("f1_macro", "precision_weighted", "matthews_corrcoef", "balanced_accuracy",
                 "cohen_kappa", "jaccard_macro", "neg_log_loss", "roc_auc"):  # fmt: skip
        right = expected(find(name), kind, outputs, y, None)
        assert divided(find(name), kind, outputs, y, None, (9,)) == pytest.approx(right)


def test_numbers_far_from_zero_lose_no_digits():
    rng = np.random.default_rng(1)
    y = 1e9 + rng.normal(size=500)
    values = y + rng.normal(0, 0.5, 500)
    given = Numbers(values, y, centre=1e9)
    for name, function in (
        ("r2", sk.r2_score),
        ("explained_variance", sk.explained_variance_score),
    ):
        assert find(name).score(given) == pytest.approx(function(y, values), rel=1e-7)


def test_predictions_that_a_logarithm_does_not_allow_give_a_bad_number_and_no_error():
    given = Numbers(np.array([-5.0, 2.0]), np.array([1.0, 2.0]))
    for name in ("msle", "rmsle", "mean_poisson_deviance", "mean_gamma_deviance"):
        score = find(name).score(given)
        assert np.isfinite(score) and score < -1


def test_a_probability_of_zero_costs_what_it_costs_in_scikit_learn():
    shares, y = np.array([[1.0, 0.0], [0.3, 0.7]]), np.array([1, 1])
    found = find("log_loss").score(Classes(shares, y))
    assert found == pytest.approx(-sk.log_loss(y, shares, labels=[0, 1]))


def test_a_class_without_rows_leaves_a_ranking_undefined():
    outputs, y, weights = rows(MULTICLASS)
    y[y == 3] = 0
    for name in ("roc_auc", "roc_auc_ovo", "average_precision"):
        assert find(name).score(Classes.of_logits(outputs, y)) is None


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("log_loss", "neg_log_loss"),
        ("neg-log-loss", "neg_log_loss"),
        ("MAE", "neg_mean_absolute_error"),
        ("rmse", "neg_root_mean_squared_error"),
        ("median_absolute_error", "neg_median_absolute_error"),
        ("mcc", "matthews_corrcoef"),
        ("brier", "neg_brier_score"),
        ("auc", "roc_auc"),
        ("pinball:0.90", "neg_pinball:0.9"),
        ("mean_pinball_loss:.25", "neg_pinball:0.25"),
        (" Balanced_Accuracy ", "balanced_accuracy"),
    ],
)
def test_a_metric_has_other_names(typed, name):
    assert find(typed).name == name
    assert find(name).name == name


def test_scikit_learns_names_of_what_fits_are_all_known():
    """All scorers but those of clusters, of many labels at once, and of unbounded ratios."""
    left_out = {
        *("adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score"),
        *("fowlkes_mallows_score", "homogeneity_score", "mutual_info_score", "v_measure_score"),
        *("normalized_mutual_info_score", "rand_score", "top_k_accuracy"),
        *("positive_likelihood_ratio", "neg_negative_likelihood_ratio"),
    }
    for name in get_scorer_names():
        if name not in left_out and not name.endswith("_samples"):
            assert find(name).name == name


def test_names_are_given_once():
    names = [n for m in METRICS for n in {m.name, m.shown_name, *m.aliases}]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("f1", MULTICLASS, "more than two classes"),
        ("r2", BINARY, "two classes"),
        ("f1_macro", REGRESSION, "a regression"),
        ("pinball:0.5", MULTICLASS, "more than two classes"),
    ],
)
def test_a_metric_that_does_not_fit_is_refused_with_those_that_do(name, kind, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        metric_for(name, kind)
    text = str(caught.value)
    assert all(one in text for one in fit_for(kind)) and "\n" not in text
    others = {m.shown_name for m in METRICS if kind not in m.kinds}
    assert others.isdisjoint(text.partition("choose among ")[2].rstrip(".").split(", "))


def test_an_unknown_metric_is_refused_with_what_there_is():
    with pytest.raises(ConfigurationError, match=r"'roc_au'.*Did you mean roc_auc\?"):
        find("roc_au")
    with pytest.raises(ConfigurationError, match="log_loss.*for numbers: r2.*pinball:Q"):
        find("happiness")
    for wrong in ("pinball", "pinball:", "pinball:1", "pinball:x", "pinball:-0.1", "pinball:nan"):
        with pytest.raises(ConfigurationError, match="quantile between 0 and 1"):
            find(wrong)


def test_rows_that_cannot_be_weighed_are_refused():
    with pytest.raises(ConfigurationError, match="cannot weigh rows") as caught:
        metric_for("roc_auc_ovo", MULTICLASS, weighted=True)
    assert "roc_auc_ovo_weighted" not in str(caught.value)


def test_a_loss_is_shown_as_a_positive_number():
    assert shown("neg_log_loss", -0.4) == ("log_loss", 0.4)
    assert shown("roc_auc", 0.8) == ("roc_auc", 0.8)
    assert shown("objective", -3.0) == ("objective", -3.0)
    assert said("neg_mean_absolute_error", -2.5) == "mean_absolute_error 2.5"
    assert said("r2", 0.5) == said("", 0.5) == "0.5"


@pytest.mark.parametrize("name", ["mean_poisson_deviance", "mean_gamma_deviance", "msle"])
@pytest.mark.parametrize("unit", [1e-15, 1.0, 1e9])
def test_a_logarithm_of_targets_near_its_bound_is_finite_and_worse_further_away(name, unit):
    y = np.array([-1e-18, 1e-13, 1.0, 4.0]) * unit
    good, poor, bad = (find(name).score(Numbers(y * f, y)) for f in (1.01, 2.0, -1.0))
    assert np.isfinite([good, poor, bad]).all()
    assert good >= poor > bad or name == "msle"


@pytest.mark.parametrize("name", ["msle", "mean_poisson_deviance", "mean_gamma_deviance"])
def test_a_metric_says_which_targets_it_is_for_as_scikit_learn_does(name):
    function = getattr(sk, {"msle": "mean_squared_log_error"}.get(name, name))
    for least in (-2.0, -1.0, -0.5, 0.0, 1e-6):
        try:
            function([least, 2.0], [1.0, 2.0])
        except ValueError:
            with pytest.raises(ConfigurationError, match=f"but the target 'y' .* {least:g}; this"):
                find(name).check_targets(least, "y")
        else:
            find(name).check_targets(least, "y")
