"""Lists of who is near states that move say what a search among all points says."""

import numpy as np
import pytest
from cases import member_lists

from skdam._active import BACK_ENDS, Lists, Search
from skdam._math import Points


@pytest.fixture
def search():
    rows = np.random.default_rng(0).normal(size=(3000, 12))
    return Search(Points.measured(rows, 2.0), np.ones(3000))


@pytest.mark.parametrize("task", ["distances", "members"])
@pytest.mark.parametrize("reach", [1.0, 1.3])
@pytest.mark.parametrize("algorithm", ["auto", *BACK_ENDS])
def test_sets_are_those_of_a_search(search, algorithm, reach, task, monkeypatch):
    rng, lists = np.random.default_rng(1), Lists(search, algorithm, 60, reach, task)
    monkeypatch.setattr("skdam._active._lists._WORTH", np.inf)
    X, looked_up = search.points.rows[:60] + 0.0, 0
    for step in (0.0, 0.02, 0.02, 0.5, 0.01, 0.01, 0.1, 0.0):
        X += step * rng.normal(size=X.shape)
        rows = np.flatnonzero(rng.random(60) < 0.8)  # not all are asked for every time
        looked_up += np.sum(lists._moved(X[rows], lists._anchor[rows]) <= lists._skin[rows])
        found = member_lists(lists.sets(rows, X[rows]), len(rows))
        assert found == member_lists(search.sets(X[rows], algorithm, reach), len(rows))
    assert looked_up > 60


def test_lists_that_cost_more_than_a_search_are_not_kept(search, monkeypatch):
    monkeypatch.setattr("skdam._active._lists._WORTH", 0.0)
    lists = Lists(search, "refine", 60)
    list(lists.sets(np.arange(60), search.points.rows[:60]))
    assert not len(lists._pool)
    assert (lists._skin < 0).all()


def test_lists_stay_within_working_memory(search, monkeypatch):
    monkeypatch.setattr("skdam._active._lists._WORTH", np.inf)
    monkeypatch.setattr(Search, "most", 5000)
    lists, X = Lists(search, "gemm", 300, reach=3.0), search.points.rows[:300]
    found = member_lists(lists.sets(np.arange(300), X), 300)
    assert found == member_lists(search.sets(X, "gemm", 3.0), 300)
    assert 0 < len(lists._pool) <= 5000


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("algorithm", BACK_ENDS)
def test_a_point_on_the_rim_stays_outside_however_it_is_looked_at(algorithm, inside):
    radius = np.nextafter(5.0, 9.0) if inside else 5.0
    rows = np.append(np.random.default_rng(0).normal(size=(50, 2)) + 40.0, [[3.0, 4.0]], axis=0)
    lists = Lists(Search(Points.measured(rows, radius), np.ones(51)), algorithm, 1)
    for _ in range(3):
        ((_, sets),) = lists.sets(np.array([0]), np.zeros((1, 2)))
        assert sets.indices.tolist() == [50] * inside


@pytest.mark.parametrize("algorithm", BACK_ENDS)
def test_distances_are_right_at_the_rim_below_a_skin(algorithm):
    gap = 1e-9
    search = Search(Points.measured(np.array([[gap - 1.0], [1.0 - gap]]), 1.0), np.ones(2))
    X = np.array([[0.4 * gap]])
    ((_, found),) = search.sets(X, algorithm, 1.2, within=1.0)
    exact = [(gap - 1.0 - X[0, 0]) ** 2, (1.0 - gap - X[0, 0]) ** 2]
    np.testing.assert_array_equal(found.u, exact)


def test_moves_are_in_radii_and_rounded_up(search):
    lists, X = Lists(search, "gemm", 4), search.points.rows[:4]
    moved = lists._moved(X + 3.0, X)
    exact = 3.0 * 12**0.5 / 2.0
    assert ((exact <= moved) & (moved <= exact * (1 + 1e-10))).all()
    assert np.isnan(lists._moved(X, lists._anchor)).all()


def test_a_skin_lasts_four_steps_within_bounds(search):
    lists, new = Lists(search, "gemm", 4), np.nan
    assert lists._next_skin(np.array([new, new])) == 0.15
    steps = ([0.02, new], 0.08), ([0.001], 0.01), ([1.0], 0.2), ([0.01, 0.02, 9.0], 0.08)
    for step, skin in steps:
        assert lists._next_skin(np.array(step)) == pytest.approx(skin)
    lists._too_wide = 0.15
    assert lists._next_skin(np.array([new])) == 0.0


def test_looking_at_a_list_is_compared_with_a_search(search):
    for task, price in (("members", 30.0 + 0.4 * 12), ("distances", 40.0 + 2.0 * 12)):
        lists = Lists(search, "gemm", 4, task=task)
        lists._searching = 10 * price / 0.6
        assert not lists._too_long(9.99)
        assert lists._too_long(10.01)
