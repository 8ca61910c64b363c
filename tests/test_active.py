"""Exact radius search: every back end finds the sets that exact arithmetic finds."""

import pickle

import numpy as np
import pytest
from cases import SCENES, member_lists
from reference import active_sets as exact_active_sets
from reference import squared_distance
from sklearn import config_context

from skdam import EpanechnikovMemory, GaussianMemory
from skdam._active import BACK_ENDS, ActiveSets, Search
from skdam._active._index import nanoseconds, sampled
from skdam._active._rough import doubtful, from_above
from skdam._active._single import above, beneath
from skdam._active._totals import added
from skdam._math import UNIT_ROUNDOFF, Points
from skdam.kernels import KERNELS

every_back_end = pytest.mark.parametrize("algorithm", ["auto", *BACK_ENDS])
every_scene = pytest.mark.parametrize("scene", SCENES, ids=str)


def search_of(memories, bandwidth):
    return Search(Points.measured(memories.astype(float), bandwidth), np.ones(len(memories)))


def found(memories, queries, bandwidth, algorithm) -> list[tuple[list[int], list[float]]]:
    search, answers = search_of(memories, bandwidth), {}
    for rows, sets in search.sets(queries.astype(float), algorithm):
        cuts = sets.indptr[1:-1]
        parts = zip(rows, np.split(sets.indices, cuts), np.split(sets.u, cuts), strict=True)
        answers |= {row: (indices.tolist(), u.tolist()) for row, indices, u in parts}
    return [answers[row] for row in range(len(queries))]


@every_back_end
@every_scene
def test_sets_are_those_of_exact_arithmetic(scene, algorithm):
    answers = found(scene.memories, scene.queries, scene.bandwidth, algorithm)
    expected = exact_active_sets(scene.queries, scene.memories, scene.bandwidth)
    assert [indices for indices, _ in answers] == expected
    assert any(expected)


@every_back_end
@every_scene
def test_depth_below_the_rim_is_right_to_twelve_digits(scene, algorithm):
    answers = found(scene.memories, scene.queries, scene.bandwidth, algorithm)
    limit = squared_distance([scene.bandwidth], [0.0])
    for x, (indices, us) in zip(scene.queries, answers, strict=True):
        for i, u in zip(indices, us, strict=True):
            depth = 1 - squared_distance(x, scene.memories[i]) / limit
            rounding = 4 * len(x) * UNIT_ROUNDOFF  # of u itself
            assert abs(1 - u - float(depth)) <= 1e-12 * float(depth) + rounding


@every_back_end
def test_the_rim_is_outside(algorithm):
    memories, queries = np.array([[3.0, 4.0], [0.0, 0.1]]), np.array([[0.0, 0.0]])
    assert found(memories, queries, 5.0, algorithm)[0][0] == [1]
    assert found(memories, queries, 0.1, algorithm)[0][0] == []
    assert found(memories, queries, np.nextafter(5.0, 9.0), algorithm)[0][0] == [0, 1]
    assert found(memories, queries, np.nextafter(0.1, 1.0), algorithm)[0][0] == [1]


@every_back_end
def test_blocks_do_not_change_the_answer(algorithm, monkeypatch):
    rng = np.random.default_rng(0)
    memories, queries = rng.normal(size=(300, 4)), rng.normal(size=(97, 4))
    whole = found(memories, queries, 1.0, algorithm)
    alone = [found(memories, queries[i : i + 1], 1.0, algorithm)[0] for i in range(97)]
    monkeypatch.setattr("skdam._math.TILE_COLUMNS", 7)
    monkeypatch.setattr("skdam._math.TILE_ROWS", 5)
    tiled = found(memories, queries, 1.0, algorithm)
    assert [a[0] for a in whole] == [a[0] for a in alone] == [a[0] for a in tiled]
    for a, b, c in zip(whole, alone, tiled, strict=True):
        np.testing.assert_allclose(b[1], a[1], rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(c[1], a[1], rtol=1e-13, atol=1e-15)


@every_scene
def test_states_do_not_depend_on_the_back_end(scene):
    memory = EpanechnikovMemory(scene.bandwidth).fit(scene.memories)
    states = memory.transform(scene.queries)
    for dynamics in ("mean_shift", "flow"):
        states = memory.set_params(algorithm="auto", dynamics=dynamics).transform(scene.queries)
        for algorithm in BACK_ENDS:
            other = memory.set_params(algorithm=algorithm).transform(scene.queries)
            np.testing.assert_array_equal(other, states)


@pytest.mark.parametrize("size", [1e-30, 1e15, 1e25, 1e200])
def test_proposals_miss_nothing_where_single_precision_ends(size):
    """Points far from the centre beside the radius: squares in float32 overflow, or vanish."""
    rng = np.random.default_rng(0)
    sides = size * rng.choice([-1.0, 1.0], size=(40, 3))
    sets = [
        [indices for indices, _ in found(sides, sides + 0.0, radius, algorithm)]
        for radius in (1.0, 3.9 * size)
        for algorithm in BACK_ENDS
    ]
    assert sets[0] == sets[1]
    assert sets[2] == sets[3]
    assert all(i in row for i, row in enumerate(sets[0]))


@pytest.mark.parametrize("task", ["distances", "members"])
@pytest.mark.parametrize("size", [3e18, 1.5e19, 3e19, 1e20, 1e140, 1e151, 1e155, 1e200, 1e306])
@every_back_end
def test_sets_far_from_the_centre_are_those_of_differences(algorithm, size, task, monkeypatch):
    """Where squares overflow, rounding of the centre is longer than the radius, or both."""
    monkeypatch.setattr("skdam._active._search._FEW_PAIRS", 0)
    step = np.arange(6)[:, None]
    for near in (3.0 * step, 2.0 * step, np.spacing(size) * (step - 2.0)):
        memories = np.vstack([near, size * (1.0 + 1e-3 * step), size * (1.0 + 1e-2 * step)])
        for bandwidth in (5.0, 0.1 * size, 4.1 * np.spacing(size)):
            search = search_of(memories, bandwidth)
            sets = search.sets(memories, algorithm, task=task)
            expected = members_by_differences(memories, memories, bandwidth)
            assert member_lists(sets, len(memories)) == expected


@pytest.mark.parametrize("size", [2e18, 1.9e19])
@pytest.mark.parametrize("n_features", [8, 30, 64])
@every_back_end
def test_copies_are_found_where_sums_of_squares_end_single_precision(algorithm, n_features, size):
    X = size / 2e18 * np.random.default_rng(0).choice([-2e18, 2e18], size=(600, n_features))
    search = search_of(np.unique(X, axis=0), 1.0)
    for task in ("distances", "members"):
        for rows in (search.points.rows, search.points.rows[:1]):
            lists = member_lists(search.sets(rows, algorithm, task=task), len(rows))
            assert lists == [[i] for i in range(len(rows))]


def hostile(kind, n_features):
    """Return memories that some bound is bad for, and queries among and beside them."""
    rng = np.random.default_rng(n_features)
    X = rng.normal(size=(400, n_features))
    if kind == "lattice":
        X = np.unique(rng.integers(-2, 3, X.shape).astype(float), axis=0)
    elif kind == "far clusters":
        X += 1e7 * rng.normal(size=(5, n_features))[rng.integers(5, size=400)]
    elif kind == "line":
        X = X[:, :1] * rng.normal(size=n_features)
    else:
        X[:40] *= 1e20
    return X, np.append(X[:60], X[:60] + rng.normal(size=(len(X[:60]), n_features)), axis=0)


@pytest.mark.parametrize("n_features", [2, 12, 100])
@pytest.mark.parametrize("kind", ["lattice", "far clusters", "line", "outliers"])
@every_back_end
def test_sets_of_hostile_data_are_those_of_differences(algorithm, kind, n_features, monkeypatch):
    monkeypatch.setattr("skdam._active._search._FEW_PAIRS", 0)
    memories, queries = hostile(kind, n_features)
    for bandwidth in (1.0, 2.0, (2.0 * n_features) ** 0.5):
        search = search_of(memories, bandwidth)
        expected = members_by_differences(memories, queries, bandwidth)
        for task in ("distances", "members"):
            sets = search.sets(queries, algorithm, task=task)
            assert member_lists(sets, len(queries)) == expected


@pytest.mark.parametrize("ratio", [1e-200, 1e-20, 1e-4, 0.3, 1e4, 1e20, 1e200])
@every_back_end
def test_the_same_points_at_another_radius(algorithm, ratio):
    rng = np.random.default_rng(0)
    memories = rng.normal(size=(40, 3)) * 10.0 ** rng.uniform(-200, 200, (40, 1))
    search = search_of(memories, 2.0).at(2.0 * ratio)
    expected = members_by_differences(memories, memories, 2.0 * ratio)
    assert member_lists(search.sets(memories, algorithm), 40) == expected


def large_case(name):
    """Return memories, queries and a bandwidth: many blocks, leaves and cells."""
    rng = np.random.default_rng(0)
    if name in ("plane", "wide plane"):
        bandwidth = 0.3 if name == "plane" else 1.0  # whole leaves are within reach
        return rng.normal(size=(5000, 2)), rng.normal(size=(700, 2)), bandwidth
    if name == "lattice":
        X = rng.permutation(np.indices((17, 17, 17)).reshape(3, -1).T.astype(float))
        return X, X[:600] + 0.0, 3.0  # full of ties on the rim
    if name == "flat":
        plane = rng.normal(size=(4, 40))
        X = rng.normal(size=(4097, 4)) @ plane
        return X, X[:513] + 0.1 * rng.normal(size=(513, 40)), 4.0
    centres = 6.0 * rng.normal(size=(20, 10))
    X = centres[rng.integers(20, size=5000)] + rng.normal(size=(5000, 10))
    X += 1e8 * (name == "far clusters")
    return X, X[:1025] + 0.3 * rng.normal(size=(1025, 10)), 3.0


every_large_case = pytest.mark.parametrize(
    "case", ["plane", "wide plane", "lattice", "flat", "clusters", "far clusters"]
)


def members_by_differences(memories, queries, bandwidth):
    points = Points.measured(memories, bandwidth)
    everyone = np.arange(len(memories))
    answers = []
    for x in queries:
        squared = points.direct(points.lift(x[None]), np.zeros_like(everyone), everyone)
        answers.append(np.flatnonzero(squared < points.radius_squared).tolist())
    return answers


@every_large_case
def test_the_back_end_never_changes_a_member_set(case, monkeypatch):
    monkeypatch.setattr("skdam._active._search._FEW_PAIRS", 0)
    memories, queries, bandwidth = large_case(case)
    expected = members_by_differences(memories, queries, bandwidth)
    for algorithm in ("auto", *BACK_ENDS):
        answers = found(memories, queries, bandwidth, algorithm)
        assert [indices for indices, _ in answers] == expected, algorithm


@every_large_case
@pytest.mark.parametrize("name", ["epanechnikov", "biweight", "cosine"])
def test_totals_do_not_depend_on_the_back_end(case, name):
    memories, queries, bandwidth = large_case(case)
    weights = 10.0 ** np.random.default_rng(1).uniform(-6, 0, len(memories))
    search, kernel = Search(Points.measured(memories, bandwidth), weights), KERNELS[name]
    n = min(len(queries), 600)
    for skip in (None, np.arange(n)):
        exact = search.index("gemm").exact_totals(
            search.points.lift(queries[:n]), kernel, search.limit(1.0), skip
        )
        for algorithm in BACK_ENDS:
            total = search.totals(queries[:n], kernel, algorithm, skip)
            np.testing.assert_array_equal(total == 0, exact == 0)
            np.testing.assert_allclose(total, exact, rtol=2e-12)


@every_large_case
def test_states_do_not_depend_on_the_back_end_nor_on_lists(case, monkeypatch):
    memories, queries, bandwidth = large_case(case)
    memory = EpanechnikovMemory(bandwidth).fit(memories)
    states = memory.transform(queries[:100])
    for worth in (0.0, np.inf):
        monkeypatch.setattr("skdam._active._lists._WORTH", worth)
        for algorithm in BACK_ENDS:
            other = memory.set_params(algorithm=algorithm).transform(queries[:100])
            np.testing.assert_array_equal(other, states)


@pytest.mark.parametrize(
    ("case", "share", "task", "taken"),
    [
        ("plane", 0.03, "sums", "tree"),
        ("clusters", 0.3, "sums", "gemm"),
        ("clusters", 0.001, "distances", "cells"),
        ("flat", 0.001, "members", "pca"),
    ],
)
def test_auto_takes_what_suits(case, share, task, taken):
    memories, queries, _ = large_case(case)
    distances = np.linalg.norm(queries[:50, None] - memories, axis=2)
    search = search_of(memories, np.quantile(distances, share))
    assert search.choose(np.tile(queries, (10, 1)), task=task) == taken


def test_auto_refines_where_sets_are_sparse_and_nothing_else_helps():
    X = np.random.default_rng(0).normal(size=(4000, 64))
    assert search_of(X, 9.0).choose(X[:500]) == "refine"
    assert search_of(X, 9.0).choose(X[:1]) == "gemm"  # nothing to gain: not even measured


def test_a_product_costs_more_where_its_sums_have_to_be_added_up_again():
    X, Y = np.split(np.random.default_rng(0).normal(size=(6000, 16)), [4000])
    for bandwidth, again in ((6.0, False), (3.0, True)):
        gemm, limit = (search := search_of(X, bandwidth)).index("gemm"), search.limit(1.0)
        total, error = gemm.totals(search.points.lift(Y), KERNELS["epanechnikov"], limit)
        assert (np.mean(error > 1e-12 * total) > 0.1) == again
        share = gemm.cost(Y, limit, "sums") / (gemm.floor() * len(Y)) - 1.0
        assert 0.1 < share < 0.3 if again else share == 0.0


def test_back_ends_that_cannot_be_cheapest_are_not_measured():
    X = np.random.default_rng(0).normal(size=(20_000, 2))
    search = search_of(X, 0.05)
    for name in BACK_ENDS:
        floor = search.index(name).floor()
        assert floor * 500 <= search.index(name).cost(X[:500], search.limit(1.0), "distances")
    search.index("gemm").cost = None  # would fail
    assert search.choose(X[:500]) == "tree"


@pytest.mark.parametrize(
    ("memory", "features", "built"),
    [
        (EpanechnikovMemory(2.0, algorithm="cells"), 16, {"cells", "refine"}),
        (EpanechnikovMemory(2.0, algorithm="tree"), 2, {"tree"}),
        (EpanechnikovMemory(2.0), 16, {"gemm", "refine", "pca", "cells"}),
        (GaussianMemory(2.0), 16, set()),
        (GaussianMemory(2.0), 2, {"tree"}),
    ],
)
def test_fit_and_load_build_what_searches_need_and_these_nothing(memory, features, built):
    X = np.random.default_rng(0).normal(size=(5000, features))
    for fitted in (memory.fit(X), pickle.loads(pickle.dumps(memory))):
        assert fitted._energy().patterns.search._indexes.keys() == built
        fitted.transform(X[:60])
        assert fitted._energy().patterns.search._indexes.keys() == built


@every_back_end
def test_nothing_is_asked_and_nothing_answered(algorithm):
    search = search_of(np.eye(3), 1.0)
    assert list(search.sets(np.empty((0, 3)), algorithm)) == []
    assert search.totals(np.empty((0, 3)), KERNELS["epanechnikov"], algorithm).shape == (0,)
    assert search.marked(np.empty((0, 3)), algorithm).shape == (0, 3)


@every_back_end
def test_a_point_beyond_squares_hides_no_other(algorithm):
    memories, query = np.array([[1e201], [0.808]]), np.array([[0.146]])
    for task in ("distances", "members"):
        blocks = search_of(memories, 1.0).sets(query, algorithm, task=task)
        assert member_lists(blocks, 1) == [[1]]


def test_little_more_is_proposed_than_is_near():
    for case, algorithm in (("flat", "pca"), ("clusters", "refine"), ("clusters", "cells")):
        memories, queries, bandwidth = large_case(case)
        search = search_of(memories, bandwidth)
        near = sum(map(len, members_by_differences(memories, queries[:100], bandwidth)))
        index = search.index(algorithm)
        count = index.count(search.points.lift(queries[:100]), search.limit(1.0))
        assert near <= count <= 1.01 * near


def test_few_cells_are_visited_and_all_that_hold_near_points():
    memories, queries, bandwidth = large_case("clusters")
    search = search_of(memories, bandwidth)
    cells, limit = search.index("cells"), search.limit(1.0)
    visits = cells._visits(search.points.lift(queries[:100]), limit)
    cell_of = np.empty(len(memories), dtype=int)
    cell_of[cells.place] = np.repeat(np.arange(len(cells.centres)), np.diff(cells.start))
    for row, members in zip(
        visits, members_by_differences(memories, queries[:100], bandwidth), strict=True
    ):
        assert row[cell_of[members]].all()
    assert visits.mean() < 0.06
    assert len(cells.centres) == 70  # the root of 5000 points


@pytest.fixture(params=[1, 3])
def tree(request):
    X = np.random.default_rng(0).normal(size=(300, request.param))
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 300)
    return Search(Points.measured(X, 0.7), weights).index("tree")


def test_leaves_hold_each_point_once(tree):
    leaves = tree.leaves
    filled = np.arange(leaves.point.shape[1]) < leaves.sizes[:, None]
    np.testing.assert_array_equal(np.sort(leaves.point[filled]), np.arange(300))
    np.testing.assert_array_equal(leaves.weight[filled], tree.weights[leaves.point[filled]])
    assert not leaves.weight[~filled].any()
    for axis, values in zip(leaves.axes, tree.points.rows.T, strict=True):
        np.testing.assert_array_equal(
            axis[filled], values[leaves.point[filled]] * tree.points.scale
        )
        assert np.isinf(axis[~filled]).all()


def each_leaf(tree):
    """Return the rows and weights of each leaf, in units of the points."""
    leaves, z = tree.leaves, tree.points.rows * tree.points.scale
    for point, n in zip(leaves.point, leaves.sizes, strict=True):
        yield z[point[:n]], tree.weights[point[:n]]


def test_boxes_bound_the_distances_of_leaves(tree):
    X = np.random.default_rng(2).normal(size=(5, tree.points.rows.shape[1]))
    gap, span = tree.leaves.boxes(X, np.arange(len(tree.leaves.sizes)))
    low, high = X.min(axis=0) * tree.points.scale, X.max(axis=0) * tree.points.scale
    for (z, _), least, most in zip(each_leaf(tree), gap, span, strict=True):
        below, above = z.min(axis=0), z.max(axis=0)
        side = np.maximum(np.maximum(below - high, low - above), 0.0)
        assert least == pytest.approx((side**2).sum(), rel=1e-14)
        across = np.maximum(above - low, high - below)
        assert most == pytest.approx((across**2).sum(), rel=1e-14)


def test_whole_leaves_add_up_in_closed_form(tree):
    X = np.random.default_rng(2).normal(size=(4, tree.points.rows.shape[1]))
    x, some, total = X * tree.points.scale, np.array([0, 2, 3]), 0.0
    for leaf, (z, weights) in enumerate(each_leaf(tree)):
        if leaf in some:
            squared = ((x[:, None] - z) ** 2).sum(axis=2)
            total = total + (1.0 - squared / 400.0) @ weights
            assert tree.leaves.sums.mass[leaf] == pytest.approx(weights.sum(), rel=1e-14)
    found = tree.leaves.sums.added(X, some, 400.0, tree.points.scale)
    np.testing.assert_allclose(found, total, rtol=1e-13)


def test_distances_of_leaves_are_those_of_their_points(tree):
    X = np.random.default_rng(2).normal(size=(4, tree.points.rows.shape[1]))
    x, z = X * tree.points.scale, tree.points.rows * tree.points.scale
    for leaves, squared in tree.leaves.distances(X, np.array([1, 3])):
        point = tree.leaves.point[leaves].ravel()
        filled = tree.leaves.weight[leaves].ravel() > 0
        expected = ((x[:, None] - z[point]) ** 2).sum(axis=2)
        np.testing.assert_allclose(squared[:, filled], expected[:, filled], rtol=1e-14)
        assert np.isinf(squared[:, ~filled]).all()


@pytest.mark.parametrize("limit", [1e-30, 0.3, 1.0, 7.0, 1e30])
def test_limits_in_single_precision_are_rounded_outwards(limit):
    assert limit < float(above(limit)) <= limit * (1.0 + 2.0**-19)
    assert limit * (1.0 - 2.0**-19) <= float(beneath(limit)) < limit
    assert beneath(0.0) == beneath(-limit) == -np.inf


def test_what_is_no_number_in_single_precision_is_not_bounded():
    lower, upper = from_above(np.array([np.nan, 2.0, np.inf], dtype=np.float32), np.ones(3))
    assert lower.dtype == upper.dtype == np.float64
    assert lower.tolist() == [-np.inf, 2.0, -np.inf]
    assert upper.tolist() == [np.inf, 3.0, np.inf]


def test_an_error_counts_for_more_where_distances_matter():
    squared, error = np.array([0.5, 0.999, 1.0, 1.001, 1.1, np.nan]), np.full(6, 1e-15)
    assert doubtful(squared, error, 1.0, rough=False).tolist() == [1, 2, 5]
    assert doubtful(squared, error, 1.0, rough=True).tolist() == [2, 5]


def test_pairs_are_gathered_by_query_and_point():
    parts = [
        (np.array([2, 0]), np.array([1, 9]), np.array([0.2, 0.4])),
        (np.array([0, 2]), np.array([3, 0]), np.array([0.6, 0.8])),
    ]
    kept = {"limit": 2.0, "most": 4}
    sets = ActiveSets.gather(3, iter(parts), ascending=False, **kept)
    assert sets.indptr.tolist() == [0, 2, 2, 4]
    assert sets.indices.tolist() == [3, 9, 0, 1]
    assert sets.u.tolist() == [0.3, 0.2, 0.4, 0.1]
    runs = ActiveSets.gather(3, iter(parts[::-1]), ascending=True, **kept)
    assert runs.indices.tolist() == [3, 9, 0, 1]
    assert ActiveSets.gather(3, iter(parts), limit=2.0, most=3, ascending=True) is None
    one = [(np.zeros(5, dtype=int), np.arange(5), np.ones(5))]
    assert len(ActiveSets.gather(1, iter(one), limit=2.0, most=3, ascending=True).u) == 5


def test_a_sample_is_evenly_spaced_and_small():
    assert sampled(np.arange(100)).tolist() == [0]
    assert sampled(np.arange(300)).tolist() == [0, 128, 256]
    assert sampled(np.arange(10_000)).tolist() == list(range(0, 10_000, 625))
    assert nanoseconds((3.0, 0.5), 8) == 7.0


def test_a_reach_is_in_radii_and_entries_take_working_memory():
    search = search_of(np.eye(3), 0.75)
    assert search.limit(3.0) == 9.0 * search.points.radius_squared
    assert search.points.radius_squared == (0.75 * search.points.scale) ** 2
    with config_context(working_memory=1):
        assert search.most == 2**20 // 64


def test_the_error_of_a_sum_grows_with_the_slope_of_the_kernel():
    X, weights = np.random.default_rng(0).normal(size=(50, 3)), np.full(50, 2.0)
    points = Points.measured(X, 1.5)
    bounds = [
        added(points, points.lift(X), weights, KERNELS[name], points.radius_squared)[1]
        for name in ("epanechnikov", "biweight", "triweight")
    ]
    np.testing.assert_allclose(bounds[1], 2 * bounds[0], rtol=1e-15)
    np.testing.assert_allclose(bounds[2], 3 * bounds[0], rtol=1e-15)
    product = next(points.tiles(points.lift(X)))[2] / points.radius_squared + 4 * UNIT_ROUNDOFF
    counts = [len(members) for members in members_by_differences(X, X, 1.5)]
    np.testing.assert_allclose(bounds[0], np.array(counts) * 2.0 * product, rtol=1e-15)


@every_back_end
@pytest.mark.parametrize("name", ["epanechnikov", "biweight", "cosine"])
@pytest.mark.parametrize("bandwidth", [0.4, 6.0, 12.0])
def test_totals_are_sums_over_what_is_within_reach(algorithm, name, bandwidth):
    rng = np.random.default_rng(0)
    X, weights, kernel = rng.normal(size=(300, 3)), rng.uniform(0.5, 2.0, 300), KERNELS[name]
    X[:150] += 8.0  # two clusters: leaves within reach, partly, and beyond
    search = Search(Points.measured(X, bandwidth), weights)
    u = ((X[:, None] - X) ** 2).sum(axis=2) / bandwidth**2
    terms = np.where(u < 1.0, kernel.profile(np.minimum(u, 1.0)), 0.0) * weights
    np.testing.assert_allclose(search.totals(X, kernel, algorithm), terms.sum(axis=1), rtol=1e-11)
    skip = rng.permutation(300)
    terms[np.arange(300), skip] = 0.0
    left = search.totals(X, kernel, algorithm, skip)
    np.testing.assert_allclose(left, terms.sum(axis=1), rtol=1e-11)


@pytest.mark.parametrize("algorithm", ["tree", "gemm"])
@pytest.mark.parametrize("name", ["epanechnikov", "cosine"])
def test_the_error_told_of_totals_holds(algorithm, name):
    X = np.random.default_rng(0).normal(size=(300, 3)) + 1e3
    search, kernel = search_of(X, 2.5), KERNELS[name]
    index, queries = search.index(algorithm), search.points.lift(X)
    total, error = index.totals(queries, kernel, search.limit(1.0))
    exact = index.exact_totals(queries, kernel, search.limit(1.0))
    assert (np.abs(total - exact) <= error + 1e-14 * exact).all()
    assert (error <= 1e-6 * exact).all()
