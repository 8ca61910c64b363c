"""Retrieval with coordinates held: completion of partial patterns."""

import numpy as np
import pytest
from cases import KERNEL_MEMORIES
from sklearn.datasets import load_digits

from skdam import EpanechnikovMemory
from skdam.bandwidths import preserving_bandwidth

pytestmark = pytest.mark.usefixtures("each_back_end")

every_kernel = pytest.mark.parametrize("name", KERNEL_MEMORIES)
UPPER = np.arange(64) < 32


@pytest.fixture(scope="module")
def digits():
    return load_digits().data


@every_kernel
def test_known_coordinates_never_move(name):
    rng = np.random.default_rng(0)
    X, queries = rng.normal(size=(50, 6)), rng.normal(size=(40, 6))
    known = rng.random((40, 6)) < 0.5
    queries[:20][~known[:20]] = np.nan
    memory = KERNEL_MEMORIES[name](bandwidth=1.5, max_iter=5000).fit(X)
    result = memory.retrieve(queries, known=known, record=True)
    np.testing.assert_array_equal(result.state[known], queries[known])
    assert np.isfinite(result.state).all()
    assert result.converged.all()
    for path, energies in zip(result.trajectory, result.energies, strict=True):
        assert len(path) == len(energies)
        if np.isfinite(energies[0]):
            assert (np.diff(energies) <= 1e-12 * np.maximum(1, np.abs(energies[:-1]))).all()


def test_the_right_answer_can_be_an_emergent_set():
    """Two memories share the known half: the answer is their mean, and neither of them."""
    X = [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [9.0, 9.0, 9.0]]
    memory = EpanechnikovMemory(bandwidth=1.5).fit(X)
    result = memory.retrieve([[0.0, 0.0, np.nan]], known=[True, True, False])
    assert result.state.tolist() == [[0.0, 0.0, 0.5]]
    assert result.recalled.tolist() == [-1]
    assert np.flatnonzero(result.members.toarray()).tolist() == [0, 1]


def test_a_start_that_is_given_is_kept_and_a_gap_starts_at_the_nearest():
    memory = EpanechnikovMemory(bandwidth=1.0).fit([[0.0, 0.0], [0.1, 5.0]])
    known = [True, False]
    given = memory.retrieve([[0.0, 4.9]], known=known)
    gap = memory.retrieve([[0.0, np.nan]], known=known)
    far = memory.retrieve([[0.0, 99.0]], known=known)  # no memory reaches this start
    assert given.state.tolist() == [[0.0, 5.0]]
    assert gap.state.tolist() == far.state.tolist() == [[0.0, 0.0]]
    assert given.in_support.all()
    assert far.in_support.all()


@pytest.mark.parametrize(("outside", "free"), [("nearest", 5.0), ("keep", 5.0), ("nan", np.nan)])
def test_what_no_memory_reaches_even_so_stops_there(outside, free):
    memory = EpanechnikovMemory(bandwidth=1.0, outside=outside).fit([[0.0, 5.0], [40.0, 9.0]])
    result = memory.retrieve([[3.0, np.nan]], known=[True, False])
    np.testing.assert_array_equal(result.state, [[3.0, free]])
    assert result.in_support.tolist() == [False]
    assert result.recalled.tolist() == [-1]
    assert result.energy.tolist() == [np.inf]
    assert result.n_iter.tolist() == [0]


def test_all_known_stays_and_none_known_is_plain_retrieval():
    X = np.random.default_rng(0).normal(size=(30, 3))
    memory = EpanechnikovMemory(bandwidth=1.5).fit(X)
    np.testing.assert_array_equal(memory.retrieve(X + 1, known=[True] * 3).state, X + 1)
    free = memory.retrieve(X + 0.1, known=np.zeros(3, dtype=bool))
    np.testing.assert_array_equal(free.state, memory.transform(X + 0.1))
    nothing = memory.retrieve(np.full((1, 3), np.nan), known=[False] * 3)
    assert nothing.in_support.all()


def test_one_mask_serves_all_rows():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 4))
    memory = EpanechnikovMemory(bandwidth=1.5).fit(X)
    mask = np.array([True, False, True, False])
    one = memory.retrieve(X, known=mask)
    many = memory.retrieve(X, known=np.tile(mask, (30, 1)))
    np.testing.assert_array_equal(one.state, many.state)


def test_half_digits_are_completed(digits):
    halves = np.where(UPPER, digits, np.nan)
    memory = EpanechnikovMemory(preserving_bandwidth(digits, 1.0)).fit(digits)
    result = memory.retrieve(halves, known=UPPER)
    assert np.mean((result.state == digits).all(axis=1)) > 0.99
    assert result.in_support.all()


def test_half_digits_of_the_default_memory_are_completed_if_they_are_kept(digits):
    memory = EpanechnikovMemory().fit(digits)
    own = np.arange(len(digits))
    kept = memory.retrieve(digits).recalled == own
    completed = memory.retrieve(np.where(UPPER, digits, np.nan), known=UPPER).recalled == own
    assert completed[kept].mean() > 0.98


def test_held_out_half_digits_are_completed_better_than_by_the_mean(digits):
    train, test = digits[:1400], digits[1400:]
    memory = EpanechnikovMemory().fit(train)
    result = memory.retrieve(np.where(UPPER, test, np.nan), known=UPPER)
    error = np.sqrt(np.mean((result.state - test)[:, ~UPPER] ** 2))
    of_the_mean = np.sqrt(np.mean((train.mean(axis=0) - test)[:, ~UPPER] ** 2))
    assert error < 0.9 * of_the_mean
    assert np.mean(~result.in_support) < 0.12


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ([1, 0, 1], r"known must be a boolean mask of shape \(3,\) or \(2, 3\), got int64"),
        ([True, False], r"known must be a boolean mask .* of shape \(2,\)"),
        (True, r"known must be a boolean mask .* of shape \(\)"),
        (np.ones((3, 2), dtype=bool), r"known must be a boolean mask .* of shape \(3, 2\)"),
        ([True, True, True], r"X is NaN in 1 coordinates that `known` marks .*first in row 1"),
    ],
)
def test_a_wrong_mask_is_refused(known, message):
    memory = EpanechnikovMemory(bandwidth=1.0).fit(np.eye(3))
    with pytest.raises(ValueError, match=message):
        memory.retrieve([[0.0, 0.0, 0.0], [0.0, np.nan, 0.0]], known=known)


def test_gaps_need_a_mask_and_infinity_is_never_known():
    memory = EpanechnikovMemory(bandwidth=1.0).fit(np.eye(2))
    with pytest.raises(ValueError, match="X contains NaN"):
        memory.retrieve([[np.nan, 0.0]])
    with pytest.raises(ValueError, match="X contains infinity"):
        memory.retrieve([[np.inf, 0.0]], known=[True, False])
