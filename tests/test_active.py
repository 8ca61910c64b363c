"""Exact radius search: every back end finds the sets that exact arithmetic finds."""

import numpy as np
import pytest
from cases import SCENES
from reference import active_sets as exact_active_sets
from reference import squared_distance

from skdam import EpanechnikovMemory
from skdam._active import BACK_ENDS, ActiveSets, Search
from skdam._math import UNIT_ROUNDOFF, Points

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


def test_where_keeps_some_entries_of_each_set():
    sets = ActiveSets(np.array([0, 2, 2, 3]), np.array([4, 7, 7]), np.array([0.1, 0.2, 0.3]))
    rest = sets.where(np.array([True, False, True]))
    assert rest.indptr.tolist() == [0, 1, 1, 2]
    assert rest.indices.tolist() == [4, 7]
    assert rest.u.tolist() == [0.1, 0.3]
    assert rest.covered.tolist() == [True, False, True]
    assert rest.query.tolist() == [0, 2]
    assert rest.sums(rest.u).tolist() == [0.1, 0.0, 0.3]
