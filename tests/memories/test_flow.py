"""The exact gradient flow: what descent by ever smaller steps would do, without a step size."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from cases import SCENES
from hypothesis import given
from hypothesis import strategies as st
from reference import descend
from scipy.integrate import solve_ivp
from scipy.spatial.distance import cdist
from sklearn import config_context

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory, enumerate_minima

pytestmark = pytest.mark.usefixtures("each_back_end")

FlowMemory = partial(EpanechnikovMemory, dynamics="flow")
every_scene = pytest.mark.parametrize("scene", SCENES, ids=str)


def problem(seed, n=60, n_features=6, spread=1.2):
    """Return memories, weights, a bandwidth at which they overlap, and queries on the support."""
    rng = np.random.default_rng(seed)
    X, weights = rng.normal(size=(n, n_features)), rng.integers(1, 4, n).astype(float)
    distance = cdist(X, X) + 99.0 * np.eye(n)
    radius = spread * np.median(distance.min(axis=1))
    queries = X[rng.integers(n, size=200)] + 0.4 * rng.normal(size=(200, n_features))
    return X, weights, radius, queries[cdist(queries, X).min(axis=1) < radius]


def test_flow_is_where_small_steps_lead():
    same = []
    for seed in range(2):
        X, weights, radius, queries = problem(seed)
        memory = FlowMemory(radius, epsilon=0.1 * seed).fit(X, sample_weight=weights)
        end = descend(X, weights, radius, queries)
        same += (np.abs(memory.transform(queries) - end) < 1e-3 * radius).all(axis=1).tolist()
    assert len(same) > 300
    assert np.mean(same) >= 0.995


@pytest.mark.parametrize("epsilon", [0.0, 2.0])
def test_flow_passes_its_events_when_an_ode_solver_does(epsilon):
    X, weights, radius, queries = problem(5)
    memory = FlowMemory(radius, epsilon=epsilon).fit(X, sample_weight=weights)
    result = memory.retrieve(queries[:8], record=True)
    compared = 0
    for path, times in zip(result.trajectory, result.times, strict=True):
        finite = times[np.isfinite(times)]
        assert finite[0] == 0.0
        assert (np.diff(finite) > 0).all()
        if len(finite) == 1:
            continue
        solved = solve_ivp(
            lambda _, x: -memory.gradient([x])[0],
            (0.0, finite[-1]),
            path[0],
            t_eval=finite,
            rtol=1e-6,
            max_step=finite[-1] / 20,
        )
        np.testing.assert_allclose(solved.y.T, path[: len(finite)], atol=1e-3 * radius)
        compared += len(finite)
    assert compared > 30


def test_times_run_from_zero_to_infinity_and_belong_to_the_flow_alone():
    X, weights, radius, queries = problem(5)
    result = FlowMemory(radius).fit(X, sample_weight=weights).retrieve(queries, record=True)
    for path, times, n_iter in zip(result.trajectory, result.times, result.n_iter, strict=True):
        assert times.shape == (len(path),) == (n_iter + 1,)
        assert times[0] == 0.0
        assert (times[-1] == np.inf) == (n_iter > 0)
    still = EpanechnikovMemory(radius).fit(X).retrieve(queries, record=True)
    assert still.times is None
    assert FlowMemory(radius).fit(X).retrieve(queries).times is None


@every_scene
def test_energy_never_rises(scene):
    memory = FlowMemory(scene.bandwidth, outside="keep").fit(scene.memories)
    result = memory.retrieve(scene.queries, record=True)
    assert result.converged.all()
    for energies in result.energies:
        finite = energies[np.isfinite(energies)]
        assert (np.diff(finite) <= 1e-12 * np.abs(finite[:-1])).all()


@every_scene
def test_flow_ends_at_an_exact_fixed_point(scene):
    memory = FlowMemory(scene.bandwidth, outside="keep").fit(scene.memories)
    states = memory.transform(scene.queries.astype(np.float64))
    np.testing.assert_array_equal(memory._energy().step(states), states)


def test_flow_and_mean_shift_agree_within_every_margin():
    X = np.random.default_rng(0).random((15, 8))
    flow, shift = FlowMemory(0.75).fit(X), EpanechnikovMemory(0.75).fit(X)
    minima = enumerate_minima(flow)
    rng = np.random.default_rng(1)
    for _ in range(10):
        away = rng.normal(size=minima.points.shape)
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        near = minima.points + 0.999 * minima.margins[:, None] * away
        np.testing.assert_array_equal(flow.transform(near), minima.points)
        np.testing.assert_array_equal(shift.transform(near), minima.points)


def test_flow_and_mean_shift_differ_elsewhere_and_both_go_down():
    X, _, radius, queries = problem(0)
    memories = [FlowMemory(radius).fit(X), EpanechnikovMemory(radius).fit(X)]
    one, two = (memory.transform(queries) for memory in memories)
    assert 0.1 < np.mean((one != two).any(axis=1)) < 0.6
    for memory, states in zip(memories, (one, two), strict=True):
        assert (memory.energy(states) <= memory.energy(queries)).all()


def rotated(X, angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(X) @ np.array([[c, -s], [s, c]])


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.1, 2.0])
def test_spheres_crossed_at_one_point_are_crossed_together(angle):
    """A query on an axis of symmetry stays on it, in whatever direction the axis points."""
    rng, crossed = np.random.default_rng(0), 0
    for _ in range(20):
        half = rng.uniform(0, 4, (12, 2))
        X = np.concatenate([half, half * [1, -1]])
        queries = np.column_stack([rng.uniform(0, 4, 10), np.zeros(10)])
        memory = FlowMemory(1.2, outside="keep").fit(rotated(X, angle))
        result = memory.retrieve(rotated(queries, angle), record=True)
        for path in result.trajectory:
            np.testing.assert_allclose(rotated(path, -angle)[:, 1], 0.0, atol=1e-13)
        crossed += result.n_iter.sum()
    assert crossed > 150


def test_grids_and_one_hot_memories_end_at_fixed_points():
    grid = np.indices((6, 6)).reshape(2, -1).T.astype(float)
    rng = np.random.default_rng(0)
    for radius in (1.0, 1.5, np.sqrt(2.0), 2.0):
        memory = FlowMemory(radius).fit(grid)
        result = memory.retrieve(np.concatenate([rng.integers(0, 21, (200, 2)) / 4, grid]))
        assert result.converged.all()
        np.testing.assert_array_equal(memory._energy().step(result.state), result.state)
    one_hot = FlowMemory(1.0).fit(np.eye(9)).retrieve(rng.random((50, 9)))
    assert one_hot.converged.all()


def test_a_sphere_through_the_limit_is_not_crossed():
    for angle in np.linspace(0.0, 3.0, 60):  # rounding puts the third memory on either side
        X = rotated([[-0.5, 0.0], [0.5, 0.0], [1.5, 0.0]], angle)
        states = FlowMemory(1.5).fit(X).transform(rotated([[-0.25, 0.0]], angle))
        np.testing.assert_allclose(states, [[0.0, 0.0]], atol=1e-15)


@pytest.mark.parametrize("spread", [0.5, 1.2, 4.0, 40.0])
def test_flow_ends_by_itself_however_many_spheres_it_crosses(spread):
    X, weights, radius, queries = problem(1, n=300, n_features=2, spread=spread)
    memory = FlowMemory(radius, max_iter=1).fit(X, sample_weight=weights)
    result = memory.retrieve(queries)
    assert result.converged.all()
    np.testing.assert_array_equal(memory._energy().step(result.state), result.state)


def test_known_coordinates_never_move_and_the_energy_falls():
    X, weights, radius, queries = problem(2)
    known = np.random.default_rng(0).random(queries.shape) < 0.5
    memory = FlowMemory(radius).fit(X, sample_weight=weights)
    result = memory.retrieve(queries, known=known, record=True)
    np.testing.assert_array_equal(result.state[known], queries[known])
    assert all((np.diff(energies) <= 0).all() for energies in result.energies)
    stepped = memory._energy().step(result.state)
    np.testing.assert_array_equal(np.where(known, result.state, stepped), result.state)
    gaps = memory.retrieve(np.where(known, queries, np.nan), known=known)
    assert np.isfinite(gaps.state).all()


def test_clamped_flow_is_where_small_clamped_steps_lead():
    X, _, radius, queries = problem(3)
    memory, held = FlowMemory(radius).fit(X), np.arange(6) < 2
    x = queries[:60].copy()
    end = memory.retrieve(x, known=held).state
    for _ in range(20_000):
        x += 1e-3 * np.where(held, 0.0, memory._energy().step(x) - x)
    assert np.mean(np.abs(x - end).max(axis=1) < 1e-3 * radius) > 0.98


@given(seed=st.integers(0, 2**32 - 1), power=st.integers(-400, 400))
def test_scaling_by_a_power_of_two_is_bit_exact(seed, power):
    X, _, radius, queries = problem(seed, n=12, n_features=3)
    one = FlowMemory(radius).fit(X).retrieve(queries[:9])
    other = FlowMemory(float(np.ldexp(radius, power))).fit(np.ldexp(X, power))
    result = other.retrieve(np.ldexp(queries[:9], power))
    np.testing.assert_array_equal(np.ldexp(one.state, power), result.state)
    np.testing.assert_array_equal(one.n_iter, result.n_iter)


def test_order_of_memories_threads_and_the_batch_change_no_bit():
    X, weights, radius, queries = problem(4)
    queries = np.tile(queries, (5, 1))
    states = FlowMemory(radius).fit(X, sample_weight=weights).transform(queries)
    order = np.random.default_rng(0).permutation(len(X))
    other = FlowMemory(radius, n_jobs=2).fit(X[order], sample_weight=weights[order])
    np.testing.assert_array_equal(other.transform(queries), states)
    np.testing.assert_array_equal(other.transform(queries[3:4]), states[3:4])


def test_blocks_change_no_bit():
    X, weights, radius, queries = problem(6)
    memory = FlowMemory(radius).fit(X, sample_weight=weights)
    whole = memory.retrieve(queries, record=True)
    with config_context(working_memory=0.05):
        parts = memory.retrieve(queries, record=True)
    np.testing.assert_array_equal(whole.state, parts.state)
    for one, two in zip(
        whole.trajectory + whole.times, parts.trajectory + parts.times, strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_memory_is_bounded_where_all_memories_are_members():
    X = np.random.default_rng(0).normal(size=(900, 2))
    wide, starts, peaks = FlowMemory(50.0).fit(X), np.tile(X, (7, 1)), []
    for working_memory in (1024, 2):
        tracemalloc.start()
        with config_context(working_memory=working_memory):
            wide.transform(starts)  # all memories are members all the way
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 10 * 2**20 < 30 * 2**20 < peaks[0]


@pytest.mark.parametrize("outside", ["nearest", "keep", "nan", "raise"])
def test_off_the_support_the_policy_is_that_of_mean_shift(outside):
    X = [[0.0, 0.0], [0.8, 0.0]]
    memory = KernelMemory(bandwidth=1.0, dynamics="flow", outside=outside).fit(X)
    if outside == "raise":
        with pytest.raises(ValueError, match="1 of 2 queries lie off the support"):
            memory.transform([[0.1, 0.0], [5.0, 5.0]])
        return
    expected = {"nearest": [0.4, 0.0], "keep": [5.0, 5.0], "nan": [np.nan, np.nan]}[outside]
    result = memory.retrieve([[0.1, 0.0], [5.0, 5.0]])
    np.testing.assert_array_equal(result.state, [[0.4, 0.0], expected])
    assert result.in_support.tolist() == [True, False]


def test_float32_queries_stay_float32():
    X, _, radius, queries = problem(0)
    states = FlowMemory(radius).fit(X.astype(np.float32)).transform(queries.astype(np.float32))
    assert states.dtype == np.float32


@pytest.mark.parametrize("kernel", ["gaussian", "biweight", "cosine"])
def test_other_kernels_have_no_exact_flow(kernel):
    memory = KernelMemory(kernel, bandwidth=1.0, dynamics="flow")
    with pytest.raises(ValueError, match="dynamics='flow' is exact for the Epanechnikov kernel"):
        memory.fit([[0.0], [1.0]])
    memory.set_params(dynamics="mean_shift").fit([[0.0], [1.0]]).set_params(dynamics="flow")
    with pytest.raises(ValueError, match="dynamics='flow' is exact for the Epanechnikov kernel"):
        memory.transform([[0.0]])
    with pytest.raises(ValueError, match="'dynamics' parameter of GaussianMemory"):
        GaussianMemory(bandwidth=1.0, dynamics="flow").fit([[0.0], [1.0]])
