"""A search returns minima and nothing else, and of small memories nearly all of them."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from cases import random_case, sets_of
from reference import self_consistent_sets
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from skdam import EpanechnikovMemory, GaussianMemory, enumerate_minima, find_minima
from skdam.minima._enumerate import epanechnikov_energy
from skdam.minima._search import (
    PATIENCE,
    _flips,
    _fresh_starts,
    _overlapping,
    distinct,
    explore,
    settle,
)

pytestmark = pytest.mark.usefixtures("each_back_end")


@pytest.fixture(scope="module")
def overlapping():
    X = np.random.default_rng(0).random((15, 8))
    memory = EpanechnikovMemory(bandwidth=0.75).fit(X)
    return memory, enumerate_minima(memory)


@pytest.mark.parametrize("seed", range(10))
def test_two_thousand_seeds_find_nearly_all_of_151_minima(overlapping, seed):
    memory, minima = overlapping
    found = find_minima(memory, n_seeds=2000, random_state=seed)
    assert sets_of(found) <= sets_of(minima)
    assert len(found) >= 0.94 * 151
    assert not found.complete


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_what_is_found_is_a_minimum_in_rational_arithmetic(start):
    n_found = n_expected = 0
    for seed in range(start, start + 50):
        X, weights, radius = random_case(seed)
        memory = EpanechnikovMemory(bandwidth=radius).fit(X, sample_weight=weights)
        found = find_minima(memory, n_seeds=200, random_state=0)
        expected = self_consistent_sets(X, weights, radius)
        assert sets_of(found) <= expected
        assert len(sets_of(found)) == len(found)  # each once
        n_found, n_expected = n_found + len(found), n_expected + len(expected)
    assert n_found >= 0.99 * n_expected


@pytest.mark.parametrize("offset", [1e6, -3e7, 2.0**30])
def test_far_from_the_origin_what_is_found_is_a_minimum(offset):
    for seed in range(60):
        X, weights, radius = random_case(seed)
        memory = EpanechnikovMemory(bandwidth=radius).fit(X + offset, sample_weight=weights)
        found = find_minima(memory, n_seeds=200, random_state=0)
        assert sets_of(found) <= self_consistent_sets(X + offset, weights, radius)


@pytest.mark.parametrize("n", range(4, 9))
@pytest.mark.parametrize("nudge", [-1, 0, 1])
def test_far_from_the_origin_near_ties_are_decided_exactly(n, nudge):
    """The centroid is a third, and a memory n thirds away from it, just within the rim or not."""
    radius = np.nextafter(n / 3, nudge * np.inf) if nudge else n / 3
    for offset in 2.0 ** np.arange(20, 40, 3):
        for side in (-1.0, 1.0):
            X = side * (np.array([[0.0], [1.0], [(n + 1) / 3], [-(n - 1) / 3]]).round() + offset)
            memory = EpanechnikovMemory(bandwidth=radius).fit(X, sample_weight=[2, 1, 1, 1])
            found = find_minima(memory, n_seeds=50, random_state=0)
            assert sets_of(found) <= self_consistent_sets(X, [2, 1, 1, 1], radius)


def test_minima_are_described_as_the_enumeration_does(overlapping):
    memory, minima = overlapping
    found = find_minima(memory, n_seeds=2000, random_state=0)
    listed = [members.tolist() for members in minima.members]
    same = minima[[listed.index(members.tolist()) for members in found.members]]
    for name in ("points", "margins", "is_emergent"):
        np.testing.assert_array_equal(getattr(found, name), getattr(same, name))
    np.testing.assert_allclose(found.energies, same.energies, rtol=1e-12, atol=1e-14)


def test_every_stored_minimum_of_the_digits_is_found():
    X = load_digits().data
    memory = EpanechnikovMemory().fit(X)
    found = find_minima(memory, n_seeds=4000, random_state=0)
    kept = np.flatnonzero((memory.transform(X) == X).all(axis=1))
    stored = {members[0] for members in found.members if len(members) == 1}
    assert stored == set(kept.tolist())
    assert found.is_emergent.sum() > 1000
    np.testing.assert_array_equal(memory.transform(found.points), found.points)


def test_starts_of_your_own_lead_to_their_minima_and_no_others(overlapping):
    memory, minima = overlapping
    same = find_minima(memory, X0=minima.points)
    np.testing.assert_array_equal(same.points, minima.points)
    some = find_minima(memory, X0=minima.points[[9, 3, 9]])
    np.testing.assert_array_equal(some.points, minima.points[[3, 9]])
    near = minima.points + 0.9 * minima.margins[:, None] / np.sqrt(8)
    assert sets_of(find_minima(memory, X0=near)) == sets_of(minima)


def test_starts_off_the_support_lead_nowhere(overlapping):
    found = find_minima(overlapping[0], X0=np.full((3, 8), 9.0))
    assert len(found) == 0
    assert found.points.shape == (0, 8)
    assert found.members == []


def test_a_fixed_point_with_a_memory_on_its_rim_is_no_minimum():
    memory = EpanechnikovMemory(bandwidth=1.5).fit([[-0.5], [0.5], [1.5]])
    assert memory.transform([[0.0]]) == [[0.0]]
    assert len(find_minima(memory, X0=[[0.0]])) == 0


def test_the_memorys_own_policies_do_not_matter(overlapping):
    memory, _ = overlapping
    other = EpanechnikovMemory(bandwidth=0.75, outside="raise", max_iter=1, epsilon=0.1)
    other.fit(memory.memories_)
    one, two = (find_minima(m, n_seeds=500, random_state=0) for m in (memory, other))
    np.testing.assert_array_equal(one.points, two.points)


def test_a_search_is_reproducible_whatever_the_blocks(overlapping):
    memory, _ = overlapping
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    one = find_minima(memory, n_seeds=700, random_state=3)
    with config_context(working_memory=0.01):
        two = find_minima(memory, n_seeds=700, random_state=3)
    three = find_minima(memory, n_seeds=700, random_state=np.random.RandomState(3))
    np.testing.assert_array_equal(one.points, two.points)
    np.testing.assert_array_equal(one.points, three.points)
    np.testing.assert_array_equal(before, np.random.get_state()[1])
    assert sets_of(find_minima(memory, n_seeds=700, random_state=4)) != sets_of(one)


def test_a_search_does_not_depend_on_blocks_where_products_lose_every_digit():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.random((15, 8)) - 1e8, rng.random((15, 8)) + 1e8])
    memory, found = EpanechnikovMemory(bandwidth=0.75).fit(X), []
    for working_memory in (1024, 0.01, 0.001):
        with config_context(working_memory=working_memory):
            found.append(find_minima(memory, n_seeds=2000, random_state=0).points)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_bandwidth_far_below_every_distance_is_searched():
    memory = EpanechnikovMemory(bandwidth=1e-25).fit([[0.0, 0.0], [1e-25, 0.0], [1.0, 1.0]])
    assert len(find_minima(memory, n_seeds=100, random_state=0)) == 2  # a pair, and one alone


@pytest.mark.parametrize("n_seeds", [1, 2, 7, 257])
def test_any_number_of_seeds_will_do(overlapping, n_seeds):
    assert 1 <= len(find_minima(overlapping[0], n_seeds=n_seeds, random_state=0)) <= n_seeds


def test_a_search_ends_when_nothing_new_comes():
    memory = EpanechnikovMemory(bandwidth=1.0).fit([[1.0, 2.0]])
    assert len(find_minima(memory, n_seeds=3_000_000, random_state=0)) == 1


@pytest.mark.parametrize("X", [[[1.0, 2.0]], [[1.0, 2.0]] * 3, [[0.0, 0.0], [9.0, 9.0]]])
def test_memories_that_never_overlap_have_only_themselves(X):
    memory = EpanechnikovMemory(bandwidth=1.0).fit(np.array(X, dtype=np.float32))
    found = find_minima(memory, random_state=0)
    np.testing.assert_array_equal(found.points, np.unique(X, axis=0))
    assert not found.is_emergent.any()


def test_wrong_memories_seeds_and_starts_are_refused(overlapping):
    memory, _ = overlapping
    with pytest.raises(TypeError, match="under the Epanechnikov kernel alone, got GaussianKernel"):
        find_minima(GaussianMemory(bandwidth=1.0).fit([[0.0], [1.0]]))
    with pytest.raises(NotFittedError):
        find_minima(EpanechnikovMemory())
    for wrong in (0, -1, 2.5, True, None):
        with pytest.raises(ValueError, match=f"n_seeds must be .*got {wrong!r}"):
            find_minima(memory, n_seeds=wrong)
    with pytest.raises(ValueError, match="expecting 8 features"):
        find_minima(memory, X0=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="contains NaN in 1 rows"):
        find_minima(memory, X0=np.full((1, 8), np.nan))


def test_a_selection_keeps_every_entry_in_step(overlapping):
    _, minima = overlapping
    chosen = minima[minima.margins > 0.01]
    assert 0 < len(chosen) < len(minima)
    assert (chosen.margins > 0.01).all()
    assert len(chosen.members) == len(chosen.points) == len(chosen.energies)
    last = minima[-2:]
    np.testing.assert_array_equal(last.points, minima.points[-2:])
    assert [m.tolist() for m in last.members] == [m.tolist() for m in minima.members[-2:]]
    assert not last.complete
    assert minima[:].complete
    assert not minima[[0] * len(minima)].complete
    assert minima[3].points.tolist() == [minima.points[3].tolist()]
    assert [len(one) for one in minima] == [1] * len(minima)
    with pytest.raises(IndexError):
        minima[len(minima)]
    with pytest.raises(IndexError, match="Minima take an index, a slice, a mask"):
        minima[np.array([[0, 1]])]


@pytest.mark.parametrize("n", [4, 400, 1001])
def test_fresh_starts_are_as_many_of_each_size_as_samples(n):
    memory = EpanechnikovMemory(bandwidth=1.0).fit(np.random.default_rng(0).random((9, 2)))
    asked, rng = [], np.random.RandomState(0)

    def sample(n, random_state):
        asked.append(n)
        assert random_state is rng
        return np.full((n, 2), 7.0)

    starts = _fresh_starts(epanechnikov_energy(memory), SimpleNamespace(sample=sample), n, rng)
    assert len(starts) == n
    assert asked == [n // 4 + 1]
    sampled = (starts == 7.0).all(axis=1)
    assert sampled.sum() == max(0, n - 3 * asked[0])
    assert (starts[~sampled] < 1.0).all()


@pytest.mark.parametrize("size", [2, 3, 4])
def test_sets_of_fresh_starts_overlap_pairwise_and_none_is_left_out(size):
    X = np.random.default_rng(0).random((8, 2))
    energy = epanechnikov_energy(EpanechnikovMemory(bandwidth=0.3).fit(X))
    X = energy.patterns.points.rows
    near = ((X[:, None] - X) ** 2).sum(axis=2) < 0.36
    drawn = _overlapping(energy, 3000, size, np.random.RandomState(0))
    found = {tuple(members.tolist()) for members in np.split(drawn.indices, drawn.indptr[1:-1])}
    cliques = {c for c in combinations(range(8), size) if near[np.ix_(c, c)].all()}
    assert found == cliques
    assert cliques


def test_flips_are_centroids_of_sets_with_one_memory_more_or_less():
    energy = epanechnikov_energy(EpanechnikovMemory(bandwidth=1.25).fit([[0.0], [1.0], [3.5]]))
    states = np.array([[0.5], [3.5]])
    flips = _flips(energy, states).ravel()
    # {0, 1} less 1, less 0, and with 3.5; {3.5} with 1 and with 0, but never empty
    np.testing.assert_allclose(np.sort(flips), np.sort([0.0, 1.0, 1.5, 2.25, 1.75]))
    assert _flips(energy, states[:0]).shape == (0, 1)


def test_each_state_is_kept_once_in_the_order_given():
    states = np.array([[2.0], [-0.0], [2.0], [1.0], [0.0]])
    assert distinct(states).tolist() == [[2.0], [0.0], [1.0]]
    assert distinct(states[:0]).shape == (0, 1)


@pytest.mark.parametrize("n_seeds", [1, 2, 3, 50, 1000])
def test_as_many_starts_are_tried_as_asked_for_and_each_state_flipped_once(
    overlapping, monkeypatch, n_seeds
):
    tried, flipped = [], []

    def counted(energy, starts):
        tried.append(len(starts))
        return settle(energy, starts)

    def recorded(energy, states):
        flipped.extend(map(tuple, states))
        return _flips(energy, states)

    monkeypatch.setattr("skdam.minima._search.settle", counted)
    monkeypatch.setattr("skdam.minima._search._flips", recorded)
    memory = overlapping[0]
    explore(epanechnikov_energy(memory), memory, n_seeds, np.random.RandomState(0))
    assert sum(tried) == n_seeds
    assert len(set(flipped)) == len(flipped)
    assert (len(flipped) > 0) == (n_seeds >= 50)


def test_five_batches_in_vain_end_a_search(monkeypatch):
    batches = []
    monkeypatch.setattr(
        "skdam.minima._search.settle", lambda *some: batches.append(1) or settle(*some)
    )
    memory = EpanechnikovMemory(bandwidth=1.0).fit([[0.0], [5.0], [9.0]])
    energy = epanechnikov_energy(memory)
    assert len(explore(energy, memory, 10_000, np.random.RandomState(0))) == 3
    assert len(batches) == 1 + PATIENCE
