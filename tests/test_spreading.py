"""Maps that spread patterns over the sphere: the loss, and the descent of it."""

import numpy as np
import pytest

from skdam._spreading import _loss, _projected_gradient, smallest_angle, spread
from skdam.energies import directions


@pytest.mark.parametrize("t", [1.0, 30.0])
def test_loss_is_that_of_the_paper(t):
    rng = np.random.RandomState(0)
    rows, linear_map = rng.normal(size=(6, 4)), rng.normal(size=(3, 4))
    images = [linear_map @ row / np.linalg.norm(linear_map @ row) for row in rows]
    pairs = [
        np.exp(t * a @ b) for i, a in enumerate(images) for j, b in enumerate(images) if i != j
    ]
    assert _loss(linear_map, rows, t)[0] == pytest.approx(np.log(np.mean(pairs)) / t, rel=1e-12)


@pytest.mark.parametrize("t", [1.0, 30.0])
def test_gradient_is_that_of_the_loss(t):
    rng = np.random.RandomState(1)
    rows, linear_map = rng.normal(size=(6, 4)), rng.normal(size=(3, 4))
    gradient, step = _loss(linear_map, rows, t)[1], 1e-6
    for at in np.ndindex(linear_map.shape):
        shift = np.zeros_like(linear_map)
        shift[at] = step
        slope = (_loss(linear_map + shift, rows, t)[0] - _loss(linear_map - shift, rows, t)[0]) / (
            2 * step
        )
        assert gradient[at] == pytest.approx(slope, abs=1e-8)


def test_descent_on_spheres_finds_the_smallest_eigenvectors():
    rng = np.random.RandomState(2)
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    matrix = basis * [1.0, 2.0, 3.0, 5.0, 8.0] @ basis.T
    start = rng.normal(size=(2, 5))
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    path = list(
        _projected_gradient(lambda a: (float(np.sum(a @ matrix * a)), 2.0 * a @ matrix), start)
    )
    for found in path:
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(np.abs(path[-1] @ basis[:, 0]), 1.0, rtol=1e-12)


def test_no_step_exceeds_the_highest_loss_of_the_ten_before():
    rng = np.random.RandomState(3)
    rows, start = rng.normal(size=(12, 5)), np.eye(5)
    path = [start, *_projected_gradient(lambda a: _loss(a, rows, 256.0), start)]
    losses = [_loss(found, rows, 256.0)[0] for found in path]
    assert all(losses[i] <= max(losses[max(0, i - 10) : i]) for i in range(1, len(losses)))
    assert losses[-1] < losses[0]


def test_five_directions_in_the_plane_are_a_fifth_of_a_turn_apart():
    X = np.random.RandomState(4).normal(size=(5, 5))
    found = spread(X, 2, np.random.RandomState(0))
    angles = smallest_angle(directions(X, found.linear_map)), found.curve[-1]
    np.testing.assert_allclose(angles, 2.0 * np.pi / 5.0, rtol=1e-9)


def test_of_too_many_patterns_some_are_drawn_and_spread(monkeypatch):
    monkeypatch.setattr("skdam._spreading._MOST", 5)
    X = np.random.RandomState(5).normal(size=(8, 3))
    found, rng = spread(X, 2, np.random.RandomState(0)), np.random.RandomState(0)
    drawn = np.sort(rng.permutation(8)[:5])
    expected = spread(X[drawn], 2, rng)
    np.testing.assert_array_equal(found.linear_map, expected.linear_map)
    np.testing.assert_array_equal(found.curve, expected.curve)
