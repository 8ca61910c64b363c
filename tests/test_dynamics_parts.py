"""Parts of the loops: who is asked, in what blocks, what is kept, and when a step is refused."""

import pickle
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
)
from skdam.dynamics import _ode as ode_module
from skdam.dynamics._ode import _attempt, _factor, _Moving, _start
from skdam.energies import KernelEnergy, QuadraticEnergy
from skdam.kernels import KERNELS


def decay(unit=1.0, longest_step=1.0):
    """Return the equation dy/dt = -y."""
    return SimpleNamespace(
        velocity=lambda rows, Y: -Y,
        gap=lambda rows, Y: Y,
        units=lambda Y: np.full_like(Y, unit),
        longest_step=longest_step,
    )


# --- continuous -------------------------------------------------------------------------------


def test_each_row_flows_from_event_to_event_to_its_own_limit():
    """Memories at 0, 1 and 4 of reach 2: from -1.5 towards 0, from -1 on to the mean with 1."""
    memories = np.array([[0.0], [1.0], [4.0]])
    energy = KernelEnergy.of(memories, np.ones(3), KERNELS["epanechnikov"], 2.0)
    X = np.array([[4.5], [-1.5], [0.25], [9.0], [-1.25]])
    settled = gradient_flow(energy.flow(5), X, max_iter=9)
    np.testing.assert_allclose(settled.state.ravel(), [4.0, 0.5, 0.5, 9.0, 0.5], rtol=1e-15)
    assert settled.n_iter.tolist() == [1, 2, 1, 0, 2]
    assert settled.converged.all()
    assert settled.converged.dtype == bool
    assert settled.history == settled.durations == []
    record = gradient_flow(energy.flow(5), X, max_iter=9, record=True)
    assert [len(path) for path in record.trajectory()] == [2, 3, 2, 1, 3]
    assert record.trajectory()[1].ravel().tolist() == pytest.approx([-1.5, -1.0, 0.5])


def test_nothing_converges_in_no_steps():
    energy = SimpleNamespace(step=lambda X: X, bandwidth=1.0)
    settled = fixed_point(energy, np.zeros((3, 2)), max_iter=0, tol=0.0)
    assert settled.converged.dtype == bool
    assert not settled.converged.any()
    assert settled.n_iter.tolist() == [0, 0, 0]


# --- discrete ---------------------------------------------------------------------------------


class Chain:
    """Spins that do not act on each other, each pulled to 1; it notes the blocks asked for."""

    def __init__(self):
        self.blocks, self.asked = [], []

    def fields(self, X):
        return np.zeros(len(X))

    def falls(self, bits):
        self.blocks.append(bits.tolist())

        def falls(fields, values):
            self.asked.append(len(values))
            return values < 0

        return falls

    def flip(self, fields, rows, bits, before):
        assert (before == -1.0).all()


def test_bits_are_asked_for_in_blocks_of_64_until_all_were_quiet():
    energy, order = Chain(), np.random.default_rng(0).permutation(130)
    settled = asynchronous(energy, np.ones((3, 130)), order, max_iter=9)
    assert energy.blocks == [order[:64].tolist(), order[64:128].tolist(), order[128:].tolist()]
    assert energy.asked == [3] * 3
    assert settled.converged.all()
    assert settled.history == settled.durations == []


@pytest.mark.parametrize("place", [0, 62, 63, 64])
def test_as_many_bits_are_visited_after_a_flip_as_there_are(place):
    """The next sweep ends with the block that the flip was in, in which all others were quiet."""
    energy, X = Chain(), np.ones((1, 65))
    X[0, place] = -1.0
    settled = asynchronous(energy, X, np.arange(65), max_iter=9)
    assert settled.n_iter.tolist() == [1]
    visited = np.cumsum([len(block) for block in energy.blocks])
    since = visited - place - 1  # bits after the flip
    assert (since >= 65).tolist() == [False] * (len(visited) - 1) + [True]


def test_a_flip_in_the_last_place_takes_one_more_sweep_and_no_second():
    couplings = np.diag([2.0, 1.0], 1)
    energy = QuadraticEnergy.of(couplings + couplings.T)
    settled = asynchronous(energy, np.array([[1.0, 1.0, -1.0]]), np.arange(3), max_iter=2)
    assert settled.state.tolist() == [[1.0, 1.0, 1.0]]
    assert settled.converged.all()


def test_each_bit_is_visited_once_a_sweep_whatever_its_flip_does():
    flipped = []

    def flip(fields, rows, bits, before):
        flipped.extend(bits.tolist())
        assert len(flipped) <= 140

    energy = SimpleNamespace(
        fields=lambda X: np.zeros(len(X)),
        falls=lambda bits: lambda fields, values: np.ones(values.shape, dtype=bool),
        flip=flip,
    )
    order = np.random.default_rng(0).permutation(70)
    settled = asynchronous(energy, np.ones((1, 70)), order, max_iter=2)
    assert flipped == order.tolist() * 2
    assert not settled.converged.any()
    assert settled.state.tolist() == [[1.0] * 70]


# --- integration ------------------------------------------------------------------------------


def test_rest_is_a_hundredth_of_the_tolerance_in_units_and_that_is_rest():
    for unit in (1.0, 1024.0, 2.0**-10):
        Y = np.array([[0.01 * unit], [np.nextafter(0.01 * unit, 1e9)]])
        settled = ode(decay(unit), Y, max_time=1e3, rtol=0.0, atol=1.0)
        assert settled.n_iter.tolist() == [0, 1]
        assert settled.converged.all()
        assert settled.history == settled.durations == []


def test_an_error_as_large_as_the_tolerance_is_accepted_and_a_larger_one_is_not(monkeypatch):
    errors, attempt = [1.5, 1.0, np.nan, 1.0 + 1e-12, 0.5], _attempt

    def scripted(flow, moving, step, tolerance):
        after, error = attempt(flow, moving, step, tolerance)
        return after, np.full(len(error), errors.pop(0) if errors else 0.5)

    monkeypatch.setattr(ode_module, "_attempt", scripted)
    flow, Y = decay(longest_step=100.0), np.ones((1, 1))
    first = _start(flow, Y, lambda Y: 1e-6 * np.ones_like(Y)).step
    factors = [_factor(np.array([error])) for error in errors]
    second = first * factors[0]
    third = second * factors[1] * factors[2] * factors[3]
    settled = ode(flow, Y, max_time=1.0, rtol=0.0, atol=1e-6, record=True)
    times = np.cumsum([0.0, *second, *third])
    np.testing.assert_allclose(settled.times()[0][:3], times, rtol=1e-12)


def test_flags_of_the_caller_do_not_matter_to_steps_that_leave_the_floats():
    flow = SimpleNamespace(velocity=lambda rows, Y: Y * 1e5, longest_step=8.0)
    Y, step = np.array([[1e300, 0.0], [-1e300, 1e-5]]), np.full(2, 1e300)
    moving = _Moving(np.arange(2), np.zeros(2), Y, Y * 1e5, step)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        after, error = _attempt(flow, moving, step, np.ones_like)
        assert after.time.tolist() == [1e300, 1e300]
        assert not (error <= 1.0).any()
        slow = SimpleNamespace(velocity=lambda rows, Y: np.full_like(Y, 1e-305), longest_step=8.0)
        assert _start(slow, np.full((1, 1), 1e10), np.ones_like).step.tolist() == [8.0]
        assert _factor(np.array([0.0, np.nan, np.inf])).tolist() == [10.0, 0.2, 0.2]


# --- records ----------------------------------------------------------------------------------


def result(n):
    numbers = np.arange(n)
    members = csr_array(np.eye(n))
    return RetrievalResult(*[numbers] * 6, lambda: members)


def test_a_single_part_joins_to_itself():
    part = result(3)
    joined = RetrievalResult.join([part])
    assert joined.state is part.state
    assert joined.members is part.members


def test_what_is_carried_are_the_fields_and_the_members_found():
    part = result(2)
    carried = pickle.loads(pickle.dumps(part))
    assert set(vars(carried)) == set(vars(part)) | {"members"}
    assert carried.find_members is None
    np.testing.assert_array_equal(carried.members.toarray(), np.eye(2))


def test_a_joined_record_names_its_rows_and_times():
    """Halves of 1, 2 and 4, 8 and 16 until below 1, in parts of one, two and two rows."""
    energy = SimpleNamespace(step=lambda X: np.where(X < 1.0, X, X / 2), bandwidth=1.0)
    X = np.array([[1.0], [2.0], [4.0], [8.0], [0.5]])
    whole = fixed_point(energy, X, max_iter=9, tol=0.0, record=True)
    joined = Settled.join(
        [
            fixed_point(energy, X[part], max_iter=9, tol=0.0, record=True)
            for part in (slice(0, 1), slice(1, 3), slice(3, 5))
        ]
    )
    rows = np.concatenate([rows for rows, _ in joined.history])
    np.testing.assert_array_equal(np.bincount(rows, minlength=5), whole.n_iter + 1)
    for found, expected in zip(joined.trajectory(), whole.trajectory(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert [times.tolist() for times in joined.times()] == [
        list(range(n + 1)) for n in whole.n_iter
    ]
