"""Blocks of queries near each other: points beyond reach of their ball are not multiplied."""

import numpy as np
import pytest
from searches import recorded, search_of, squares

from skdam._active import _refine as refine_module


@pytest.fixture
def search():
    return search_of(np.random.default_rng(0).normal(size=(3000, 10)), 2.0)


def reachable(search, X, limit=None):
    refine = search.index("refine")
    limit = search.points.radius_squared if limit is None else limit
    return refine._reachable(search.points.lift(X), limit)


@pytest.mark.parametrize("width", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("n", [1, 40])
def test_what_is_left_of_the_points_is_those_near_the_ball_of_the_queries(search, n, width):
    X = 0.5 + width * np.random.default_rng(1).uniform(-1.0, 1.0, size=(n, 10))
    point, product = reachable(search, X)
    middle = X.mean(axis=0)
    reach = 2.0 + np.linalg.norm(X - middle, axis=1).max()
    away = np.linalg.norm(search.points.rows - middle, axis=1)
    np.testing.assert_array_equal(point, np.flatnonzero(away <= reach))
    assert 0 < len(point) < 0.8 * 3000
    np.testing.assert_array_equal(product.rows, search.index("refine").product.rows[point])
    assert product.shrunk == search.index("refine").product.shrunk


def test_all_points_are_left_where_few_could_be_spared(search, monkeypatch):
    whole = search.index("refine").product
    wide = np.random.default_rng(1).normal(size=(40, 10))
    for X in (wide, np.full((2, 10), 1e30), np.array([[1e308] * 10, [-1e308] * 10])):
        point, product = reachable(search, X)
        assert point.tolist() == list(range(3000))
        assert product is whole
    few = np.zeros((1, 10))
    share = len(reachable(search, few)[0]) / 3000
    monkeypatch.setattr(refine_module, "_MOST", share * 0.999)
    assert reachable(search, few)[1] is whole
    monkeypatch.setattr(refine_module, "_MOST", share)
    assert reachable(search, few)[1] is not whole


def test_nobody_is_near_queries_far_away(search):
    X = np.full((3, 10), 100.0)
    assert reachable(search, X)[0].size == 0
    assert search.marked(X, "refine").nnz == 0


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_points_are_kept_whose_distance_rounds(offset):
    """Two queries on a line; points on the rim of either, as near as float64 can tell."""
    X = np.zeros((2, 8))
    X[:, 0] = [-1.0, 1.0]
    rows = np.zeros((400, 8))
    side = np.repeat([-1.0, 1.0], 200)
    rows[:, 0] = side * (3.0 + np.tile(np.linspace(-1e-6, 1e-6, 200), 2))
    search = search_of(rows + offset, 2.0)
    near = squares(X + offset, rows + offset) < 4.0
    assert near.any()
    np.testing.assert_array_equal(search.marked(X + offset, "refine").toarray(), near)


def test_members_are_asked_for_in_order_of_their_distance_from_the_centre(search, monkeypatch):
    refine = search.index("refine")
    X = search.points.centre + np.eye(10)[:5] * np.array([3.0, 0.0, 1.0, 4.0, 2.0])[:, None]
    assert refine.order(X, "members").tolist() == [1, 2, 4, 0, 3]
    assert refine.order(X, "distances") is None
    calls = recorded(monkeypatch, refine, "_reachable")
    mixed = np.random.default_rng(0).permutation(np.repeat([0.2, 0.9], 256))[:, None] + np.zeros(10)
    near = search.marked(mixed, "refine").toarray()
    assert [np.ptp(call.args[0].rows) for call in calls] == [0.0, 0.0]
    np.testing.assert_array_equal(near, squares(mixed, search.points.rows) < 4.0)


def test_only_what_is_left_is_multiplied(search, monkeypatch):
    refine = search.index("refine")
    calls = recorded(monkeypatch, refine, "_below")
    search.marked(np.zeros((20, 10)), "refine")
    (call,) = calls
    assert 0 < len(call.args[2]) == len(call.args[3].rows) < 1000
