"""Parts of lists: runs of a pool, lists around anchors, who leads whom, and when lists pay."""

import numpy as np
import pytest
from searches import recorded, search_of, squares

from skdam._active import Lists, Search
from skdam._active import _lists as lists_module
from skdam._active._anchored import Anchored
from skdam._active._leaders import leaders, nearest
from skdam._active._runs import Runs
from skdam._math import Points


@pytest.fixture(name="X")
def gaussians():
    return np.random.default_rng(0).normal(size=(1500, 12))


@pytest.fixture
def lists(X, monkeypatch):
    monkeypatch.setattr(lists_module, "_WORTH", np.inf)
    return Lists(search_of(X, 2.0), "gemm", 60)


def asked(lists, rows, X):
    """Return the members of some rows."""
    answers = {}
    for part, sets in lists.sets(rows, X):
        cuts = np.split(sets.indices, sets.indptr[1:-1])
        answers |= dict(zip(part.tolist(), cuts, strict=True))
    return [answers[i].tolist() for i in range(len(rows))]


def listing(lists, X, step=0.01):
    """Let the first rows be listed: ask for them twice."""
    rows = np.arange(len(X))
    asked(lists, rows, X - step)
    asked(lists, rows, X)
    return rows


# Runs


@pytest.fixture
def runs():
    return Runs(
        np.array([5, 6, 7, 8, 9]), np.array([1, 1, 3, 3, 3, 0]), np.array([2, 2, 0, 2, 2, 1])
    )


def test_pairs_of_runs_are_numbered_query_by_query(runs):
    assert runs.indptr.tolist() == [0, 2, 4, 4, 6, 8, 9]
    query, point = runs.pairs()
    assert query.tolist() == [0, 0, 1, 1, 3, 3, 4, 4, 5]
    assert point.tolist() == [6, 7, 6, 7, 8, 9, 8, 9, 5]


def test_some_pairs_of_runs_are_row_compressed(runs):
    indptr, point = runs.taken(np.array([1, 2, 3, 7, 8]))
    assert indptr.tolist() == [0, 1, 3, 3, 3, 4, 5]
    assert point.tolist() == [7, 6, 7, 9, 5]
    indptr, point = runs.taken(np.arange(0))
    assert (indptr.tolist(), point.tolist()) == ([0] * 7, [])


def test_queries_that_share_a_run_stand_together_and_empty_ones_are_left(runs):
    shared = [(some.start, some.stop, point.tolist()) for some, point in runs.shared()]
    assert shared == [(0, 2, [6, 7]), (3, 5, [8, 9]), (5, 6, [5])]
    longer = Runs(runs.pool, np.array([1, 1]), np.array([2, 3]))  # the same start alone is not all
    assert [point.tolist() for _, point in longer.shared()] == [[6, 7], [6, 7, 8]]


# Anchored


@pytest.fixture
def anchored():
    some = Anchored(2)
    indptr, point = np.array([0, 2, 2, 5]), np.array([4, 7, 1, 2, 9])
    number = some.add(np.eye(3)[:, :2], np.array([0, 0, 1]), 0.5, indptr, point)
    assert number.tolist() == [0, 1, 2]
    return some


def contents(anchored, own):
    runs = anchored.runs(np.array(own))
    return [one.tolist() for one in np.split(runs.pairs()[1], runs.indptr[1:-1])]


def test_lists_are_found_by_their_numbers(anchored):
    assert len(anchored) == 3
    assert contents(anchored, [2, 0, 1, 2]) == [
        [1, 2, 9],
        [4, 7],
        [],
        [1, 2, 9],
    ]
    number = anchored.add(
        np.full((1, 2), 8.0), np.array([3]), 0.25, np.array([0, 1]), np.array([6])
    )
    assert number.tolist() == [3]
    assert contents(anchored, [3]) == [[6]]
    assert anchored.skin.tolist() == [0.5, 0.5, 0.5, 0.25]
    assert anchored.home.tolist() == [0, 0, 1, 3]
    np.testing.assert_array_equal(anchored.anchor, [[1, 0], [0, 1], [0, 0], [8, 8]])


def test_lists_that_are_kept_have_new_numbers_and_the_others_go(anchored):
    anchored.keep(np.array([0, 2]))
    assert len(anchored) == 2
    assert contents(anchored, [0, 1]) == [[4, 7], [1, 2, 9]]
    assert anchored.pool.tolist() == [4, 7, 1, 2, 9]
    np.testing.assert_array_equal(anchored.anchor, [[1, 0], [0, 0]])
    assert (anchored.skin.tolist(), anchored.home.tolist()) == ([0.5] * 2, [0, 1])
    anchored.keep(np.array([1]))
    assert anchored.pool.tolist() == [1, 2, 9]
    anchored.keep(np.arange(0))
    assert (len(anchored), len(anchored.pool)) == (0, 0)


def test_the_last_list_may_be_empty():
    some = Anchored(1)
    some.add(np.zeros((2, 1)), np.zeros(2, dtype=int), 0.5, np.array([0, 1, 1]), np.array([3]))
    assert contents(some, [1, 0]) == [[], [3]]


def test_rows_are_put_in_order_of_the_first_points_of_their_lists(anchored):
    anchored.add(np.zeros((1, 2)), np.array([0]), 0.5, np.array([0, 1]), np.array([1]))
    assert anchored.order(np.array([0, 3, 2, 1, 3, 2])).tolist() == [3, 2, 5, 1, 4, 0]


# Leaders


def test_all_are_led_by_one_near_them_who_leads_itself(X):
    home, z = np.repeat([0, 3], 100), X[:200, :3]
    lead = leaders(home, z, 0.7)
    assert (lead[lead] == lead).all()
    assert (home[lead] == home).all()
    assert (np.linalg.norm(z - z[lead], axis=1) <= 0.7).all()
    assert 20 < len(np.unique(lead)) < 120


def test_those_with_most_around_lead():
    z = np.array([[0.0], [0.9], [1.8], [5.0], [9.0]])
    assert leaders(np.zeros(5, dtype=int), z, 1.0).tolist() == [1, 1, 1, 3, 4]
    assert leaders(np.array([0, 1, 1, 1, 1]), z, 1.0).tolist() == [0, 1, 1, 3, 4]
    assert leaders(np.zeros(5, dtype=int), z * 1e300, 1.0).tolist() == [0, 1, 2, 3, 4]


def test_a_row_joins_the_anchor_that_it_is_deepest_in():
    z, home = np.array([[0.0], [1.0], [2.5], [0.1]]), np.array([0, 0, 0, 1])
    anchors, widths = np.array([[0.5], [1.5], [0.0]]), np.array([1.0, 0.9, 0.3])
    assert nearest(home, z, np.array([0, 0, 1]), anchors, widths).tolist() == [0, 0, -1, 2]
    assert nearest(home, z, np.array([2, 2, 2]), anchors, widths).tolist() == [-1] * 4
    assert nearest(home, z, np.zeros(0, dtype=int), anchors[:0], widths[:0]).tolist() == [-1] * 4
    on_the_rim = nearest(home[:1], z[:1], np.array([0]), np.array([[1.0]]), np.array([1.0]))
    assert on_the_rim.tolist() == [0]
    assert nearest(home, z * 1e300, home[:3], anchors, widths).tolist() == [0, -1, -1, -1]


# When lists are made


def test_moves_are_in_radii_and_rounded_up(X):
    lists, step = Lists(search_of(X, 3.0), "gemm", 4), np.eye(12)[:4] * [[0.3], [0.6], [3.0], [9.0]]
    moved, exact = lists._moved(X[:4] + step, X[:4]), np.array([0.1, 0.2, 1.0, 3.0])
    assert ((exact * (1 - 1e-12) <= moved) & (moved <= exact * (1 + 1e-10))).all()
    assert np.isnan(lists._moved(X[:4], lists._last)).all()


def test_states_are_measured_from_the_centre_in_radii(X):
    lists = Lists(search_of(X + 5.0, 3.0), "gemm", 4)
    centre = lists.search.points.centre
    assert (np.abs(centre - 5.0) < 1.0).all()
    z = lists._in_radii(X[:4] + 5.0)
    np.testing.assert_allclose(z, (X[:4] + 5.0 - centre) / 3.0, rtol=1e-12)


def test_a_skin_lasts_four_steps_within_bounds(X):
    lists, new = Lists(search_of(X, 2.0), "gemm", 4), np.nan
    for step, skin in (
        ([new, new], 0.0),
        ([], 0.0),
        ([0.03, new], 0.12),
        ([0.001], 0.02),
        ([0.2], 0.2),
        ([0.21], 0.0),  # no list would last a step
        ([0.01, 0.03, 9.0], 0.12),
    ):
        assert lists._next_skin(np.array(step)) == pytest.approx(skin)
    lists._too_wide = 0.15
    assert lists._next_skin(np.array([0.03])) == 0.075
    lists._too_wide = 0.04
    assert lists._next_skin(np.array([0.001])) == 0.02
    lists._too_wide = np.nextafter(0.04, 0.0)
    assert lists._next_skin(np.array([0.001])) == 0.0


def test_the_first_search_makes_no_lists_and_the_next_does(lists, X):
    rows = np.arange(60)
    asked(lists, rows, X[:60])
    assert not len(lists._lists)
    asked(lists, rows, X[:60] + 0.01)
    assert lists._listed(rows, X[:60]).all()


def test_a_list_holds_what_is_within_the_reach_and_the_skin_of_its_anchor(lists, X):
    rows = listing(lists, X[:60])
    skin = 4.0 * 0.01 * 12**0.5 / 2.0
    np.testing.assert_allclose(lists._lists.skin, skin)
    own = lists._own[rows]
    assert sorted(own) == list(range(60))  # nobody is near another
    np.testing.assert_array_equal(lists._lists.anchor[own], X[:60])
    runs = lists._lists.runs(own)
    near = squares(X[:60], X) < (2.0 * (1.0 + skin)) ** 2
    for i, one in enumerate(np.split(runs.pairs()[1], runs.indptr[1:-1])):
        assert one.tolist() == np.flatnonzero(near[i]).tolist()


def test_rows_near_another_share_its_list_and_later_ones_join(lists, X, monkeypatch):
    state = np.repeat(X[:6], 10, axis=0)
    rows = np.arange(60)
    asked(lists, rows, state)
    state += 0.01 * np.random.default_rng(0).normal(size=state.shape)
    asked(lists, rows[5:], state[5:])
    assert len(lists._lists) == 6
    calls = recorded(monkeypatch, lists.search, "sets")
    asked(lists, rows, state)  # five have no list, and join one
    assert not calls
    assert len(lists._lists) == 6
    assert lists._listed(rows, state).all()


def test_a_list_lasts_up_to_the_very_width_of_its_skin(lists, X):
    (row,) = listing(lists, X[:1])
    state = X[:1] + 0.02
    lists._lists.skin[0] = lists._moved(state, X[:1]).item()
    assert lists._listed(np.array([row]), state).all()
    lists._lists.skin[0] = np.nextafter(lists._lists.skin[0], 0.0)
    assert not lists._listed(np.array([row]), state).any()


def test_lists_of_other_rows_go_when_there_are_too_many(lists, X):
    rows = listing(lists, X[:60])
    state = X[:60] + 0.0
    state[30:] += 0.3
    asked(lists, rows, state)  # thirty jump
    assert len(lists._lists) == 60
    state[30:] += 0.02
    asked(lists, rows, state)  # ninety lists, for sixty rows
    assert len(lists._lists) == 90
    state[30:] += 0.1
    asked(lists, rows[:50], state[:50])
    assert len(lists._lists) == 50
    assert (lists._own >= 0).tolist() == [True] * 50 + [False] * 10
    for i, one in zip(rows[:50], asked(lists, rows[:50], state[:50]), strict=True):
        assert one == np.flatnonzero(squares(state[i : i + 1], X)[0] < 4.0).tolist()


def test_no_lists_are_made_while_the_room_is_half_full(lists, X, monkeypatch):
    rows = listing(lists, X[:30])
    n_entries = len(lists._lists.pool)
    for most, n_lists in ((2 * n_entries - 1, 30), (2 * n_entries, 60)):
        monkeypatch.setattr(Search, "most", most)
        asked(lists, np.arange(60), X[:60])
        asked(lists, np.arange(60), X[:60])
        assert len(lists._lists) == n_lists
    assert lists._listed(rows, X[:30]).all()


def test_lists_that_last_take_room_from_new_ones(lists, X, monkeypatch):
    listing(lists, X[:10])
    most = 2 * len(lists._lists.pool)
    monkeypatch.setattr(Search, "most", most)
    asked(lists, np.arange(60), X[:60])
    asked(lists, np.arange(60), X[:60])
    assert 10 < len(lists._lists) < 60
    assert len(lists._lists.pool) <= most


def test_lists_are_made_as_long_as_there_is_room(X, lists, monkeypatch):
    listing(lists, X[:60])
    n_entries = lists._lists.length.sum()
    for most, n_lists in ((n_entries, 60), (n_entries - 1, 59)):
        monkeypatch.setattr(Search, "most", most)
        some = Lists(lists.search, "gemm", 60)
        listing(some, X[:60])
        assert len(some._lists) == n_lists


def test_looking_at_a_list_is_compared_with_a_search(X, monkeypatch):
    search = search_of(X, 2.0)
    for n_features, pair, gather in (
        (12, 0.37 + 0.0195 * 12 + 1.5, 5.0 + 0.3 * 12),
        (5, 50.0, 0.0),
    ):
        search = search_of(np.ascontiguousarray(X[:, :n_features]), 2.0)
        Y, lists = search.points.rows[:1], Lists(search, "gemm", 60)
        length = np.count_nonzero(squares(Y, search.points.rows) < 2.2**2)
        for sharing in (1.0, 4.0):
            looking = length * (pair + gather / sharing) + 5000.0 / sharing
            lists._searching = looking / 0.6 * (1 + 1e-9)
            assert lists._pays(Y, 0.1, sharing)
            lists._searching = looking / 0.6 * (1 - 1e-9)
            assert not lists._pays(Y, 0.1, sharing)
    many, lists = search.points.rows[:300], Lists(search, "gemm", 60)
    length = (squares(many[::128], search.points.rows) < 2.2**2).sum() / 3  # of some of them
    lists._searching = (length * 50.0 + 5000.0) / 0.6 * (1 + 1e-9)
    assert lists._pays(many, 0.1, 1.0)
    lists._pays_to = 0.1
    lists._searching = 0.0
    assert lists._pays(Y, 0.1, 1.0)
    assert not lists._pays(Y, np.nextafter(0.1, 1.0), 1.0)


def test_skins_that_do_not_pay_are_halved_until_they_do(lists, X, monkeypatch):
    asked(lists, np.arange(60), X[:60] - 0.01)
    seen = []

    def pays(X, skin, sharing):
        seen.append((len(X), skin, sharing))
        return skin < 0.02 or (len(X), skin < 0.04) == (60, True)

    monkeypatch.setattr(lists, "_pays", pays)
    skin = 4.0 * 0.01 * 12**0.5 / 2.0
    asked(lists, np.arange(60), X[:60])
    assert seen == [
        pytest.approx(one) for one in ((60, skin, 60.0), (60, skin / 2, 60.0), (60, skin / 2, 1.0))
    ]
    assert len(lists._lists) == 60
    assert lists._too_wide == pytest.approx(skin)
    assert lists._pays_to == pytest.approx(skin / 2)


def test_lists_are_given_up_where_none_pays(X, monkeypatch):
    lists = Lists(search_of(X, 2.0), "gemm", 60)
    calls = recorded(monkeypatch, lists_module, "leaders")
    monkeypatch.setattr(lists, "_pays", lambda X, skin, sharing: False)
    listing(lists, X[:60])
    assert not calls  # not even shared by all
    assert lists._too_wide < 0.04
    assert lists._next_skin(np.array([0.01])) == 0.0


def test_a_search_is_priced_by_row(lists, X):
    asked(lists, np.arange(40), X[:40])
    cost = lists.search.index("gemm").cost(X[:40], lists.search.limit(1.0), "distances")
    assert lists._searching == cost / 40


def test_lists_choose_for_what_they_are_asked(X, monkeypatch):
    lists = Lists(search_of(X, 2.0), "auto", 60, 1.5, "members")
    calls = recorded(monkeypatch, lists.search, "choose")
    asked(lists, np.arange(60), X[:60])
    assert [call.args[1:] for call in calls] == [(1.5, "members")]
    assert lists.algorithm == "gemm"
    cost = lists.search.index("gemm").cost(X[:60], lists.search.limit(1.5), "members")
    assert lists._searching == cost / 60


# How lists are looked at


def test_lists_are_looked_at_a_batch_at_a_time(lists, X, monkeypatch):
    rows = listing(lists, X[:60])
    whole, length = asked(lists, rows, X[:60]), lists._lists.length
    for most in (length.sum() // 5, 40):
        monkeypatch.setattr(lists_module, "_BATCH", most)
        parts = [part for part, _ in lists.sets(rows, X[:60])]
        assert sorted(np.concatenate(parts)) == rows.tolist()
        sizes = [length[lists._own[part]].sum() for part in parts]
        assert max(sizes) < most + 2 * length.max()
        assert len(parts) <= length.sum() // most + 1
        assert asked(lists, rows, X[:60]) == whole


def test_members_on_lists_are_told_without_distances(X, monkeypatch):
    monkeypatch.setattr(lists_module, "_WORTH", np.inf)
    lists = Lists(search_of(X, 4.0), "refine", 300, task="members")
    calls = recorded(monkeypatch, Points, "direct")
    listing(lists, X[:300])
    assert len(lists._lists.pool) > 10_000
    assert sum(len(call.args[2]) for call in calls) <= 100


def test_only_distances_of_members_are_computed(lists, X, monkeypatch):
    rows = listing(lists, X[:60])
    n_members = sum(map(len, asked(lists, rows, X[:60])))
    calls = recorded(monkeypatch, Points, "direct")
    asked(lists, rows, X[:60])
    n_pairs = sum(len(call.args[2]) for call in calls)
    assert n_members <= n_pairs <= n_members + 5 < lists._lists.length.sum()
