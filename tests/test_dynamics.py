"""The loop of retrieval, on an energy simple enough to know every step."""

import pickle
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from scipy.sparse import csr_array

from skdam.dynamics import RetrievalResult, fixed_point


@dataclass
class Halving:
    """Steps halve a state; below 1 it drops to 0, where it stays."""

    bandwidth: float = 1.0
    calls: int = 0

    def step(self, X):
        self.calls += len(X)
        return np.where(np.abs(X) < 1, 0.0, X / 2)


START = np.array([[0.0], [0.5], [5.0]])


def test_each_row_stops_by_itself_and_counts_its_moves():
    energy = Halving()
    settled = fixed_point(energy, START, max_iter=50, tol=0.0)
    assert settled.state.tolist() == [[0.0], [0.0], [0.0]]
    assert settled.n_iter.tolist() == [0, 1, 4]
    assert settled.converged.all()
    assert energy.calls == 1 + 2 + 5  # a settled row is not asked again
    assert settled.history == []


def test_equal_states_are_asked_once_and_answered_all():
    energy = Halving()
    settled = fixed_point(energy, np.tile(START, (100, 1)), max_iter=50, tol=0.0)
    assert settled.state.tolist() == [[0.0]] * 300
    assert settled.n_iter.tolist() == [0, 1, 4] * 100
    assert energy.calls == 8  # three states, then [0], [2.5]; [1.25]; [0.625]; [0]


def test_max_iter_cuts_short_and_says_so():
    settled = fixed_point(Halving(), START, max_iter=2, tol=0.0)
    assert settled.state.tolist() == [[0.0], [0.0], [1.25]]
    assert settled.converged.tolist() == [True, True, False]
    assert settled.n_iter.tolist() == [0, 1, 2]


def test_tol_is_in_bandwidths():
    settled = fixed_point(Halving(bandwidth=10.0), np.array([[64.0]]), max_iter=50, tol=1.0)
    assert settled.state.tolist() == [[8.0]]  # the step from 16 to 8 moves less than 10
    assert settled.converged.all()


def test_record_keeps_each_rows_own_path():
    settled = fixed_point(Halving(), START, max_iter=50, tol=0.0, record=True)
    paths = [path.ravel().tolist() for path in settled.trajectory()]
    assert paths == [[0.0], [0.5, 0.0], [5.0, 2.5, 1.25, 0.625, 0.0]]


def test_held_coordinates_never_move():
    held = np.array([[True, False]])
    settled = fixed_point(Halving(), np.array([[8.0, 8.0]]), max_iter=50, tol=0.0, held=held)
    assert settled.state.tolist() == [[8.0, 0.0]]
    assert settled.converged.all()


def test_a_record_holds_what_moved_and_nothing_else():
    X = np.concatenate([np.zeros((1000, 1)), [[2.0**90]]])  # one slow row among many
    settled = fixed_point(Halving(), X, max_iter=200, tol=0.0, record=True)
    assert sum(len(rows) for rows, _ in settled.history) == len(X) + settled.n_iter.sum()
    path = settled.trajectory()[-1]
    assert len(path) == 93
    assert path.base is None  # keeping one path does not keep them all


def test_starts_are_not_written_to():
    X = START.copy()
    fixed_point(Halving(), X, max_iter=9, tol=0.0, record=True)
    np.testing.assert_array_equal(X, START)


def test_results_of_blocks_join_in_order():
    def part(n, value):
        arrays = {f.name: np.full(n, value) for f in fields(RetrievalResult)}
        lists = {"trajectory": [np.full(2, value)] * n, "energies": None}
        finder = {"find_members": partial(csr_array, np.full((n, 3), value))}
        return RetrievalResult(**arrays | lists | finder)

    joined = RetrievalResult.join([part(2, 1.0), part(1, 2.0)])
    assert joined.state.tolist() == [1.0, 1.0, 2.0]
    assert joined.members.toarray().tolist() == [[1.0] * 3, [1.0] * 3, [2.0] * 3]
    assert [path[0] for path in joined.trajectory] == [1.0, 1.0, 2.0]
    assert joined.energies is None


def test_a_result_prints_its_counts():
    n = np.array([1, 0, 1])
    result = RetrievalResult(n, n, n, n > 0, n > 1, n - 1, list)
    assert repr(result) == "RetrievalResult(3 queries: 2 converged, 0 in_support, 2 recalled)"


def test_members_are_found_once_and_carried():
    calls, n = [], np.arange(2)

    def find():
        calls.append(1)
        return csr_array(np.eye(2))

    result = RetrievalResult(n, n, n, n, n, n, find)
    assert calls == []
    other = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(other.members.toarray(), np.eye(2))
    assert result.members is result.members
    assert calls == [1]
