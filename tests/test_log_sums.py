"""Sums of the Gaussian: from products, from differences and from a tree they are the same."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import logsumexp

from skdam._active import Search
from skdam._log_sums import UnboundedSums
from skdam._math import Points
from skdam.kernels import KERNELS, GaussianKernel


@dataclass(frozen=True)
class Slow(GaussianKernel):
    """A Gaussian that does not say that it is exponential."""

    rate = None


def case(n_features, n=2500, spread=0.0):
    """Return memories with weights over six decades, and queries near and far from them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, n_features)) + spread * np.where(np.arange(n) % 2, 1.0, -1.0)[:, None]
    queries = X[:90] + 0.3 * rng.normal(size=(90, n_features))
    queries[-2:] *= 30.0
    return X, 10.0 ** rng.uniform(-6, 0, n), queries


def exact(X, weights, queries, bandwidth):
    squared = ((queries[:, None] - X) ** 2).sum(axis=2)
    terms = np.log(weights) - squared / (2 * bandwidth**2)
    log_sum = logsumexp(terms, axis=1)
    return log_sum, np.exp(terms - log_sum[:, None]) @ X


def sums(X, weights, bandwidth, algorithm="auto", kernel=KERNELS["gaussian"]):
    return UnboundedSums(Search(Points.measured(X, bandwidth), weights), weights, kernel, algorithm)


@pytest.mark.parametrize("bandwidth", [0.05, 0.4, 3.0])
@pytest.mark.parametrize("algorithm", ["auto", "tree", "gemm"])
@pytest.mark.parametrize("n_features", [1, 2, 3, 16])
def test_log_sum_and_mean_are_those_of_all_terms(n_features, algorithm, bandwidth):
    X, weights, queries = case(n_features)
    log_sum, mean = exact(X, weights, queries, bandwidth)
    found = sums(X, weights, bandwidth, algorithm)
    np.testing.assert_allclose(found.log_sum(queries), log_sum, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.pull(queries).mean, mean, atol=1e-9)


@pytest.mark.parametrize("spread", [1e3, 1e6])
@pytest.mark.parametrize("algorithm", ["auto", "tree", "gemm"])
def test_far_clusters_cost_no_digit(algorithm, spread):
    X, weights, queries = case(3, n=600, spread=spread)
    queries = queries[:-2]
    log_sum, _ = exact(X, weights, queries, 0.5)
    found = sums(X, weights, 0.5, algorithm).log_sum(queries)
    np.testing.assert_allclose(found, log_sum, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [KERNELS["gaussian"], Slow()])
def test_a_term_can_be_left_out(kernel):
    X, weights, _ = case(2, n=300)
    squared = ((X[:, None] - X) ** 2).sum(axis=2)
    terms = np.log(weights) - squared / 2.0
    np.fill_diagonal(terms, -np.inf)
    found = sums(X, weights, 1.0, kernel=kernel).log_sum(X, skip=np.arange(300))
    np.testing.assert_allclose(found, logsumexp(terms, axis=1), rtol=1e-12, atol=1e-12)


def test_a_tree_is_taken_where_it_leaves_out_most_terms():
    rng = np.random.default_rng(0)
    X, queries = rng.normal(size=(20_000, 2)), rng.normal(size=(5000, 2))
    assert sums(X, np.ones(20_000), 0.01)._has_few_relevant(queries)
    assert not sums(X, np.ones(20_000), 1.0)._has_few_relevant(queries)
    assert not sums(X, np.ones(20_000), 0.01, "gemm")._has_few_relevant(queries)


def test_what_is_too_far_apart_to_be_squared_takes_no_tree():
    X = np.array([[0.0, 1.0], [1e200, 0.0], [0.0, -1e200]])
    found = sums(X, np.ones(3), 1.0, "tree").log_sum(np.array([[0.0, 1.0], [1e200, 1.0]]))
    np.testing.assert_allclose(found, [0.0, -0.5])


@pytest.mark.parametrize("algorithm", ["auto", "tree", "gemm"])
def test_a_mean_is_no_less_exact_where_the_sum_is_small(algorithm):
    """Two flats of memories, and queries far above one: the way up is the same for all of it."""
    rng = np.random.default_rng(0)
    X, queries = rng.normal(size=(600, 3)), rng.normal(size=(40, 3))
    X[:, 0], queries[:, 0] = np.where(np.arange(600) % 2, 1e3, -1e3), 1250.0
    _, mean = exact(X[1::2, 1:], np.ones(300), queries[:, 1:], 1.0)
    found = sums(X, np.ones(600), 1.0, algorithm).pull(queries).mean
    np.testing.assert_allclose(found[:, 1:], mean, rtol=0, atol=2e-12)


@pytest.mark.parametrize("algorithm", ["auto", "tree", "gemm"])
def test_from_far_away_the_nearest_memory_is_recalled(algorithm):
    rng = np.random.default_rng(0)
    X, queries = 1e3 * rng.normal(size=(257, 3)), 1e8 * rng.normal(size=(200, 3))
    nearest = ((queries[:, None] - X) ** 2).sum(axis=2).argmin(axis=1)
    found = sums(X, np.ones(257), 0.1, algorithm)
    np.testing.assert_allclose(found.pull(queries).mean, X[nearest], rtol=1e-12)
    shares = found.shares(queries)
    np.testing.assert_array_equal(shares.indices, nearest)
    np.testing.assert_array_equal(shares.data, 1.0)
    found = sums(X, np.ones(257), 100.0, algorithm)  # averaged relative to the centre
    np.testing.assert_allclose(found.pull(queries).mean, X[nearest], rtol=1e-9)


@pytest.mark.parametrize("algorithm", ["auto", "tree", "gemm"])
def test_coordinates_near_the_end_of_the_floats(algorithm):
    found = sums(np.array([[1e308, 0.0], [1e308, 1.0]]), np.ones(2), 0.1, algorithm)
    np.testing.assert_allclose(found.log_sum(np.array([[1e308, 0.0]])), [0.0], atol=1e-12)


@pytest.mark.parametrize("algorithm", ["auto", "tree", "gemm"])
def test_nothing_is_asked_and_nothing_answered(algorithm):
    found, none = sums(np.eye(3), np.ones(3), 1.0, algorithm), np.empty((0, 3))
    assert found.log_sum(none).shape == found.share(none, np.empty(0, dtype=int)).shape == (0,)
    assert found.pull(none).mean.shape == (0, 3)
