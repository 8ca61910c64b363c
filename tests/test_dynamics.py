"""The loop of retrieval, on an energy simple enough to know every step."""

import pickle
from dataclasses import dataclass, fields
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from skdam.dynamics import (
    RetrievalResult,
    Settled,
    asynchronous,
    fixed_point,
    gradient_flow,
    ode,
    synchronous,
)
from skdam.dynamics._ode import _factor, _start
from skdam.energies import KernelEnergy, QuadraticEnergy
from skdam.kernels import KERNELS


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


def pull(*couplings):
    """Return the energy of spins in a row, each coupled to the next."""
    upper = np.diag(couplings, 1)
    return QuadraticEnergy.of(upper + upper.T)


def test_a_flip_has_all_other_bits_visited_again():
    settled = asynchronous(pull(1.0, 2.0), np.array([[-1.0, -1.0, 1.0]]), np.arange(3), max_iter=9)
    assert settled.state.tolist() == [[1.0, 1.0, 1.0]]  # the second flips, and then the first
    assert settled.n_iter.tolist() == [2]
    assert settled.converged.all()


def test_sweeps_are_counted_and_flips_recorded():
    X = np.array([[-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]])
    settled = asynchronous(pull(1.0, 2.0), X, np.arange(3), max_iter=1, record=True)
    assert settled.state.tolist() == [[-1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    assert settled.converged.tolist() == [False, True]
    assert [path.tolist() for path in settled.trajectory()] == [[X[0].tolist(), [-1.0, 1.0, 1.0]],
                                                                [X[1].tolist()]]  # fmt: skip
    assert [times.tolist() for times in settled.times()] == [[1.0, 2.0], [1.0]]


def test_bits_are_visited_in_their_order():
    X = np.array([[1.0, -1.0]])
    for order, state in (([0, 1], [-1.0, -1.0]), ([1, 0], [1.0, 1.0])):
        settled = asynchronous(pull(1.0), X, np.array(order), max_iter=9)
        assert settled.state.tolist() == [state]
    assert X.tolist() == [[1.0, -1.0]]


def test_all_at_once_ends_in_rest_or_in_a_cycle():
    X = np.array([[1.0, -1.0], [1.0, 1.0]])
    settled = synchronous(pull(1.0), X, max_iter=9, record=True)
    assert settled.converged.tolist() == [False, True]
    assert settled.cycling.tolist() == [True, False]
    assert settled.n_iter.tolist() == [4, 0]  # states are compared with the first, second, fourth
    paths = [path.tolist() for path in settled.trajectory()]
    assert paths == [[[1.0, -1.0], [-1.0, 1.0]] * 2 + [[1.0, -1.0]], [[1.0, 1.0]]]
    cut = synchronous(pull(1.0), X, max_iter=1)
    assert cut.cycling.tolist() == [False, False]
    assert cut.history == []


def test_where_blocks_ended_joins_in_order():
    parts = [
        synchronous(pull(1.0), np.array([x]), max_iter=9, record=True)
        for x in ([1.0, -1.0], [1.0, 1.0])
    ]
    whole = synchronous(pull(1.0), np.array([[1.0, -1.0], [1.0, 1.0]]), max_iter=9, record=True)
    joined = Settled.join(parts)
    for name in ("state", "n_iter", "converged", "cycling"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    for path, other in zip(joined.trajectory(), whole.trajectory(), strict=True):
        np.testing.assert_array_equal(path, other)


@dataclass
class Decay:
    """Each row decays to 0 at its own rate."""

    rates: np.ndarray
    longest_step: float = np.inf

    def velocity(self, rows, Y):
        return -self.rates[rows, None] * Y

    def gap(self, rows, Y):
        return Y

    def units(self, Y):
        return np.ones_like(Y)


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
def test_each_row_decays_at_its_own_rate(rtol):
    flow, Y = Decay(np.array([0.1, 1.0, 20.0])), np.array([[1.0], [-3.0], [2.0]])
    settled = ode(flow, Y, max_time=1.5, rtol=rtol, atol=1e-12, record=True)
    for path, times, rate in zip(settled.trajectory(), settled.times(), flow.rates, strict=True):
        assert times[0] == 0.0
        assert times[-1] == pytest.approx(1.5, rel=1e-15)
        exact = path[0] * np.exp(-rate * times[:, None])
        error = np.abs(path - exact) / np.abs(path[0])
        assert 0.0 < error.max() < 20 * rtol
    assert settled.n_iter.tolist() == [len(path) - 1 for path in settled.trajectory()]
    assert not settled.converged.any()
    assert Y.tolist() == [[1.0], [-3.0], [2.0]]


def test_a_row_rests_at_a_hundredth_of_the_tolerance():
    settled = ode(Decay(np.ones(1), 1.0), np.ones((1, 1)), max_time=1e3, rtol=0.0, atol=1e-3)
    assert settled.converged.all()
    assert 0 < settled.state.item() <= 1e-5


def test_no_step_is_longer_than_the_longest():
    flow = Decay(np.ones(1), longest_step=0.125)
    settled = ode(flow, np.ones((1, 1)), max_time=2.0, rtol=0.1, atol=0.1, record=True)
    steps = np.diff(settled.times()[0])
    assert (steps <= 0.125 + 1e-15).all()
    np.testing.assert_allclose(steps[3:-1], 0.125, rtol=1e-14)


def sweeps(couplings, state):
    """Visit the bits in turn, one state and one bit at a time; return flips as well."""
    state, n_flips, quiet, i = state.copy(), 0, 0, 0
    while quiet < len(state):
        if state[i] * (couplings[i] @ state) < 0:
            state[i] *= -1
            n_flips, quiet = n_flips + 1, 0
        quiet, i = quiet + 1, (i + 1) % len(state)
    return state, n_flips


@pytest.mark.parametrize("n", [5, 64, 70])
def test_sweeps_are_those_of_one_bit_at_a_time(n):
    rng = np.random.default_rng(n)
    upper = np.triu(rng.integers(-9, 10, (n, n)), 1) + 0.0
    starts = rng.choice([-1.0, 1.0], (60, n))
    energy = QuadraticEnergy.of(upper + upper.T)
    settled = asynchronous(energy, starts, np.arange(n), max_iter=99)
    expected = [sweeps(upper + upper.T, start) for start in starts]
    np.testing.assert_array_equal(settled.state, [state for state, _ in expected])
    assert settled.n_iter.tolist() == [flips for _, flips in expected]
    assert settled.converged.all()


def test_steps_change_by_what_their_error_allows():
    error = np.array([0.0, 1e-9, 0.9**5, 1.0, 0.1, 100.0, 1e9, np.inf, np.nan])
    expected = [10.0, 10.0, 1.0, 0.9, 0.9 * 10**0.2, 0.9 * 100**-0.2, 0.2, 0.2, 0.2]
    np.testing.assert_allclose(_factor(error), expected, rtol=1e-14)


def test_the_first_step_changes_a_row_by_a_hundredth_in_units_of_the_tolerance():
    flow = SimpleNamespace(
        velocity=lambda rows, Y: np.array([[-1.0, -4.0], [0.0, 0.0], [0.5, 0.0]])[rows],
        longest_step=8.0,
    )
    Y = np.array([[1.0, 1000.0], [1.0, 1.0], [0.25, 0.0]])
    moving = _start(flow, Y, lambda Y: np.array([0.5, 100.0]) + 0.0 * Y)
    # sizes 10, 2 and 0.5, which counts as 1; speeds 2, 0 and 1
    np.testing.assert_allclose(moving.step, [0.01 * 10 / 2, 8.0, 0.01])
    assert moving.time.tolist() == [0.0] * 3


def test_records_say_how_long_each_step_took():
    settled = fixed_point(Halving(), START, max_iter=9, tol=0.0, record=True)
    assert [len(times) for times in settled.times()] == [1, 2, 5]
    assert settled.times()[2].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_step_of_ones_own_is_told_which_rows_it_moves():
    asked = []

    def step(live, before):
        asked.append(live.tolist())
        return np.where(np.abs(before) < 1, 0.0, before / 4)

    settled = fixed_point(Halving(), START, max_iter=9, tol=0.0, step=step)
    assert settled.state.tolist() == [[0.0]] * 3
    assert settled.n_iter.tolist() == [0, 1, 3]
    assert asked == [[0, 1, 2], [1, 2], [2], [2]]


def test_held_coordinates_stay_in_the_flow():
    memories = np.array([[0.0, 0.0], [1.0, 3.0]])
    energy = KernelEnergy.of(memories, np.ones(2), KERNELS["epanechnikov"], 2.0)
    X, held = np.array([[0.5, 0.25], [0.25, 2.5]]), np.array([[True, False], [False, True]])
    settled = gradient_flow(energy.flow(2), X, max_iter=99, held=held)
    assert settled.state.tolist() == [[0.5, 0.0], [1.0, 2.5]]
