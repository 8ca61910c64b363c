"""Kernel energies against fifty-digit transcriptions of their definitions."""

from dataclasses import replace

import numpy as np
import pytest
import reference
from cases import SCENES

from skdam._math import UNIT_ROUNDOFF
from skdam.energies import KernelEnergy
from skdam.kernels import KERNELS

pytestmark = pytest.mark.usefixtures("each_back_end")

every_kernel = pytest.mark.parametrize("name", KERNELS)
every_scene = pytest.mark.parametrize("scene", SCENES, ids=str)
few_scenes = pytest.mark.parametrize(
    "scene",
    [s for s in SCENES if s.name in ("plain", "offset 1e8", "two clusters", "one column")],
    ids=str,
)


def bound(name, scene, epsilon=0.0):
    """Return an energy, the same for the reference, float64 queries, and tolerances in log S."""
    memories, X = scene.memories.astype(float), scene.queries.astype(float)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(memories))
    energy = KernelEnergy.of(memories, weights, KERNELS[name], scene.bandwidth)
    return energy, (name, memories, weights, scene.bandwidth), X


def tolerance(value, log_sum, n_features):
    """The stated error of a log sum: 1e-12 relative, and the rounding of the input itself."""
    if np.isneginf(log_sum):
        return 0.0
    return 1e-12 * max(1.0, abs(value)) + 4 * n_features * UNIT_ROUNDOFF / np.exp(log_sum)


@every_kernel
@every_scene
def test_density_equals_fifty_digits(name, scene):
    energy, model, X = bound(name, scene)
    for x, found in zip(X, energy.log_density(X), strict=True):
        log_sum = float(reference.log_sum(*model, x))
        exact = float(reference.log_density(*model, x))
        if np.isinf(exact):
            assert found == exact
        else:
            assert abs(found - exact) <= tolerance(exact, log_sum, X.shape[1])


@pytest.mark.parametrize("epsilon", [0.0, 1e-3])
@every_kernel
@few_scenes
def test_value_equals_fifty_digits(name, scene, epsilon):
    energy, model, X = bound(name, scene)
    energy = replace(energy, epsilon=epsilon)
    for x, found in zip(X, energy.value(X), strict=True):
        log_sum = float(reference.log_sum(*model, x, epsilon))
        exact = float(reference.energy(*model, x, epsilon))
        temperature = scene.bandwidth**2 / energy.kernel.curvature
        if np.isinf(exact):
            assert found == exact
        else:
            assert abs(found - exact) <= temperature * tolerance(log_sum, log_sum, X.shape[1])


@pytest.mark.parametrize("epsilon", [0.0, 1.0])
@every_kernel
@few_scenes
def test_gradient_equals_finite_differences(name, scene, epsilon):
    energy, model, X = bound(name, scene)
    energy = replace(energy, epsilon=epsilon)
    X = X[:12]
    for x, found in zip(X, energy.gradient(X), strict=True):
        log_sum = float(reference.log_sum(*model, x, epsilon))
        if np.isneginf(log_sum):
            assert not found.any()
            continue
        exact = reference.gradient(*model, x, epsilon)
        np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-11 * scene.bandwidth)


@every_kernel
@few_scenes
def test_step_is_the_papers(name, scene):
    energy, model, X = bound(name, scene)
    X = X[:12]
    scale = np.abs(X).max() + scene.bandwidth
    for x, found in zip(X, energy.step(X), strict=True):
        np.testing.assert_allclose(found, reference.step(*model, x), rtol=0, atol=1e-14 * scale)


def test_epsilon_bounds_the_energy_off_the_support():
    energy = KernelEnergy.of(np.zeros((1, 2)), np.ones(1), KERNELS["epanechnikov"], 2.0)
    far = np.full((1, 2), 9.0)
    assert energy.value(far) == np.inf
    assert not energy.gradient(far).any()
    bounded = replace(energy, epsilon=0.01)
    assert bounded.value(far) == pytest.approx(-2.0 * np.log(0.01), rel=1e-15)
    assert not bounded.gradient(far).any()


@every_kernel
def test_off_the_support_a_state_stays_and_has_no_members(name):
    energy = KernelEnergy.of(np.zeros((1, 2)), np.ones(1), KERNELS[name], 1e-160)
    far = np.array([[1.0, 2.0]])
    np.testing.assert_array_equal(energy.step(far), far)
    assert energy.members(far).nnz == 0
    assert energy.recalled(far).tolist() == [-1]
    assert energy.covers(far).tolist() == [False]
    assert energy.log_density(far) == -np.inf
    assert not energy.gradient(far).any()


@every_kernel
def test_a_memory_is_reached_however_far_the_others_are(name):
    memories = np.array([[-1e250], [1e250], [3e250]])
    energy = KernelEnergy.of(memories, np.ones(3), KERNELS[name], 1.0)
    assert energy.covers(memories).all()
    np.testing.assert_array_equal(energy.step(memories), memories)
    np.testing.assert_array_equal(energy.value(memories), 0.0)
    assert energy.recalled(memories).tolist() == [0, 1, 2]


@every_kernel
def test_members_make_the_next_state(name):
    energy, (_, memories, *_), X = bound(name, SCENES[0])
    members = energy.members(X)
    reached = energy.covers(X)
    next_state = members @ memories
    np.testing.assert_allclose(next_state[reached], energy.step(X)[reached], atol=1e-13)
    np.testing.assert_allclose(members.sum(axis=1)[reached], 1.0, rtol=1e-13)


def test_flat_kernel_recalls_what_it_equals():
    memories = np.array([[0.0], [1.0], [2.0], [9.0]])
    energy = KernelEnergy.of(memories, np.ones(4), KERNELS["epanechnikov"], 1.5)
    # a mean of three that is a stored memory, a stored one, a mean of two, one beside
    states = np.array([[1.0], [9.0], [0.5], [9.0 + 1e-9]])
    assert energy.recalled(states).tolist() == [1, 3, -1, -1]
    assert np.diff(energy.members(states).indptr).tolist() == [3, 1, 2, 1]


@pytest.mark.parametrize("name", ["gaussian", "biweight", "cosine"])
def test_other_kernels_recall_the_memory_that_makes_the_state(name):
    memories = np.array([[0.0], [0.2], [6.0], [6.0], [20.0]])
    energy = KernelEnergy.of(memories, np.ones(5), KERNELS[name], 1.0)
    states = np.array([[0.1], [6.001], [20.4], [20.6]])  # merged; copies; near; too far
    assert energy.recalled(states).tolist() == [-1, 2, 4, -1]


def test_nearest_reads_known_coordinates_only():
    energy = KernelEnergy.of(np.array([[0.0, 9.0], [1.0, 0.0]]), np.ones(2), KERNELS["cosine"], 1.0)
    x = np.array([[0.1, 0.0]])
    assert energy.nearest(x).tolist() == [[1.0, 0.0]]
    assert energy.nearest(x, np.array([[True, False]])).tolist() == [[0.0, 9.0]]


def test_rounding_of_a_mean_does_not_hide_that_it_is_stored():
    differs = 0
    for a, b in np.random.default_rng(0).uniform(0, 1, (50, 2)):
        memories = np.array([[a], [(a + b) / 2], [b]])
        weights = np.array([0.3, 1.0, 0.3])
        energy = KernelEnergy.of(memories, weights, KERNELS["epanechnikov"], 2.0)
        state = energy.step(memories[:1])
        assert energy.recalled(state).tolist() == [1]
        differs += state.item() != memories[1].item()
    assert differs


@every_kernel
def test_left_out_is_the_density_of_a_memory_under_all_others(name):
    scene = SCENES[0]
    energy = bound(name, scene)[0]
    rows, weights = energy.patterns.points.rows, energy.patterns.weights
    found = energy.left_out()
    for i in range(0, len(rows), 7):
        rest = np.delete(rows, i, axis=0), np.delete(weights, i)
        alone = KernelEnergy.of(*rest, KERNELS[name], scene.bandwidth).log_density(rows[[i]])
        np.testing.assert_allclose(found[[i]], alone, rtol=1e-12)
    np.testing.assert_allclose(energy.left_out(np.array([5, 2])), found[[5, 2]], rtol=1e-14)


@every_kernel
def test_slack_is_in_bandwidths(name):
    energy = KernelEnergy.of(np.zeros((1, 2)), np.ones(1), KERNELS[name], 2.0)
    X = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, -1.0]])  # each step leads to 0
    assert energy.stays(X).tolist() == [False, True, False]
    assert energy.stays(X, 0.499).tolist() == [False, True, False]
    assert energy.stays(X, 0.5).tolist() == [True, True, True]
    assert energy.stays(X, np.array([0.0, 0.0, 0.5])).tolist() == [False, True, True]


@every_kernel
@pytest.mark.parametrize(
    "scene", [s for s in SCENES if s.name.startswith(("two far", "times"))], ids=str
)
def test_what_a_caller_makes_of_floating_point_flags_does_not_matter(name, scene):
    with np.errstate(all="raise"):
        energy, _, X = bound(name, scene)
        for tell in (energy.value, energy.gradient, energy.stays, energy.recalled, energy.members):
            tell(X)


@every_kernel
def test_weights_and_epsilon_in_another_unit_leave_the_gradient_as_it_is(name):
    energy, (_, memories, weights, bandwidth), X = bound(name, SCENES[0])
    scaled = KernelEnergy.of(memories, 2.0**40 * weights, KERNELS[name], bandwidth)
    gradient = replace(energy, epsilon=0.25).gradient(X)
    assert gradient.any()
    np.testing.assert_allclose(replace(scaled, epsilon=2.0**38).gradient(X), gradient, 1e-12)
