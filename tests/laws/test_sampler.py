"""Laws of emergent minima: self-consistent sets of members, in a place, an order and a unit."""

import numpy as np
import pytest
from cases import sets_of
from hypothesis import given
from hypothesis import strategies as st

from skdam import EmergentSampler, EpanechnikovMemory, find_minima

pytestmark = pytest.mark.filterwarnings("ignore:None of n_seeds")
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(2, 8), st.integers(1, 4))
widths = st.floats(0.3, 2.0)
weights = st.sampled_from(["basin", "density", "uniform"])


def problem(seed, size):
    rng = np.random.default_rng(seed)
    return rng.normal(size=size), rng


def fitted(X, width, kind="all", weights="uniform", **settings):
    settings = {"kind": kind, "weights": weights, "n_seeds": 40, "random_state": 0} | settings
    return EmergentSampler(EpanechnikovMemory(width), **settings).fit(X)


def sets(sampler):
    return {frozenset(members.tolist()) for members in sampler.members_}


def points_of(sampler, names):
    """Return each minimum by the names of its members."""
    named = [frozenset(names[members].tolist()) for members in sampler.members_]
    return dict(zip(named, sampler.minima_, strict=True))


@given(seed=seeds, size=sizes, width=widths)
def test_a_minimum_is_the_mean_of_the_memories_that_reach_it(seed, size, width):
    X, _ = problem(seed, size)
    sampler = fitted(X, width)
    for point, members in zip(sampler.minima_, sampler.members_, strict=True):
        np.testing.assert_allclose(point, X[members].mean(axis=0), rtol=1e-12, atol=1e-14)
        near = np.flatnonzero(np.linalg.norm(X - point, axis=1) < width)
        assert sorted(members) == near.tolist()
    assert sampler.complete_
    assert (sampler.margins_ > 0.0).all()
    np.testing.assert_array_equal(sampler.memory_.transform(sampler.minima_), sampler.minima_)
    np.testing.assert_array_equal(sampler.memory_.energy(sampler.minima_), sampler.energies_)


@given(seed=seeds, size=sizes, width=widths)
def test_what_is_within_its_margin_returns_to_a_minimum(seed, size, width):
    X, rng = problem(seed, size)
    sampler = fitted(X, width)
    away = rng.normal(size=sampler.minima_.shape)
    away *= 0.999 * sampler.margins_[:, None] / np.linalg.norm(away, axis=1, keepdims=True)
    returned = sampler.memory_.transform(sampler.minima_ + away)
    np.testing.assert_array_equal(returned, sampler.minima_)
    assert (sampler.memory_.energy(sampler.minima_ + away) >= sampler.energies_).all()


@given(seed=seeds, size=sizes, width=widths)
def test_a_minimum_is_stored_or_emergent(seed, size, width):
    X, _ = problem(seed, size)
    every, emergent, stored = (fitted(X, width, kind) for kind in ("all", "emergent", "stored"))
    assert sets(every) == sets(emergent) | sets(stored)
    assert not sets(emergent) & sets(stored)
    assert all(len(members) > 1 for members in emergent.members_)
    alone = np.sort(np.linalg.norm(X[:, None] - X, axis=2), axis=1)[:, 1] > width
    assert {frozenset([i]) for i in np.flatnonzero(alone)} == sets(stored)


@given(seed=seeds, size=sizes, width=widths, kind=st.sampled_from(["all", "stored"]), how=weights)
def test_draws_are_minima_and_their_weights_are_odds(seed, size, width, kind, how):
    X, _ = problem(seed, size)
    sampler = fitted(X, width, kind, how)
    assert (sampler.weights_ >= 0.0).all()
    if len(sampler.minima_):
        assert sampler.weights_.sum() == pytest.approx(1.0, rel=1e-12)
        drawn = sampler.draw(30, random_state=seed)
        assert (sampler.weights_[drawn] > 0.0).all()
        np.testing.assert_array_equal(sampler.sample(30, seed), sampler.minima_[drawn])


@given(seed=seeds, size=sizes, width=widths)
def test_order_of_the_memories_changes_no_bit(seed, size, width):
    X, rng = problem(seed, size)
    order = rng.permutation(len(X))
    one, other = fitted(X, width), fitted(X[order], width)
    points, theirs = points_of(one, np.arange(len(X))), points_of(other, order)
    assert points.keys() == theirs.keys()
    for members, point in points.items():
        np.testing.assert_array_equal(theirs[members], point)


@given(seed=seeds, size=sizes, width=widths, copies=st.integers(2, 4))
def test_as_many_copies_of_all_memories_change_no_minimum(seed, size, width, copies):
    X, _ = problem(seed, size)
    rows = np.repeat(np.arange(len(X)), copies)
    one, other = (
        points_of(fitted(X, width), rows[::copies]),
        points_of(fitted(X[rows], width), rows),
    )
    assert one.keys() == other.keys()
    for members, point in one.items():
        np.testing.assert_allclose(other[members], point, rtol=1e-12, atol=1e-14)


@given(seed=seeds, size=sizes, width=widths, power=st.integers(-300, 300), how=weights)
def test_a_power_of_two_scales_minima_bit_for_bit(seed, size, width, power, how):
    X, _ = problem(seed, size)
    one = fitted(X, width, weights=how)
    other = fitted(np.ldexp(X, power), float(np.ldexp(width, power)), weights=how)
    np.testing.assert_array_equal(other.minima_, np.ldexp(one.minima_, power))
    np.testing.assert_array_equal(other.margins_, np.ldexp(one.margins_, power))
    np.testing.assert_allclose(other.weights_, one.weights_, rtol=1e-9)
    assert sets(other) == sets(one)


@given(seed=seeds, size=sizes, width=widths)
def test_what_a_search_finds_is_among_all(seed, size, width):
    X, rng = problem(seed, size)
    sampler = fitted(X, width)
    found = find_minima(sampler.memory_, X0=X + 0.1 * rng.normal(size=size))
    assert sets_of(found) <= sets(sampler)
    assert sets(fitted(X, width, search="seeds", n_seeds=60)) <= sets(sampler)


@given(seed=seeds, size=sizes, width=widths, share=st.floats(0.0, 0.5), most=st.integers(1, 4))
def test_filters_keep_what_passes_them(seed, size, width, share, most):
    X, _ = problem(seed, size)
    every = fitted(X, width)
    kept = fitted(X, width, min_margin=share * width, max_members=most)
    passes = (every.margins_ >= share * width) & ([len(m) <= most for m in every.members_])
    np.testing.assert_array_equal(kept.minima_, every.minima_[passes])
    assert kept.n_found_ == len(every.minima_)
