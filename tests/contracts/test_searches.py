"""Every search method under the same checks."""

from search_contract import SearchContract

from agebo_hpc.search.methods import METHODS


class TestAgEBO(SearchContract):
    method = "agebo"


class TestAgEBOWithAModelMadeAnew(SearchContract):
    method = "agebo"
    surrogate = "scikit-optimize"


class TestAgEBOWithAGaussianProcess(SearchContract):
    method = "agebo"
    surrogate = "gp"


class TestAgEBOWithCurvesThatDecay(SearchContract):
    method = "agebo"
    surrogate = "gp-decay"


class TestAgE(SearchContract):
    method = "age"


class TestRandom(SearchContract):
    method = "random"


class TestMixedAgE(SearchContract):
    method = "mixed-age"


class TestMixedBO(SearchContract):
    method = "mixed-bo"


class TestMixedBOWithAGaussianProcess(SearchContract):
    method = "mixed-bo"
    surrogate = "gp"


def test_no_method_is_left_out():
    assert {each.method for each in SearchContract.__subclasses__()} == set(METHODS)
