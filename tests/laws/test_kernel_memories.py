"""Symmetries: what must not change, or change in a known way, when the data are transformed."""

import numpy as np
import pytest
from cases import KERNEL_MEMORIES, exact_memory
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from skdam import EpanechnikovMemory
from skdam.bandwidths import RULES

every_kernel = pytest.mark.parametrize("name", KERNEL_MEMORIES)
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 25), st.integers(1, 6))


def problem(seed, size, spread=2.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(scale=spread, size=size)
    return X, X[rng.integers(len(X), size=5)] + rng.normal(size=(5, size[1])), rng


def answers(memory, queries):
    """Return (energy, log density, states, recalled, members as sets)."""
    result = memory.retrieve(queries)
    members = [frozenset(np.flatnonzero(row)) for row in (result.members > 1e-9).toarray()]
    return (
        memory.energy(queries),
        memory.score_samples(queries),
        result.state,
        result.recalled,
        members,
    )


@every_kernel
@given(seed=seeds, size=sizes, power=st.integers(-400, 400))
def test_scaling_by_a_power_of_two_is_bit_exact(name, seed, size, power):
    X, queries, _ = problem(seed, size)
    scaled, large = np.ldexp(X, power), np.ldexp(queries, power)
    plain = exact_memory(name, 1.9).fit(X)
    other = exact_memory(name, float(np.ldexp(1.9, power))).fit(scaled)
    a, b = answers(plain, queries), answers(other, large)
    np.testing.assert_array_equal(np.ldexp(a[0], 2 * power), b[0])
    np.testing.assert_array_equal(np.ldexp(a[2], power), b[2])
    np.testing.assert_array_equal(np.ldexp(plain.gradient(queries), power), other.gradient(large))
    assert a[3].tolist() == b[3].tolist()
    assert a[4] == b[4]
    shift = size[1] * power * np.log(2.0)
    np.testing.assert_allclose(a[1] - shift, b[1], rtol=1e-13, atol=1e-11)


@pytest.mark.parametrize("rule", RULES)
@given(seed=seeds, power=st.integers(-300, 300))
def test_rules_scale_states_bit_exactly(rule, seed, power):
    X, queries, _ = problem(seed, (12, 3))
    one = EpanechnikovMemory(rule).fit(X)
    other = EpanechnikovMemory(rule).fit(np.ldexp(X, power))
    assert np.ldexp(one.bandwidth_, power) == other.bandwidth_
    states = other.transform(np.ldexp(queries, power))
    np.testing.assert_array_equal(np.ldexp(one.transform(queries), power), states)


@every_kernel
@given(seed=seeds, size=sizes, shift=st.integers(-(2**20), 2**20))
def test_translation_moves_states_and_nothing_else(name, seed, size, shift):
    X, queries, _ = problem(seed, size)
    X, queries = np.round(X * 64) / 64, np.round(queries * 64) / 64  # so that the shift is exact
    memory = exact_memory(name, 1.9)
    a, b = answers(memory.fit(X), queries), answers(memory.fit(X + shift), queries + shift)
    np.testing.assert_allclose(b[0], a[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(b[1], a[1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(b[2], a[2] + shift, rtol=1e-15, atol=1e-9)
    assert a[3].tolist() == b[3].tolist()
    assert a[4] == b[4]


@every_kernel
@given(seed=seeds, size=st.tuples(st.integers(1, 25), st.integers(2, 6)))
def test_rotation_changes_no_density(name, seed, size):
    X, queries, _ = problem(seed, size)
    Q = ortho_group.rvs(size[1], random_state=seed % 1000)
    memory = exact_memory(name, 1.9)
    plain, states = memory.fit(X).score_samples(queries), memory.transform(queries)
    gradients = memory.gradient(queries)
    memory.fit(X @ Q)
    # 1 / S of the rounding of the rotated input itself
    slack = 1e-10 + 1e-13 * np.exp(np.minimum(-plain, 20))
    turned = memory.score_samples(queries @ Q)
    assert (np.isinf(plain) == np.isinf(turned)).all()
    inside = np.isfinite(plain)
    assert (np.abs(turned[inside] - plain[inside]) <= slack[inside]).all()
    np.testing.assert_allclose(memory.gradient(queries @ Q), gradients @ Q, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(memory.transform(queries @ Q), states @ Q, atol=1e-10)


@every_kernel
@given(seed=seeds, size=sizes)
def test_order_of_the_memories_changes_no_bit(name, seed, size):
    X, queries, rng = problem(seed, size)
    order = rng.permutation(len(X))
    a, b = (answers(exact_memory(name, 1.9).fit(rows), queries) for rows in (X, X[order]))
    for one, other in zip(a[:3], b[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    assert [frozenset(order[list(members)]) for members in b[4]] == a[4]


@every_kernel
@given(seed=seeds, size=sizes)
def test_order_of_the_features_changes_no_digit(name, seed, size):
    X, queries, rng = problem(seed, size)
    order = rng.permutation(size[1])
    memory = exact_memory(name, 1.9)
    a = answers(memory.fit(X), queries)
    b = answers(memory.fit(X[:, order]), queries[:, order])
    np.testing.assert_allclose(b[0], a[0], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(b[2], a[2][:, order], rtol=1e-11, atol=1e-11)
    assert a[4] == b[4]


@every_kernel
@given(seed=seeds, size=sizes, copies=st.integers(2, 5))
def test_copies_shift_the_energy_by_their_logarithm(name, seed, size, copies):
    X, queries, _ = problem(seed, size)
    memory = exact_memory(name, 1.9)
    a = answers(memory.fit(X), queries)
    b = answers(memory.fit(np.repeat(X, copies, axis=0)), queries)
    np.testing.assert_allclose(b[0], a[0] - np.log(copies) / memory.beta_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(b[1], a[1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(b[2], a[2], rtol=1e-12, atol=1e-12)


@every_kernel
@given(seed=seeds, size=sizes, level=st.sampled_from([0.0, -3.5, 1e6]))
def test_constant_columns_change_no_energy_and_no_state(name, seed, size, level):
    X, queries, _ = problem(seed, size)
    memory = exact_memory(name, 1.9)
    a = answers(memory.fit(X), queries)
    wider = [np.insert(rows, size[1] // 2, level, axis=1) for rows in (X, queries)]
    b = answers(memory.fit(wider[0]), wider[1])
    np.testing.assert_allclose(b[0], a[0], rtol=1e-9, atol=1e-9)
    assert (np.isinf(b[1]) == np.isinf(a[1])).all()
    states = np.delete(b[2], size[1] // 2, axis=1)
    np.testing.assert_allclose(states, a[2], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(b[2][:, size[1] // 2], level, rtol=1e-15)


@pytest.mark.parametrize("scale", [1.0, 0.1, 3.7, 1e-7])
@pytest.mark.parametrize(
    ("data", "keeps_all"),
    [
        (np.eye(4), True),
        (np.eye(64), True),
        (np.where(np.random.default_rng(0).random((40, 30)) < 0.5, -1.0, 1.0), None),
        (np.where(np.random.default_rng(1).random((60, 399)) < 0.5, -1.0, 1.0), None),
        (np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3), True),
        (np.arange(30.0)[:, None], True),
    ],
    ids=["eye4", "eye64", "signs30", "signs399", "grid", "line"],
)
def test_default_bandwidth_is_off_every_tie(data, keeps_all, scale):
    n_features = data.shape[1]
    turns = [np.eye(n_features)]
    if n_features > 1:
        turns += [ortho_group.rvs(n_features, random_state=seed) for seed in (0, 1)]
    members = []
    for turn in turns:
        X = scale * data @ turn
        result = EpanechnikovMemory().fit(X).retrieve(X)
        members.append([frozenset(np.flatnonzero(row)) for row in result.members.toarray()])
        if keeps_all:
            for name in ("epanechnikov", "biweight", "triweight", "cosine"):
                recalled = exact_memory(name, "nearest").fit(X).retrieve(X).recalled
                assert recalled.tolist() == list(range(len(X)))
    assert members[0] == members[-1] == members[len(members) // 2]
