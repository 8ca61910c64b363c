"""The search as a whole: what it costs, which back end it takes, and what it asks of that."""

from types import SimpleNamespace

import numpy as np
import pytest
from searches import recorded, search_of, squares

from skdam._active import BACK_ENDS, Search
from skdam._active import _index as prices
from skdam._active import _tree as tree_module
from skdam._active._index import nanoseconds
from skdam._active._near import Branches, Strips
from skdam._active._proposer import _RUN, SCAN
from skdam._active._runs import Runs
from skdam._active._sets import _stable_order
from skdam._active._totals import added
from skdam._active._tree import near_together
from skdam._math import UNIT_ROUNDOFF, Points
from skdam.kernels import KERNELS


@pytest.fixture(name="X")
def gaussians():
    return np.random.default_rng(0).normal(size=(1500, 12))


@pytest.fixture
def tree():
    rng = np.random.default_rng(0)
    return search_of(rng.normal(size=(400, 2)), 0.7, rng.uniform(0.5, 2.0, 400)).index("tree")


# Costs


def test_every_query_costs_a_product_and_every_pair_its_price(X):
    search = search_of(X, 3.0)
    refine, cells, pca, gemm = map(search.index, ("refine", "cells", "pca", "gemm"))
    assert refine.floor() == pytest.approx(1500 * (0.37 + 0.0195 * 12))
    assert cells.floor() == pytest.approx(len(cells.centres) * (0.37 + 0.0195 * 12 + 15.0))
    assert pca.floor() == pytest.approx(1500 * (0.37 + 0.0195 * pca.width))
    assert gemm.floor() == pytest.approx(1500 * (0.8 + 0.0405 * 12))
    assert search.index("tree").floor() == 0.0
    assert [index.price("distances") for index in (refine, cells, pca)] == [40.0 + 2.0 * 12] * 3
    prices = [index.price("members") for index in (refine, cells, pca)]
    assert prices == pytest.approx([12.0, 30.0, 30.0 + 0.4 * 12])


@pytest.mark.parametrize("task", ["distances", "members"])
@pytest.mark.parametrize("algorithm", BACK_ENDS)
def test_equal_queries_cost_as_many_times_as_one(X, algorithm, task):
    search = search_of(X, 3.0)
    index, limit = search.index(algorithm), search.limit(1.0)
    once = index.cost(X[:1], limit, task)
    assert index.cost(np.repeat(X[:1], 300, axis=0), limit, task) == pytest.approx(300 * once)


def test_sums_that_round_too_much_cost_a_second_product_and_their_members(X):
    search = search_of(np.append(X - 1e6, X + 1e6, axis=0), 3.0)
    gemm, limit, one = search.index("gemm"), search.limit(1.0), X[:1] + 1e6
    n_members = np.count_nonzero(squares(X[:1], X) < 9.0)
    assert gemm.cost(one, limit, "distances") == pytest.approx(gemm.floor() + 30.0 * n_members)
    assert gemm.cost(one, limit, "sums") == pytest.approx(2 * gemm.floor() + 30.0 * n_members)


def test_whole_leaves_cost_nothing_beyond_their_group(tree, monkeypatch):
    calls = recorded(monkeypatch, tree, "_parts")
    cost = tree.cost(np.zeros((1024, 2)), 1e6, "sums")
    assert cost == pytest.approx(1024 / 64 * tree_module._PART)
    assert [len(call.args[0]) for call in calls] == [64]  # one of sixteen groups is looked at


@pytest.mark.parametrize("task", ["distances", "members"])
@pytest.mark.parametrize("algorithm", ["refine", "cells", "pca", "gemm"])
def test_a_cost_starts_at_the_floor_and_ends_where_all_pairs_are_near(X, algorithm, task):
    search = search_of(X, 3.0)
    index, far, n = search.index(algorithm), np.full((40, 12), 1e3), 40
    beside = 1500 * SCAN if algorithm in ("refine", "pca") else 0.0
    beside += _RUN if (algorithm, task) == ("pca", "members") else 0.0
    least = n * (index.floor() + beside)
    assert index.cost(far, search.limit(1.0), task) == pytest.approx(least, rel=1e-12)
    look = 30.0 if algorithm == "gemm" else index.price(task)
    most = least + n * 1500 * look
    if algorithm == "cells":
        most += n * (1500 * (nanoseconds(prices.SINGLE, 12) + SCAN) + len(index.centres) * 120.0)
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
    (looked_at,) = tree.near.counts(*tree._reach(tree.points.lift(Y), limit)[:2])
    cost = 800.0 + looked_at * 50.0
    for task in ("distances", "members"):
        assert tree.cost(np.repeat(Y, 300, axis=0), limit, task) == pytest.approx(300 * cost)
    deeper = search_of(np.append(tree.points.rows, tree.points.rows[:, :1], axis=1), 0.7)
    Y = deeper.points.rows[:1]
    cost = 3000.0 + np.count_nonzero(squares(Y, deeper.points.rows) < 0.49) * 120.0
    assert deeper.index("tree").cost(Y, limit, "members") == pytest.approx(cost)


@pytest.mark.parametrize(("many", "group"), [(np.inf, 64), (0, 4)])
@pytest.mark.parametrize("n", [512, 640, 3000])
def test_adding_up_in_a_tree_costs_by_group_and_pair(tree, n, many, group, monkeypatch):
    monkeypatch.setattr(tree_module, "_MANY", many)
    monkeypatch.setattr(Strips, "row", np.inf)  # listing never pays
    Y, limit = np.zeros((n, 2)), tree.points.radius_squared
    gap, span = tree.leaves.boxes(Y, np.arange(len(tree.leaves.sizes)))
    partly = tree.leaves.sizes[(gap <= limit) & (span >= limit)].sum()
    cost = tree_module._PART / group + partly * tree_module._PAIR
    assert partly
    assert tree.cost(Y, limit, "sums") == pytest.approx(n * cost, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "n_runs", "first"), [(40, 1, 0), (1024, 1, 480), (2500, 3, 385), (99_999, 8, 6218)]
)
def test_adding_up_is_priced_by_runs_in_the_middle_of_parts(tree, n, n_runs, first, monkeypatch):
    X, calls = np.arange(2.0 * n).reshape(n, 2), recorded(monkeypatch, tree, "_parts")
    monkeypatch.setattr(tree_module, "near_together", lambda X: np.arange(len(X)))
    tree.cost(X, 1.0, "sums")
    starts = [int(call.args[0][0, 0]) // 2 for call in calls]
    assert (len(starts), starts[0]) == (n_runs, first)
    assert {len(call.args[0]) for call in calls} == {min(n, 64)}
    np.testing.assert_array_equal(np.diff(starts), -(-n // n_runs))


def test_sums_of_few_terms_are_listed_in_a_plane(tree, monkeypatch):
    X, limit = tree.points.rows[:300], tree.points.radius_squared
    queries, kernel = tree.points.lift(X), KERNELS["triweight"]
    listing, adding = tree._listing(X, limit), tree._adding(X, limit, 1)
    total, _ = tree.totals(queries, kernel, limit)
    calls = recorded(monkeypatch, tree, "exact_totals")
    for price, listed in ((adding * (1 - 1e-9), True), (adding, False)):
        monkeypatch.setattr(Strips, "row", Strips.row + price - tree._listing(X, limit))
        other, error = tree.totals(queries, kernel, limit)
        np.testing.assert_allclose(other, total, rtol=1e-13)
        assert (len(calls), error.any()) == (1, not listed)
        cost = tree.cost(X[:1], limit, "sums")
        assert cost <= tree._listing(X[:1], limit)
    assert listing > 0
    deeper = search_of(np.append(tree.points.rows, tree.points.rows[:, :1], axis=1), 0.7)
    monkeypatch.setattr(Branches, "row", 0.0)
    monkeypatch.setattr(Branches, "entry", 0.0)
    deep, Y = deeper.index("tree"), deeper.points.rows[:64]
    assert deep.cost(Y, limit, "sums") == 64 * deep._adding(Y[near_together(Y)], limit, 1)
    assert deep.totals(deeper.points.lift(Y), kernel, limit)[1].any()


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


# Choices


@pytest.mark.parametrize(
    ("n", "n_features", "suitable"),
    [
        (4095, 6, ["tree", "gemm", "refine"]),
        (4096, 6, ["tree", "gemm", "refine", "cells"]),
        (4096, 2, ["tree", "gemm", "refine"]),
        (4096, 3, ["tree", "gemm", "refine", "cells"]),
        (4096, 7, ["gemm", "refine", "cells"]),
        (512, 8, ["gemm", "refine"]),
        (513, 8, ["gemm", "refine", "pca"]),
        (513, 7, ["gemm", "refine"]),
    ],
)
def test_back_ends_suit_by_numbers_of_points_and_features(n, n_features, suitable):
    search = Search(SimpleNamespace(rows=np.empty((n, n_features))), np.ones(n))
    assert search._suitable() == suitable


def priced(search, floors, costs, asked):
    """Put in the place of back ends what tells their prices, and who was asked for what."""

    def index(name):
        def cost(X, limit, task):
            asked.append((name, task))
            return costs[name]

        return SimpleNamespace(floor=lambda: floors[name], cost=cost)

    search._indexes = {name: index(name) for name in floors}
    return search


def test_the_cheapest_is_taken_and_none_is_asked_that_cannot_be_cheaper(X):
    floors, asked = {"gemm": 1.0, "refine": 2.0, "pca": 3.0}, []
    search = priced(search_of(X, 3.0), floors, {"gemm": 901.0, "refine": 900.0, "pca": 0.0}, asked)
    assert search.choose(X[:300]) == "refine"
    assert asked == [("gemm", "distances"), ("refine", "distances")]
    search = priced(search_of(X, 3.0), floors, {"gemm": 950.0, "refine": 950.0, "pca": 950.0}, [])
    assert search.choose(X[:300]) == "gemm"


def test_nothing_is_asked_where_all_pairs_are_few(X):
    floors, asked = dict.fromkeys(("gemm", "refine", "pca"), 0.0), []
    costs = {"gemm": 3.0, "refine": 2.0, "pca": 1.0}
    search = priced(search_of(X[:1024], 3.0), floors, costs, asked)
    assert search.choose(X[:256]) == "gemm"
    assert not asked
    assert search.choose(X[:257]) == "pca"


@pytest.mark.parametrize(("n_features", "single"), [(7, False), (8, True)])
def test_pairs_are_looked_at_in_single_precision_from_eight_features_on(
    X, n_features, single, monkeypatch
):
    search = search_of(np.ascontiguousarray(X[:, :n_features]), 2.0)
    search.prepare("gemm")
    assert list(search._indexes) == ["gemm", "refine"][: 1 + single]
    queries, runs = (
        search.points.lift(search.points.rows[:1]),
        Runs(np.arange(4), np.array([1]), np.array([3])),
    )
    exact = search.points.direct(queries, *runs.pairs())
    calls = recorded(monkeypatch, search.index("refine"), "nearer")
    for limit in exact:
        below = search.nearer(queries, runs, limit)
        np.testing.assert_array_equal(below, exact < limit)
    assert len(calls) == 3 * single


# Blocks


@pytest.mark.parametrize(
    ("radius", "shared"),
    [(2.0**-16, False), (1.5 * 2.0**-16, True), (0.9 * 2.0**16, True), (2.0**16, False)],
)
def test_what_was_built_is_shared_by_radii_that_suit_its_unit(X, radius, shared):
    search = search_of(X, 1.0)
    other = search.at(radius)
    assert (other.index("gemm") is search.index("gemm")) == shared
    assert other.points.radius_squared / other.points.scale**2 == radius**2


def test_sets_are_marked_by_whatever_is_cheapest_unless_it_is_named(X, monkeypatch):
    search = search_of(X, 3.0)
    monkeypatch.setattr(search, "choose", lambda *args: "cells")
    np.testing.assert_array_equal(search.marked(X[:50]).toarray(), squares(X[:50], X) < 9.0)
    assert "cells" in search._indexes


def test_queries_of_one_cell_are_answered_together(X, monkeypatch):
    rows = np.append(X[:50, :3] - 90.0, X[:50, :3] + 90.0, axis=0)
    search, mixed = search_of(rows, 3.0), rows[np.random.default_rng(0).permutation(100)]
    monkeypatch.setattr(search.index("cells"), "rows", 25)
    blocks = list(search.sets(mixed, "cells"))
    assert [np.ptp(np.sign(mixed[rows, 0])) for rows, _ in blocks] == [0.0] * 4


def test_rows_are_asked_one_by_one_where_two_might_not_fit(X, monkeypatch):
    for most, size in ((1023, 1), (2048, 2)):
        monkeypatch.setattr(Search, "most", most)
        blocks = list(search_of(X, 1.0).sets(X[:8], "gemm"))
        assert [len(rows) for rows, _ in blocks] == [size] * (8 // size)


def test_blocks_have_fewer_rows_after_many_entries_and_more_after_few(X, monkeypatch):
    monkeypatch.setattr("skdam._active._search._HANDY", 15_000)
    monkeypatch.setattr("skdam._active._search._FEWEST", 4)
    search = search_of(np.append(X, np.full((1, 12), 1e3), axis=0), 100.0)
    Y = np.repeat(X[:1], 120, axis=0)
    Y[41:] = 1e3
    monkeypatch.setattr(search.index("gemm"), "rows", 32)
    blocks = list(search.sets(Y, "gemm"))
    assert [len(rows) for rows, _ in blocks] == [32, 9, 9, 32, 32, 6]
    assert np.concatenate([rows for rows, _ in blocks]).tolist() == list(range(120))
    monkeypatch.setattr("skdam._active._search._FEWEST", 12)
    dense = np.repeat(X[:1], 60, axis=0)
    assert [len(rows) for rows, _ in search.sets(dense, "gemm")] == [32, 12, 12, 4]


def test_order_by_query_does_not_depend_on_how_many_there_are():
    query = np.array([70_000, 65_536, 3, 0, 65_536, 3])
    assert _stable_order(query, 2**17).tolist() == [3, 2, 5, 1, 4, 0]
    assert _stable_order(query[2:4], 2**16).tolist() == [1, 0]


# Totals


def test_sums_that_are_right_are_not_added_up_again(tree, monkeypatch):
    search, far = Search(tree.points, tree.weights), np.full((5, 2), 1e3)
    monkeypatch.setattr(Strips, "row", np.inf)  # listing never pays
    calls = recorded(monkeypatch, search.index("tree"), "exact_totals")
    near = np.zeros((5, 2)) + np.arange(5)[:, None] / 10.0
    assert (search.totals(near, KERNELS["epanechnikov"], "tree") > 0.0).all()
    assert search.totals(far, KERNELS["epanechnikov"], "tree").tolist() == [0.0] * 5
    assert not calls
    search.totals(near, KERNELS["epanechnikov"], "tree", error=0.0)
    assert sum(len(call.args[0]) for call in calls) == 5


def test_a_point_left_out_takes_its_term_and_leaves_an_error_of_roundings(tree):
    """Beyond the radius there is no term, and a kernel is not asked for one."""

    def profile(u):
        assert (u <= 1.0).all()
        return 2.0 - u  # not 0 at the rim

    weights, rows = np.array([3.0, 5.0, 7.0]), np.array([[1.0], [2.0], [4.0]])
    search, X = search_of(rows, 2.0, weights), np.zeros((3, 1))
    total, bound = np.full((2, 3), 100.0)
    search._leave_out(X, np.arange(3), SimpleNamespace(profile=profile), total, bound)
    terms = 3.0 * 1.75, 0.0, 0.0
    assert total.tolist() == [100.0 - term for term in terms]
    bound = np.zeros(3) + 1e-14
    search._leave_out(X, np.arange(3), SimpleNamespace(profile=profile), total, bound)
    expected = [1e-14 + 1024.0 * UNIT_ROUNDOFF * term for term in terms]
    np.testing.assert_allclose(bound, expected, rtol=1e-12)


def test_a_point_on_the_rim_counts_for_the_error_of_a_sum():
    points = Points.measured(np.ones((1, 1)), 1.0)
    total, error = added(
        points, points.lift(np.zeros((1, 1))), np.ones(1), KERNELS["epanechnikov"], 1.0
    )
    assert abs(total.item()) <= error.item()
    assert 0.0 < error.item() < 1e-13
