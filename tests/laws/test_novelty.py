"""Laws of the novelty detector: ranks and limits that place, unit and order leave alone."""

import numpy as np
import pytest
from cases import KERNEL_MEMORIES
from hypothesis import given
from hypothesis import strategies as st

from skdam import MemoryNoveltyDetector

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(2, 12), st.integers(1, 4))
kernels = st.sampled_from(sorted(KERNEL_MEMORIES))
rates = st.floats(0.01, 0.5)


def problem(seed, size):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=size) * 64) / 64
    X[:, 0] = 0.75 * rng.permutation(len(X))  # distinct rows
    return X, X[rng.integers(len(X), size=6)] + np.round(rng.normal(size=(6, size[1])) * 64) / 64


def fitted(kernel, X, rate=0.2, width=2.0, weights=None):
    detector = MemoryNoveltyDetector(KERNEL_MEMORIES[kernel](bandwidth=width), alarm_rate=rate)
    return detector.fit(X, sample_weight=weights)


@given(kernel=kernels, seed=seeds, size=sizes, rate=rates)
def test_what_scores_below_the_limit_is_flagged(kernel, seed, size, rate):
    X, queries = problem(seed, size)
    detector = fitted(kernel, X, rate)
    scores = detector.score_samples(queries)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(detector.decision_function(queries), scores - detector.offset_)
    assert detector.predict(queries).tolist() == np.where(scores < detector.offset_, -1, 1).tolist()
    np.testing.assert_array_equal(detector.score_samples(X), detector.training_scores_)
    flagged = detector.predict(X) == -1
    assert flagged.sum() < rate * len(X) + 1e-9
    assert (detector.training_scores_ <= detector.offset_ + 1e-6).sum() >= rate * len(X) - 1e-9


@given(kernel=kernels, seed=seeds, size=sizes, low=rates, high=rates)
def test_a_higher_rate_flags_all_that_a_lower_one_does(kernel, seed, size, low, high):
    X, queries = problem(seed, size)
    few, many = (fitted(kernel, X, rate).predict(queries) for rate in sorted([low, high]))
    assert (many <= few).all()


@given(kernel=kernels, seed=seeds, size=sizes)
def test_order_of_the_rows_orders_their_scores(kernel, seed, size):
    X, queries = problem(seed, size)
    order = np.random.default_rng(seed).permutation(len(X))
    one, other = fitted(kernel, X), fitted(kernel, X[order])
    np.testing.assert_array_equal(other.training_scores_, one.training_scores_[order])
    np.testing.assert_array_equal(other.decision_function(queries), one.decision_function(queries))


@given(kernel=kernels, seed=seeds, size=sizes, power=st.integers(-300, 300))
def test_place_and_unit_shift_all_scores_alike(kernel, seed, size, power):
    X, queries = problem(seed, size)
    shift = np.random.default_rng(seed).integers(-99, 99, size[1])
    one, unit = fitted(kernel, X), float(np.ldexp(2.0, power))
    other = fitted(kernel, np.ldexp(X + shift, power), width=unit)
    scores = other.score_samples(np.ldexp(queries + shift, power))
    expected = one.score_samples(queries) - size[1] * power * np.log(2.0)
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-9)


@given(kernel=kernels, seed=seeds, size=sizes)
def test_weights_are_copies_and_zero_is_none(kernel, seed, size):
    X, queries = problem(seed, size)
    counts = np.random.default_rng(seed).integers(0, 4, len(X))
    counts[:2] += 1
    weighted, repeated = fitted(kernel, X, weights=counts), fitted(kernel, X.repeat(counts, axis=0))
    np.testing.assert_allclose(
        weighted.score_samples(queries), repeated.score_samples(queries), rtol=1e-12
    )
    assert weighted.offset_ == pytest.approx(repeated.offset_, rel=1e-12)


@given(kernel=kernels, seed=seeds, size=sizes)
def test_away_from_all_memories_scores_fall(kernel, seed, size):
    X, _ = problem(seed, size)
    way = np.random.default_rng(seed).uniform(0.1, 1.0, size[1])
    path = X.max(axis=0) + np.geomspace(0.01, 1e6, 40)[:, None] * way
    assert (np.diff(fitted(kernel, X).score_samples(path)) < 0.0).all()
