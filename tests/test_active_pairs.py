"""Pairs that the radius search finds: joined, marked, told apart from the rim."""

import numpy as np
import pytest
from cases import member_lists
from searches import recorded, search_of, squares
from sklearn import config_context

from skdam._active import BACK_ENDS, Search
from skdam._active import _refine as refine_module
from skdam._active._proposer import _batches
from skdam._active._rough import undecided
from skdam._active._runs import Runs
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
def test_sides_of_pairs_are_found_a_few_at_a_time(X, algorithm, monkeypatch):
    monkeypatch.setattr("skdam._active._refine._LISTED", 4500)  # three rows
    search, found = search_of(X, 3.0), np.zeros((50, 1500), dtype=int)
    queries, limit = search.points.lift(X[:50]), search.limit(1.0)
    for query, point, _ in search.index(algorithm).found(queries, limit, search.nearer):
        found[query, point] += 1
    exact = squares(X[:50], X) * search.points.scale**2
    np.testing.assert_array_equal(found, exact < limit)
    sets = search.index(algorithm).sets(queries, limit, search.nearer, 10**6)
    np.testing.assert_array_equal(sets.marked(1500).toarray(), exact < limit)
    if algorithm in ("refine", "pca"):
        np.testing.assert_array_equal(sets.u, np.zeros(len(sets.indices)))


@pytest.mark.parametrize("algorithm", ["gemm", "refine"])
def test_nearly_all_members_are_decided_without_differences(X, algorithm, monkeypatch):
    search, calls = search_of(X, 4.0), recorded(monkeypatch, Points, "direct")
    n_members = search.marked(X[:300], algorithm).nnz
    assert sum(len(call.args[2]) for call in calls) <= 10
    assert n_members > 10_000


def test_what_is_marked_at_a_time_fits_working_memory(X, monkeypatch):
    refine, limit = (search := search_of(X, 3.0)).index("refine"), search.limit(1.0)
    calls = recorded(monkeypatch, refine, "_below")
    queries = search.points.lift(X)
    with config_context(working_memory=1):
        refine.sets(queries, limit, search.nearer, 10**7)
    sizes = [len(call.args[0]) for call in calls]
    assert sum(sizes) == 1500
    assert max(sizes) * 1500 * refine_module._PAIR <= 2**20
    refine.sets(queries, limit, search.nearer, 10**7)
    assert len(calls[-1].args[0]) == 1500  # all at once where there is room


def test_members_are_read_off_by_rows(X, monkeypatch):
    monkeypatch.setattr(refine_module, "_LISTED", 1500 * 100)
    refine, limit = (search := search_of(X, 3.0)).index("refine"), search.limit(1.0)
    calls = recorded(monkeypatch, refine_module, "true_columns")
    with config_context(working_memory=1):
        sets = refine.sets(search.points.lift(X), limit, search.nearer, 10**7)
    np.testing.assert_array_equal(sets.marked(1500).toarray(), squares(X, X) < 9.0)
    sizes = [len(call.args[0]) for call in calls]
    assert 1 <= min(sizes) <= max(sizes) <= 100
    assert sum(sizes) == 1500


def test_sets_with_too_many_members_together_are_none(X):
    refine, limit = (search := search_of(X, 3.0)).index("refine"), search.limit(1.0)
    queries = search.points.lift(X[:20])
    n_members = np.count_nonzero(squares(X[:20], X) < 9.0)
    assert len(refine.sets(queries, limit, search.nearer, n_members).indices) == n_members
    assert refine.sets(queries, limit, search.nearer, n_members - 1) is None
    assert refine.sets(queries[:2], limit, search.nearer, 1) is None
    assert len(refine.sets(queries[:1], limit, search.nearer, 1).indices) > 1
    nobody = refine.sets(search.points.lift(X[:2] + 100.0), limit, search.nearer, 1)
    assert (nobody.indptr.tolist(), nobody.indices.dtype) == ([0, 0, 0], np.intp)


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
    assert undecided(lower, upper, 1.0).tolist() == [0]


@pytest.mark.parametrize(("gathered", "step"), [(1, 1), (14 * 3, 3), (2**17, 5)])
def test_points_are_gathered_once_for_all_that_share_them_and_a_few_at_a_time(
    X, gathered, step, monkeypatch
):
    monkeypatch.setattr(refine_module, "_GATHERED", gathered)
    refine, queries = search_of(X, 2.0).index("refine"), search_of(X, 2.0).points.lift(X[:5])
    runs = Runs(
        np.array([7, 3, 700, 8, 1499, 0, 8, 2]),
        np.array([1, 1, 1, 5, 6]),
        np.array([5, 5, 5, 0, 2]),
    )
    exact = refine.points.direct(queries, *runs.pairs())
    calls = recorded(monkeypatch, np, "matmul")
    for limit in np.sort(exact)[[16, 9, 0]]:  # on the rim nobody is nearer
        np.testing.assert_array_equal(refine.nearer(queries, runs, limit), exact < limit)
    sizes = [call.args[1].shape[1] for call in calls]
    assert (sum(sizes), max(sizes)) == (3 * 7, step)
    assert {len(call.args[0]) for call in calls} == {3, 1}


def test_pairs_are_looked_at_directly_only_where_single_precision_leaves_them_open(X, monkeypatch):
    refine, every = search_of(X, 4.0).index("refine"), np.arange(1500)
    calls = recorded(monkeypatch, Points, "direct")
    exact, queries = squares(X[:1], X)[0], refine.points.lift(X[:1])
    runs = Runs(every, np.array([0]), np.array([1500]))
    below = refine.nearer(queries, runs, refine.points.radius_squared)
    np.testing.assert_array_equal(below, exact < 16.0)
    excess = refine.product.excess(2.0 * refine.points.sizes.max() ** 2)
    open_ = np.abs(exact / 16.0 - 1.0) * refine.points.radius_squared <= 2.0 * excess
    (call,) = calls
    assert np.isin(call.args[2], every[open_]).all()
    beyond = X[:1] * np.array([[1e25], [1.0]])  # no number in single precision: all are open
    runs = Runs(every, np.array([0, 2]), np.array([2, 2]))
    below = refine.nearer(refine.points.lift(beyond), runs, 1e9)
    assert below.tolist() == [False, False, True, True]
    assert len(calls[1].args[2]) == 4
    nothing = Runs(every, np.array([0]), np.array([0]))
    assert refine.nearer(queries, nothing, 1.0).shape == (0,)


@pytest.mark.parametrize("small", [0.0, 0.2])
def test_an_outlier_does_not_make_all_pairs_doubtful(X, small, monkeypatch):
    monkeypatch.setattr(refine_module, "_SMALL", small)
    rows = np.append(X, [[1e6] * 12, [-1e6] * 12], axis=0)
    search, runs = search_of(rows, 4.0), Runs(np.arange(1502), np.zeros(50, int), np.full(50, 1502))
    calls = recorded(monkeypatch, Points, "direct")
    below = search.nearer(search.points.lift(X[:50]), runs, search.limit(1.0)).reshape(50, 1502)
    np.testing.assert_array_equal(below, squares(X[:50], rows) < 16.0)
    assert (sum(len(call.args[2]) for call in calls) >= below.sum() > 0) == (small == 0.0)


@pytest.mark.parametrize("size", [1.9, 2.0, 2.1, 4.0, 1e3])
def test_points_somewhat_farther_than_the_limit_are_beyond_it(size):
    """Queries 1000 radii from the centre: errors are as large as the squared radius."""
    rng = np.random.default_rng(0)
    away = rng.normal(size=(200, 9))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    rows = np.concatenate(
        [1e3 * away, size * 1e3 * away, -1e3 * away, 1e3 * away + 0.33 * away[::-1]]
    )
    search = search_of(rows, 1.0)
    runs = Runs(np.arange(800), np.zeros(200, dtype=int), np.full(200, 800))
    below = search.nearer(search.points.lift(1e3 * away), runs, search.limit(1.0))
    np.testing.assert_array_equal(below.reshape(200, 800), squares(1e3 * away, rows) < 1.0)


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
