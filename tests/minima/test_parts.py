"""Parts of the search for minima: what is looked at, how often, and in how large blocks."""

import re
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from cases import sets_of
from reference import self_consistent_sets
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline

from skdam import EmergentSampler, EpanechnikovMemory, enumerate_minima, find_minima, sample_from
from skdam._active import Search
from skdam._math import Points
from skdam.minima import _enumerate, _minima, _sampler, _search
from skdam.minima._enumerate import _Neighbourhood, _neighbours, _Sets, epanechnikov_energy
from skdam.minima._minima import _canonical_order, _gap_bounds, nearest_to_rim
from skdam.minima._pipeline import unnest


def energy_of(X, bandwidth):
    return epanechnikov_energy(EpanechnikovMemory(bandwidth=bandwidth).fit(X))


def recorded(monkeypatch, module, name):
    """Let a function of a module note the arguments of each call."""
    calls, function = [], getattr(module, name)

    def noted(*some, **named):
        calls.append(some)
        return function(*some, **named)

    monkeypatch.setattr(module, name, noted)
    return calls


# --- nearest to a rim -------------------------------------------------------------------------


def test_memories_within_a_quarter_beyond_the_rim_are_looked_at_and_no_others(monkeypatch):
    energy = energy_of([[-1.6], [-1.2], [-0.9], [0.05], [0.3], [1.1], [2.0]], 1.0)
    measured = recorded(monkeypatch, _minima, "_nearest_gaps")
    bounded = recorded(monkeypatch, _minima, "_gap_bounds")
    for most in (1, 2, 3):
        index, gap = nearest_to_rim(energy, np.zeros((1, 1)), most)
        assert index.dtype == np.intp
        np.testing.assert_allclose(gap[0], [0.1, 0.1, 0.2][:most])
    assert [len(call[4]) for call in measured] == [5] * 3  # all that are within 1.25 radii
    assert bounded == []
    np.testing.assert_allclose(
        nearest_to_rim(energy, np.zeros((1, 1)), 5)[1], [[0.1, 0.1, 0.2, 0.6, 0.7]]
    )
    assert len(bounded) == 1  # -1.6 was out of sight, and is nearer to its rim than 0.3


def test_as_many_memories_in_sight_as_are_asked_for_will_do(monkeypatch):
    bounded = recorded(monkeypatch, _minima, "_gap_bounds")
    energy = energy_of([[-1.2], [-0.9], [1.1], [5.0], [6.0]], 1.0)
    np.testing.assert_allclose(nearest_to_rim(energy, np.zeros((1, 1)), 3)[1], [[0.1, 0.1, 0.2]])
    assert bounded == []


def test_of_all_memories_only_those_that_may_be_nearest_are_measured(monkeypatch):
    rng = np.random.default_rng(0)
    X, states = 10.0 + 90.0 * rng.random((300, 1)), np.array([[0.0], [200.0]])  # beyond reach
    measured = recorded(monkeypatch, _minima, "_nearest_gaps")
    for most in (1, 5):
        index, _ = nearest_to_rim(energy_of(X, 1.0), states, most)
        order = list(range(300))  # of distinct memories
        assert index.tolist() == [order[:most], order[::-1][:most]]
        assert len(measured[-1][4]) == 2 * most


def test_a_memory_just_out_of_sight_may_be_nearer_to_its_rim_than_one_just_in_sight():
    inner, outer = 0.75 - 2e-10, 1.25 + 1e-10  # gaps of a quarter, and 2e-10 or 1e-10
    index, gap = nearest_to_rim(energy_of([[-inner], [outer]], 1.0), np.zeros((1, 1)), 1)
    assert index.tolist() == [[1]]
    assert gap.item() == outer - 1.0


def test_bounds_of_gaps_come_tile_by_tile_and_hold_for_points_at_the_centre():
    X = np.random.default_rng(0).normal(size=(2100, 2))
    points = Points.measured(X, 1.5)
    low, high = _gap_bounds(points, points.lift(X[:3]), 1.5)
    gap = np.abs(np.sqrt(((X[:3, None] - X) ** 2).sum(axis=2)) - 1.5)
    assert ((low <= gap) & (gap <= high)).all()
    assert (high - low <= 1e-6).all()
    alone = Points.measured(np.zeros((1, 2)), 1.5)
    assert [bound.tolist() for bound in _gap_bounds(alone, alone.lift(np.zeros((1, 2))), 1.5)] == [
        [[1.5]],
        [[1.5]],
    ]


def test_gaps_too_wide_to_be_squared_are_bounded_by_nothing():
    points = Points.measured(np.array([[1e200], [-1e200]]), 1.0)
    with np.errstate(invalid="raise"):
        low, high = _gap_bounds(points, points.lift(np.array([[0.0], [1e200]])), 1.0)
    assert not (low > 0.0).any()
    assert (high == np.inf).all()


def test_bounds_of_gaps_are_those_of_as_many_rows_as_the_working_memory_holds(monkeypatch):
    X = np.arange(8.0)[:, None]
    bounded = recorded(monkeypatch, _minima, "_gap_bounds")
    with config_context(working_memory=10 * 64 * 8 / 2**20):
        nearest_to_rim(energy_of(X, 0.25), 100.0 + np.zeros((25, 1)), 1)
    assert [len(queries) for _, queries, _ in bounded] == [10, 10, 5]


# --- what is told of minima -------------------------------------------------------------------


def test_equal_sets_are_told_once_in_canonical_order():
    sets = [{1, 2}, {3}, {0}, {3}, {0, 3}, {1, 2}, {0}, {1}, {3}, {0, 3}, {1, 2}, {0, 1, 2}]
    marked = csr_array([[float(i in some) for i in range(4)] for some in sets])
    order = _canonical_order(marked)
    assert order.dtype == _canonical_order(marked[:0]).dtype == np.intp
    assert [sets[i] for i in order] == [{0}, {1}, {3}, {0, 3}, {1, 2}, {0, 1, 2}]


def test_a_selection_says_what_it_takes():
    minima = enumerate_minima(EpanechnikovMemory(bandwidth=0.1).fit([[0.0], [1.0]]))
    told = r"^Minima take an index, a slice, a mask or a list of indices\.$"
    with pytest.raises(IndexError, match=told):
        minima[np.array([[0, 1]])]


# --- enumeration ------------------------------------------------------------------------------


def test_most_sets_and_seeds_default_to_what_is_documented(monkeypatch):
    memory, told = EpanechnikovMemory(bandwidth=0.1).fit([[0.0], [1.0]]), []
    enumerated = recorded(monkeypatch, _enumerate, "enumerate_sets")
    explored = recorded(monkeypatch, _search, "explore")
    for function in (enumerate_minima, find_minima):
        function(memory)
        told += re.findall(r"^    \w+ : int, default=(\S+)$", function.__doc__, re.M)
    assert [enumerated[0][1], explored[0][2]] == [int(number) for number in told]


def test_equal_neighbourhoods_are_measured_once(monkeypatch):
    X = np.concatenate([np.linspace(0.0, 1.0, 9), [7.0], np.linspace(20.0, 21.0, 5)])[:, None]
    made, make = [], _Neighbourhood.of

    def of(energy, index):
        made.append(index.tolist())
        return make(energy, index)

    monkeypatch.setattr(_Neighbourhood, "of", of)
    assert enumerate_minima(EpanechnikovMemory(bandwidth=2.0).fit(X)).complete
    assert made == [list(range(9)), [9], list(range(10, 15))]


def test_a_neighbourhood_is_measured_in_parts_without_loss(monkeypatch):
    energy = energy_of(np.random.default_rng(0).random((7, 3)), 0.5)
    whole = _Neighbourhood.of(energy, np.arange(7))
    monkeypatch.setattr(_enumerate, "DIRECT_ELEMENTS", 15)
    parts = _Neighbourhood.of(energy, np.arange(7))
    for name in ("squared", "adjacent", "far"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_tables_of_the_largest_neighbourhood_take_a_quarter_of_a_gibibyte():
    part = _Neighbourhood.of(energy_of(np.arange(64.0)[:, None], 1.0), np.arange(64))
    taken = sum(table.nbytes for table in (part.squared, part.adjacent, part.far))
    assert taken * (_enumerate.LARGEST / 64) ** 2 <= 2**28


def test_what_rounding_could_bring_into_reach_is_in_it():
    """Squares are ``4 (1 + f)`` and ``1 - f``, exactly after rounding: f at 2^-40, and within."""
    f = 2.0**-40
    part = _Neighbourhood.of(energy_of([[0.0], [1.0 - f / 2], [2.0 + f]], 1.0), np.arange(3))
    assert part.squared[0].tolist() == [0.0, 1.0 - f, 4.0 * (1.0 + f)]
    assert part.far[0].tolist() == [0.0, 1.0, 1.0]
    assert part.adjacent[0].tolist() == [False, True, False]
    energy = energy_of([[0.0], [2.0 + 0.75 * f], [9.0]], 1.0)
    assert _Neighbourhood.of(energy, np.arange(2)).adjacent[0, 1]
    energy = energy_of([[0.0], [2.0 + 1.5 * f], [9.0]], 1.0)
    assert [index.tolist() for _, index in _neighbours(energy)] == [[0, 1], [0, 1], [2]]


def test_each_member_brings_three_roundings():
    part = _Neighbourhood.of(energy_of([[0.0], [1.0]], 1.0), np.arange(2))
    assert np.diff([part.slack(size) for size in (1, 2, 5, 9)]).tolist() == [
        3 * 2.0**-53,
        9 * 2.0**-53,
        12 * 2.0**-53,
    ]


def test_blocks_of_sets_are_full_and_never_empty(monkeypatch):
    memory = EpanechnikovMemory(bandwidth=0.9).fit(np.random.default_rng(0).random((7, 2)))
    sizes, grown, whole = [], _Sets.grown, enumerate_minima(memory)

    def noted(self, row, new):
        sizes.append(len(row))
        return grown(self, row, new)

    monkeypatch.setattr(_Sets, "grown", noted)
    for elements, most in ((1, 1), (35, 5)):
        monkeypatch.setattr(_enumerate, "BLOCK_ELEMENTS", elements)
        assert sets_of(enumerate_minima(memory)) == sets_of(whole)
        assert (min(sizes), max(sizes)) == (1, most)
        sizes.clear()


def misjudged(n_features, n):
    """Yield n rows and radii near their lengths, whose squares floats see in the wrong order."""
    rng = np.random.default_rng(0)
    while n:
        row = rng.uniform(0.95, 1.0, n_features) * 1.99 / n_features**0.5
        square = (row**2).sum()
        radius = np.sqrt(square) + rng.integers(-1, 2) * np.spacing(np.sqrt(square))
        gap = sum(Fraction(v) ** 2 for v in row.tolist()) - Fraction(float(radius)) ** 2
        if np.sign(square - radius**2) * gap < 0:
            n -= 1
            yield row, float(radius), gap > 0


@pytest.mark.parametrize("power", [0, -40, 40])
@pytest.mark.parametrize("n_features", [3, 60])
def test_two_memories_about_as_far_apart_as_the_bandwidth_are_told_exactly(n_features, power):
    """Each alone is a minimum if the other is beyond its rim, and floats see the opposite."""
    for row, radius, beyond in misjudged(n_features, 10):
        X = np.ldexp([np.zeros(n_features), row, row / 2], power)
        memory = EpanechnikovMemory(bandwidth=float(np.ldexp(radius, power))).fit(X[:2])
        expected = {frozenset({0, 1})} | ({frozenset({0}), frozenset({1})} if beyond else set())
        assert sets_of(enumerate_minima(memory)) == expected
        assert sets_of(find_minima(memory, X0=X)) <= expected


@pytest.mark.parametrize("n", [4, 5, 7])
@pytest.mark.parametrize("nudge", [-1, 0, 1])
def test_near_ties_beside_a_large_offset_are_decided_exactly(n, nudge):
    """The centroid is a third, and a memory n thirds away from it, just within the rim or not."""
    radius = np.nextafter(n / 3, nudge * np.inf) if nudge else n / 3
    for offset in 2.0 ** np.arange(20, 40, 6):
        X = np.array([[0.0], [1.0], [(n + 1) / 3], [-(n - 1) / 3]]).round() + offset
        memory = EpanechnikovMemory(bandwidth=radius).fit(X, sample_weight=[2, 1, 1, 1])
        found = find_minima(memory, X0=np.concatenate([X, X.mean(axis=0) + X[:2] - offset]))
        assert sets_of(found) <= self_consistent_sets(X, [2, 1, 1, 1], radius)


# --- search -----------------------------------------------------------------------------------


def test_a_search_does_not_claim_to_know_all():
    memory = EpanechnikovMemory(bandwidth=1.5).fit([[-1.0], [1.0]])
    assert find_minima(memory, n_seeds=20, random_state=0).complete is False
    sampler = EmergentSampler(EpanechnikovMemory(1.5), search="seeds", n_seeds=20, random_state=0)
    assert sampler.fit([[-1.0], [1.0]]).complete_ is False


def test_an_algorithm_that_was_asked_for_is_the_only_one(monkeypatch):
    def choose(*_, **__):
        raise AssertionError("nothing is to be chosen")

    monkeypatch.setattr(Search, "choose", choose)
    X = np.random.default_rng(0).random((15, 3))
    memory = EpanechnikovMemory(bandwidth=0.4, algorithm="tree").fit(X)
    found = find_minima(memory, n_seeds=300, random_state=0)
    assert sets_of(found) <= sets_of(enumerate_minima(memory))
    assert len(found) > 15


def test_a_pair_that_overlaps_nobody_else_is_drawn_each_time():
    energy = energy_of([[0.0], [1.0]], 1.0)
    drawn = _search._overlapping(energy, 10, 2, np.random.RandomState(0))
    assert drawn.dtype == bool
    assert drawn.toarray().tolist() == [[True, True]] * 10


@pytest.mark.parametrize("size", [2, 3, 4])
def test_neighbours_are_looked_up_for_each_member_but_the_last(monkeypatch, size):
    energy = energy_of(np.random.default_rng(0).random((9, 2)), 2.0)
    looked_up = recorded(monkeypatch, _search, "_neighbours")
    assert len(_search._grown(energy, np.random.default_rng(1).random((6, size)))) == 6
    assert len(looked_up) == size - 1


def test_sets_are_drawn_in_blocks_that_the_working_memory_holds(monkeypatch):
    energy = energy_of(np.random.default_rng(0).random((9, 2)), 2.0)
    grown = recorded(monkeypatch, _search, "_grown")
    with config_context(working_memory=10 * 80 * 9 / 2**20):
        _search._overlapping(energy, 25, 2, np.random.RandomState(0))
    assert [len(draws) for _, draws in grown] == [10, 10, 5]


def scripted(monkeypatch, batches):
    """Let starts lead to what is scripted, batch by batch, and then nowhere; note their number."""
    left, tried = list(batches), []

    def settle(energy, starts):
        tried.append(len(starts))
        return np.array([left.pop(0)] if left else []).reshape(-1, 1)

    monkeypatch.setattr(_search, "settle", settle)
    monkeypatch.setattr(_search, "_flips", lambda energy, states: states[:0])
    return tried


def explored(n_seeds):
    memory = EpanechnikovMemory(bandwidth=1.0).fit([[0.0], [0.5], [0.75]])
    energy = epanechnikov_energy(memory)
    return _search.explore(energy, memory, n_seeds, np.random.RandomState(0)).ravel().tolist()


def test_a_search_goes_on_as_long_as_something_new_comes_and_five_batches_more(monkeypatch):
    tried = scripted(monkeypatch, [7.0, 8.0, 8.0, 9.0])
    assert explored(100_000) == [7.0, 8.0, 9.0]
    assert len(tried) == 4 + _search.PATIENCE


def test_every_start_is_used_up_and_no_batch_is_tried_after_the_last(monkeypatch):
    for n_seeds in (2, 9, 300, 4000):
        tried = scripted(monkeypatch, np.arange(100.0))
        assert explored(n_seeds) == list(range(len(tried)))
        assert sum(tried) == n_seeds
        assert tried[-1] > 0


# --- sampler and pipelines --------------------------------------------------------------------


X = np.random.default_rng(0).random((15, 8))


def fitted(rows=X, bandwidth=0.75, **parameters):
    memory = EpanechnikovMemory(bandwidth=bandwidth)
    return EmergentSampler(memory, random_state=0, **parameters).fit(rows)


def test_without_basins_a_search_starts_from_its_own_starts_alone(monkeypatch):
    asked, sets_at = [], _sampler.sets_at
    monkeypatch.setattr(
        _sampler, "sets_at", lambda energy, states: asked.append(states) or sets_at(energy, states)
    )
    monkeypatch.setattr(_sampler, "explore", lambda energy, *_: energy.patterns.points.rows[:4])
    fitted(weights="uniform", search="seeds")
    assert [states.shape for states in asked] == [(4, 8)]


def test_an_enumeration_that_was_asked_for_is_no_search():
    sampler = fitted(search="enumerate", max_sets=50, kind="all", weights="uniform")
    some = enumerate_minima(EpanechnikovMemory(bandwidth=0.75).fit(X), max_sets=50)
    np.testing.assert_array_equal(sampler.minima_, some.points)


def test_a_single_minimum_is_certain():
    sampler = fitted([[0.0], [1.0]], 5.0, weights="uniform")
    assert sampler.weights_.tolist() == [1.0]
    assert sampler.sample(2, random_state=0).tolist() == [[0.5], [0.5]]


def test_what_is_told_of_no_minimum_ends_with_a_doubt_only_after_a_search():
    sure = r"\(skdam\.bandwidths\.emergence_window\)\.$"
    with pytest.raises(ValueError, match=sure):
        fitted(bandwidth=0.1).sample()
    doubt = r"window\), but a search may miss them: raise n_seeds or max_sets\.$"
    with pytest.raises(ValueError, match=doubt):
        fitted(bandwidth=0.1, search="seeds", n_seeds=20).sample()


def test_one_sample_is_drawn_from_a_pipeline_unless_more_are_asked_for():
    sampler = SimpleNamespace(
        fit=None, sample=lambda n_samples, random_state: np.zeros((n_samples, 2))
    )
    assert sample_from(make_pipeline(sampler)).shape == (1, 2)


def test_an_estimator_without_steps_is_a_last_step_without_a_name():
    estimator = KMeans()
    assert unnest(estimator) == ([], ("", estimator))
