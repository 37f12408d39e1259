"""Every search method under the same checks."""

from search_contract import SearchContract

from agebo_hpc.search.methods import METHODS


class TestAgEBO(SearchContract):
    method = "agebo"


class TestAgEBOWithAModelMadeAnew(SearchContract):
    method = "agebo"
    surrogate = "scikit-optimize"


class TestAgE(SearchContract):
    method = "age"


class TestRandom(SearchContract):
    method = "random"


class TestMixedAgE(SearchContract):
    method = "mixed-age"


class TestMixedBO(SearchContract):
    method = "mixed-bo"


def test_no_method_is_left_out():
    assert {each.method for each in SearchContract.__subclasses__()} == set(METHODS)
