"""The parts of the radius search, one by one: how each arranges points, and what it costs."""

from itertools import permutations

import numpy as np
import pytest
from searches import recorded, search_of, squares

from skdam._active import Search
from skdam._active import _cells as cells_module
from skdam._active import _index as prices
from skdam._active import _pca as pca_module
from skdam._active import _tree as tree_module
from skdam._active._index import nanoseconds
from skdam._active._leaves import LeafSums
from skdam._active._near import Strips
from skdam._active._pca import _price
from skdam._active._tree import near_together
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


@pytest.mark.parametrize("limit", [2.0**-20, 3.0])
def test_a_tree_looks_as_far_as_roundings_may_move_what_it_finds(limit):
    """Points and queries at the centre are not moved at all; others by a share of their length."""
    share = 4.0 * (5 + 16) * UNIT_ROUNDOFF
    tree = search_of(np.zeros((3, 5)), 1.0).index("tree")
    _, (reach,), (error,) = tree._reach(tree.points.lift(np.zeros((1, 5))), limit)
    assert reach == limit**0.5 * (1.0 + share)
    assert error == pytest.approx(share * limit, rel=1e-12, abs=0.0)
    _, (reach,), (error,) = tree._reach(tree.points.lift(np.eye(5)[:1] * 2.0**30), limit)
    moved = 4.0 * UNIT_ROUNDOFF * 2.0**30
    assert reach == pytest.approx(limit**0.5 + moved, rel=1e-12)
    assert error == pytest.approx(moved * (2.0 * limit**0.5 + moved), rel=1e-7, abs=0.0)
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


def test_the_error_of_parts_of_leaves_grows_with_the_slope_of_the_kernel(tree, monkeypatch):
    monkeypatch.setattr(Strips, "row", np.inf)  # listing never pays
    Y = np.zeros((4, 2))
    _, error = tree.totals(tree.points.lift(Y), KERNELS["triweight"], 1.0)
    ((_, near, _),) = tree._parts(Y, 1.0, closed=False)
    mass = tree.leaves.sums.mass[near].sum()
    np.testing.assert_allclose(error, 3.0 * 24.0 * UNIT_ROUNDOFF * mass, rtol=1e-12)


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


@pytest.mark.parametrize(("n", "sizes"), [(256, [64] * 4), (250, [61, 63, 63, 63]), (64, [64])])
def test_queries_are_split_into_quarters_down_to_groups(tree, n, sizes, monkeypatch):
    monkeypatch.setattr(tree_module, "_MANY", np.inf)
    parts = list(tree._parts(np.zeros((n, 2)), 1.0, closed=False))
    assert sorted(rows.stop - rows.start for rows, _, _ in parts) == sizes


@pytest.mark.parametrize(("many", "sizes"), [(64 * 400, [64]), (64 * 400 - 1, [16] * 4)])
def test_groups_with_too_many_pairs_are_split_further(tree, many, sizes, monkeypatch):
    monkeypatch.setattr(tree_module, "_MANY", many)
    parts = list(tree._parts(np.zeros((64, 2)), 1e6, closed=False))
    assert [rows.stop - rows.start for rows, _, _ in parts] == sizes


def test_groups_of_an_order_are_near_each_other():
    line = np.random.default_rng(0).permutation(256.0 + np.arange(256))
    groups = line[near_together(line[:, None])].reshape(32, 8)
    assert np.ptp(groups, axis=1).tolist() == [7.0] * 32


def test_leaves_are_filled_up_with_points_of_no_weight_infinitely_far():
    leaves = search_of(np.random.default_rng(0).normal(size=(81, 2)), 1.0).index("tree").leaves
    missing = np.arange(leaves.sizes.max()) >= leaves.sizes[:, None]
    assert missing.sum() == 1
    values = (leaves.point, leaves.weight, *leaves.axes)
    assert [value[missing].item() for value in values] == [0, 0.0, np.inf, np.inf]


def test_boxes_are_as_far_as_their_nearest_and_farthest_corners():
    leaves = search_of(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), 1.0).index("tree").leaves
    gap, span = leaves.boxes(np.array([[4.0, 5.0, 0.5]]), np.arange(1))
    assert (gap.tolist(), span.tolist()) == ([9.0 + 16.0], [16.0 + 25.0 + 0.25])


def test_a_leaf_within_reach_by_less_than_roundings_is_looked_at():
    tree = search_of(np.array([[-1.0], [1.0]]), 1.0).index("tree")

    def reached(x, limit):
        near, inside = tree._reached(np.array([[x]]), np.arange(1), limit, closed=True)
        return near.tolist(), inside.tolist()

    assert reached(3.0, 4.0 * (1.0 - 2.0**-41)) == ([0], [])
    assert reached(3.0, 4.0 * (1.0 - 2.0**-39)) == ([], [])
    assert reached(0.0, 1.0 + 2.0**-41) == ([0], [])
    assert reached(0.0, 1.0 + 2.0**-39) == ([], [0])


def test_a_point_is_relevant_to_itself():
    ((point, squared),) = search_of(np.zeros((1, 2)), 1.0).tree.relevant(np.zeros((1, 2)), 1, 0)
    assert (point.tolist(), squared.tolist()) == ([0], [[0.0]])


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


def test_centres_come_to_rest_in_the_middle_of_their_points():
    for z in permutations([0.0, 100.0, 101.0, 300.0]):
        centres = cells_module._k_means(np.array(z)[:, None], 3)
        assert sorted(centres.ravel().tolist()) == [0.0, 100.5, 300.0]
    centres = cells_module._centres(np.array([[0.0], [10.0], [1.0], [12.0]]))
    assert sorted(centres.ravel().tolist()) == [0.5, 11.0]


def test_a_centre_that_nobody_is_near_stays():
    assert cells_module._k_means(np.full((6, 1), 5.0), 2).tolist() == [[5.0]] * 2


@pytest.mark.parametrize(("share", "n_cells"), [(3.0, 1), (4.5, 2)])
def test_one_cell_is_made_where_distances_might_overflow(share, n_cells):
    """Of two points of length r the distance may be 2r, of which the square is 4 r^2."""
    z = (np.finfo(np.float64).max / share / 4.0) ** 0.5 * np.array([[1.0], [-1.0], [-1.0], [1.0]])
    centres = cells_module._centres(z)
    assert len(centres) == n_cells
    np.testing.assert_array_equal(np.unique(centres), np.unique(z) if n_cells == 2 else [0.0])


def test_cells_are_visited_as_far_as_the_lengths_of_query_and_centre_may_round():
    cells = search_of(np.array([[-1.0], [1.0]]), 1.0).index("cells")
    cells.centres, cells.radius = np.array([[0.0], [1e6]]), np.zeros(2)

    def visited(x):
        return cells._visits(cells.points.lift(np.array([[x]])), 1.0)[0].tolist()

    assert visited(1.0 + 1.5e-6) == [True, False]
    assert visited(1.0 + 2.5e-6) == [False, False]
    assert visited(1e6 - 2.9) == [False, True]
    assert visited(1e6 - 3.1) == [False, False]


def test_cells_are_visited_at_radii_far_below_their_unit():
    rows = np.repeat([[0.0, 0.0, 0.0], [5.0, 0.0, 0.0]], 2, axis=0)
    near = search_of(rows, 1.0).at(0.01).marked(rows[:1] + 0.004, "cells")
    assert near.toarray().tolist() == [[True, True, False, False]]


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


def test_axes_are_those_of_every_row_while_these_are_few():
    rows = np.zeros((1000, 40))
    normal = np.random.default_rng(0).normal(size=(500, 8)) * 20.0
    rows[::2, :4], rows[1::2, 4:8] = normal[:, :4], normal[:, 4:]
    axes = search_of(rows, 9.0).index("pca").axes
    assert axes.shape == (40, 8)
    np.testing.assert_allclose(np.abs(axes[8:]), 0.0, atol=1e-12)


def test_axes_are_those_of_some_rows_where_there_are_many(monkeypatch):
    monkeypatch.setattr(pca_module, "_FITTED", 100)
    rows, rng = np.zeros((1500, 12)), np.random.default_rng(0)
    rows[:, 4:8], rows[::15] = rng.normal(size=(1500, 4)), 0.0
    rows[::15, :4] = rng.normal(size=(100, 4))
    axes = search_of(rows, 1.0).index("pca").axes
    np.testing.assert_allclose(np.linalg.norm(axes[:4, :4]) ** 2, 4.0, rtol=1e-12)


@pytest.mark.parametrize(("n", "n_points", "n_queries"), [(100, 100, 100), (1500, 1500, 66)])
def test_axes_are_tried_on_every_point_while_these_are_few(X, n, n_points, n_queries, monkeypatch):
    calls = recorded(monkeypatch, pca_module, "_price")
    search_of(X[:n], 3.0).index("pca")
    sizes = {tuple(len(rows) for rows, _ in call.args[1:3]) for call in calls}
    assert sizes == {(n_points, n_queries)}


def test_members_are_asked_for_in_order_of_the_first_axis():
    rows = np.random.default_rng(0).normal(size=(200, 9)) * np.array([1.0, 5.0] + [1.0] * 7)
    pca, X = search_of(rows, 2.0).index("pca"), rows[:30]
    order = pca.order(X, "members")
    along = X @ pca.axes[:, 0]
    assert (np.diff(along[order]) >= 0).all()
    assert abs(np.corrcoef(along, X[:, 1])[0, 1]) > 0.9
    assert pca.order(X, "distances") is pca.order(X, "sums") is None


@pytest.mark.parametrize("algorithm", ["refine", "cells", "pca"])
def test_an_excess_is_that_of_single_precision_and_of_how_lengths_of_rests_round(X, algorithm):
    index, Y = search_of(X, 3.0).index(algorithm), X[:50] * np.linspace(0.1, 20.0, 50)[:, None]
    queries, pair = index.points.lift(Y), np.arange(50)
    x, y = ((rows - index.points.centre) / 2.0 for rows in (Y, X[100:150]))
    both, share = (x**2).sum(axis=1) + (y**2).sum(axis=1), 4 * (3 * 14 + 16) * 2.0**-24
    assert index.is_tight == (algorithm != "pca")
    if algorithm == "pca":
        length = index.width + 3  # the rest's, and two of the lift
        slack = 8.0 * (4.0 * (12 + 8) * UNIT_ROUNDOFF) ** 0.5
        share = 4 * (3 * length + 16) * 2.0**-24 + 2.0 * slack
        assert 1.0 - index.product.shrunk == pytest.approx(share / 2.0, rel=1e-9)
    excess = index.excess(queries, pair, pair + 100)
    np.testing.assert_allclose(excess, share * both, rtol=1e-6)
