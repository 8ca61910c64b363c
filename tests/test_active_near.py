"""Pairs within reach in few dimensions, by strips and by branches, beside all differences."""

import numpy as np
import pytest
from searches import search_of, squares
from sklearn.neighbors import KDTree

from skdam._active import _near as near_module
from skdam._active._near import Branches, Strips


def scene(name):
    """Return points and queries, and how far each looks."""
    rng = np.random.default_rng(0)
    z, X = rng.normal(size=(900, 2)), rng.normal(size=(60, 2))
    if name == "line":
        z, X = z[:, :1], X[:, :1]
    elif name == "one":
        z = z[:1]
    elif name == "two":
        z = z[:2]
    elif name == "equal":
        z = np.repeat(z[:1], 50, axis=0)
        X[:30] = z[0]
    elif name in ("across", "along"):  # all but a few on one coordinate
        z[5:, name == "along"] = 0.25
    elif name == "lattice":
        z, X = np.rint(4.0 * z) / 4.0, np.rint(4.0 * X) / 4.0
    elif name == "outlier":
        z[7], X[3] = 1e14, -1e13
    elif name == "apart":
        z[:450] += 1e7
        X[:30] += 1e7
    elif name == "huge":
        z, X = z * 1e149, X * 1e149
    return z, X, (1e149 if name == "huge" else 1.0) * rng.choice([0.0, 1e-9, 0.25, 2.0, 30.0], 60)


NAMES = "plane line one two equal across along lattice outlier apart huge"
every_scene = pytest.mark.parametrize("name", NAMES.split())


def listed(near, X, reach):
    """Return how often each pair was yielded, and check its distance."""
    times = np.zeros((len(X), 900), dtype=int)
    runs = list(near.pairs(X, reach))
    for query, point, squared in runs:
        np.add.at(times, (query, point), 1)
        difference = X[query] - near.z[point]
        np.testing.assert_allclose(squared, (difference**2).sum(axis=1), rtol=1e-14)
    return times, runs


@every_scene
def test_strips_list_every_pair_within_reach_once(name, monkeypatch):
    z, X, reach = scene(name)
    strips = Strips(z)
    strips.z = z
    inside = np.zeros((60, 900), dtype=bool)
    inside[:, : len(z)] = squares(X, z) <= reach[:, None] ** 2
    times, _ = listed(strips, X, reach)
    assert times.max(initial=0) <= 1
    assert (times[inside] == 1).all()
    assert (times.sum(axis=1) <= strips.counts(X, reach)).all()
    for i in range(0, 60, 7):  # a row alone, which looks no farther than it has to
        alone, _ = listed(strips, X[i : i + 1], reach[i : i + 1])
        assert (alone[0] >= inside[i]).all()
        extra = squares(X[i : i + 1], z)[0][alone[0, : len(z)] > inside[i, : len(z)]]
        np.testing.assert_allclose(extra, reach[i] ** 2, rtol=1e-14)
    monkeypatch.setattr(near_module, "_BATCH", 50)
    monkeypatch.setattr(near_module, "_CROSSED", 9)
    in_runs, runs = listed(strips, X, reach)
    np.testing.assert_array_equal(in_runs, times)
    assert all(len(query) <= 50 or np.ptp(query) == 0 for query, _, _ in runs)


def test_points_on_the_rim_are_within_reach_wherever_the_strip_puts_them():
    """Of 2 ** 12 points each is found from where it is just within reach, to the last bit."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(2**12, 2)) * [1.0, 1e3]
    strips = Strips(z)
    angle = rng.uniform(0.0, 2.0 * np.pi, len(z))
    X = z + 0.01 * np.column_stack([np.cos(angle), np.sin(angle)])
    reach = np.sqrt(((X - z) ** 2).sum(axis=1)) * (1.0 + 2.0**-46)
    for away in (0, 1):  # straight along a strip, too
        found = [query[query == point] for query, point, _ in strips.pairs(X, reach)]
        assert sorted(np.concatenate(found).tolist()) == list(range(len(z)))
        X = z + 0.01 * np.eye(2)[1 - away]
        reach = np.abs(X - z).max(axis=1) * (1.0 + 2.0**-46)


def test_reach_may_round_to_a_strip_that_is_farther():
    y, low = 1e8, 1e8 + 0.3
    reach = np.nextafter(low - y, 0.0)
    assert y + reach == low
    (pairs,) = Strips(np.array([[low, 2.0]])).pairs(np.array([[y, 2.0]]), np.array([reach]))
    assert [part.tolist() for part in pairs] == [[], [], []]  # not an error


def test_strips_look_at_few_points_besides():
    rng = np.random.default_rng(0)
    z, X = rng.uniform(size=(10_000, 2)), rng.uniform(0.2, 0.8, size=(300, 2))
    strips = Strips(z)
    assert len(strips.low) == 100
    assert (strips.high >= strips.low).all()
    assert (strips.high[:-1] <= strips.low[1:]).all()
    for radius in (0.0, 0.01, 0.1):
        members = np.count_nonzero(squares(X, z) <= radius**2)
        looked_at = strips.counts(X, np.full(300, radius))
        assert looked_at.dtype == np.intp
        assert members <= looked_at.sum() <= 1.1 * members + 300 * 2.5 * 100 * radius + 3


def test_points_of_one_coordinate_share_a_strip():
    along = np.random.default_rng(0).normal(size=900)
    z = np.column_stack([np.repeat([0.0, 3.0, 6.0], 300), along])
    strips = Strips(z)
    assert strips.low.tolist() == strips.high.tolist() == [0.0, 3.0, 6.0]
    inside = np.abs(z[:, 1] - 0.5) <= 0.25
    assert strips.counts(np.array([[3.0, 0.5]]), np.array([0.25])) == inside[300:600].sum()


def test_one_far_query_makes_others_list_no_more_than_strips_have():
    z, X, reach = scene("plane")
    reach[0] = 1e3
    times = np.zeros(60, dtype=int)
    for query, _, _ in Strips(z).pairs(X, reach):
        times += np.bincount(query, minlength=60)
    assert (times <= Strips(z).counts(X, reach)).all()


def test_strips_cut_the_axis_of_the_larger_spread_whatever_lies_far_off():
    z = np.random.default_rng(0).uniform(size=(2500, 2))
    for axis in (0, 1):
        flat = z * np.where(np.arange(2) == axis, 1.0, 1e-3)
        flat[::100, 1 - axis] = 50.0
        strips = Strips(flat)
        assert strips.across == axis
        reach = np.array([0.01])
        runs = list(strips._runs(np.where(np.arange(2) == axis, 0.5, 5e-4)[None], reach))
        assert sum(len(query) for query, _, _ in runs) <= 4  # of fifty


def test_queries_off_all_strips_look_at_nobody():
    strips = Strips(np.random.default_rng(0).uniform(size=(100, 2)))
    X = np.array([[0.5, 0.5], [50.0, 0.5], [0.5, 50.0], [-9.0, 9.0]])
    counts = strips.counts(X, np.full(4, 0.1))
    assert counts[0] > 1
    assert counts[1] == counts[3] == 0
    assert counts[2] <= 1  # the last point of all, where a place along ends


@pytest.fixture
def branches():
    z = np.random.default_rng(0).normal(size=(400, 3))
    near = Branches(KDTree(z))
    near.z = z
    return near


def test_branches_list_every_pair_within_reach_once(branches, monkeypatch):
    X, reach = branches.z[:200], np.full(200, 0.7)
    inside = squares(X, branches.z) <= 0.49
    np.testing.assert_array_equal(branches.counts(X, reach), inside.sum(axis=1))
    monkeypatch.setattr(near_module, "_FEW", 1000)
    monkeypatch.setattr(near_module, "_BATCH", 500)
    times, runs = listed(branches, X, reach)
    np.testing.assert_array_equal(times[:, :400], inside)
    assert len(runs) >= inside.sum() // 500
    assert all(len(query) <= 500 for query, _, _ in runs)


def test_few_pairs_are_listed_without_being_counted(branches, monkeypatch):
    monkeypatch.setattr(near_module, "_BATCH", 500)
    reached = branches.z[:200], np.full(200, 0.7)
    monkeypatch.setattr(near_module, "_FEW", 200 * 400)
    assert len(list(branches.pairs(*reached))) == 1
    monkeypatch.setattr(near_module, "_FEW", 200 * 400 - 1)
    assert len(list(branches.pairs(*reached))) > 1


def test_planes_and_lines_have_strips():
    for n_features, kind, rows in ((1, Strips, 1024), (2, Strips, 1024), (3, Branches, 256)):
        X = np.random.default_rng(0).normal(size=(20, n_features))
        tree = search_of(X, 1.0).index("tree")
        assert isinstance(tree.near, kind)
        assert tree.rows == rows
