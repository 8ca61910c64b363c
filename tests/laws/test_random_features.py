"""Laws of random features: sums are additive and without order, kernels know differences alone."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdam import RandomFeatureMemory
from skdam.feature_maps import NystroemFeatures, PositiveRandomFeatures, RandomFourierFeatures

MAPS = {
    "fourier": RandomFourierFeatures,
    "positive": PositiveRandomFeatures,
    "nystroem": NystroemFeatures,
}

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*n_components"),
    pytest.mark.filterwarnings("ignore:.*queries were still moving"),
]
every_map = pytest.mark.parametrize("name", MAPS)
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(2, 9), st.integers(1, 5))
lengths = st.integers(1, 40).map(lambda half: 2 * half)
widths = st.floats(0.5, 1.5)
names = st.sampled_from(sorted(MAPS))


def problem(seed, size):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=size)
    X[:, 0] = rng.permutation(len(X))  # apart: the kernel of landmarks has an inverse
    return X, X[rng.integers(len(X), size=4)] + rng.normal(size=(4, size[1])), rng


def settled(name, X, length, width, seed):
    """Return a memory with a map, in which nothing is stored."""
    settings = {"feature_map": name, "step": 1.0, "max_iter": 8, "random_state": seed}
    return RandomFeatureMemory(width, length, **settings).fit_map(X)


def assert_same(memory, other):
    np.testing.assert_allclose(other.memory_vector_, memory.memory_vector_, rtol=0, atol=1e-11)
    np.testing.assert_allclose(other.total_weight_, memory.total_weight_, rtol=1e-14)
    assert other.n_memories_ == memory.n_memories_


# --- maps -------------------------------------------------------------------------------------


@given(seed=seeds, size=sizes, length=lengths, width=widths)
def test_products_of_fourier_features_know_differences_alone(seed, size, length, width):
    X, queries, rng = problem(seed, size)
    features = RandomFourierFeatures(length, bandwidth=width, random_state=seed).fit(X)
    shift = rng.normal(scale=9.0, size=size[1])
    kernel, moved = (
        features.transform(queries + by) @ features.transform(X + by).T for by in (0.0, shift)
    )
    np.testing.assert_allclose(moved, kernel, atol=1e-12)
    own = features.transform(queries)
    np.testing.assert_allclose((own**2).sum(axis=1), 1.0, rtol=1e-13)


@every_map
@given(seed=seeds, size=sizes, length=lengths, width=widths, power=st.integers(-99, 99))
def test_neither_place_nor_unit_of_the_rows_matters_to_features(
    name, seed, size, length, width, power
):
    X, queries, rng = problem(seed, size)
    shift = rng.integers(-9, 9, size[1])
    plain = MAPS[name](length, bandwidth=width, random_state=seed).fit(X)
    unit = float(np.ldexp(width, power))
    moved = MAPS[name](length, bandwidth=unit, random_state=seed).fit(np.ldexp(X + shift, power))
    np.testing.assert_allclose(
        moved.transform(np.ldexp(queries + shift, power)), plain.transform(queries), atol=1e-9
    )


@every_map
@given(seed=seeds, size=sizes, length=lengths, width=widths)
def test_the_pullback_is_linear(name, seed, size, length, width):
    X, queries, rng = problem(seed, size)
    features = MAPS[name](length, bandwidth=width, random_state=seed).fit(X)
    U, V = rng.normal(size=(2, 4, features.transform(X).shape[1]))
    sums = 2.0 * features.pullback(queries, U) - features.pullback(queries, V)
    both = features.pullback(queries, 2.0 * U - V)
    np.testing.assert_allclose(both, sums, rtol=1e-10, atol=1e-10 * np.abs(sums).max())


@given(seed=seeds, size=sizes, width=widths)
def test_nystroem_features_are_exact_at_landmarks_and_lose_elsewhere(seed, size, width):
    X, queries, _ = problem(seed, size)
    phi = NystroemFeatures(99, bandwidth=width, random_state=seed).fit(X)
    squared = ((queries[:, None] - X) ** 2).sum(axis=2)
    kernel = np.exp(-0.5 * squared / width**2)
    np.testing.assert_allclose(phi.transform(queries) @ phi.transform(X).T, kernel, atol=1e-6)
    assert ((phi.transform(queries) ** 2).sum(axis=1) <= 1.0 + 1e-6).all()


# --- the memory -------------------------------------------------------------------------------


@given(name=names, seed=seeds, size=sizes, length=lengths, width=widths, cut=st.integers(1, 8))
def test_parts_in_any_order_merge_to_the_whole(name, seed, size, length, width, cut):
    X, _, rng = problem(seed, size)
    start, weights = settled(name, X, length, width, seed), rng.uniform(0.5, 2.0, len(X))
    whole = copy.deepcopy(start).partial_fit(X, None, weights)
    order = rng.permutation(len(X))
    streamed, *parts = (copy.deepcopy(start) for _ in range(3))
    for part, rows in zip(parts, np.split(order, [min(cut, len(X) - 1)]), strict=True):
        part.partial_fit(X[rows], None, weights[rows])
        streamed.partial_fit(X[rows], None, weights[rows])
    assert_same(whole, streamed)
    assert_same(whole, parts[0].merge(parts[1]))


@given(name=names, seed=seeds, size=sizes, length=lengths, width=widths)
def test_forgetting_undoes_adding(name, seed, size, length, width):
    X, queries, rng = problem(seed, size)
    memory = settled(name, X, length, width, seed).partial_fit(X)
    weights = rng.uniform(0.5, 2.0, len(queries))
    changed = copy.deepcopy(memory).partial_fit(queries, None, weights)
    assert changed.n_memories_ == len(X) + len(queries)
    order = rng.permutation(len(queries))
    assert_same(memory, changed.forget(queries[order], weights[order]))


@given(name=names, seed=seeds, size=sizes, length=lengths, width=widths)
def test_weights_are_copies(name, seed, size, length, width):
    X, queries, rng = problem(seed, size)
    start, counts = settled(name, X, length, width, seed), rng.integers(1, 4, len(X))
    weighted = copy.deepcopy(start).partial_fit(X, None, counts)
    repeated = copy.deepcopy(start).partial_fit(np.repeat(X, counts, axis=0))
    np.testing.assert_allclose(weighted.memory_vector_, repeated.memory_vector_, atol=1e-12)
    assert weighted.total_weight_ == repeated.total_weight_
    np.testing.assert_allclose(
        weighted.score_samples(queries), repeated.score_samples(queries), atol=1e-6
    )


@given(name=names, seed=seeds, size=sizes, length=lengths, width=widths, power=st.integers(-99, 99))
def test_a_power_of_two_of_all_weights_changes_no_state(name, seed, size, length, width, power):
    X, queries, rng = problem(seed, size)
    start, weights = settled(name, X, length, width, seed), rng.uniform(0.5, 2.0, len(X))
    memory = copy.deepcopy(start).partial_fit(X, None, weights)
    other = copy.deepcopy(start).partial_fit(X, None, np.ldexp(weights, power))
    np.testing.assert_array_equal(other.memory_vector_, np.ldexp(memory.memory_vector_, power))
    np.testing.assert_array_equal(other.transform(queries), memory.transform(queries))
    np.testing.assert_array_equal(other.standard_error(queries), memory.standard_error(queries))
    np.testing.assert_allclose(
        other.score_samples(queries), memory.score_samples(queries), atol=1e-9
    )


@given(seed=seeds, size=sizes, length=lengths, width=widths)
def test_fourier_scores_move_with_the_memories_under_one_map(seed, size, length, width):
    X, queries, rng = problem(seed, size)
    start, shift = settled("fourier", X, length, width, seed), rng.normal(size=size[1])
    memory = copy.deepcopy(start).partial_fit(X)
    moved = copy.deepcopy(start).partial_fit(X + shift)
    known = memory.standard_error(queries) < 0.9  # else the sum, or its error, may be near 0
    a, b = memory.score_samples(queries), moved.score_samples(queries + shift)
    np.testing.assert_allclose(b[known], a[known], rtol=0, atol=1e-9)


@given(name=names, seed=seeds, size=sizes, length=lengths, width=widths)
def test_no_step_raises_the_energy_and_what_is_known_stays(name, seed, size, length, width):
    X, queries, rng = problem(seed, size)
    memory = settled(name, X, length, width, seed).partial_fit(X)
    known = rng.random(queries.shape) < 0.5
    result = memory.retrieve(queries, known=known, record=True)
    np.testing.assert_array_equal(result.state[known], queries[known])
    free = memory.retrieve(queries, record=True)
    for energies in (*free.energies, *result.energies):
        assert (np.diff(energies) <= 1e-12 * width**2).all()
    np.testing.assert_array_equal(free.state, memory.transform(queries))
