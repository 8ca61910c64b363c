"""Copies merge into weight, and come apart again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skdam._patterns import Patterns


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 999))
def test_patterns_do_not_depend_on_the_order_of_the_rows(values, seed):
    rng = np.random.default_rng(seed)
    rows, weights = np.array(values, dtype=float)[:, None], np.ones(len(values))
    order = rng.permutation(len(rows))
    one, other = Patterns.of(rows, weights, 1.0), Patterns.of(rows[order], weights, 1.0)
    np.testing.assert_array_equal(one.points.lifted, other.points.lifted)
    np.testing.assert_array_equal(one.weights, other.weights)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 999))
def test_shares_pass_to_all_copies_by_weight(values, seed):
    rng = np.random.default_rng(seed)
    rows, weights = np.array(values, dtype=float)[:, None], rng.uniform(1, 2, len(values))
    patterns = Patterns.of(rows, weights, 1.0)
    distinct = rng.random((3, len(patterns.first)))
    shares = patterns.given(csr_array(distinct)).toarray()
    for i, value in enumerate(values):
        copies = np.array(values) == value
        place = patterns.points.rows.ravel().tolist().index(value)
        expected = distinct[:, place] * weights[i] / weights[copies].sum()
        np.testing.assert_allclose(shares[:, i], expected, rtol=1e-14)
        assert patterns.first[place] == values.index(value)
