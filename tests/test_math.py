"""The ground floor: distances with bounds, sums that cannot overflow, blocks."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from cases import SCENES
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import squared_distance, squared_distances
from scipy.special import logsumexp
from sklearn import config_context

from skdam import _masks, _math
from skdam._math import Points
from skdam._nearest import nearest

every_scene = pytest.mark.parametrize("scene", SCENES, ids=str)


def prepared(scene):
    points = Points.measured(scene.memories.astype(float), scene.bandwidth)
    return points, points.lift(scene.queries.astype(float))


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_power_of_two_is_the_largest_not_above(value):
    power = _math.power_of_two(value)
    assert power <= value < 2 * power
    assert np.frexp(power)[0] == 0.5


@given(st.integers(0, 50), st.integers(-1, 60))
def test_slices_cover_each_row_once_in_order(n, size):
    rows = [np.arange(n)[part] for part in _math.slices(n, size)]
    np.testing.assert_array_equal(np.concatenate([[], *rows]), np.arange(n))
    assert all(0 < len(part) <= max(1, size) for part in rows)


def test_row_blocks_respect_working_memory():
    with config_context(working_memory=1):
        blocks = list(_math.row_blocks(1000, 2**17))
    assert {block.stop - block.start for block in blocks} == {8}
    with config_context(working_memory=1e-9):
        assert len(list(_math.row_blocks(10, 2**17))) == 10


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)),
              elements=st.sampled_from([-0.0, 0.0, 1.0, -2.5, 1e300, -1e-300])))  # fmt: skip
def test_distinct_rows_are_the_first_copies_in_lexicographic_order(X):
    first, place = _math.distinct_rows(X)
    np.testing.assert_array_equal(X[first][place], X)
    assert [tuple(row) for row in X[first]] == sorted({tuple(row) for row in X.tolist()})
    assert all(not (X[:i] == X[i]).all(axis=1).any() for i in first)


@every_scene
def test_error_bound_of_the_product_holds(scene):
    points, queries = prepared(scene)
    truth = np.array(squared_distances(queries.rows, points.rows), dtype=object)
    for start, squared, error in points.tiles(queries):
        for i, j in np.ndindex(squared.shape):
            if np.isfinite(error[i]):
                exact = float(truth[i, start + j] * Fraction(points.scale) ** 2)
                assert abs(squared[i, j] - exact) <= error[i]


@every_scene
def test_direct_distances_are_right_to_the_last_digits(scene):
    points, queries = prepared(scene)
    i, j = (grid.ravel() for grid in np.indices((len(queries), len(points))))
    lengths = points.distances(queries, i, j)
    truth = [squared_distance(queries.rows[a], points.rows[b]) for a, b in zip(i, j, strict=True)]
    bound = Fraction((points.rows.shape[1] + 4) * _math.UNIT_ROUNDOFF)
    for length, square in zip(lengths, truth, strict=True):
        assert abs(Fraction(length) ** 2 - square) <= 2 * bound * square


@every_scene
def test_nearest_is_the_nearest_and_the_first_of_equals(scene):
    points, queries = prepared(scene)
    index, distance = nearest(points, queries)
    for row, i, d in zip(
        squared_distances(queries.rows, points.rows), index, distance, strict=True
    ):
        best = min(row)
        assert abs(Fraction(d) ** 2 - best) <= best / 10**14
        assert row.index(row[i]) == i
        assert row[i] <= best * (1 + Fraction(1, 10**14))


def test_nearest_leaves_out_the_skipped_point():
    X = np.random.default_rng(0).normal(size=(50, 3)) + 1e7
    points = Points.measured(X, 1.0)
    index, distance = nearest(points, points.lift(X), skip=np.arange(50))
    for i, row in enumerate(squared_distances(X, X)):
        row[i] = max(row) + 1
        assert row.index(min(row)) == index[i]
        assert distance[i] == pytest.approx(float(min(row)) ** 0.5, rel=1e-14)


def test_nearest_counts_known_coordinates_only():
    rng = np.random.default_rng(1)
    Y, X, known = rng.normal(size=(40, 6)), rng.normal(size=(30, 6)), rng.random((30, 6)) < 0.5
    points, queries = Points.measured(Y, 1.0).lift_known(np.where(known, X, np.nan), known)
    index, distance = nearest(points, queries)
    truth = (((X[:, None] - Y) ** 2) * known[:, None]).sum(axis=2)
    np.testing.assert_array_equal(index, truth.argmin(axis=1))
    np.testing.assert_allclose(distance, np.sqrt(truth.min(axis=1)), rtol=1e-14)


segments = st.lists(st.integers(0, 4), min_size=1, max_size=8)


@given(segments, st.integers(0, 2**32 - 1))
def test_segment_sums_add_up_each_segment(lengths, seed):
    values = np.random.default_rng(seed).integers(-9, 9, sum(lengths)).astype(float)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    expected = [part.sum() for part in np.split(values, indptr[1:-1])]
    np.testing.assert_array_equal(_math.segment_sums(values, indptr), expected)


@pytest.mark.parametrize("spread", [1.0, 100.0])  # about the common centre, or about a member
@given(segments, st.integers(0, 2**32 - 1), st.sampled_from([1, 5, 2**20]))
def test_weighted_offsets_are_means_whatever_the_batch(spread, lengths, seed, elements):
    rng = np.random.default_rng(seed)
    rows = spread * rng.normal(size=(6, 2)) + 1e8
    indptr, points = np.concatenate([[0], np.cumsum(lengths)]), Points.measured(rows, 3.0)
    indices, weights = rng.integers(0, 6, sum(lengths)), rng.uniform(1, 2, sum(lengths))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_math, "DIRECT_ELEMENTS", elements)
        anchor, offset = _math.weighted_offsets(points, indices, weights, indptr)
    for i, (start, stop) in enumerate(pairwise(indptr)):
        if start == stop:
            assert not anchor[i].any()
            assert not offset[i].any()
            continue
        part = slice(start, stop)
        mean = np.average(rows[indices[part]] - rows[indices[start]], axis=0, weights=weights[part])
        found = (anchor[i] - rows[indices[start]]) + offset[i]
        np.testing.assert_allclose(found, mean, atol=1e-14 * spread)
        whole = np.array([0, stop - start])
        alone = _math.weighted_offsets(points, indices[part], weights[part], whole)
        np.testing.assert_array_equal(alone, (anchor[[i]], offset[[i]]))


@pytest.mark.parametrize("bandwidth", [0.01, 5.0])
def test_means_of_a_lattice_are_exact(bandwidth):
    rows = np.random.default_rng(0).integers(-8, 8, (64, 3)).astype(float)
    points = Points.measured(rows, bandwidth)
    anchor, offset = _math.weighted_offsets(points, np.arange(64), np.ones(64), np.array([0, 64]))
    np.testing.assert_array_equal(anchor + offset, rows.mean(axis=0, keepdims=True))


def test_mean_of_equal_rows_is_that_row_bit_for_bit():
    points = Points.measured(np.full((3, 1), 0.1), 1.0)
    anchor, offset = _math.weighted_offsets(points, np.arange(3), np.full(3, 0.7), np.array([0, 3]))
    assert anchor + offset == 0.1


terms = arrays(np.float64, (3, 7), elements=st.floats(-1e6, 1e6) | st.just(-np.inf))


@given(terms, st.integers(1, 7))
def test_log_sum_is_scipys_whatever_the_tiles(terms, width):
    terms[:, 0] = -5.0  # an all-empty sum has no mean
    vectors = np.random.default_rng(0).normal(size=(7, 2))
    running = _math.LogSum(3, 2)
    for start in range(0, 7, width):
        running.add(terms[:, start : start + width].copy(), vectors[start : start + width])
    expected = logsumexp(terms, axis=1)
    np.testing.assert_allclose(running.log(), expected, rtol=1e-15, atol=1e-14)
    shares = np.exp(terms - expected[:, None])
    np.testing.assert_allclose(running.mean(), shares @ vectors, atol=1e-9)


def test_log_sum_of_nothing_is_minus_infinity():
    running = _math.LogSum(1, 0)
    running.add(np.full((1, 2), -np.inf), np.empty((2, 0)))
    assert running.log() == -np.inf


def test_entries_of_rows_are_counted_over_tiles_of_any_width():
    rng, counts, expected = np.random.default_rng(0), _masks.RowCounts(5), np.zeros(5)
    assert counts.total().tolist() == [0] * 5
    for width in [8] * 300 + [16, 7, 8, 9, 16, 18] + [8] * 256:
        mask = rng.random((5, width)) < [[1.0], [1.0], [0.0], [0.5], [0.9]]
        counts.add(mask)
        expected += mask.sum(axis=1)
    assert counts.total().tolist() == counts.total().tolist() == expected.tolist()


def test_first_copies_are_first_among_many():
    X = np.random.default_rng(0).integers(0, 3, (500, 1)).astype(float)
    first, place = _math.distinct_rows(X)
    np.testing.assert_array_equal(first, np.unique(X, return_index=True)[1])
    np.testing.assert_array_equal(place, X[:, 0])


@pytest.mark.parametrize(
    ("n_rows", "columns"),
    [(0, 2**14), (16, 2**14), (17, 15416), (256, 1024), (300, 872), (2**16, 4), (2**20, 1)],
)
def test_tiles_have_as_many_entries_as_stay_in_the_cache(n_rows, columns):
    assert _math.tile_columns(n_rows) == columns


def test_error_of_a_tile_is_what_the_docstring_says():
    X = np.random.default_rng(0).normal(size=(5, 3))
    points = Points.measured(X, 1.0)
    queries = points.lift(2.0 * X)
    ((start, _, error),) = points.tiles(queries)
    length = np.linalg.norm(queries.rows - points.centre, axis=1)
    farthest = np.linalg.norm(X - points.centre, axis=1).max()
    assert start == 0
    expected = (3 * 5 + 16) * 2.0**-53 * ((length + farthest) * points.scale) ** 2
    np.testing.assert_allclose(error, expected, rtol=1e-13)


def test_segments_are_batched_without_loss():
    indptr = np.concatenate([[0], np.cumsum([3, 0, 4, 9, 1, 1, 0, 2])])
    batches = list(_math.segment_batches(indptr, 7))
    assert [(part.start, part.stop) for part in batches] == [(0, 3), (3, 4), (4, 8)]


def test_columns_of_one_place_are_added_up():
    A = np.array([[1.0, 2.0, 4.0, 8.0], [0.5, 0.0, 1.0, 2.0]])
    assert _math.pooled(A, np.array([1, 0, 1, 2])).tolist() == [[2.0, 5.0, 8.0], [0.0, 1.5, 2.0]]


def test_counts_are_integers_whatever_came():
    counts = _masks.RowCounts(2)
    assert counts.total().dtype == np.intp
    for _ in range(600):  # bytes fill up more than twice
        counts.add(np.ones((2, 8), dtype=bool))
    counts.add(np.array([[True, False, True], [False, False, False]]))
    counts.add(np.zeros((2, 16), dtype=bool))
    assert counts.total().tolist() == [4802, 4800]


@pytest.mark.parametrize("radius", [0.0, 1e-300, 0.3, 1.0, 3.0, 1e300])
def test_unit_is_a_power_of_two_and_the_centre_a_sixteenth_of_it(radius):
    rows = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 5.0]]) * (radius or 1.0)
    points = Points.measured(rows, radius)
    unit = 1.0 / points.scale
    assert np.frexp(unit)[0] == 0.5
    assert unit <= max(radius, np.finfo(np.float64).tiny) < 2 * unit
    assert points.radius_squared == (radius / unit) ** 2
    if radius:
        sixteenths = points.centre / unit * 16
        np.testing.assert_array_equal(sixteenths, np.rint(sixteenths))
        assert (np.abs(points.centre - rows.mean(axis=0)) <= unit / 32 * (1 + 1e-9)).all()


@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 12, 16])
@pytest.mark.parametrize("density", [0.0, 0.01, 0.3, 1.0])
def test_true_entries_are_numpys_in_its_order(width, density):
    mask = np.random.default_rng(0).random((40, width)) < density
    for some in (mask, mask.T, np.eye(40, width) > 0, np.arange(width) + np.zeros((40, 1)) == 0):
        for found, expected in zip(_masks.true_entries(some), np.nonzero(some), strict=True):
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == np.intp


def test_columns_of_a_place_are_added_up_as_if_they_stood_alone():
    rng = np.random.default_rng(0)
    A, place = rng.normal(size=(1, 1000)) * 10.0 ** rng.integers(-9, 9, 1000), np.arange(1000) % 3
    whole, one = _math.pooled(A, place), np.zeros(1000, dtype=int)
    for i in range(3):
        alone = np.ascontiguousarray(A[:, place == i])
        np.testing.assert_array_equal(_math.pooled(alone, one[place == i]), whole[:, [i]])


def test_one_point_is_its_own_mean_whatever_it_weighs():
    rows = np.array([[0.1, 0.7], [1.3, -0.2], [2.9, 1.1]])
    points, weights = Points.measured(rows, 1.0), np.array([0.3, 1 / 3, 0.7])
    anchor, offset = _math.weighted_offsets(points, np.arange(3), weights, np.arange(4))
    np.testing.assert_array_equal(anchor, rows)
    assert not offset.any()


@pytest.mark.parametrize(("length", "anchor"), [(8.0, 0.0), (8.5, -8.5)])
def test_points_up_to_eight_units_off_are_averaged_about_their_centre(length, anchor):
    points = Points.measured(np.array([[-length], [length]]), 1.0)
    found, offset = _math.weighted_offsets(points, np.arange(2), np.ones(2), np.array([0, 2]))
    assert (found.item(), (found + offset).item()) == (anchor, 0.0)


def test_a_mean_is_off_by_64_roundings_of_its_reach_and_some_of_its_size():
    X = np.zeros((2, 9))  # sqrt(9) coordinates, twice rounded
    X[0, :3] = [3.0, -5.0, 4.0]
    found = _math.rounding_of_means(X, 2.0) * 2.0**53
    assert found.tolist() == [64 * 2 + 2 * 3 * 5, 64 * 2]


def test_some_queries_know_what_they_knew():
    rng = np.random.default_rng(0)
    X, known = rng.normal(size=(4, 3)), np.tri(4, 3, -1, dtype=bool)
    points, queries = Points.measured(rng.normal(size=(2, 3)), 1.0).lift_known(X, known)
    some, pairs = np.array([3, 1]), np.array([0, 1])
    np.testing.assert_array_equal(queries[some].known, known[some])
    whole = points.direct(queries, some, pairs)
    np.testing.assert_array_equal(points.direct(queries[some], pairs, pairs), whole)
    assert queries[1:].known.shape == (3, 3)


def test_a_tile_without_columns_counts_nothing():
    counts = _masks.RowCounts(3)
    counts.add(np.zeros((3, 0), dtype=bool))
    assert counts.total().tolist() == [0, 0, 0]


@pytest.mark.parametrize(("size", "radius"), [(1e-300, 1e10), (1.7e308, 1.0), (1e300, 1e-10)])
def test_flags_of_the_caller_do_not_matter_however_sizes_and_radius_differ(size, radius):
    rows, pairs = np.array([[-1.0, 0.0], [0.75, 1e-5]]) * size, np.array([0, 1])
    with np.errstate(over="raise", invalid="raise"):
        points = Points.measured(rows, radius)
        queries = points.lift(rows)
        near, far = Points.measured(np.eye(2), 1.0).lift_known(rows, rows != 0.0)
        assert (near.direct(far, pairs, pairs) == (np.inf if size > 1.0 else [1.0, 1.0])).all()
    with np.errstate(all="raise"):
        squared = points.direct(queries, pairs, pairs[::-1])
        assert (squared == (0.0 if radius == 1e10 else np.inf)).all()
        assert (_math.rounding_of_means(rows, 0.0) > 0.0).all()


def test_memories_too_far_to_be_squared_are_lifted_whatever_the_flags():
    rows = np.array([[1e200, 1e-200], [0.0, 1.0]])
    with np.errstate(all="raise"):
        points, queries = Points.measured(rows, 1.0).lift_known(rows[1:], rows[1:] > 0.0)
        squared = points.direct(queries, np.array([0, 0]), np.array([0, 1]))
    np.testing.assert_array_equal(squared, [1.0, 0.0])
