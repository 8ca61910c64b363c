"""Where the floats end, parts of the radius search raise nothing and decide nothing."""

import numpy as np
import pytest
from searches import search_of

from skdam._active import BACK_ENDS, Lists
from skdam._active import _cells as cells_module
from skdam._active import _pca as pca_module
from skdam._active._leaders import leaders, nearest
from skdam._active._rough import doubtful
from skdam._active._single import SingleProduct
from skdam._active._totals import _depths


@pytest.fixture
def every_flag_raises():
    with np.errstate(all="raise"):
        yield


@pytest.mark.usefixtures("every_flag_raises")
@pytest.mark.parametrize("algorithm", BACK_ENDS)
def test_points_are_told_apart_where_sums_of_two_squared_lengths_overflow(algorithm):
    rows = np.zeros((4, 8))
    rows[:, 0] = 1.1e154 * np.array([1.0, 1.0, -1.0, -1.0])
    near = search_of(rows, 1.0).marked(rows, algorithm).toarray()
    np.testing.assert_array_equal(near, np.kron(np.eye(2), np.ones((2, 2))))


@pytest.mark.usefixtures("every_flag_raises")
def test_distances_to_centres_may_end_beyond_the_floats():
    z = np.array([[1e200], [-1e200], [0.0]])
    squared = cells_module.squared_distances(z, z[:1])
    assert np.isnan(squared[0, 0])
    assert squared[1:].tolist() == [[np.inf], [np.inf]]


@pytest.mark.usefixtures("every_flag_raises")
def test_axes_may_end_beyond_the_floats():
    z = np.array([[1e200, 1e200], [1e200, -1e200]])  # inf - inf beside the diagonal
    np.testing.assert_array_equal(pca_module._principal_axes(z), np.eye(2))
    axes, end = np.full((2, 1), 0.5**0.5), np.full((1, 2), 1.7e308)
    assert pca_module._reduced(end, np.array([np.inf]), axes)[0, 0] == np.inf


@pytest.mark.usefixtures("every_flag_raises")
def test_what_axes_leave_may_end_beyond_single_precision():
    rows = np.zeros((8, 5))
    rows[:, :4] = np.append(np.eye(4), -np.eye(4), axis=0)
    search = search_of(rows, 1.0)
    pca = search.index("pca")
    assert pca.width == 4
    queries = np.eye(5)[4:] * 1e50
    assert pca.lift(pca.points.lift(queries))[0, -3] == -np.inf
    assert search.marked(queries, "pca").nnz == 0
    assert search.at(2e50).marked(queries, "pca").nnz == 8


@pytest.mark.usefixtures("every_flag_raises")
def test_leaves_may_be_infinitely_far_or_nearer_than_squares_tell():
    rows = np.random.default_rng(0).normal(size=(81, 2))
    leaves = search_of(rows, 1e-5).index("tree").leaves
    far = [squared for _, squared in leaves.distances(np.full((1, 2), 1e305), np.arange(2))]
    assert not (np.concatenate(far, axis=1) < np.inf).any()
    leaves = search_of(np.zeros((1, 2)), 1.0).index("tree").leaves
    gap, span = leaves.boxes(np.full((1, 2), 1e-200), np.arange(1))
    assert (gap.tolist(), span.tolist()) == ([0.0], [0.0])


@pytest.mark.usefixtures("every_flag_raises")
def test_rows_may_be_shorter_than_single_precision_tells():
    z, lengths = np.array([[1e-60]]), np.array([1e-120])
    product = SingleProduct(z, lengths)
    assert product.rows.tolist() == [[0.0, 1.0, 0.0]]
    assert product.lift(z, lengths).tolist() == [[0.0, 0.0, 1.0]]


@pytest.mark.usefixtures("every_flag_raises")
def test_errors_and_depths_may_end_beyond_the_floats():
    assert doubtful(np.zeros(1), np.array([1e300]), 1.0, rough=False).tolist() == [0]
    assert _depths(np.array([[1e300, 1.0, 1.0]]), 2.0**-40)[0, 0] == -np.inf


@pytest.mark.usefixtures("every_flag_raises")
def test_moves_may_end_beyond_the_floats():
    lists = Lists(search_of(np.eye(3), 1e-5), "gemm", 1)
    assert lists._moved(np.full((1, 3), 1e308), np.zeros((1, 3))) == np.inf
    assert np.isnan(lists._moved(np.zeros((1, 3)), lists._last))


@pytest.mark.usefixtures("every_flag_raises")
def test_states_may_be_beyond_the_floats_in_radii_and_along_axes():
    search, far = search_of(np.eye(9), 1e-5), np.array([[1e305] * 9, [-1e305] * 9])
    lists = Lists(search, "gemm", 2)
    assert np.isinf(lists._in_radii(far)).all()
    assert leaders(np.zeros(2, dtype=int), far, 1.0).tolist() == [0, 1]
    home = np.zeros(2, dtype=int)
    assert nearest(home, far, home, far, np.ones(2)).tolist() == [-1, -1]
    assert search.index("refine")._excess(search.points.lift(far), 1.0) == np.inf
    pca = search_of(np.random.default_rng(0).normal(size=(90, 9)), 1.0).index("pca")
    assert sorted(pca.order(far * 1e3, "members")) == [0, 1]


@pytest.mark.usefixtures("every_flag_raises")
def test_rows_may_be_nearer_than_squares_tell():
    z, home = np.array([[1e-200], [0.0]]), np.zeros(2, dtype=int)
    assert leaders(home, z, 1.0).tolist() == [0, 0]
    assert nearest(home, z, home[1:], z[1:], np.ones(1)).tolist() == [0, 0]
