"""Laws of clusters of basins: their labels know the set of rows alone, and merge as they widen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdam import BasinClustering, EpanechnikovMemory, GaussianMemory, KernelMemory

KERNELS = {
    "epanechnikov": EpanechnikovMemory,
    "gaussian": GaussianMemory,
    "biweight": lambda width: KernelMemory("biweight", width),
}

pytestmark = pytest.mark.filterwarnings("ignore:.*queries were still moving")
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 14), st.integers(1, 3))
widths = st.floats(0.3, 3.0)
kernels = st.sampled_from(sorted(KERNELS))
tolerances = st.sampled_from([0.0, 1e-3, 0.1, 0.5, 1.0])


def problem(seed, size):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(scale=2.0, size=size) * 64) / 64
    return X, X[rng.integers(len(X), size=5)] + rng.normal(scale=0.5, size=(5, size[1])), rng


def fitted(X, width, kernel="epanechnikov", merge_tol=0.1, weights=None):
    return BasinClustering(KERNELS[kernel](width), merge_tol=merge_tol).fit(X, None, weights)


@given(seed=seeds, size=sizes, width=widths, kernel=kernels)
def test_labels_are_numbered_by_weight_and_belong_to_centres(seed, size, width, kernel):
    X, queries, rng = problem(seed, size)
    weights = rng.integers(1, 4, len(X))
    clustering = fitted(X, width, kernel, weights=weights)
    centres, labels = clustering.cluster_centers_, clustering.labels_
    heavy = np.bincount(labels, weights, minlength=len(centres))
    assert (heavy > 0).all()
    assert (np.diff(heavy) <= 0).all()
    for i in np.flatnonzero(np.diff(heavy) == 0):
        assert centres[i].tolist() < centres[i + 1].tolist()
    np.testing.assert_array_equal(clustering.predict(X), labels)
    np.testing.assert_array_equal(clustering.predict(centres), np.arange(len(centres)))
    found = clustering.predict(queries)
    np.testing.assert_array_equal(found == -1, np.isinf(clustering.memory_.energy(queries)))


@given(seed=seeds, size=sizes, width=widths, kernel=kernels, tol=tolerances)
def test_order_of_the_rows_orders_their_labels_alone(seed, size, width, kernel, tol):
    X, queries, rng = problem(seed, size)
    order = rng.permutation(len(X))
    one, other = fitted(X, width, kernel, tol), fitted(X[order], width, kernel, tol)
    np.testing.assert_array_equal(other.labels_, one.labels_[order])
    np.testing.assert_array_equal(other.cluster_centers_, one.cluster_centers_)
    np.testing.assert_array_equal(other.predict(queries), one.predict(queries))


@given(seed=seeds, size=sizes, width=widths, tol=tolerances, power=st.integers(-300, 300))
def test_a_power_of_two_scales_centres_bit_for_bit(seed, size, width, tol, power):
    X, queries, _ = problem(seed, size)
    one, unit = fitted(X, width, merge_tol=tol), float(np.ldexp(width, power))
    other = fitted(np.ldexp(X, power), unit, merge_tol=tol)
    np.testing.assert_array_equal(other.labels_, one.labels_)
    np.testing.assert_array_equal(other.cluster_centers_, np.ldexp(one.cluster_centers_, power))
    np.testing.assert_array_equal(other.predict(np.ldexp(queries, power)), one.predict(queries))


@given(seed=seeds, size=sizes, width=widths)
def test_a_translation_moves_centres_and_leaves_labels(seed, size, width):
    X, _, rng = problem(seed, size)
    shift = rng.integers(-999, 999, size[1])
    one, other = fitted(X, width), fitted(X + shift, width)
    np.testing.assert_array_equal(other.labels_, one.labels_)
    np.testing.assert_allclose(other.cluster_centers_, one.cluster_centers_ + shift, atol=1e-9)


@given(seed=seeds, size=sizes, width=widths, kernel=kernels)
def test_weights_are_copies_and_zero_is_none(seed, size, width, kernel):
    X, _, rng = problem(seed, size)
    counts = rng.integers(0, 4, len(X))
    counts[0] += 1
    weighted = fitted(X, width, kernel, weights=counts)
    repeated = fitted(np.repeat(X, counts, axis=0), width, kernel)
    np.testing.assert_array_equal(np.repeat(weighted.labels_, counts), repeated.labels_)
    np.testing.assert_allclose(
        weighted.cluster_centers_, repeated.cluster_centers_, rtol=0, atol=1e-5
    )


@given(seed=seeds, size=sizes, width=widths, kernel=kernels, tols=st.tuples(tolerances, tolerances))
def test_a_wider_tolerance_merges_clusters_and_splits_none(seed, size, width, kernel, tols):
    X, _, _ = problem(seed, size)
    fine, coarse = (fitted(X, width, kernel, tol).labels_ for tol in sorted(tols))
    pairs = set(zip(fine.tolist(), coarse.tolist(), strict=True))
    assert len(pairs) == len(set(fine.tolist()))
