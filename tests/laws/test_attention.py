"""Laws of attention: shares are convex weights, the energy falls, symmetries are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from skdam import AttentionMemory, KernelizedMemory
from skdam.energies import SIMILARITIES
from skdam.potentials import SEPARATIONS

#: By which power of a length the inverse temperature counts similarities.
UNITS = {"dot": 2, "cosine": 0, "euclidean": 2, "manhattan": 1}
#: From which gap between two products, times beta, on the lesser has no share.
GAPS = {"sparsemax": 1.0, "entmax15": 2.0}

pytestmark = pytest.mark.filterwarnings("ignore:.*queries were still moving")
every_similarity = pytest.mark.parametrize("similarity", SIMILARITIES)
with_energy = pytest.mark.parametrize("similarity", ["dot", "euclidean"])
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 9), st.integers(1, 6))
separations = st.sampled_from(sorted(SEPARATIONS))
betas = st.floats(-1.0, 1.5).map(lambda power: 10.0**power)


def problem(seed, size):
    rng = np.random.default_rng(seed)
    return rng.normal(size=size), rng.normal(size=(5, size[1])), rng


def stored(X, beta, similarity, separation="softmax", max_iter=1):
    settings = {"similarity": similarity, "separation": separation, "max_iter": max_iter}
    return AttentionMemory(beta, tol=1e-9, **settings).fit(X)


def answer(memory, queries):
    result = memory.retrieve(queries)
    return result.state, result.members.toarray()


def assert_shares_make_the_state(memory, queries):
    X = memory.memories_
    state, shares = answer(memory, queries)
    assert (shares >= 0.0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-13)
    np.testing.assert_allclose(state, shares @ X, rtol=1e-11, atol=1e-12)
    slack = 1e-13 * np.abs(X).max()
    assert (state >= X.min(axis=0) - slack).all()
    assert (state <= X.max(axis=0) + slack).all()
    mixed = memory.metastability(queries)
    assert (mixed >= 1.0 - 1e-12).all()
    assert (mixed <= len(X) + 1e-9).all()
    np.testing.assert_allclose(mixed, 1.0 / (shares**2).sum(axis=1), rtol=1e-12)


@every_similarity
@given(seed=seeds, size=sizes, beta=betas, separation=separations)
def test_shares_are_convex_weights_that_make_the_state(similarity, seed, size, beta, separation):
    X, queries, _ = problem(seed, size)
    assert_shares_make_the_state(stored(X, beta, similarity, separation), queries)


@with_energy
@given(seed=seeds, size=sizes, beta=betas, separation=separations)
def test_the_energy_never_rises(similarity, seed, size, beta, separation):
    X, queries, _ = problem(seed, size)
    memory = stored(X, beta, similarity, separation, max_iter=30)
    result = memory.retrieve(3.0 * queries, record=True)
    for path, energies in zip(result.trajectory, result.energies, strict=True):
        assert (np.diff(energies) <= 1e-12 * (1.0 + np.abs(energies[1:]))).all()
        before = memory.gradient(path[:-1]) if len(path) > 1 else np.empty((0, size[1]))
        np.testing.assert_allclose(path[:-1] - before, path[1:], atol=1e-12)
    assert (result.energies[0] >= 0.0).all()


@every_similarity
@given(seed=seeds, size=sizes, beta=betas, separation=separations)
def test_order_of_memories_orders_their_shares_alone(similarity, seed, size, beta, separation):
    X, queries, rng = problem(seed, size)
    order = rng.permutation(len(X))
    state, shares = answer(stored(X, beta, similarity, separation), queries)
    other, theirs = answer(stored(X[order], beta, similarity, separation), queries)
    np.testing.assert_allclose(other, state, atol=1e-12)
    np.testing.assert_allclose(theirs, shares[:, order], atol=1e-12)


@every_similarity
@given(seed=seeds, size=sizes, beta=betas, separation=separations)
def test_order_and_signs_of_features_are_those_of_the_state(
    similarity, seed, size, beta, separation
):
    X, queries, rng = problem(seed, size)
    order, signs = rng.permutation(size[1]), rng.choice([-1.0, 1.0], size[1])
    state, shares = answer(stored(X, beta, similarity, separation), queries)
    turned = stored(X[:, order] * signs, beta, similarity, separation)
    other, theirs = answer(turned, queries[:, order] * signs)
    np.testing.assert_allclose(other, state[:, order] * signs, atol=1e-11)
    np.testing.assert_allclose(theirs, shares, atol=1e-11)


@pytest.mark.parametrize("similarity", ["dot", "cosine", "euclidean"])
@given(seed=seeds, k=st.integers(1, 9), n=st.integers(2, 6), beta=betas, separation=separations)
def test_rotations_turn_states_and_leave_shares(similarity, seed, k, n, beta, separation):
    X, queries, _ = problem(seed, (k, n))
    Q = ortho_group.rvs(n, random_state=seed % 1000)
    state, shares = answer(stored(X, beta, similarity, separation), queries)
    other, theirs = answer(stored(X @ Q, beta, similarity, separation), queries @ Q)
    np.testing.assert_allclose(other, state @ Q, atol=1e-11)
    np.testing.assert_allclose(theirs, shares, atol=1e-11)


@pytest.mark.parametrize("similarity", ["euclidean", "manhattan"])
@given(seed=seeds, size=sizes, beta=betas, separation=separations, shift=st.integers(-999, 999))
def test_translations_move_states_and_leave_shares(similarity, seed, size, beta, separation, shift):
    X, queries, _ = problem(seed, size)
    X, queries = np.round(X * 64) / 64, np.round(queries * 64) / 64  # so that the shift is exact
    state, shares = answer(stored(X, beta, similarity, separation), queries)
    other, theirs = answer(stored(X + shift, beta, similarity, separation), queries + shift)
    np.testing.assert_allclose(other, state + shift, atol=1e-9)
    np.testing.assert_allclose(theirs, shares, atol=1e-9)


@every_similarity
@given(seed=seeds, size=sizes, separation=separations, power=st.integers(-99, 99))
def test_a_power_of_two_scales_states_and_nothing_else_bit_for_bit(
    similarity, seed, size, separation, power
):
    X, queries, _ = problem(seed, size)
    beta = float(np.ldexp(3.0, -UNITS[similarity] * power))
    state, shares = answer(stored(X, 3.0, similarity, separation), queries)
    scaled = stored(np.ldexp(X, power), beta, similarity, separation)
    other, theirs = answer(scaled, np.ldexp(queries, power))
    np.testing.assert_array_equal(other, np.ldexp(state, power))
    np.testing.assert_array_equal(theirs, shares)


@given(seed=seeds, size=sizes, beta=betas, separation=separations)
def test_lengths_of_queries_do_not_matter_to_the_cosine(seed, size, beta, separation):
    X, queries, rng = problem(seed, size)
    memory, lengths = stored(X, beta, "cosine", separation), rng.uniform(1e-9, 1e9, (5, 1))
    np.testing.assert_allclose(
        memory.transform(queries * lengths), memory.transform(queries), atol=1e-11
    )


@given(seed=seeds, size=sizes, beta=betas, level=st.floats(-9, 9), separation=separations)
def test_what_adds_the_same_to_all_products_changes_no_share(seed, size, beta, level, separation):
    X, queries, _ = problem(seed, size)
    wider = np.insert(X, 0, level, axis=1), np.insert(queries, 0, 1.0, axis=1)
    _, shares = answer(stored(X, beta, "dot", separation), queries)
    _, theirs = answer(stored(wider[0], beta, "dot", separation), wider[1])
    np.testing.assert_allclose(theirs, shares, atol=1e-10)


@every_similarity
@given(seed=seeds, size=sizes, beta=betas, copies=st.integers(2, 4))
def test_copies_of_all_memories_share_what_one_had(similarity, seed, size, beta, copies):
    X, queries, _ = problem(seed, size)
    state, shares = answer(stored(X, beta, similarity), queries)
    other, theirs = answer(stored(np.repeat(X, copies, axis=0), beta, similarity), queries)
    np.testing.assert_allclose(other, state, atol=1e-12)
    np.testing.assert_allclose(theirs, np.repeat(shares / copies, copies, axis=1), atol=1e-12)


@pytest.mark.parametrize("separation", GAPS)
@given(seed=seeds, k=st.integers(2, 9), n=st.integers(1, 6))
def test_sparse_attention_is_a_memory_bit_for_bit_from_its_gap_on(separation, seed, k, n):
    X, queries, _ = problem(seed, (k, n))
    products = np.sort(queries @ X.T, axis=1)
    gaps = products[:, -1] - products[:, -2]
    for query, gap in zip(queries, gaps, strict=True):
        beta, best = GAPS[separation] / gap, X[(X @ query).argmax()]
        beyond = stored(X, 1.001 * beta, "dot", separation)
        np.testing.assert_array_equal(beyond.transform(query[None])[0], best)
        below = stored(X, 0.999 * beta, "dot", separation).retrieve(query[None])
        assert below.members.nnz > 1


@every_similarity
@given(seed=seeds, size=sizes, beta=betas, separation=separations)
def test_recall_is_linear_in_the_values(similarity, seed, size, beta, separation):
    X, queries, rng = problem(seed, size)
    memory = stored(X, beta, similarity, separation)
    values, A = rng.normal(size=(len(X), 3)), rng.normal(size=(3, 2))
    recalled = memory.fit(X, values=values).recall(queries)
    np.testing.assert_allclose(
        memory.fit(X, values=values @ A).recall(queries), recalled @ A, atol=1e-12
    )
    np.testing.assert_allclose(
        memory.fit(X, values=X).recall(queries), memory.transform(queries), atol=1e-12
    )


# --- a learned similarity ---------------------------------------------------------------------


@given(seed=seeds, size=sizes, beta=betas, separation=separations)
def test_without_a_learned_map_it_is_the_cosine(seed, size, beta, separation):
    X, queries, _ = problem(seed, size)
    memory = KernelizedMemory(beta, learn_map=False, separation=separation).fit(X)
    assert_shares_make_the_state(memory, queries)
    state, shares = answer(stored(X, beta, "cosine", separation), queries)
    np.testing.assert_array_equal(answer(memory, queries)[0], state)
    np.testing.assert_array_equal(answer(memory, queries)[1], shares)


@given(seed=seeds, k=st.integers(2, 4), n=st.integers(1, 4), power=st.integers(-99, 99))
def test_a_learned_map_knows_directions_and_the_set_of_memories_alone(seed, k, n, power):
    X, queries, rng = problem(seed, (k, n))
    memory = KernelizedMemory(learn_map=True, random_state=seed).fit(X)
    assert_shares_make_the_state(memory, queries)
    assert memory.separation_ <= memory.simplex_bound_ + 1e-6
    state, lengths = memory.transform(queries), rng.uniform(0.1, 9.0, (5, 1))
    np.testing.assert_allclose(memory.transform(queries * lengths), state, atol=1e-11)
    rows = np.ldexp(rng.permutation(np.repeat(X, 2, axis=0)), power)
    other = KernelizedMemory(learn_map=True, random_state=seed).fit(rows)
    np.testing.assert_array_equal(other.map_, memory.map_)
    theirs = other.transform(np.ldexp(queries, power))
    np.testing.assert_allclose(np.ldexp(theirs, -power), state, atol=1e-11)


@given(seed=seeds, k=st.integers(2, 4), more=st.integers(0, 2))
def test_independent_memories_come_to_lie_on_a_simplex(seed, k, more):
    X, _, _ = problem(seed, (k, k + more))
    memory = KernelizedMemory(1e3, learn_map=True, random_state=seed).fit(X)
    assert memory.separation_ == pytest.approx(memory.simplex_bound_, abs=1e-2)
    np.testing.assert_allclose(memory.transform(X), X, rtol=0, atol=1e-9)
