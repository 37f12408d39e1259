"""What every executor promises the driver. A new one is tested by a subclass."""

from collections import Counter

import contract_problem
from contract_problem import ENDLESS, FAILING, LONG, evaluation, objective_of

from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Status

SEED = 5


def never():
    return False


def always():
    return True


class ExecutorContract:
    """The checks; a subclass has a fixture `runs` that gives a new executor with `SEED`.

    What an executor cannot do is left out there: ``test_... = None`` with the reason.
    """

    num_epochs = contract_problem.EPOCHS
    seconds = 60.0
    """Of the executor's clock, in which a training ends."""

    def drain(self, runs, stop=never):
        """Return all results in their order, at most as long as it may take."""
        results, limit = [], runs.clock() + self.seconds
        while runs.num_running:
            assert runs.clock() < limit, "some evaluations never came back"
            results += runs.collect(stop, self.seconds)
        return results

    def test_it_begins_with_room_and_nothing_to_collect(self, runs):
        assert runs.has_room() and runs.num_running == 0
        assert runs.collect(never, 0.0) == []
        assert runs.num_slots >= runs.max_processes >= 1
        assert runs.num_at_once(1) == runs.num_slots
        assert not runs.is_recovering and not runs.is_ending and runs.drain_reason == ""

    def test_every_evaluation_comes_back_once_also_where_there_are_more_than_slots(self, runs):
        submitted = [evaluation(number) for number in range(runs.num_slots + 2)]
        for each in submitted:
            runs.submit(each)
        assert runs.num_running == len(submitted) and not runs.has_room()
        results = self.drain(runs)
        assert Counter(r.id for r in results) == Counter(e.id for e in submitted)
        assert {r.status for r in results} <= {Status.DONE, Status.FAILED}
        assert runs.num_running == 0 and runs.has_room()

    def test_a_result_says_what_became_of_it_when_and_where(self, runs):
        before = runs.now()
        runs.submit(evaluation(12))
        [result] = self.drain(runs)
        assert result.status is Status.DONE and result.evaluation == evaluation(12)
        assert result.objective == objective_of(evaluation(12), SEED)
        assert [record["epoch"] for record in result.curve] == [*range(1, self.num_epochs + 1)]
        assert before <= result.submitted <= result.started <= result.ended <= runs.now()
        assert result.ranks and result.host and result.times["queue"] >= 0

    def test_epochs_are_reported_as_they_end_in_order(self, runs):
        seen = []
        runs.on_report = lambda number, record: seen.append((number, record["epoch"]))
        runs.submit(evaluation(1))
        self.drain(runs)
        assert seen == [(1, epoch) for epoch in range(1, self.num_epochs + 1)]

    def test_one_that_fails_says_why_and_the_next_goes_well(self, runs):
        runs.submit(evaluation(FAILING))
        [failed] = self.drain(runs)
        runs.submit(evaluation(0))
        [after] = self.drain(runs)
        assert failed.status is Status.FAILED and failed.objective is None
        assert f"no way in evaluation {FAILING}" in failed.traceback
        assert after.status is Status.DONE

    def test_one_that_runs_ends_at_the_end_of_its_epoch_when_it_is_stopped(self, runs):
        reported = []

        def on_report(number, record):
            reported.append(record["epoch"])
            runs.stop(number)

        runs.on_report = on_report
        runs.submit(evaluation(ENDLESS))
        [result] = self.drain(runs)
        assert result.status is Status.STOPPED and result.status.is_final
        # It has the value of its last epoch, and every epoch was reported before it came back.
        assert result.objective == result.curve[-1]["validation_metric"]
        assert reported == [record["epoch"] for record in result.curve]
        runs.on_report = lambda number, record: None
        runs.submit(evaluation(10 + ENDLESS - 1))
        [after] = self.drain(runs)
        assert after.status is Status.DONE

    def test_one_that_waits_comes_back_as_cut_when_it_is_stopped(self, runs):
        for number in range(runs.num_slots + 1):
            runs.submit(evaluation(number))
        runs.stop(runs.num_slots)
        results = {result.id: result for result in self.drain(runs)}
        assert len(results) == runs.num_slots + 1
        last = results.pop(runs.num_slots)
        assert last.status is Status.CUT and last.curve == ()
        assert last.submitted <= last.started <= last.ended
        assert Status.CUT not in {result.status for result in results.values()}

    def test_a_piece_is_paused_at_its_end_and_the_last_one_is_done(self, runs):
        whole, seen = evaluation(5), []
        runs.on_report = lambda number, record: seen.append(record["epoch"])
        for start, end in [(0, 1), (1, 3)]:
            runs.submit_piece(Assignment(whole, start, end, self.num_epochs, checkpoint=start))
            assert runs.num_running == 1
            [result] = self.drain(runs)
            assert result.status is Status.PAUSED and result.evaluation == whole
            assert [record["epoch"] for record in result.curve] == [*range(1, end + 1)]
            assert result.objective == result.curve[-1]["validation_metric"]
        runs.submit_piece(Assignment(whole, 3, self.num_epochs, self.num_epochs, checkpoint=3))
        [result] = self.drain(runs)
        assert result.status is Status.DONE
        assert result.objective == objective_of(whole, SEED)
        # Also where what came before is trained again.
        assert seen == [*range(1, self.num_epochs + 1)]

    def test_a_piece_that_is_cut_or_stopped_comes_back_as_such(self, runs):
        reported = []
        runs.on_report = lambda number, record: reported.append(number)
        runs.submit_piece(Assignment(evaluation(ENDLESS), 0, LONG - 1, LONG))
        [result] = self.drain(runs, stop=lambda: bool(reported))
        assert result.status is Status.CUT and result.objective is None
        runs.on_report = lambda number, record: runs.stop(number)
        runs.submit_piece(Assignment(evaluation(10 + ENDLESS), 0, LONG - 1, LONG))
        [result] = self.drain(runs)
        assert result.status is Status.STOPPED

    def test_a_stop_order_for_one_that_is_not_there_does_nothing(self, runs):
        runs.stop(99)
        runs.submit(evaluation(0))
        [result] = self.drain(runs)
        runs.stop(0)
        assert result.status is Status.DONE
        runs.submit(evaluation(1))
        assert [r.status for r in self.drain(runs)] == [Status.DONE]

    def test_a_search_that_stops_gets_what_runs_and_forgets_what_waits(self, runs):
        reported = []
        runs.on_report = lambda number, record: reported.append(number)
        for number in range(runs.num_slots + 1):
            runs.submit(evaluation(10 * number + ENDLESS))
        results = self.drain(runs, stop=lambda: bool(reported))
        assert results and {result.status for result in results} == {Status.CUT}
        assert {result.objective for result in results} == {None}
        assert len(results) <= runs.num_slots
        assert runs.num_running == 0


class GroupExecutorContract(ExecutorContract):
    """For executors that have slots of several processes: `runs` has two groups of two."""

    def test_an_evaluation_on_two_processes_has_two_slots_of_one_group(self, runs):
        assert (runs.num_slots, runs.max_processes, runs.num_at_once(2)) == (4, 2, 2)
        runs.submit(evaluation(0, n=2))
        [result] = self.drain(runs)
        assert result.status is Status.DONE and result.ranks in ((1, 2), (3, 4))

    def test_small_and_large_ones_all_come_back(self, runs):
        sizes = [1, 2, 2, 1, 1, 2]
        for number, n in enumerate(sizes):
            runs.submit(evaluation(10 * number, n))
        results = self.drain(runs)
        assert {result.id: len(result.ranks) for result in results} == {
            10 * number: n for number, n in enumerate(sizes)
        }

    def test_one_on_two_processes_is_stopped_as_a_whole(self, runs):
        runs.on_report = lambda number, record: runs.stop(number)
        runs.submit(evaluation(ENDLESS, n=2))
        assert [result.status for result in self.drain(runs)] == [Status.STOPPED]
