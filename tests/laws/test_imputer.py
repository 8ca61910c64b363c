"""Laws of the imputer: what is observed stays, gaps are filled from what is stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory, MemoryImputer

KERNELS = {"epanechnikov": EpanechnikovMemory, "gaussian": GaussianMemory}
KERNELS |= {"biweight": lambda *args: KernelMemory("biweight", *args)}

pytestmark = pytest.mark.filterwarnings("ignore:.*queries were still moving")
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(2, 9), st.integers(2, 5))
widths = st.floats(0.5, 4.0)
kernels = st.sampled_from(sorted(KERNELS))
every_completion = pytest.mark.parametrize("completion", ["mean", "retrieve", "sample"])


def holed(rows, rng):
    """Return rows with gaps, each with at least one entry left."""
    gaps = rng.random(rows.shape) < 0.4
    gaps[np.arange(len(rows)), rng.integers(0, rows.shape[1], len(rows))] = False
    return np.where(gaps, np.nan, rows)


def problem(seed, size):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=size)
    X[1:] = holed(X[1:], rng)  # every feature is seen
    return X, holed(rng.normal(size=(5, size[1])), rng), rng


def fitted(X, kernel="epanechnikov", width=2.0, completion="mean", weights=None):
    imputer = MemoryImputer(KERNELS[kernel](width), completion=completion, random_state=0)
    return imputer.fit(X, sample_weight=weights)


@every_completion
@given(seed=seeds, size=sizes, kernel=kernels, width=widths)
def test_gaps_are_filled_and_nothing_else_changes(completion, seed, size, kernel, width):
    X, queries, _ = problem(seed, size)
    imputer = fitted(X, kernel, width, completion)
    completed, known = imputer.transform(queries), ~np.isnan(queries)
    assert np.isfinite(completed).all()
    np.testing.assert_array_equal(completed[known], queries[known])
    np.testing.assert_array_equal(imputer.transform(completed), completed)
    stored = imputer.memory_.memories_
    np.testing.assert_array_equal(stored[~np.isnan(X)], X[~np.isnan(X)])
    if completion != "sample":
        slack = 1e-12 * np.abs(stored).max()
        filled = np.where(known, stored[0], completed)
        assert (filled >= stored.min(axis=0) - slack).all()
        assert (filled <= stored.max(axis=0) + slack).all()


@every_completion
@given(seed=seeds, size=sizes, kernel=kernels, width=widths)
def test_a_row_does_not_depend_on_the_others(completion, seed, size, kernel, width):
    X, queries, rng = problem(seed, size)
    imputer, order = fitted(X, kernel, width, completion), rng.permutation(len(queries))
    completed = imputer.transform(queries)
    np.testing.assert_allclose(imputer.transform(queries[order]), completed[order], atol=1e-10)
    np.testing.assert_allclose(imputer.transform(queries[:1]), completed[:1], atol=1e-10)


@given(seed=seeds, size=sizes, kernel=kernels, width=widths)
def test_retrieving_never_leads_up_from_the_mean(seed, size, kernel, width):
    X, queries, _ = problem(seed, size)
    means = fitted(X, kernel, width).transform(queries)
    imputer = fitted(X, kernel, width, "retrieve")
    before = imputer.memory_.energy(means)
    after = imputer.memory_.energy(imputer.transform(queries))
    assert (after <= before + 1e-9 * (1.0 + np.abs(after))).all()


@given(seed=seeds, size=sizes, kernel=kernels, width=widths)
def test_order_of_stored_rows_and_features_does_not_matter(seed, size, kernel, width):
    X, queries, rng = problem(seed, size)
    rows, features = (rng.permutation(n) for n in size)
    completed = fitted(X, kernel, width).transform(queries)
    other = fitted(X[np.ix_(rows, features)], kernel, width)
    np.testing.assert_allclose(
        other.transform(queries[:, features]), completed[:, features], atol=1e-7
    )


@given(seed=seeds, size=sizes, kernel=kernels, width=widths)
def test_weights_are_copies_and_zero_is_none(seed, size, kernel, width):
    X, queries, rng = problem(seed, size)
    counts = rng.integers(0, 3, len(X))
    counts[0] += 1
    weighted = fitted(X, kernel, width, weights=counts)
    repeated = fitted(np.repeat(X, counts, axis=0), kernel, width)
    np.testing.assert_array_equal(weighted.observed_features_, repeated.observed_features_)
    np.testing.assert_allclose(weighted.transform(queries), repeated.transform(queries), atol=1e-7)


@pytest.mark.parametrize("completion", ["mean", "retrieve"])
@given(seed=seeds, size=sizes, kernel=kernels, power=st.integers(-99, 99))
def test_unit_and_place_of_the_data_are_those_of_what_is_filled_in(
    completion, seed, size, kernel, power
):
    X, queries, rng = problem(seed, size)
    shift, unit = rng.integers(-9, 9, size[1]), float(np.ldexp(2.0, power))
    completed = fitted(X, kernel, 2.0, completion).transform(queries)
    other = fitted(np.ldexp(X + shift, power), kernel, unit, completion)
    theirs = np.ldexp(other.transform(np.ldexp(queries + shift, power)), -power) - shift
    np.testing.assert_allclose(theirs, completed, atol=1e-6)
