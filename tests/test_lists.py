"""Lists of who is near states that move say what a search among all points says."""

import numpy as np
import pytest
from cases import member_lists
from searches import search_of

from skdam._active import BACK_ENDS, Lists, Search


@pytest.fixture
def search():
    return search_of(np.random.default_rng(0).normal(size=(3000, 12)), 2.0)


@pytest.fixture
def worthwhile(monkeypatch):
    """Lists pay, whatever they cost."""
    monkeypatch.setattr("skdam._active._lists._WORTH", np.inf)


@pytest.mark.usefixtures("worthwhile")
@pytest.mark.parametrize("task", ["distances", "members"])
@pytest.mark.parametrize("reach", [1.0, 1.3])
@pytest.mark.parametrize("algorithm", ["auto", *BACK_ENDS])
def test_sets_are_those_of_a_search(search, algorithm, reach, task):
    rng, lists = np.random.default_rng(1), Lists(search, algorithm, 60, reach, task)
    X, looked_up, shared = np.repeat(search.points.rows[:20], 3, axis=0), 0, 0
    for step in (0.0, 0.02, 0.02, 0.5, 0.01, 0.01, 0.1, 0.0):
        X = X + step * rng.normal(size=X.shape)
        rows = np.flatnonzero(rng.random(60) < 0.8)  # not all are asked for every time
        found = member_lists(lists.sets(rows, X[rows]), len(rows))
        assert found == member_lists(search.sets(X[rows], algorithm, reach), len(rows))
        listed = rows[lists._listed(rows, X[rows])]
        looked_up += len(listed)
        shared += len(listed) - len(np.unique(lists._own[listed]))
    assert looked_up > 60
    assert shared > 20


@pytest.mark.usefixtures("worthwhile")
@pytest.mark.parametrize("algorithm", BACK_ENDS)
@pytest.mark.parametrize("n_features", [2, 9])
def test_distances_on_lists_are_those_of_differences(algorithm, n_features):
    X = np.random.default_rng(0).normal(size=(300, n_features))
    search, rows = search_of(X, 1.5), np.arange(40)
    lists, points = Lists(search, algorithm, 40), search.points
    for move in (0.0, 0.01, 0.01):
        state = X[:40] + move
        for part, sets in lists.sets(rows, state):
            exact = points.direct(points.lift(state[part]), sets.query, sets.indices)
            np.testing.assert_allclose(
                sets.u, exact / points.radius_squared, rtol=1e-11, atol=1e-14
            )
    assert lists._listed(rows, X[:40]).all()


def test_lists_that_cost_more_than_a_search_are_not_kept(search, monkeypatch):
    monkeypatch.setattr("skdam._active._lists._WORTH", 0.0)
    lists = Lists(search, "refine", 60)
    for _ in range(3):
        list(lists.sets(np.arange(60), search.points.rows[:60]))
    assert not len(lists._lists)
    assert (lists._own < 0).all()


@pytest.mark.usefixtures("worthwhile")
def test_lists_stay_within_working_memory(search, monkeypatch):
    monkeypatch.setattr(Search, "most", 5000)
    lists, X = Lists(search, "gemm", 300, reach=3.0), search.points.rows[:300]
    for move in (0.0, 0.01, 0.02, 1.0, 1.01):
        found = member_lists(lists.sets(np.arange(300), X + move), 300)
        assert found == member_lists(search.sets(X + move, "gemm", 3.0), 300)
        assert (len(lists._lists.pool) > 0) == (move > 0.0)
        assert len(lists._lists.pool) <= 5000


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("algorithm", BACK_ENDS)
def test_a_point_on_the_rim_stays_outside_however_it_is_looked_at(algorithm, inside):
    radius = np.nextafter(5.0, 9.0) if inside else 5.0
    rows = np.append(np.random.default_rng(0).normal(size=(50, 2)) + 40.0, [[3.0, 4.0]], axis=0)
    lists = Lists(search_of(rows, radius), algorithm, 1)
    for _ in range(3):
        ((_, sets),) = lists.sets(np.array([0]), np.zeros((1, 2)))
        assert sets.indices.tolist() == [50] * inside


@pytest.mark.usefixtures("worthwhile")
@pytest.mark.parametrize("algorithm", BACK_ENDS)
def test_distances_are_right_at_the_rim_below_a_skin(algorithm):
    gap = 1e-9
    search = search_of(np.array([[gap - 1.0], [1.0 - gap]]), 1.0)
    lists, X = Lists(search, algorithm, 1), np.array([[0.4 * gap]])
    exact = [(gap - 1.0 - X[0, 0]) ** 2, (1.0 - gap - X[0, 0]) ** 2]
    for _ in range(3):
        ((_, found),) = lists.sets(np.array([0]), X)
        np.testing.assert_array_equal(found.u, exact)
    assert lists._listed(np.array([0]), X).all()
