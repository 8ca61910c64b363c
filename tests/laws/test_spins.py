"""Laws of memories of spins: gauge, order and copies do not matter; each flip lowers the energy."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdam import BinaryMemory, HopfieldMemory
from skdam.learning import INCREMENTAL, RULES

DENSE = {
    "power-1": partial(BinaryMemory, "power", 1),
    "power-2": partial(BinaryMemory, "power", 2),
    "power-3": partial(BinaryMemory, "power", 3),
    "power-30": partial(BinaryMemory, "power", 30),
    "rectified-3": partial(BinaryMemory, "rectified", 3),
    "rectified-4": partial(BinaryMemory, "rectified", 4),
    "rectified-100": partial(BinaryMemory, "rectified", 100),
    "exponential": partial(BinaryMemory, "exponential", beta=0.7),
}
CLASSICAL = {rule: partial(HopfieldMemory, rule) for rule in RULES}
EVEN = {name: DENSE[name] for name in ("power-2", "power-30")}
CONVEX = ["power-2", "power-30", "rectified-3", "rectified-4", "rectified-100", "exponential"]

pytestmark = [
    pytest.mark.filterwarnings("ignore:The couplings are all 0"),
    pytest.mark.filterwarnings("ignore:delta. after"),
    pytest.mark.filterwarnings("ignore:perceptron. after"),
    pytest.mark.filterwarnings("ignore:.*go round in a cycle"),
]
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 11))
updates = st.sampled_from(["asynchronous", "synchronous"])

both = pytest.mark.parametrize("family", [DENSE, CLASSICAL], ids=["binary", "hopfield"])


def problem(seed, size):
    rng = np.random.default_rng(seed)
    return rng.choice([-1.0, 1.0], size), rng.choice([-1.0, 1.0], (6, size[1])), rng


def drawn(data, family, without=""):
    return family[data.draw(st.sampled_from(sorted(family.keys() - {without})))]


def stored(make, X, update="asynchronous"):
    return make(update=update, threshold=0, random_state=0).fit(X)


def assert_same(memory, queries, other, theirs, turn=lambda states: states):
    """See that the other answers its queries as the memory does its own, turned, bit for bit."""
    one, two = memory.retrieve(queries), other.retrieve(theirs)
    np.testing.assert_array_equal(two.state, turn(one.state))
    np.testing.assert_array_equal(two.n_iter, one.n_iter)
    np.testing.assert_array_equal(two.converged, one.converged)
    np.testing.assert_allclose(other.energy(theirs), memory.energy(queries), rtol=1e-12, atol=1e-12)


@both
@given(data=st.data(), seed=seeds, size=sizes)
def test_each_flip_lowers_the_energy_until_none_does(family, data, seed, size):
    X, queries, _ = problem(seed, size)
    memory = stored(drawn(data, family), X)
    result = memory.retrieve(queries, record=True)
    for path, energies in zip(result.trajectory, result.energies, strict=True):
        assert (np.abs(np.diff(path, axis=0)).sum(axis=1) == 2.0).all()
        assert (np.diff(energies) <= 1e-13 * np.abs(energies[1:])).all()
    np.testing.assert_array_equal(memory.transform(result.state), result.state)
    flips = result.state[0] * (1.0 - 2.0 * np.eye(size[1]))
    assert (memory.energy(flips) >= result.energy[0] - 1e-9 * abs(result.energy[0])).all()


@given(name=st.sampled_from(CONVEX), seed=seeds, size=sizes)
def test_synchronous_steps_of_convex_functions_lower_the_energy_and_end(name, seed, size):
    X, queries, _ = problem(seed, size)
    result = stored(DENSE[name], X, "synchronous").retrieve(queries, record=True)
    assert result.converged.all()
    for energies in result.energies:
        assert (np.diff(energies) <= 1e-13 * np.abs(energies[1:])).all()


@both
@given(data=st.data(), seed=seeds, size=sizes, update=updates)
def test_a_gauge_of_memories_and_queries_is_one_of_the_states(family, data, seed, size, update):
    make = drawn(data, family, without="perceptron")  # which learns in another order in each gauge
    X, queries, rng = problem(seed, size)
    gauge = rng.choice([-1.0, 1.0], size[1])
    memory, other = stored(make, X, update), stored(make, X * gauge, update)
    assert_same(memory, queries, other, queries * gauge, lambda states: states * gauge)


@both
@given(data=st.data(), seed=seeds, size=sizes, update=updates)
def test_order_of_the_bits_is_no_matter_if_they_are_visited_alike(family, data, seed, size, update):
    make = drawn(data, family, without="perceptron")
    X, queries, rng = problem(seed, size)
    order = rng.permutation(size[1])
    memory, other = stored(make, X, update), stored(make, X[:, order], update)
    other.order_ = np.argsort(order)[memory.order_]
    assert_same(memory, queries, other, queries[:, order], lambda states: states[:, order])


@both
@given(data=st.data(), seed=seeds, size=sizes, update=updates)
def test_order_of_the_memories_changes_no_bit(family, data, seed, size, update):
    make = drawn(data, family, without="storkey")
    X, queries, rng = problem(seed, size)
    memory, other = stored(make, X, update), stored(make, rng.permutation(X), update)
    assert_same(memory, queries, other, queries)


@both
@given(data=st.data(), seed=seeds, size=sizes, update=updates, copies=st.integers(2, 5))
def test_as_many_copies_of_all_memories_change_no_bit(family, data, seed, size, update, copies):
    make = drawn(data, family, without="storkey")
    X, queries, _ = problem(seed, size)
    memory, other = stored(make, X, update), stored(make, np.repeat(X, copies, axis=0), update)
    np.testing.assert_array_equal(other.transform(queries), memory.transform(queries))
    if family is DENSE:
        energy = copies * memory.energy(queries)
        np.testing.assert_allclose(other.energy(queries), energy, rtol=1e-13)


@pytest.mark.parametrize("family", [EVEN, CLASSICAL], ids=["binary", "hopfield"])
@given(data=st.data(), seed=seeds, size=sizes, update=updates)
def test_signs_of_memories_do_not_matter_and_those_of_queries_stay(
    family, data, seed, size, update
):
    make = drawn(data, family)
    X, queries, rng = problem(seed, size)
    signs = rng.choice([-1.0, 1.0], (len(X), 1))
    memory = stored(make, X, update)
    assert_same(memory, queries, stored(make, X * signs, update), queries)
    assert_same(memory, queries, memory, -queries, np.negative)


@given(seed=seeds, size=sizes, degree=st.integers(1, 9))
def test_a_power_is_the_rectified_one_of_both_signs(seed, size, degree):
    X, queries, _ = problem(seed, size)
    whole, half = (stored(partial(BinaryMemory, F, degree), X) for F in ("power", "rectified"))
    both = half.energy(queries) + (-1.0) ** degree * half.energy(-queries)
    np.testing.assert_allclose(whole.energy(queries), both, rtol=1e-15)


@given(seed=seeds, size=sizes, update=updates)
def test_the_pseudo_inverse_keeps_every_memory(seed, size, update):
    """Its field at a bit is (1 - P_ii) of the bit: along it, or a tie."""
    X, _, _ = problem(seed, size)
    memory = stored(CLASSICAL["pseudo_inverse"], X, update)
    np.testing.assert_array_equal(memory.transform(X), X)


@both
@given(data=st.data(), seed=seeds, size=sizes, update=updates)
def test_recalled_is_the_first_memory_that_the_state_is(family, data, seed, size, update):
    X, queries, _ = problem(seed, size)
    result = stored(drawn(data, family), X, update).retrieve(np.vstack([queries, X]))
    for state, recalled in zip(result.state, result.recalled, strict=True):
        same = np.flatnonzero((state == X).all(axis=1))
        assert recalled == (same[0] if same.size else -1)


@pytest.mark.parametrize(
    "family", [DENSE, {rule: CLASSICAL[rule] for rule in INCREMENTAL}], ids=["binary", "hopfield"]
)
@given(data=st.data(), seed=seeds, size=sizes, start=st.integers(1, 8))
def test_rows_that_come_later_are_as_if_they_had_been_there(family, data, seed, size, start):
    make = drawn(data, family)
    X, queries, _ = problem(seed, size)
    parts = stored(make, X[:start])
    for row in X[start:]:
        parts.partial_fit(row[None])
    assert_same(stored(make, X), queries, parts, queries)


@both
@given(data=st.data(), seed=seeds, n=st.integers(2, 11), power=st.integers(-300, 300))
def test_units_of_the_features_do_not_matter(family, data, seed, n, power):
    make = drawn(data, family)
    X, queries, rng = problem(seed, (5, n))
    X[0, :2], level = [-1.0, 1.0], float(rng.integers(-99, 99))
    memory, other = stored(make, X), make(random_state=0).fit(np.ldexp(X + level, power))
    assert other.threshold_ == np.ldexp(level, power)
    assert_same(memory, queries, other, np.ldexp(queries + level, power))
