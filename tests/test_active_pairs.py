"""Pairs that the radius search finds: joined, marked, told apart from the rim, kept on lists."""

import numpy as np
import pytest
from cases import member_lists
from searches import recorded, search_of, squares
from sklearn import config_context

from skdam._active import BACK_ENDS, ActiveSets, Lists, Search
from skdam._active import _refine as refine_module
from skdam._active._proposer import _batches
from skdam._active._rough import Sides
from skdam._active._sets import _order, joined
from skdam._active._single import SingleProduct, above, beneath
from skdam._math import SINGLE_ROUNDOFF, Points

every_back_end = pytest.mark.parametrize("algorithm", BACK_ENDS)


@pytest.fixture(name="X")
def gaussians():
    return np.random.default_rng(0).normal(size=(1500, 12))


# Pairs


def test_no_runs_join_to_no_pairs():
    query, point, squared = joined([])
    assert [part.shape for part in (query, point, squared)] == [(0,)] * 3
    assert query.dtype == point.dtype == np.intp
    assert squared.dtype == np.float64


def test_runs_of_pairs_are_joined_up_to_a_batch(monkeypatch):
    monkeypatch.setattr("skdam._active._proposer._BATCH", 4)
    runs = [(np.arange(n), np.arange(n), np.zeros(n)) for n in (3, 1, 2, 5, 3, 1, 1)]
    assert [len(query) for query, _, _ in _batches(runs)] == [4, 7, 4, 1]
    assert list(_batches([])) == []


@pytest.mark.parametrize("largest", [0, 7, 2**59 - 1, 2**59, 2**62])
def test_integers_are_put_in_order_with_or_without_room_for_their_places(largest):
    keys = np.random.default_rng(0).permutation(15) % 9
    keys[3] = largest
    for some in (keys, keys[:1], keys[:0]):  # four bits, one, and none
        assert _order(some).tolist() == np.argsort(some, kind="stable").tolist()


@every_back_end
def test_sets_are_marked_in_the_order_of_the_queries(X, algorithm):
    search, near = search_of(X, 3.0), squares(X[::5], X) < 9.0
    marked = search.marked(X[::5], algorithm)
    assert marked.dtype == bool
    np.testing.assert_array_equal(marked.toarray(), near)
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
        queries, limits[0], Sides(limits, search.nearer)
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
    queries, sides = search.points.lift(X), Sides((limit,), search.nearer)
    with config_context(working_memory=1):
        list(refine.found(queries, limit, sides))
    sizes = [len(call.args[0]) for call in calls]
    assert sum(sizes) == 1500
    assert max(sizes) * 1500 * refine_module._PAIR <= 2**20
    list(refine.found(queries, limit, sides))
    assert len(calls[-1].args[0]) == 1500  # all at once where there is room


def test_members_are_read_off_by_rows_without_empty_runs(X, monkeypatch):
    monkeypatch.setattr(refine_module, "_LISTED", 1500 * 100)
    refine, limit = (search := search_of(X, 3.0)).index("refine"), search.limit(1.0)
    with config_context(working_memory=1):
        found = refine.found(search.points.lift(X), limit, Sides((limit,), search.nearer))
        runs = [np.unique(query) for query, _, _ in found]
    assert np.concatenate(runs).tolist() == list(range(1500))
    assert 1 <= min(map(len, runs)) <= max(map(len, runs)) <= 100


def test_a_block_with_too_many_entries_is_halved(monkeypatch):
    X = np.random.default_rng(0).normal(size=(1100, 2))
    monkeypatch.setattr(Search, "most", 2100)  # fewer than two sets of all points
    for algorithm in ("gemm", "tree"):
        blocks = list(search_of(X, 100.0).sets(X[:5], algorithm))
        assert [len(rows) for rows, _ in blocks] == [1] * 5
        assert member_lists(iter(blocks), 5) == [list(range(1100))] * 5


@pytest.mark.parametrize(("algorithm", "bounded"), [("cells", False), ("pca", True)])
def test_only_pairs_found_in_few_dimensions_are_looked_at_twice(X, algorithm, bounded, monkeypatch):
    search = search_of(X, 3.0)
    calls = recorded(monkeypatch, search, "nearer")
    near = squares(X[:100], X) < 9.0
    np.testing.assert_array_equal(search.marked(X[:100], algorithm).toarray(), near)
    assert bool(calls) == bounded


def test_a_bound_on_the_rim_does_not_put_a_pair_inside():
    lower, upper = np.array([0.5, 0.5, 1.5]), np.array([1.0, 0.9, 2.0])
    assert Sides((1.0,)).undecided(lower, upper).tolist() == [0]


@pytest.mark.parametrize(("gathered", "step"), [(1, 1), (14 * 3, 3)])
def test_each_pair_is_multiplied_once_and_a_few_at_a_time(X, gathered, step, monkeypatch):
    monkeypatch.setattr(refine_module, "_GATHERED", gathered)
    refine, indptr = search_of(X, 2.0).index("refine"), np.array([0, 5, 5, 7])
    point = np.array([3, 700, 8, 1499, 0, 8, 2])
    calls, queries = recorded(monkeypatch, np, "dot"), refine.points.lift(X[:3])
    exact = refine.points.direct(queries, np.repeat([0, 1, 2], np.diff(indptr)), point)
    limits = tuple(np.sort(exact)[[6, 3, 0]])  # on the rim of each, nobody is nearer
    below = refine.nearer(queries, indptr, point, limits)
    sizes = [len(call.args[0]) for call in calls]
    assert (sum(sizes), max(sizes)) == (7, step)
    np.testing.assert_array_equal(below, [exact < limit for limit in limits])


def test_pairs_are_looked_at_directly_only_where_single_precision_leaves_them_open(X, monkeypatch):
    refine, every = search_of(X, 4.0).index("refine"), np.arange(1500)
    calls = recorded(monkeypatch, Points, "direct")
    exact, queries = squares(X[:1], X)[0], refine.points.lift(X[:1])
    (below,) = refine.nearer(queries, np.array([0, 1500]), every, (refine.points.radius_squared,))
    np.testing.assert_array_equal(below, exact < 16.0)
    excess = refine.product.excess(2.0 * refine.points.sizes.max() ** 2)
    open_ = np.abs(exact / 16.0 - 1.0) * refine.points.radius_squared <= 2.0 * excess
    (call,) = calls
    assert np.isin(call.args[2], every[open_]).all()
    beyond = X[:1] * np.array([[1e25], [1.0]])  # no number in single precision: all are open
    (below,) = refine.nearer(refine.points.lift(beyond), np.array([0, 2, 4]), every[:4], (1e9,))
    assert below.tolist() == [False, False, True, True]
    assert len(calls[1].args[2]) == 4
    assert refine.nearer(queries, np.array([0, 0]), every[:0], (1.0, 0.5)).shape == (2, 0)


# Single precision


@every_back_end
@pytest.mark.parametrize("length", [2.0**-6, 2.0**6])
def test_pairs_too_near_the_rim_for_single_precision_are_told_apart(algorithm, length):
    rim, middle = np.zeros((4, 8)), np.zeros((4, 8))
    rim[:, 0] = length * np.array([1.0 - 1e-9, 1.0 + 1e-9, 1e-9 - 1.0, -1.0 - 1e-9])
    for rows, queries in ((rim, middle), (middle, rim)):
        marked = search_of(rows, 1.0).at(length).marked(queries, algorithm)
        np.testing.assert_array_equal(marked.toarray(), squares(queries, rows) < length**2)


def test_a_tile_is_no_wider_than_the_rows_asked_for(X):
    product = SingleProduct(X, (X**2).sum(axis=1))
    lifted, rows = product.lift(X[:20], (X[:20] ** 2).sum(axis=1)), slice(900, 905)
    assert product._shape(lifted, rows) == (20, 5)
    ((start, lower),) = product.tiles(lifted, rows)
    assert (start, lower.shape, lower.dtype) == (900, (20, 5), np.float32)


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


def test_moves_are_measured_in_radii_that_are_no_powers_of_two(X):
    lists, step = Lists(search_of(X, 3.0), "gemm", 4), np.eye(12)[:4] * [[0.3], [0.6], [3.0], [9.0]]
    np.testing.assert_allclose(lists._moved(X[:4] + step, X[:4]), [0.1, 0.2, 1.0, 3.0], rtol=1e-10)


def test_a_list_lasts_up_to_the_very_width_of_its_skin(lists, X):
    row, state = np.array([0]), X[:1] + 0.01
    asked(lists, row, X[:1])
    lists._skin[0] = lists._moved(state, X[:1]).item()
    asked(lists, row, state)
    np.testing.assert_array_equal(lists._anchor[0], X[0])  # no search put another there
    lists._skin[0] = np.nextafter(lists._skin[0], 0.0)
    asked(lists, row, state)
    np.testing.assert_array_equal(lists._anchor[row], state)


def test_lists_are_kept_as_long_as_their_entries_fit(lists, X, monkeypatch):
    n_entries = (squares(X[:60], X) <= 2.3**2).sum(axis=1)
    for most, n_kept in ((n_entries.sum(), 60), (n_entries.sum() - 1, 59)):
        monkeypatch.setattr(Search, "most", most)
        some = Lists(lists.search, "gemm", 60)
        asked(some, np.arange(60), X[:60])
        assert (some._skin >= 0).tolist() == [True] * n_kept + [False] * (60 - n_kept)
        assert len(some._pool) == n_entries[:n_kept].sum()


def test_entries_of_lists_that_last_take_room_from_new_ones(lists, X, monkeypatch):
    asked(lists, np.arange(60), X[:60])
    state = np.append(X[:30], X[100:130], axis=0)
    lasting = (squares(X[:30], X) <= 2.3**2).sum()
    new = (squares(X[100:130], X) <= 2.4**2).sum()
    monkeypatch.setattr(Search, "most", lasting + new - 1)
    asked(lists, np.arange(60), state)
    assert (lists._skin >= 0).tolist() == [True] * 59 + [False]


def test_skins_that_make_lists_too_long_are_given_up_and_narrower_ones_tried(X):
    longer, members = ((squares(X[:60], X) <= r**2).sum() / 60 for r in (2.3, 2.0))
    for share, worth in ((1.0 + 1e-9, True), (1.0 - 1e-9, False)):
        lists = Lists(search_of(X, 2.0), "gemm", 60)
        lists._searching = share * longer * (40.0 + 2.0 * 12) / 0.6
        asked(lists, np.arange(60), X[:60])
        assert lists._members == members
        assert (lists._skin >= 0).tolist() == [worth] * 60
        widths = [lists._next_skin(np.array([step])) for step in (0.076 / 4, 0.074 / 4)]
        assert widths == pytest.approx([0.076 if worth else 0.0, 0.074])


def test_members_are_counted_by_row_where_no_list_is_made(lists, X, monkeypatch):
    lists._too_wide = 0.0
    calls = recorded(monkeypatch, lists.search.index("gemm"), "found")
    asked(lists, np.arange(60), X[:60])
    assert [len(call.args[2].limits) for call in calls[1:]] == [1]  # the first tells the price
    assert not len(lists._pool)
    assert lists._members == (squares(X[:60], X) < 4.0).sum() / 60


def test_lists_of_members_are_made_and_priced_without_distances(X, monkeypatch):
    monkeypatch.setattr("skdam._active._lists._WORTH", np.inf)
    lists = Lists(search_of(X, 4.0), "refine", 300, task="members")
    calls = recorded(monkeypatch, Points, "direct")
    asked(lists, np.arange(300), X[:300])
    assert len(lists._pool) > 10_000
    assert sum(len(call.args[2]) for call in calls) <= 100
    cost = lists.search.index("refine").cost(X[:300], lists.search.limit(1.0), "members")
    assert lists._searching == cost / 300


def test_lists_choose_for_what_they_are_asked(X, monkeypatch):
    lists = Lists(search_of(X, 2.0), "auto", 60, 1.5, "members")
    calls = recorded(monkeypatch, lists.search, "choose")
    asked(lists, np.arange(60), X[:60])
    assert [call.args[1:] for call in calls] == [(1.5, "members")]
    assert lists.algorithm == "gemm"


def test_what_a_skin_adds_is_left_out_to_the_last_digit():
    rows = np.array([[4.0], [np.nextafter(4.0, 0.0)], [3.9], [-4.1]])
    u = 16.0 * np.array([1.0 - 5e-12, 1.0 + 5e-12, 0.950625, 1.050625])  # the first two are rough
    near = ActiveSets(np.array([0, 4]), np.arange(4), u)
    sets = Lists(search_of(rows, 1.0), "gemm", 1, reach=4.0)._within(np.zeros((1, 1)), near)
    assert sets.indices.tolist() == [1, 2]


def test_runs_of_lists_end_where_a_batch_is_full(lists, X, monkeypatch):
    rows = np.arange(60)
    asked(lists, rows, X[:60])
    monkeypatch.setattr("skdam._active._lists._BATCH", 40)
    parts = [part for part, _ in lists.sets(rows, X[:60])]
    assert np.concatenate(parts).tolist() == rows.tolist()
    assert max(lists._length[part[1:]].sum() for part in parts) < 40
    assert len(parts) <= lists._length.sum() // 40 + 1


def test_lists_that_cost_just_the_share_of_a_search_are_kept(lists, monkeypatch):
    monkeypatch.setattr("skdam._active._lists._WORTH", 0.5)
    lists._searching = 2.0 * 10.0 * (40.0 + 2.0 * 12)
    assert not lists._too_long(10.0)
    assert lists._too_long(np.nextafter(10.0, 11.0))
