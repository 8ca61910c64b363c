"""Rates and errors are what their formulas say, whatever the size of the data."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import r2_score

from skdam import EpanechnikovMemory
from skdam.metrics import novelty_rate, recall_rate, retrieval_error

RNG = np.random.default_rng(0)
TARGETS = RNG.normal(size=(30, 4))
STATES = TARGETS + 0.3 * RNG.normal(size=(30, 4)) * (np.arange(30) % 3 > 0)[:, None]
SIZES = [1.0, 1e-300, 1e-150, 1e150, 1e300]


@pytest.mark.parametrize("tol", [0.0, 0.3, 0.5, 0.7, 9.0])
@pytest.mark.parametrize("size", SIZES)
def test_recall_rate_is_the_share_within_tol(tol, size):
    distance = np.linalg.norm(STATES - TARGETS, axis=1)
    found = recall_rate(STATES * size, TARGETS * size, tol=tol * size)
    assert found == np.mean(distance <= tol)


@pytest.mark.parametrize("tol", [0.0, 0.3, 0.5, 0.7, 9.0])
@pytest.mark.parametrize("size", SIZES)
def test_novelty_rate_is_the_share_farther_than_tol_from_every_memory(tol, size):
    distance = cdist(STATES, TARGETS).min(axis=1)
    found = novelty_rate(STATES * size, TARGETS * size, tol=tol * size)
    assert found == np.mean(distance > tol)
    assert 0 < np.mean(distance > 0.3) < 1


def test_a_distance_of_exactly_tol_is_within_it():
    states, targets = [[3.0, 4.0]], [[0.0, 0.0]]
    assert recall_rate(states, targets, tol=5.0) == 1.0
    assert recall_rate(states, targets, tol=np.nextafter(5.0, 0)) == 0.0
    assert novelty_rate(states, targets, tol=5.0) == 0.0
    assert novelty_rate(states, targets, tol=np.nextafter(5.0, 0)) == 1.0


def test_without_tol_one_bit_tells():
    X = TARGETS + 1e8
    off = X.copy()
    off[::2, 1] = np.nextafter(off[::2, 1], 0)
    assert recall_rate(off, X) == 0.5
    assert novelty_rate(off, X) == 0.5
    assert recall_rate([[0.0]], [[-0.0]]) == 1.0
    assert novelty_rate([[0.0]], [[-0.0]]) == 0.0


def test_recall_is_of_the_own_target_and_novelty_of_any_memory():
    assert recall_rate(TARGETS[::-1], TARGETS) == 0.0
    assert novelty_rate(TARGETS[::-1], TARGETS) == 0.0
    assert novelty_rate(TARGETS, TARGETS[:10]) == pytest.approx(2 / 3)
    assert novelty_rate(np.repeat(TARGETS, 2, axis=0), np.repeat(TARGETS[:10], 3, axis=0)) == (
        pytest.approx(2 / 3)
    )


def test_rates_are_those_that_retrieval_tells():
    X = np.random.default_rng(1).normal(size=(60, 3))
    memory = EpanechnikovMemory().fit(X)
    result = memory.retrieve(X)
    assert recall_rate(result.state, X) == np.mean(result.recalled == np.arange(60))
    assert novelty_rate(result.state, X) == np.mean(result.recalled < 0)
    assert 0 < novelty_rate(result.state, X) < 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shift", [0.0, 2.0**20])
def test_retrieval_error_is_what_r2_leaves(size, shift):
    r2 = r2_score(TARGETS, STATES, multioutput="variance_weighted")
    scale = size if shift == 0 else 1.0
    found = retrieval_error((STATES + shift) * scale, (TARGETS + shift) * scale)
    assert found == pytest.approx(np.sqrt(1 - r2), rel=1e-12 if shift == 0 else 1e-9)


def test_retrieval_error_is_0_if_exact_and_1_for_the_mean():
    assert retrieval_error(TARGETS, TARGETS) == 0.0
    mean = np.broadcast_to(TARGETS.mean(axis=0), TARGETS.shape)
    assert retrieval_error(mean, TARGETS) == pytest.approx(1.0, rel=1e-14)
    assert retrieval_error(2 * TARGETS - mean, TARGETS) == pytest.approx(1.0, rel=1e-14)


def test_an_error_beyond_the_floats_is_infinite_and_one_below_them_is_0():
    assert retrieval_error([[1e300], [0.0]], [[1e-300], [0.0]]) == np.inf
    assert retrieval_error([[1e-300], [0.0]], [[0.0], [1e300]]) == pytest.approx(2**0.5)
    huge = np.array([[1.7e308], [-1.7e308], [1.7e308]])
    expected = retrieval_error([[1.0], [0.5], [0.0]], [[1.0], [-1.0], [1.0]])
    found = retrieval_error([[1.7e308], [0.85e308], [0.0]], huge)
    assert found == pytest.approx(expected, rel=1e-14)
    many = np.tile(huge[:2], (50, 1))
    assert retrieval_error(-many, many) == pytest.approx(2.0, rel=1e-14)
    assert recall_rate(huge, huge[::-1]) == 1.0
    assert recall_rate(huge, -huge, tol=1e308) == 0.0
    assert novelty_rate(huge, huge[:1], tol=1e308) == 1 / 3
    assert retrieval_error([[5e-324], [1e300]], [[0.0], [1e300]]) == 0.0


def test_a_constant_column_changes_nothing():
    constant = np.full((30, 1), 0.1)
    found = retrieval_error(np.append(STATES, constant, 1), np.append(TARGETS, constant, 1))
    assert found == pytest.approx(retrieval_error(STATES, TARGETS), rel=1e-14)


def test_no_answer_is_neither_recalled_nor_new_and_as_far_off_as_the_mean():
    lost = np.arange(30) % 5 == 0
    states = np.where(lost[:, None], np.nan, STATES)
    assert recall_rate(states, TARGETS, tol=9.0) == 0.8
    assert novelty_rate(states, TARGETS + 9.0) == 0.8
    assert novelty_rate(np.full((3, 4), np.nan), TARGETS) == 0.0
    guessed = np.where(lost[:, None], TARGETS.mean(axis=0), STATES)
    expected = retrieval_error(guessed, TARGETS)
    assert retrieval_error(states, TARGETS) == pytest.approx(expected, rel=1e-14)
    states[1, 2] = np.nan  # of a row that holds its known coordinates
    guessed[1, 2] = TARGETS[:, 2].mean()
    expected = retrieval_error(guessed, TARGETS)
    assert retrieval_error(states, TARGETS) == pytest.approx(expected, rel=1e-14)
    assert recall_rate(states, TARGETS, tol=9.0) == pytest.approx(23 / 30)
    assert novelty_rate(states, TARGETS + 9.0) == pytest.approx(23 / 30)


def test_float32_is_compared_as_float32():
    single = TARGETS.astype(np.float32)
    assert recall_rate(single, TARGETS) == recall_rate(TARGETS, single) == 1.0
    assert novelty_rate(single, TARGETS) == novelty_rate(TARGETS, single) == 0.0
    assert recall_rate(TARGETS, np.nextafter(TARGETS, 9)) == 0.0
    assert recall_rate(single, np.nextafter(single, np.float32(9))) == 0.0
    assert retrieval_error(single, TARGETS) > 0


@pytest.mark.parametrize("metric", [recall_rate, retrieval_error, novelty_rate])
def test_whatever_holds_the_numbers_gives_the_same(metric):
    states, targets = np.rint(3 * STATES), np.rint(3 * TARGETS)
    expected = metric(states, targets)
    assert isinstance(expected, float)
    for cast in (
        np.asfortranarray,
        lambda X: X.astype(np.int8),
        lambda X: X.astype(np.float16),
        lambda X: X.astype(np.float32),
        lambda X: X.astype(">f8"),
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: pd.DataFrame(X, columns=list("abcd")),
        lambda X: X.tolist(),
    ):
        assert metric(cast(states), cast(targets)) == pytest.approx(expected, rel=1e-12)
    for X in (states, targets):
        X.flags.writeable = False
    assert metric(states, targets) == expected
    assert metric(states > 0, targets > 0) == metric((states > 0) * 1.0, (targets > 0) * 1.0)


@pytest.mark.parametrize("metric", [recall_rate, retrieval_error, novelty_rate])
@pytest.mark.parametrize(
    ("states", "targets", "error", "message"),
    [
        ([[np.inf]], [[1.0]], ValueError, "states: .*infinity"),
        ([[1.0]], [[np.nan]], ValueError, "targets: X contains NaN"),
        (np.empty((0, 2)), np.empty((0, 2)), ValueError, "states: Found array with 0 sample"),
        ([1.0], [1.0], ValueError, "states: Expected 2D array"),
        ([[1.0, 2.0]], [[1.0]], ValueError, r"got (shapes )?\(1, 2\) and \(1, 1\)"),
        ([["a"]], [[1.0]], ValueError, "states: could not convert string"),
        (np.array([[1j]]), [[1.0]], ValueError, "states: Complex data"),
        (np.array([["2020"]], "M8[D]"), [[1.0]], TypeError, "states: X holds dates"),
        (np.ma.array([[1.0]], mask=[[True]]), [[1.0]], TypeError, "masked"),
        ([[1.0]], np.ma.array([[1.0]], mask=[[True]]), TypeError, "targets: .*masked"),
    ],
    ids=lambda value: None,
)
def test_bad_rows_are_refused(metric, states, targets, error, message):
    if metric is novelty_rate:
        message = message.replace("targets", "memories")
    with pytest.raises(error, match=message):
        metric(states, targets)


@pytest.mark.parametrize("metric", [recall_rate, retrieval_error])
def test_states_and_targets_come_in_pairs(metric):
    message = r"states and targets must have one shape, got \(30, 4\) and \(29, 4\)"
    with pytest.raises(ValueError, match=message):
        metric(STATES, TARGETS[:-1])


@pytest.mark.parametrize("targets", [[[1.0, 2.0]], [[0.1, 1e8]] * 7])
def test_targets_without_spread_are_refused(targets):
    with pytest.raises(ValueError, match="targets must hold at least 2 distinct rows"):
        retrieval_error(targets, targets)


@pytest.mark.parametrize("metric", [recall_rate, novelty_rate])
@pytest.mark.parametrize("tol", [-1.0, np.nan, np.inf, True, "0", None, [0.0]])
def test_tol_must_be_a_number_that_is_not_negative(metric, tol):
    with pytest.raises(ValueError, match="tol must be a float in the range"):
        metric(STATES, TARGETS, tol=tol)


def test_one_row_and_one_column_are_enough():
    assert recall_rate([[1.0]], [[1.0]]) == 1.0
    assert novelty_rate([[2.0]], [[1.0]]) == 1.0
    assert retrieval_error([[0.0], [0.0]], [[1.0], [-1.0]]) == 1.0
