"""Sums at rows that move: what was known when they were asked for is not looked for again."""

import numpy as np
import pytest
from searches import recorded

from skdam._active import Lists
from skdam.energies import KernelEnergy
from skdam.kernels import KERNELS


@pytest.fixture
def energy():
    rng = np.random.default_rng(0)
    memories, weights = rng.normal(size=(300, 3)), rng.uniform(0.5, 2.0, 300)
    return KernelEnergy.of(memories, weights, KERNELS["biweight"], 1.0)


@pytest.fixture(name="X")
def states():
    X = np.random.default_rng(1).normal(size=(20, 3))
    X[4] = 50.0
    return X


def test_the_first_step_of_rows_asked_for_cover_costs_nothing(energy, X, monkeypatch):
    calls, walk, rows = recorded(monkeypatch, Lists, "sets"), energy.walk(20), np.arange(20)
    np.testing.assert_array_equal(walk.covers(rows, X), energy.covers(X))
    some = np.array([7, 2, 4, 19])
    np.testing.assert_array_equal(walk.step(some, X[some]), energy.step(X[some]))
    assert len(calls) == 1
    np.testing.assert_array_equal(walk.step(some, X[some]), energy.step(X[some]))
    assert len(calls) == 2  # forgotten by then


def test_rows_that_moved_since_are_looked_for(energy, X, monkeypatch):
    calls, walk, rows = recorded(monkeypatch, Lists, "sets"), energy.walk(20), np.arange(20)
    walk.covers(rows, X)
    X[[3, 4]] = 0.25  # the walk keeps what it was asked, whatever becomes of the array
    np.testing.assert_array_equal(walk.step(rows, X), energy.step(X))
    assert calls[1].args[1].tolist() == [3, 4]


def test_rows_may_be_asked_for_in_turns(energy, X, monkeypatch):
    calls, walk, rows = recorded(monkeypatch, Lists, "sets"), energy.walk(20), np.arange(20)
    walk.covers(rows[:15], X[:15])
    X[4] = 0.5
    assert walk.covers(rows[4:5], X[4:5]).tolist() == [True]
    np.testing.assert_allclose(walk.step(rows, X), energy.step(X), rtol=0.0, atol=1e-12)
    assert [call.args[1].tolist() for call in calls[1:]] == [[4], [15, 16, 17, 18, 19]]


def test_a_walk_that_nobody_asked_for_cover_looks_at_every_step(energy, X):
    walk = energy.walk(20)
    np.testing.assert_array_equal(walk.step(np.arange(20), X), energy.step(X))
