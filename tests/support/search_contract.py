"""What every search method promises. A new one is tested by a subclass."""

import json

import pytest

from agebo_hpc.errors import LaunchError
from agebo_hpc.search.methods import make_search
from agebo_hpc.search.settings import BayesianSettings, SearchSettings
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.problem import v1_hyperparameters

SPACE = ArchitectureSpace(num_nodes=3)
HYPERPARAMETERS = v1_hyperparameters()


def value_of(configuration):
    rate = configuration.hyperparameters["learning_rate"]
    return sum(configuration.architecture) / 300 - abs(rate - 0.004)


def result(evaluation, status=Status.DONE):
    objective = value_of(evaluation.configuration) if status.has_value else None
    return Result(evaluation, status, objective)


def run(search, num_evaluations, workers=4, status=lambda evaluation: Status.DONE):
    """Run a search with as many evaluations in flight as there are workers."""
    running, done = search.ask(workers), []
    while len(done) < num_evaluations:
        # Not in the order in which they were asked for.
        finished = running.pop(len(done) % len(running))
        done.append(result(finished, status(finished)))
        search.tell([done[-1]])
        running += search.ask(1)
    return done


class SearchContract:
    """The checks; a subclass names its method."""

    method = ""
    surrogate = "forest"

    def build(self, seed=3, space=HYPERPARAMETERS):
        """Return a new search: the same one for the same seed."""
        # A tenth of the candidates: the same search in less time.
        bayesian = BayesianSettings(num_candidates=1000, surrogate=self.surrogate)
        settings = SearchSettings(
            seed, num_initial=4, population_size=8, sample_size=3, bayesian=bayesian
        )
        return make_search(self.method, SPACE, space, settings)

    def test_proposes_valid_configurations_with_ids_from_zero(self):
        done = run(self.build(), 30)
        assert sorted(r.id for r in done)[:5] == [0, 1, 2, 3, 4]
        assert len({r.id for r in done}) == 30
        for r in done:
            SPACE.validate(r.evaluation.configuration.architecture)
            values = r.evaluation.configuration.hyperparameters
            assert values["batch_size"] in (32, 64, 128, 256, 512, 1024)
            assert 0.001 <= values["learning_rate"] <= 0.1
            assert values["num_processes"] in (1, 2, 4, 8)

    def test_the_same_seed_gives_the_same_search_and_another_another(self):
        # As text: times that are not known are NaN, and since Python 3.13 no record with one is
        # equal to another.
        assert repr(run(self.build(), 25)) == repr(run(self.build(), 25))
        assert repr(run(self.build(), 25)) != repr(run(self.build(seed=4), 25))

    @pytest.mark.parametrize("at", [0, 3, 20])
    def test_a_search_from_a_state_proposes_what_the_unbroken_one_would(self, at):
        unbroken = self.build()
        if at:
            run(unbroken, at)
        restored = self.build()
        restored.load_state(json.loads(json.dumps(unbroken.state())))
        assert restored.pending == unbroken.pending
        for search in (unbroken, restored):
            search.tell([result(e) for e in list(search.pending.values())[:2]])
        assert restored.ask(6) == unbroken.ask(6)
        assert restored.state() == unbroken.state()

    def test_asking_and_telling_again_what_a_history_has_gives_the_same_future(self):
        unbroken, again = self.build(), self.build()
        running = []
        for number in range(14):
            asked = unbroken.ask(3 if number == 0 else 1)
            again.restore_pending(asked)
            running += asked
            finished = result(running.pop(number % len(running)))
            unbroken.tell([finished])
            again.tell([finished])
        assert again.ask(4) == unbroken.ask(4)

    def test_a_state_does_not_change_with_the_search(self):
        search = self.build()
        run(search, 10)
        state = search.state()
        before = json.dumps(state)
        run(search, 5)
        assert json.dumps(state) == before

    def test_what_is_pending_is_known_until_it_is_told(self):
        search = self.build()
        asked = search.ask(5)
        assert list(search.pending.values()) == asked
        search.tell([result(asked[2])])
        assert list(search.pending) == [0, 1, 3, 4]

    @pytest.mark.parametrize("bad", [Status.FAILED, Status.NON_FINITE, Status.TIMED_OUT])
    def test_failures_are_told_and_the_search_goes_on(self, bad):
        def status(evaluation):
            return bad if evaluation.id % 3 == 0 else Status.DONE

        search = self.build()
        assert len(run(search, 20, status=status)) == 20
        assert len(search.pending) == 4  # those in flight

    def test_goes_on_when_every_evaluation_fails(self):
        run(self.build(), 15, status=lambda evaluation: Status.OUT_OF_MEMORY)

    @pytest.mark.parametrize("status", [Status.CUT, Status.LOST])
    def test_what_did_not_end_by_itself_stays_pending_and_is_not_learnt(self, status):
        search = self.build()
        [evaluation] = search.ask(1)
        before = search.state()
        search.tell([result(evaluation, status)])
        assert search.state() == before
        assert search.pending == {0: evaluation}

    def test_what_is_paused_is_not_pending_and_may_come_again(self):
        search = self.build()
        first, second, third = search.ask(3)
        search.tell([result(first, Status.PAUSED), result(second, Status.PAUSED)])
        search.tell([result(first, Status.CUT), result(second, Status.LOST)])
        assert list(search.pending) == [third.id]
        search.tell([result(first, Status.PAUSED), result(second, Status.FAILED)])
        search.tell([result(first), result(third)])
        assert not search.pending
        assert [evaluation.id for evaluation in search.ask(2)] == [3, 4]

    def test_what_was_paused_is_known_to_a_search_that_goes_on_from_its_state(self):
        def further(evaluation):
            return Status.PAUSED if evaluation.id % 2 else Status.DONE

        search, again = self.build(), self.build()
        done = run(search, 20, status=further)
        again.load_state(json.loads(json.dumps(search.state())))
        for each in done:
            if each.status is Status.PAUSED:
                for one in (search, again):
                    one.tell([result(each.evaluation, Status.CUT), result(each.evaluation)])
        assert search.ask(6) == again.ask(6)

    def test_what_was_never_asked_is_learnt_all_the_same_and_its_number_is_not_used_again(self):
        search, other = self.build(), self.build(seed=9)
        strangers = [Evaluation(40 + e.id, e.configuration) for e in other.ask(6)]
        search.tell([result(each) for each in strangers])
        assert [evaluation.id for evaluation in search.ask(2)] == [46, 47]

    def test_proposes_only_as_many_processes_as_are_left(self):
        search = self.build()
        run(search, 12)
        for largest in (2, 1, 4):
            search.limit_processes(largest)
            asked = [evaluation.configuration.num_processes for evaluation in search.ask(8)]
            assert max(asked) <= largest

    def test_too_few_ranks_for_every_choice_are_a_launch_error(self):
        search = self.build(space=HYPERPARAMETERS.with_processes((2, 4)))
        with pytest.raises(LaunchError, match="At most 1 ranks .* one of 2, 4"):
            search.limit_processes(1)

    def test_proposals_are_plain_data(self):
        for evaluation in self.build().ask(6):
            text = json.dumps(evaluation.configuration.to_dict())
            assert Configuration.from_dict(json.loads(text)) == evaluation.configuration
