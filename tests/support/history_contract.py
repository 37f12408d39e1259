"""What every history promises. A new one is tested by a subclass."""

from dataclasses import replace

import pytest

from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status


def evaluation(number):
    values = {"batch_size": 32 << number % 3, "learning_rate": 0.01, "num_processes": 1}
    return Evaluation(number, Configuration((number % 31, 1, 0), values))


def result(number, status=Status.DONE):
    return Result(
        evaluation(number),
        status,
        objective=0.5 + number / 100 if status is Status.DONE else None,
        curve=({"epoch": 1, "loss": 1.5},),
        times={"queue": 0.5, "train": 8.0},
        submitted=1000.0 + number,
        started=1001.0 + number,
        ended=1010.0 + number,
        ranks=(1,),
        host="node",
    )


class HistoryContract:
    """The checks; a subclass has a fixture `place` and says how a history is opened there.

    `opened(place)` opens it, `killed(place, history)` returns a place that is as if the writer
    had been killed just now.
    """

    def opened(self, place):
        raise NotImplementedError

    def killed(self, place, history):
        raise NotImplementedError

    def test_a_new_one_is_empty(self, place):
        history = self.opened(place)
        assert (history.results, history.pending, history.next_id) == ([], {}, 0)
        assert (history.search_state, history.since_state, history.elapsed) == (None, [], 0.0)
        history.close()

    def test_results_come_back_in_order_of_completion(self, place):
        history = self.opened(place)
        for number in range(4):
            history.submitted(evaluation(number))
        history.append(result(2))
        history.append(result(0, Status.FAILED), result(3))
        history.close()
        history = self.opened(place)
        assert history.results == [result(2), result(0, Status.FAILED), result(3)]
        assert history.pending == {1: evaluation(1)} and history.next_id == 4
        history.close()

    @pytest.mark.parametrize("snapshot_at", [None, 0, 2, 4])
    def test_whatever_was_appended_when_the_writer_was_killed_is_there(self, place, snapshot_at):
        history = self.opened(place)
        for number in range(5):
            history.submitted(evaluation(number))
            if number == snapshot_at:
                assert history.snapshot({"told": number}, force=True)
            history.append(result(number))
            after = self.opened(self.killed(place, history))
            assert after.results == [result(i) for i in range(number + 1)]
            assert after.pending == {} and after.next_id == number + 1
            after.close()
        history.close()

    def test_what_was_submitted_when_the_writer_was_killed_is_pending(self, place):
        history = self.opened(place)
        for number in range(3):
            history.submitted(evaluation(number))
        history.append(result(1))
        after = self.opened(self.killed(place, history))
        assert list(after.pending.values()) == [evaluation(0), evaluation(2)]
        after.close()
        history.close()

    @pytest.mark.parametrize("status", [Status.CUT, Status.LOST])
    def test_what_did_not_end_by_itself_is_no_result_and_is_pending_again(self, place, status):
        history = self.opened(place)
        history.submitted(evaluation(0))
        history.append(result(0, status))
        assert (history.results, list(history.pending)) == ([], [0])
        history.close()
        history = self.opened(place)
        assert (history.results, list(history.pending)) == ([], [0])
        history.append(result(0))
        assert history.results == [result(0)]
        history.close()

    def test_nothing_is_noted_twice_or_out_of_nowhere(self, place):
        history = self.opened(place)
        with pytest.raises(ValueError, match="never submitted"):
            history.append(result(0))
        history.submitted(evaluation(0))
        with pytest.raises(ValueError, match="other values"):
            history.submitted(replace(evaluation(1), id=0))
        history.append(result(0))
        with pytest.raises(ValueError, match="finished twice"):
            history.append(result(0))
        with pytest.raises(ValueError, match="finished"):
            history.submitted(evaluation(0))
        history.close()
        history = self.opened(place)
        assert history.results == [result(0)] and history.pending == {}
        history.close()

    @pytest.mark.parametrize("killed", [False, True])
    def test_a_state_comes_back_with_what_came_after_it(self, place, killed):
        history = self.opened(place)
        for number in range(4):
            history.submitted(evaluation(number))
        history.append(result(1))
        assert history.snapshot(lambda: {"told": 1}, force=True)
        assert history.since_state == []
        history.append(result(0))
        history.submitted(evaluation(4))
        if killed:
            place = self.killed(place, history)
        history.close()
        after = self.opened(place)
        assert (after.search_state, after.covered) == ({"told": 1}, 1)
        assert after.since_state == [result(0), evaluation(4)]
        after.close()

    def test_lives_are_kept_apart(self, place):
        for number in range(2):
            history = self.opened(place)
            history.session("start", {"slots": 2, "world_size": 3, "versions": {}})
            history.submitted(evaluation(number))
            history.append(result(number))
            history.session("end", {"reason": "done"})
            history.close()
        history = self.opened(place)
        assert len(history.sessions) == 2 and len(history.results) == 2
        assert history.elapsed >= 0.0
        history.close()

    def test_closing_twice_is_closing_once(self, place):
        history = self.opened(place)
        history.close()
        history.close()
        self.opened(place).close()
