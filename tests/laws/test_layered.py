"""Laws of the layered memory: its energy falls all the time, its neurons have no order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdam import LayeredMemory

SETTINGS = {
    "A": ("A", {}),
    "A even": ("A", {"interaction": "power", "degree": 4}),
    "A exponential": ("A", {"interaction": "exponential"}),
    "B": ("B", {}),
    "C": ("C", {}),
    "C even": ("C", {"interaction": "power", "degree": 2}),
    "C exponential": ("C", {"interaction": "exponential"}),
}

pytestmark = pytest.mark.filterwarnings("ignore:.*queries were still moving")
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 5))
settings = st.sampled_from(sorted(SETTINGS)).map(SETTINGS.get)


def problem(seed, size):
    rng = np.random.default_rng(seed)
    return rng.normal(size=size), rng.normal(size=(2, size[1])), rng


def stored(X, model, options, **times):
    settings = {"beta": 0.7, "tau_hidden": 0.4, "max_time": 2.0, "rtol": 1e-3, "atol": 1e-5}
    return LayeredMemory(model, **settings | options | times).fit(X)


@pytest.mark.parametrize("model", "ABC")
@given(data=st.data(), seed=seeds, size=sizes, tau_hidden=st.sampled_from([0.2, 1.0, 4.0]))
def test_the_energy_never_rises(model, data, seed, size, tau_hidden):
    X, queries, rng = problem(seed, size)
    name = data.draw(st.sampled_from([name for name in SETTINGS if name[0] == model]))
    memory = stored(X, *SETTINGS[name], tau_hidden=tau_hidden)
    result = memory.retrieve(queries, rng.normal(size=size[1]), record=True)
    for energies, times in zip(result.energies, result.times, strict=True):
        assert (np.diff(energies) <= 1e-12 * np.abs(energies).max()).all()
        assert (np.diff(times) > 0.0).all()
    if model != "B":  # activities are bounded
        length = np.inf if model == "A" else 2
        assert (np.linalg.norm(result.state, length, axis=1) <= 1.0 + 1e-12).all()


@given(settings=settings, seed=seeds, size=sizes)
def test_signs_of_features_are_those_of_the_state_bit_for_bit(settings, seed, size):
    X, queries, rng = problem(seed, size)
    signs = rng.choice([-1.0, 1.0], size[1])
    plain = stored(X, *settings).retrieve(queries, queries[0])
    turned = stored(X * signs, *settings).retrieve(queries * signs, queries[0] * signs)
    np.testing.assert_array_equal(turned.state, plain.state * signs)
    np.testing.assert_array_equal(turned.energy, plain.energy)
    np.testing.assert_array_equal(turned.n_iter, plain.n_iter)


@given(settings=settings, seed=seeds, size=sizes)
def test_neither_layer_has_an_order(settings, seed, size):
    X, queries, rng = problem(seed, size)
    hidden, visible = (rng.permutation(n) for n in size)
    plain = stored(X, *settings).retrieve(queries)
    mixed = stored(X[np.ix_(hidden, visible)], *settings).retrieve(queries[:, visible])
    np.testing.assert_allclose(mixed.state, plain.state[:, visible], atol=1e-5)
    np.testing.assert_allclose(
        mixed.members.toarray(), plain.members.toarray()[:, hidden], atol=1e-4
    )


@pytest.mark.parametrize("model", "AC")
@given(seed=seeds, size=sizes)
def test_under_an_even_power_the_state_of_a_negative_is_the_negative(model, seed, size):
    X, queries, rng = problem(seed, size)
    settings = SETTINGS[f"{model} even"]
    memory, signs = stored(X, *settings), rng.choice([-1.0, 1.0], (len(X), 1))
    state, other = memory.transform(queries), stored(X * signs, *settings)
    np.testing.assert_allclose(memory.transform(-queries), -state, atol=1e-7)
    np.testing.assert_allclose(memory.energy(-queries), memory.energy(queries), rtol=1e-12)
    np.testing.assert_allclose(other.transform(queries), state, atol=1e-7)


@given(settings=settings, seed=seeds, size=sizes, power=st.integers(-99, 99))
def test_the_unit_of_time_does_not_matter(settings, seed, size, power):
    X, queries, _ = problem(seed, size)
    plain = stored(X, *settings).retrieve(queries, record=True)
    times = {"tau_visible": 1.0, "tau_hidden": 0.4, "max_time": 2.0}
    scaled = {name: float(np.ldexp(value, power)) for name, value in times.items()}
    other = stored(X, *settings, **scaled).retrieve(queries, record=True)
    np.testing.assert_array_equal(other.state, plain.state)
    for theirs, mine in zip(other.times, plain.times, strict=True):
        np.testing.assert_array_equal(theirs, np.ldexp(mine, power))


@given(seed=seeds, size=sizes, power=st.integers(-99, 99))
def test_the_unit_of_b_scales_states_and_energies_bit_for_bit(seed, size, power):
    X, queries, _ = problem(seed, size)
    beta, scaled = float(np.ldexp(0.7, -2 * power)), np.ldexp(queries, power)
    memory, other = stored(X, "B", {}), stored(np.ldexp(X, power), "B", {}, beta=beta)
    np.testing.assert_array_equal(
        other.transform(scaled), np.ldexp(memory.transform(queries), power)
    )
    np.testing.assert_array_equal(other.energy(scaled), np.ldexp(memory.energy(queries), 2 * power))


@given(
    name=st.sampled_from(["C", "C even", "C exponential"]),
    seed=seeds,
    size=sizes,
    power=st.integers(-99, 99),
)
def test_c_knows_directions_alone(name, seed, size, power):
    X, queries, _ = problem(seed, size)
    memory = stored(X, *SETTINGS[name])
    scaled = np.ldexp(queries, power)
    np.testing.assert_allclose(memory.energy(scaled), memory.energy(queries), rtol=1e-12)
    directions = memory.transform(queries)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, rtol=1e-12)


@given(seed=seeds, size=sizes, beta=st.floats(0.1, 9.0))
def test_b_comes_to_rest_in_the_hull_of_the_memories_and_stays(seed, size, beta):
    X, queries, _ = problem(seed, size)
    memory = stored(X, "B", {}, beta=beta, max_time=100.0)
    result = memory.retrieve(queries)
    np.testing.assert_allclose(result.members @ X, result.state, atol=1e-4)
    np.testing.assert_allclose(result.members.sum(axis=1), 1.0, rtol=1e-13)
    np.testing.assert_allclose(memory.transform(result.state), result.state, atol=1e-3)
