"""All minima and nothing else, whatever the data: against rational brute force and closed forms."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from cases import random_case, sets_of
from reference import self_consistent_sets
from scipy.spatial.distance import cdist, pdist
from sklearn.exceptions import NotFittedError

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory, enumerate_minima
from skdam._math import Points
from skdam.bandwidths import bandwidth_from_beta, emergence_window
from skdam.minima._enumerate import _Neighbourhood, _neighbours, _Sets, epanechnikov_energy
from skdam.minima._minima import _gap_bounds, nearest_to_rim

pytestmark = pytest.mark.usefixtures("each_back_end")


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_precision_and_recall_are_one_against_rational_brute_force(start):
    sizes = set()
    for seed in range(start, start + 50):
        X, weights, radius = random_case(seed)
        memory = EpanechnikovMemory(bandwidth=radius).fit(X, sample_weight=weights)
        minima = enumerate_minima(memory)
        expected = self_consistent_sets(X, weights, radius)
        assert minima.complete
        assert sets_of(minima) == expected
        assert len(minima) == len(expected)
        sizes |= {len({tuple(X[i]) for i in members}) for members in expected}
    assert {1, 2, 3} <= sizes


@pytest.mark.parametrize("offset", [1e6, -3e7])
def test_far_from_the_origin_the_sets_are_the_same(offset):
    for seed in range(0, 60, 2):
        X, weights, radius = random_case(seed)
        X = X + offset
        memory = EpanechnikovMemory(bandwidth=radius).fit(X, sample_weight=weights)
        assert sets_of(enumerate_minima(memory)) == self_consistent_sets(X, weights, radius)


@pytest.mark.parametrize(("beta", "count"), [(0.4, 1), (0.9, 3), (2.1, 2)])
def test_a_pair(beta, count):
    memory = EpanechnikovMemory(bandwidth_from_beta(beta)).fit([[-1.0], [1.0]])
    assert len(enumerate_minima(memory)) == count


@pytest.mark.parametrize(("beta", "count"), [(0.3, 1), (0.6, 4), (1.1, 7), (2.1, 3)])
def test_an_equilateral_triangle_of_side_two(beta, count):
    X = [[0.0, 0.0], [2.0, 0.0], [1.0, np.sqrt(3.0)]]
    minima = enumerate_minima(EpanechnikovMemory(bandwidth_from_beta(beta)).fit(X))
    assert len(minima) == count
    assert (~minima.is_emergent).sum() == (3 if beta > 0.5 else 0)


@pytest.mark.parametrize("rho", [0.3, 0.55, 0.7, 0.9, 1.0, 1.07, 1.3])
@pytest.mark.parametrize("n", [2, 5, 12])
def test_one_hot_memories_have_the_minima_of_the_closed_form(n, rho):
    sizes = [k for k in range(1, n + 1) if (k - 1) / k < rho and (k == n or (k + 1) / k > rho)]
    minima = enumerate_minima(EpanechnikovMemory(np.sqrt(rho)).fit(np.eye(n)))
    assert len(minima) == sum(comb(n, k) for k in sizes)
    assert {len(members) for members in minima.members} == set(sizes)


def test_a_million_minima_of_twenty_one_hot_memories():
    minima = enumerate_minima(EpanechnikovMemory(1.0).fit(np.eye(20)))
    assert minima.complete
    assert len(minima) == 2**20 - 1


@pytest.mark.parametrize(
    ("n", "n_features", "factor"), [(15, 32, 0.95), (25, 32, 0.95), (25, 8, 2)]
)
def test_the_papers_sizes_are_enumerated_completely(n, n_features, factor):
    X = np.random.default_rng(0).random((n, n_features))
    assert enumerate_minima(EpanechnikovMemory(factor * pdist(X).min()).fit(X)).complete


def test_global_emergence_in_its_window_and_none_below():
    rng = np.random.default_rng(0)
    for _ in range(200):
        X = rng.normal(size=(rng.integers(2, 12), rng.integers(1, 6)))
        low, high = emergence_window(X)
        emergent = enumerate_minima(EpanechnikovMemory(rng.uniform(low, high)).fit(X))
        assert (~emergent.is_emergent).sum() == len(X)  # all kept
        assert emergent.is_emergent.any()
        few = enumerate_minima(EpanechnikovMemory(rng.uniform(0.02, 1) * low).fit(X))
        assert len(few) == len(X)
        assert not few.is_emergent.any()


@pytest.fixture(scope="module")
def overlapping():
    X = np.random.default_rng(0).random((15, 8))
    memory = EpanechnikovMemory(bandwidth=0.75).fit(X)
    return memory, enumerate_minima(memory)


def test_minima_are_what_retrieval_ends_at(overlapping):
    memory, minima = overlapping
    assert len(minima) == 151
    result = memory.retrieve(minima.points)
    np.testing.assert_array_equal(result.state, minima.points)
    np.testing.assert_allclose(result.energy, minima.energies, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(result.recalled >= 0, ~minima.is_emergent)
    for row, members in zip(result.members.toarray(), minima.members, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(row), members)


def test_margin_is_the_exact_radius_of_return_in_one_step(overlapping):
    memory, minima = overlapping
    one_step = EpanechnikovMemory(bandwidth=0.75, max_iter=1).fit(memory.memories_)
    rng = np.random.default_rng(0)
    for _ in range(20):
        direction = rng.normal(size=minima.points.shape)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        near = minima.points + 0.999 * minima.margins[:, None] * direction
        np.testing.assert_array_equal(one_step.transform(near), minima.points)
    for x, margin in zip(minima.points, minima.margins, strict=True):
        away = memory.memories_ - x
        distance = np.linalg.norm(away, axis=1)
        i = np.abs(distance - 0.75).argmin()
        assert margin == pytest.approx(abs(distance[i] - 0.75), abs=1e-14)
        if distance[i] > 0:
            step = away[i] / distance[i] * np.sign(distance[i] - 0.75) * margin * 1.001
            assert (one_step.transform([x + step]) != x).any()  # its active set is another one


def test_order_of_the_memories_changes_nothing(overlapping):
    memory, minima = overlapping
    order = np.random.default_rng(1).permutation(15)
    other = enumerate_minima(EpanechnikovMemory(bandwidth=0.75).fit(memory.memories_[order]))
    np.testing.assert_array_equal(other.points, minima.points)
    np.testing.assert_allclose(other.energies, minima.energies, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(other.margins, minima.margins)
    for one, members in zip(other.members, minima.members, strict=True):
        assert sorted(order[one]) == members.tolist()


@pytest.mark.parametrize("power", [-500, 7, 500])
def test_scaling_by_a_power_of_two_is_bit_exact(overlapping, power):
    memory, minima = overlapping
    bandwidth, X = float(np.ldexp(0.75, power)), np.ldexp(memory.memories_, power)
    other = enumerate_minima(EpanechnikovMemory(bandwidth=bandwidth).fit(X))
    np.testing.assert_array_equal(other.points, np.ldexp(minima.points, power))
    np.testing.assert_array_equal(other.margins, np.ldexp(minima.margins, power))
    assert sets_of(other) == sets_of(minima)


def test_all_copies_are_listed_and_do_not_make_a_minimum_emergent():
    X = [[0.0], [5.0], [0.0], [1.0]]
    minima = enumerate_minima(EpanechnikovMemory(bandwidth=1.2).fit(X))
    assert [m.tolist() for m in minima.members] == [[1], [0, 2, 3]]
    assert minima.is_emergent.tolist() == [False, True]
    assert minima.points.ravel() == pytest.approx([5.0, 1 / 3])
    copies = enumerate_minima(EpanechnikovMemory(bandwidth=0.5).fit(X))
    assert [m.tolist() for m in copies.members] == [[0, 2], [3], [1]]
    assert not copies.is_emergent.any()


def test_a_mean_that_is_a_stored_memory_is_not_emergent():
    minima = enumerate_minima(EpanechnikovMemory(bandwidth=1.5).fit([[0.0], [1.0], [2.0]]))
    assert [m.tolist() for m in minima.members][-1] == [0, 1, 2]
    assert not minima.is_emergent[-1]
    first = enumerate_minima(EpanechnikovMemory(bandwidth=1.5).fit([[1.0], [0.0], [2.0]]))
    assert not first.is_emergent[-1]


def test_a_tie_does_not_hide_a_member_out_of_reach():
    X, weights = np.array([[-0.625], [0.0], [1.5]]), np.array([1.0, 3.0, 1.0])
    X[0] = np.nextafter(X[0], -1.0)
    # the mean of the last two is 0.375: the first lies just beyond its rim, the last far beyond
    memory = EpanechnikovMemory(bandwidth=1.0).fit(X, sample_weight=weights)
    expected = self_consistent_sets(X, weights, 1.0)
    assert sets_of(enumerate_minima(memory)) == expected
    assert (1, 2) not in {tuple(members) for members in expected}


def test_slack_bounds_what_sums_lose():
    rng = np.random.default_rng(0)
    X, weights = rng.random((60, 2)), rng.random(60)
    energy = epanechnikov_energy(EpanechnikovMemory(2.0).fit(X, sample_weight=weights))
    part = _Neighbourhood.of(energy, np.arange(60))
    rows, w = ([[Fraction(v) for v in row] for row in a] for a in (part.rows, [part.weights]))
    unit = Fraction(float(energy.patterns.points.scale)) ** 2
    for size in (2, 20, 60):
        sets, zero = _Sets.empty(part), np.array([0])
        for new in range(size):
            sets = sets.grown(zero, np.array([new]))
        exact = [
            unit * sum(w[0][j] * sum((a - b) ** 2 for a, b in zip(rows[i], rows[j], strict=True))
                       for j in range(size))
            for i in range(60)
        ]  # fmt: skip
        error = [abs(Fraction(s) / e - 1) for s, e in zip(sets.s[0].tolist(), exact, strict=True)]
        total = sum(w[0][i] * exact[i] for i in range(size))
        error.append(abs(Fraction(sets.T[0].item()) / total - 1))
        assert 0 < max(error) <= part.slack(size)


def visits(X, weights, radius):
    """Count the sets that the bounds of `_enumerate` leave a chance, one by one."""
    apart = ((X[:, None] - X) ** 2).sum(axis=2)
    limit, n = radius**2, len(X)

    def below(members, candidates):
        near = np.flatnonzero(apart[members[0]] < 4 * limit)
        s = weights[members] @ apart[members]
        reach = members + candidates
        bound = [j for j in near if (apart[j, reach] < limit).all()]
        out = [j for j in near if j not in reach]
        if set(bound) & set(out):
            return 1
        inner, outer = min(out, key=lambda j: s[j], default=None), max(members, key=lambda j: s[j])
        if inner is not None:
            gains = np.maximum(apart[inner, candidates] - apart[outer, candidates], 0.0)
            if s[inner] + gains @ weights[candidates] <= s[outer]:
                return 1
        count = 1
        for j in candidates:
            joined = [*members, j]
            w, T = weights[joined], weights[joined] @ apart[np.ix_(joined, joined)]
            if T @ w / (2 * w.sum() ** 2) < limit:
                later = [k for k in candidates if k > j and apart[k, j] < 4 * limit]
                count += below(joined, later)
            if j in bound:
                break
        return count

    return sum(
        below([i], [j for j in range(i + 1, n) if apart[i, j] < 4 * limit]) for i in range(n)
    )


@pytest.mark.parametrize("seed", range(6))
def test_as_many_sets_are_visited_as_the_bounds_leave_a_chance(seed):
    rng = np.random.default_rng(seed)
    X, weights = rng.normal(size=(9, 2)), rng.uniform(0.2, 3.0, 9)
    X, radius = X[np.lexsort(X.T[::-1])], rng.uniform(0.7, 1.6)
    memory = EpanechnikovMemory(radius).fit(X, sample_weight=weights)
    count = visits(X, weights, radius)
    assert enumerate_minima(memory, max_sets=count).complete
    assert not enumerate_minima(memory, max_sets=count - 1).complete


@pytest.mark.parametrize("most", [1, 4, 30])
@pytest.mark.parametrize("bandwidth", [0.3, 1.5, 40.0])
def test_memories_nearest_to_a_rim_are_those_of_a_plain_sort(bandwidth, most):
    rng = np.random.default_rng(0)
    X = np.unique(rng.normal(size=(25, 3)), axis=0) * bandwidth
    states = np.concatenate([X[:5], rng.normal(size=(20, 3)) * 3.0 * bandwidth])
    energy = epanechnikov_energy(EpanechnikovMemory(bandwidth).fit(X))
    index, gap = nearest_to_rim(energy, states, most)
    exact = np.abs(cdist(states, X) - bandwidth)
    expected = np.argsort(exact, axis=1, kind="stable")[:, :most]
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(gap, np.take_along_axis(exact, expected, 1), 1e-9, 1e-14 * bandwidth)


@pytest.mark.parametrize("max_sets", [1, 5, 100])
def test_a_budget_too_small_is_admitted(overlapping, max_sets):
    memory, minima = overlapping
    some = enumerate_minima(memory, max_sets=max_sets)
    assert not some.complete
    assert len(some) <= max_sets
    assert sets_of(some) <= sets_of(minima)
    assert "not complete" in repr(some)


def test_a_neighbourhood_too_large_to_look_at_is_admitted(overlapping, monkeypatch):
    memory, minima = overlapping
    monkeypatch.setattr("skdam.minima._enumerate.LARGEST", 14)
    some = enumerate_minima(memory)
    assert not some.complete
    assert sets_of(some) <= sets_of(minima)
    monkeypatch.setattr("skdam.minima._enumerate.LARGEST", 15)
    assert enumerate_minima(memory).complete


def test_memories_come_in_blocks_without_loss():
    X = np.sort(np.random.default_rng(0).random((600, 1)), axis=0) * 200.0
    near = np.abs(X - X.T) < 2.0
    energy = epanechnikov_energy(EpanechnikovMemory(bandwidth=1.0).fit(X))
    listed = [(root, index.tolist()) for root, index in _neighbours(energy)]
    assert listed == [(root, np.flatnonzero(row).tolist()) for root, row in enumerate(near)]


def test_sets_of_a_chain_are_found_beyond_the_reach_of_their_root():
    X = np.linspace(0.0, 9.0, 31)[:, None] ** 1.3  # one component, many neighbourhoods
    memory = EpanechnikovMemory(bandwidth=1.0).fit(X)
    minima = enumerate_minima(memory)
    assert minima.complete
    found = {tuple(members.tolist()) for members in minima.members}
    runs = [tuple(range(i, j)) for i in range(31) for j in range(i + 1, 32)]
    centre = [X[list(run)].mean() for run in runs]  # on a line, sets are runs
    expected = {
        run
        for run, c in zip(runs, centre, strict=True)
        if set(np.flatnonzero(np.abs(X[:, 0] - c) < 1.0)) == set(run)
    }
    assert found == expected


def test_wrong_memories_and_budgets_are_refused(overlapping):
    with pytest.raises(TypeError, match="under the Epanechnikov kernel alone, got GaussianKernel"):
        enumerate_minima(GaussianMemory(bandwidth=1.0).fit([[0.0], [1.0]]))
    with pytest.raises(TypeError, match="must be a fitted kernel memory, got an object of int"):
        enumerate_minima(3)
    with pytest.raises(NotFittedError):
        enumerate_minima(EpanechnikovMemory())
    for wrong in (0, -1, 2.5, True, None):
        with pytest.raises(ValueError, match=f"max_sets must be .*got {wrong!r}"):
            enumerate_minima(overlapping[0], max_sets=wrong)
    assert len(enumerate_minima(KernelMemory("epanechnikov", 0.1).fit([[0.0], [1.0]]))) == 2


def test_blocks_change_nothing_and_the_order_is_by_size_then_lexicographic(monkeypatch):
    X = np.unique(np.random.default_rng(0).random((15, 8)), axis=0)
    memory = EpanechnikovMemory(bandwidth=0.75).fit(X)
    whole = [members.tolist() for members in enumerate_minima(memory).members]
    monkeypatch.setattr("skdam.minima._enumerate.BLOCK_ELEMENTS", 50)
    assert [members.tolist() for members in enumerate_minima(memory).members] == whole
    assert whole == sorted(whole, key=lambda members: (len(members), members))


@pytest.mark.parametrize("bandwidth", [2.0, 1e3, 1e6])
def test_memories_that_are_all_in_reach_of_each_other_have_one_minimum(bandwidth):
    X = np.random.default_rng(0).random((300, 2))
    minima = enumerate_minima(EpanechnikovMemory(bandwidth).fit(X), max_sets=1000)
    assert minima.complete  # one set for each size, and one for each later root
    np.testing.assert_allclose(minima.points, [X.mean(axis=0)])


def test_order_runs_across_components():
    X = [[float(i), 100.0 * (i % 2)] for i in range(8)]  # two components, interleaved
    minima = enumerate_minima(EpanechnikovMemory(bandwidth=1.5).fit(X))
    listed = [members.tolist() for members in minima.members]
    assert listed == sorted(listed, key=lambda members: (len(members), members))
    assert {len(members) for members in listed} == {1, 2}


def test_only_memories_that_can_meet_are_tried_together():
    rows = np.array([[0.0], [0.5], [1.5], [1.9], [2.0], [2.6]])
    energy = epanechnikov_energy(EpanechnikovMemory(bandwidth=1.0).fit(rows))
    part, apart = _Neighbourhood.of(energy, np.arange(6)), np.abs(rows - rows.T)
    nearly = 1.0 + 2.0**-40  # what rounding could undo stays in
    np.testing.assert_array_equal(part.adjacent, np.triu(apart**2 < 4.0 * nearly, 1))
    np.testing.assert_array_equal(part.far, apart >= 1.0)
    np.testing.assert_allclose(part.squared, apart**2 * (part.limit / 1.0), rtol=1e-15)
    neighbours = [index.tolist() for _, index in _neighbours(energy)]
    assert neighbours == [np.flatnonzero(row < 2.0 * nearly).tolist() for row in apart]


def test_a_description_tells_whether_it_is_whole(overlapping):
    minima = overlapping[1]
    told = f"Minima({len(minima)}, {minima.is_emergent.sum()} of them emergent; "
    assert repr(minima) == told + "complete)"
    assert repr(minima[1:]).endswith("; not complete)")


def test_gaps_to_spheres_are_bounded_even_where_points_coincide():
    X = np.random.default_rng(0).normal(size=(20, 3)) + 1e4
    points = Points.measured(X, 1.5)
    low, high = _gap_bounds(points, points.lift(X), 1.5)
    gap = np.abs(np.sqrt(((X[:, None] - X) ** 2).sum(axis=2)) - 1.5)
    assert ((low <= gap * (1 + 1e-12)) & (gap <= high * (1 + 1e-12))).all()
    assert (high - low <= 1e-3 + (gap == 1.5)).all()


@pytest.mark.parametrize("seed", range(3))
def test_sets_of_too_large_a_variance_are_not_visited(seed):
    """Rows about as far apart as one-hot ones: k of them have a variance of about 1 - 1 / k."""
    rng = np.random.default_rng(seed)
    X = np.eye(7) + 0.02 * rng.normal(size=(7, 7))
    X, weights = X[np.lexsort(X.T[::-1])], rng.uniform(0.9, 1.1, 7)
    memory = EpanechnikovMemory(0.72**0.5).fit(X, sample_weight=weights)
    count = visits(X, weights, 0.72**0.5)
    assert enumerate_minima(memory, max_sets=count).complete
    assert not enumerate_minima(memory, max_sets=count - 1).complete
