"""The parts of the radius search, one by one: how each arranges points, and what it costs."""

import numpy as np
import pytest
from searches import recorded, search_of, squares

from skdam._active import BACK_ENDS, Search
from skdam._active import _cells as cells_module
from skdam._active import _index as prices
from skdam._active import _refine as refine_module
from skdam._active import _tree as tree_module
from skdam._active._index import nanoseconds
from skdam._active._leaves import LeafSums
from skdam._active._pca import _price
from skdam._math import UNIT_ROUNDOFF
from skdam.kernels import KERNELS


@pytest.fixture(name="X")
def gaussians():
    return np.random.default_rng(0).normal(size=(1500, 12))


# Leaves and groups of queries


@pytest.fixture
def tree():
    rng = np.random.default_rng(0)
    return search_of(rng.normal(size=(400, 2)), 0.7, rng.uniform(0.5, 2.0, 400)).index("tree")


def test_queries_to_be_added_up_are_put_near_each_other(tree):
    Y = np.random.default_rng(1).permutation(np.repeat([0.0, 9.0], 50))[:, None] + np.zeros(2)
    assert tree.order(Y, "distances") is None
    assert tree.order(Y, "members") is None
    order = tree.order(Y, "sums")
    assert sorted(order.tolist()) == list(range(100))
    assert np.count_nonzero(np.diff(Y[order, 0])) == 1


def test_totals_are_asked_for_queries_near_each_other(tree, monkeypatch):
    search = Search(tree.points, tree.weights)
    mixed = np.random.default_rng(1).permutation(np.repeat([0.0, 1.0], 50))[:, None] + np.zeros(2)
    monkeypatch.setattr(search.index("tree"), "sums", 25)
    calls = recorded(monkeypatch, search.index("tree"), "totals")
    total = search.totals(mixed, KERNELS["epanechnikov"], "tree")
    assert [np.ptp(call.args[0].rows) for call in calls] == [0.0] * 4
    expected = np.maximum(1.0 - squares(mixed, tree.points.rows) / 0.49, 0.0) @ tree.weights
    np.testing.assert_allclose(total, expected, rtol=1e-11)


def test_pairs_are_listed_a_few_at_a_time(tree, monkeypatch):
    monkeypatch.setattr(tree_module, "_FEW", 1000)
    monkeypatch.setattr(tree_module, "_BATCH", 500)
    Y, limit = tree.points.rows[:200], tree.points.radius_squared
    near, queries = squares(Y, tree.points.rows) < 0.49, tree.points.lift(Y)
    parts = tree._listable(*tree._reach(queries, limit)[:2])
    assert np.concatenate(parts).tolist() == list(range(200))
    listed = [near[part].sum() for part in parts]
    assert max(listed) <= 500 + near.sum(axis=1).max()
    assert len(parts) >= near.sum() // 500
    for part, (query, point, squared) in zip(parts, tree.found(queries, limit), strict=True):
        found = np.full_like(near[part], False)
        found[query - part[0], point] = squared < limit
        np.testing.assert_array_equal(found, near[part])


@pytest.mark.parametrize("limit", [2.0**-20, 3.0])
def test_a_tree_looks_as_far_as_roundings_may_move_what_it_finds(limit):
    """Points and queries at the centre are not moved at all; others by a share of their length."""
    share = 4.0 * (5 + 16) * UNIT_ROUNDOFF
    tree = search_of(np.zeros((3, 5)), 1.0).index("tree")
    _, (reach,), (error,) = tree._reach(tree.points.lift(np.zeros((1, 5))), limit)
    assert reach == limit**0.5 * (1.0 + share)
    assert error == pytest.approx(share * limit, rel=1e-12)
    _, (reach,), (error,) = tree._reach(tree.points.lift(np.eye(5)[:1] * 2.0**30), limit)
    moved = 4.0 * UNIT_ROUNDOFF * 2.0**30
    assert reach == pytest.approx(limit**0.5 + moved, rel=1e-12)
    assert error == pytest.approx(moved * (2.0 * limit**0.5 + moved), rel=1e-7)
    _, (reach,), _ = tree._reach(tree.points.lift(np.full((1, 5), 1e200)), limit)  # cut off
    assert reach == pytest.approx(4.0 * UNIT_ROUNDOFF * 2.0 * 5**0.5 * 1e150)


def test_the_nearest_point_is_relevant_to_the_last_digit():
    for x in np.random.default_rng(0).normal(size=20):
        ((point, squared),) = search_of(np.array([[x]]), 1.0).tree.relevant(np.zeros((1, 1)), 1, 0)
        assert point.tolist() == [0]
        assert squared.tolist() == [[x * x]]


def test_whole_leaves_and_parts_of_others_count_for_the_error_of_a_sum(tree):
    Y = np.sort(tree.points.rows[:200] * 0.1, axis=0)
    limit, kernel = 36.0, KERNELS["epanechnikov"]
    expected, n_inside = np.zeros(200), np.zeros(200, dtype=int)
    for rows, near, inside in tree._parts(Y, limit, closed=True):
        mass = tree.leaves.sums.mass
        expected[rows] += UNIT_ROUNDOFF * (64.0 * mass[inside].sum() + 24.0 * mass[near].sum())
        n_inside[rows] += bool(inside.size)
    total, error = tree.totals(tree.points.lift(Y), kernel, limit)
    np.testing.assert_allclose(error, expected, rtol=1e-13)
    assert n_inside.max() > 1  # some leaves are within reach of all, others of a group
    exact = tree.exact_totals(tree.points.lift(Y), kernel, limit)
    np.testing.assert_allclose(total, exact, rtol=1e-13)


def test_sums_of_a_leaf_are_taken_from_the_middle_of_its_box(tree):
    sums, points = tree.leaves.sums, tree.points
    np.testing.assert_allclose(sums.centre.T, (sums.low + sums.high) / 2.0, rtol=1e-14, atol=1e-15)
    place, start = np.arange(400)[::-1], np.array([0, 100, 250, 400])
    parts = LeafSums.of(points, tree.weights, place, start)
    for i, some in enumerate((place[:100], place[100:250], place[250:])):
        z, weights = points.rows[some], tree.weights[some]
        np.testing.assert_array_equal(parts.low[:, i], z.min(axis=0))
        np.testing.assert_array_equal(parts.high[:, i], z.max(axis=0))
        z = (z - parts.centre[i]) * points.scale
        np.testing.assert_allclose(parts.first[i], weights @ z, rtol=1e-12, atol=1e-13)
        assert parts.second[i] == pytest.approx(weights @ (z**2).sum(axis=1), rel=1e-12)


# Cells and principal axes


def test_cells_reach_to_their_farthest_points_and_are_always_the_same(X):
    cells, again = (search_of(X, 3.0).index("cells") for _ in range(2))
    np.testing.assert_array_equal(cells.centres, again.centres)
    z = cells.points.lifted[:, :-2]
    distance = squares(z, cells.centres) ** 0.5
    own = np.empty(1500, dtype=int)
    own[cells.place] = np.repeat(np.arange(len(cells.centres)), np.diff(cells.start))
    np.testing.assert_array_equal(own, distance.argmin(axis=1))
    farthest = [distance[own == i, i].max(initial=0.0) for i in range(len(cells.centres))]
    np.testing.assert_allclose(cells.radius, farthest, rtol=1e-14)


def test_a_cell_without_a_length_reaches_everywhere():
    z, centres = np.array([[np.inf], [3.0], [1.0]]), np.array([[np.inf], [-1.0]])
    radius = cells_module._radii(z, centres, np.array([0, 1, 1]))
    assert radius.tolist() == [np.inf, 4.0]


def test_as_many_axes_are_taken_as_a_flat_has():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(1000, 7)) @ rng.normal(size=(7, 40))
    pca = search_of(flat, 9.0).index("pca")
    assert pca.axes.shape == (40, 8)
    np.testing.assert_allclose(pca.axes.T @ pca.axes, np.eye(8), atol=1e-12)
    z = pca.points.lifted[:, :-2]
    np.testing.assert_allclose(z @ pca.axes @ pca.axes.T, z, atol=1e-11)


def test_axes_are_charged_for_what_they_propose(X):
    known, axes = (X, (X**2).sum(axis=1)), np.eye(12)[:, :5]
    product, direct = nanoseconds(prices.SINGLE, 5), nanoseconds(prices.DIRECT, 12)
    few = X[:10], known[1][:10]
    assert _price(1e4, known, few, axes) == pytest.approx(product + direct)
    rest = (known[1] - (X[:, :5] ** 2).sum(axis=1)) ** 0.5
    least = squares(X[:10, :5], X[:, :5]) + (rest[:10, None] - rest) ** 2
    share = np.mean(least < 3.0)
    assert 0.01 < share < 0.5
    assert _price(3.0, known, few, axes) == pytest.approx(product + direct * share, rel=1e-3)


# Costs


@pytest.mark.parametrize("task", ["distances", "members"])
@pytest.mark.parametrize("algorithm", ["refine", "cells", "pca", "gemm"])
def test_a_cost_starts_at_the_floor_and_ends_where_all_pairs_are_near(X, algorithm, task):
    search = search_of(X, 3.0)
    index, far, n = search.index(algorithm), np.full((40, 12), 1e3), 40
    marking = refine_module._MARK * 1500 if (algorithm, task) == ("refine", "members") else 0.0
    least = n * (index.floor() + marking)
    assert index.cost(far, search.limit(1.0), task) == pytest.approx(least, rel=1e-12)
    look = 30.0 if algorithm == "gemm" else index.price(task)
    most = least + n * 1500 * look
    if algorithm == "cells":
        most += n * (1500 * nanoseconds(prices.SINGLE, 12) + len(index.centres) * 120.0)
    assert index.cost(X[:40], search.limit(100.0), task) == pytest.approx(most, rel=1e-12)


def test_members_are_cheaper_than_distances_and_more_features_dearer(X):
    wide = np.append(X, X, axis=1)
    for algorithm in ("refine", "cells"):
        index = search_of(X, 3.0).index(algorithm)
        assert index.price("members") < index.price("distances")
    flat, wider = (search_of(Y, 3.0).index("pca") for Y in (X, wide))
    for task in ("members", "distances"):
        assert flat.width < 12
        assert flat.price(task) < wider.price(task)


def test_listing_from_a_tree_costs_by_row_and_entry(tree):
    Y, limit = tree.points.rows[:1], tree.points.radius_squared
    entries = np.count_nonzero(squares(Y, tree.points.rows) < 0.49)
    cost = tree_module._ROW + entries * tree_module._LISTED
    for task in ("distances", "members"):
        assert tree.cost(np.repeat(Y, 300, axis=0), limit, task) == pytest.approx(300 * cost)


@pytest.mark.parametrize(("many", "group"), [(np.inf, 64), (0, 4)])
@pytest.mark.parametrize("n", [512, 640])
def test_adding_up_in_a_tree_costs_by_group_and_pair(tree, n, many, group, monkeypatch):
    monkeypatch.setattr(tree_module, "_MANY", many)
    Y, limit = np.zeros((n, 2)), tree.points.radius_squared
    gap, span = tree.leaves.boxes(Y, np.arange(len(tree.leaves.sizes)))
    partly = tree.leaves.sizes[(gap <= limit) & (span >= limit)].sum()
    cost = tree_module._PART / group + partly * tree_module._PAIR
    assert partly
    assert tree.cost(Y, limit, "sums") == pytest.approx(n * cost, rel=1e-12)


def test_the_choice_is_made_for_what_is_asked(X, monkeypatch):
    search = search_of(X, 3.0)
    calls = recorded(monkeypatch, search, "choose")
    list(search.sets(X[:300], "auto", 1.25, "members"))
    list(search.sets(X[:300]))
    total = search.totals(X[:300], KERNELS["epanechnikov"])
    assert [call.args[1:] for call in calls[:2]] == [(1.25, "members"), (1.0, "distances")]
    assert calls[2].task == "sums"
    depth = np.maximum(1.0 - squares(X[:300], X) / 9.0, 0.0)
    np.testing.assert_allclose(total, depth.sum(axis=1), rtol=1e-11)
    costs = [recorded(monkeypatch, search.index(name), "cost") for name in BACK_ENDS]
    search.choose(X[:300], 1.5, "members")
    asked = [call.args[1:] for index in costs for call in index]
    assert set(asked) == {(search.limit(1.5), "members")}
