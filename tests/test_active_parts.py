"""The parts of the radius search, one by one: what each proposes, holds, bounds and costs."""

from types import SimpleNamespace

import numpy as np
import pytest
from cases import member_lists
from sklearn import config_context

from skdam._active import BACK_ENDS, Lists, Search
from skdam._active import _cells as cells_module
from skdam._active import _index as prices
from skdam._active import _refine as refine_module
from skdam._active import _tree as tree_module
from skdam._active._index import nanoseconds
from skdam._active._leaves import LeafSums
from skdam._active._pca import _price
from skdam._active._proposer import _batches
from skdam._active._rough import Sides
from skdam._active._sets import joined
from skdam._active._single import SingleProduct, above, beneath
from skdam._math import SINGLE_ROUNDOFF, UNIT_ROUNDOFF, Points
from skdam.kernels import KERNELS

every_back_end = pytest.mark.parametrize("algorithm", BACK_ENDS)


def search_of(X, radius, weights=None):
    return Search(Points.measured(X, radius), np.ones(len(X)) if weights is None else weights)


@pytest.fixture(name="X")
def gaussians():
    return np.random.default_rng(0).normal(size=(1500, 12))


def squares(X, Y):
    return ((X[:, None] - Y) ** 2).sum(axis=2)


def recorded(monkeypatch, owner, name):
    """Let a method note its arguments, and do what it does."""
    calls, method = [], getattr(owner, name)

    def noting(*args, **kwargs):
        calls.append(SimpleNamespace(args=args, **kwargs))
        return method(*args, **kwargs)

    monkeypatch.setattr(owner, name, noting)
    return calls


# Pairs


def test_no_runs_join_to_no_pairs():
    query, point, squared = joined([])
    assert [part.shape for part in (query, point, squared)] == [(0,)] * 3
    assert query.dtype == point.dtype == np.intp
    assert squared.dtype == np.float64


def test_runs_of_pairs_are_joined_up_to_a_batch(monkeypatch):
    monkeypatch.setattr("skdam._active._proposer._BATCH", 4)
    runs = [(np.arange(n), np.arange(n), np.zeros(n)) for n in (3, 1, 2, 5, 1)]
    assert [len(query) for query, _, _ in _batches(runs)] == [4, 7, 1]
    assert list(_batches([])) == []


@every_back_end
def test_sets_are_marked_in_the_order_of_the_queries(X, algorithm):
    search, near = search_of(X, 3.0), squares(X[::5], X) < 9.0
    np.testing.assert_array_equal(search.marked(X[::5], algorithm).toarray(), near)
    wider = search.marked(X[::5], algorithm, 1.2).toarray()
    np.testing.assert_array_equal(wider, squares(X[::5], X) < 3.6**2)


@every_back_end
def test_a_rough_distance_is_on_the_right_side_of_both_reaches(X, algorithm):
    search, within, seen = search_of(X, 3.0), squares(X[:300], X) < 9.0, np.zeros((300, 1500), bool)
    for rows, sets in search.sets(X[:300], algorithm, 1.25, "members", within=1.0):
        place = rows[sets.query], sets.indices
        seen[place] = True
        np.testing.assert_array_equal(sets.u < 1.0, within[place])
        assert (sets.u < 1.25**2).all()
    np.testing.assert_array_equal(seen, squares(X[:300], X) < 3.75**2)


@every_back_end
def test_sides_of_pairs_are_found_a_few_at_a_time(X, algorithm, monkeypatch):
    monkeypatch.setattr("skdam._active._refine._LISTED", 4500)  # three rows
    search = search_of(X, 3.0)
    limits = search.limit(1.25), search.limit(1.0)
    queries, found = search.points.lift(X[:50]), np.full((50, 1500), np.inf)
    for query, point, squared in search.index(algorithm).found(
        queries, limits[0], Sides(limits, search.bounds)
    ):
        found[query, point] = squared
    exact = squares(X[:50], X) * search.points.scale**2
    for limit in limits:
        np.testing.assert_array_equal(found < limit, exact < limit)


@pytest.mark.parametrize("algorithm", ["gemm", "refine"])
def test_nearly_all_members_are_decided_without_differences(X, algorithm, monkeypatch):
    search, calls = search_of(X, 4.0), recorded(monkeypatch, Points, "direct")
    n_members = search.marked(X[:300], algorithm).nnz
    assert sum(len(call.args[2]) for call in calls) <= 10
    assert n_members > 10_000


def test_what_is_marked_at_a_time_fits_working_memory(X, monkeypatch):
    refine, limit = (search := search_of(X, 3.0)).index("refine"), search.limit(1.0)
    calls = recorded(monkeypatch, refine, "_below")
    with config_context(working_memory=1):
        list(refine.found(search.points.lift(X), limit, Sides((limit,), search.bounds)))
    sizes = [len(call.args[0]) for call in calls]
    assert sum(sizes) == 1500
    assert max(sizes) * 1500 * refine_module._PAIR <= 2**20


def test_a_block_with_too_many_entries_is_halved(monkeypatch):
    X = np.random.default_rng(0).normal(size=(1100, 2))
    monkeypatch.setattr(Search, "most", 2100)  # fewer than two sets of all points
    for algorithm in ("gemm", "tree"):
        blocks = list(search_of(X, 100.0).sets(X[:5], algorithm))
        assert [len(rows) for rows, _ in blocks] == [1] * 5
        assert member_lists(iter(blocks), 5) == [list(range(1100))] * 5


# Single precision


@pytest.mark.parametrize("slack", [0.0, 1e-4])
def test_a_product_in_single_precision_is_below_and_little_so(X, slack):
    z, lengths = X - 0.5, ((X - 0.5) ** 2).sum(axis=1)
    product, exact = SingleProduct(z, lengths, slack), squares(z[:100], z)
    ((start, lower),) = product.tiles(product.lift(z[:100], lengths[:100]), slice(0, 200))
    both = lengths[:100, None] + lengths[:200]
    excess = product.excess(both)
    np.testing.assert_allclose(excess / both, 4 * (3 * 14 + 16) * SINGLE_ROUNDOFF + 2 * slack)
    assert (start, lower.shape) == (0, (100, 200))
    assert (lower <= exact[:, :200]).all()
    assert (exact[:, :200] <= lower + excess).all()


def test_limits_are_rounded_outwards_wherever_they_fall_between_floats():
    for limit in np.random.default_rng(0).uniform(0.5, 5.0, 200):
        assert float(beneath(limit)) < limit < float(above(limit))


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


# Lists


@pytest.fixture
def lists(X, monkeypatch):
    monkeypatch.setattr("skdam._active._lists._WORTH", np.inf)
    return Lists(search_of(X, 2.0), "gemm", 60)


def asked(lists, rows, X):
    """Return what sets of some rows are, as (indices, u) of each."""
    answers = {}
    for part, sets in lists.sets(rows, X):
        cuts = sets.indptr[1:-1]
        pairs = zip(np.split(sets.indices, cuts), np.split(sets.u, cuts), strict=True)
        answers |= dict(zip(part.tolist(), pairs, strict=True))
    return [answers[i] for i in range(len(rows))]


def test_distances_looked_up_on_lists_are_those_of_differences(lists, X):
    rows = np.arange(60)
    asked(lists, rows, X[:60])
    for x, (indices, u) in zip(X[:60] + 0.01, asked(lists, rows, X[:60] + 0.01), strict=True):
        points, query = lists.search.points, lists.search.points.lift(x[None])
        exact = points.direct(query, np.zeros_like(indices), indices) / points.radius_squared
        np.testing.assert_array_equal(u, exact)


def test_lists_of_rows_in_use_are_kept_and_others_go(lists, X):
    asked(lists, np.arange(60), X[:60])
    state = np.append(X[:30], X[30:40] + 0.5, axis=0)
    asked(lists, np.arange(40), state)  # some stay where they are, some jump, some are at rest
    held = lists._skin >= 0
    assert held.tolist() == [True] * 40 + [False] * 20
    near = squares(state, X) <= (2.0 * (1.0 + lists._skin[:40, None])) ** 2
    for i in range(40):
        one = lists._pool[lists._first[i] : lists._first[i] + lists._length[i]]
        assert one.tolist() == np.flatnonzero(near[i]).tolist()
    assert len(lists._pool) == near.sum()
    np.testing.assert_array_equal(lists._anchor[:40], state)


def test_skins_follow_the_last_step(lists, X):
    row, state, step = np.array([5]), X[5:6], np.eye(12)[:1] * 2.0
    for moved, skin in ((0.0, 0.15), (0.19, 0.2), (0.01, 0.2), (0.021, 0.2), (0.4, 0.2)):
        state = state + moved * step
        asked(lists, row, state)
        assert lists._skin[5] == pytest.approx(skin)
        np.testing.assert_array_equal(lists._last[row], state)
    lists._skin[5] = -1.0
    asked(lists, row, state + 0.02 * step)
    assert lists._skin[5] == pytest.approx(0.08)


def test_a_search_is_priced_by_row(lists, X):
    asked(lists, np.arange(40), X[:40])
    cost = lists.search.index("gemm").cost(X[:40], lists.search.limit(1.0), "distances")
    assert lists._searching == cost / 40


def test_entries_of_lists_are_looked_at_a_few_at_a_time(lists, X, monkeypatch):
    rows = np.arange(60)
    whole = asked(lists, rows, X[:60])
    most = lists._length.sum() // 5
    monkeypatch.setattr("skdam._active._lists._BATCH", most)
    parts = [part for part, _ in lists.sets(rows, X[:60])]
    assert np.concatenate(parts).tolist() == list(range(60))
    lengths = [lists._length[part].sum() for part in parts]
    assert max(lengths) < most + 2 * lists._length.max()
    assert 5 <= len(parts) <= 6
    for one, other in zip(asked(lists, rows, X[:60]), whole, strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_rows_inside_the_rim_by_less_than_a_rounding_stay_inside(lists):
    rows, radius = np.array([[3.0, 4.0], [50.0, 0.0]]), np.nextafter(5.0, 9.0)
    for task in ("distances", "members"):
        for algorithm in BACK_ENDS:
            rim = Lists(search_of(rows, radius), algorithm, 1, task=task)
            for _ in range(2):
                ((indices, _),) = asked(rim, np.array([0]), np.zeros((1, 2)))
                assert indices.tolist() == [0]
