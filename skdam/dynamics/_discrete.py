"""Loops over states of spins: one bit after another, or all at once."""

from collections.abc import Callable
from itertools import chain, repeat
from typing import Any, Protocol

import numpy as np

from ._records import Settled

#: Bits of which one product tells whether they flip.
BLOCK = 64


class SpinEnergy(Protocol):
    """What `asynchronous` and `synchronous` ask of an energy."""

    def fields(self, X: np.ndarray) -> Any:
        """Return what decides on the bits of each state, one row each."""

    def falls(self, bits: np.ndarray) -> Callable[[Any, np.ndarray], np.ndarray]:
        """Return a function of (fields, values of these bits): whose flip lowers the energy."""

    def flip(self, fields: Any, rows: np.ndarray, bits: np.ndarray, before: np.ndarray) -> None:
        """Update the fields of some rows, each of which flips one bit."""

    def step(self, X: np.ndarray) -> np.ndarray:
        """Return the next states, all bits at once."""


def asynchronous(
    energy: SpinEnergy,
    X: np.ndarray,
    order: np.ndarray,
    *,
    max_iter: int,
    record: bool = False,
) -> Settled:
    """Visit the bits in turn, and flip each whose flip lowers the energy, until none does.

    Parameters
    ----------
    energy : object with ``fields``, ``falls`` and ``flip``
        What is descended: functions that return the fields of each state, tell from them whose
        flip lowers the energy, and update them after flips.
    X : ndarray of shape (n, N), float64
        Starts, of +-1.
    order : ndarray of shape (N,), int
        The order of the bits, in every sweep.
    max_iter : int
        Most sweeps.
    record : bool, default=False
        Whether to keep the state after every flip.

    Returns
    -------
    Settled
        `n_iter` counts flips.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.dynamics import asynchronous
    >>> from skdam.energies import QuadraticEnergy
    >>> energy = QuadraticEnergy.of(np.array([[0.0, 1.0], [1.0, 0.0]]))  # two spins that agree
    >>> settled = asynchronous(energy, np.array([[1.0, -1.0]]), np.array([0, 1]), max_iter=10)
    >>> settled.state, settled.n_iter
    (array([[-1., -1.]]), array([1]))
    """
    state, n = X.copy(), len(X)
    fields, n_iter = energy.fields(state), np.zeros(n, dtype=np.intp)
    quiet = np.zeros(n, dtype=np.intp)  # bits visited since the last flip
    history = [(np.arange(n), X)] if record else []
    blocks = np.split(order, np.arange(BLOCK, len(order), BLOCK))
    for bits in chain.from_iterable(repeat(blocks, max_iter)):
        live = np.flatnonzero(quiet < len(order))
        if not live.size:
            break
        quiet[live] += len(bits)
        falls, after = energy.falls(bits), np.full(len(live), -1)
        while live.size:
            lower = falls(fields[live], state[np.ix_(live, bits)])
            lower &= np.arange(len(bits)) > after[:, None]  # those before were visited
            some = lower.any(axis=1)
            live, after = live[some], lower[some].argmax(axis=1)
            flipped = bits[after]
            energy.flip(fields, live, flipped, state[live, flipped])
            state[live, flipped] *= -1.0
            n_iter[live] += 1
            quiet[live] = len(bits) - 1 - after
            if record:
                history.append((live, state[live]))
    durations = [np.ones(len(rows)) for rows, _ in history]
    return Settled(state, n_iter, quiet >= len(order), history, durations)


def synchronous(
    energy: SpinEnergy, X: np.ndarray, *, max_iter: int, record: bool = False
) -> Settled:
    """Update all bits at once, until none changes or a state comes back.

    Parameters
    ----------
    energy : object with ``step``
        What is descended: a function that returns the next states.
    X : ndarray of shape (n, N), float64
        Starts, of +-1.
    max_iter : int
        Most steps.
    record : bool, default=False
        Whether to keep the states of every step.

    Returns
    -------
    Settled
        `cycling` tells which states came back.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.dynamics import synchronous
    >>> from skdam.energies import QuadraticEnergy
    >>> energy = QuadraticEnergy.of(np.array([[0.0, 1.0], [1.0, 0.0]]))  # two spins that agree
    >>> settled = synchronous(energy, np.array([[1.0, -1.0], [1.0, 1.0]]), max_iter=10)
    >>> settled.cycling, settled.converged  # each of the first takes the other's place, for ever
    (array([ True, False]), array([False,  True]))
    """
    state, live = X.copy(), np.arange(len(X))
    n_iter = np.zeros(len(X), dtype=np.intp)
    converged, cycling = np.zeros((2, len(X)), dtype=bool)
    history = [(live, X)] if record else []
    landmark = X.copy()  # renewed after 1, 2, 4, ... steps: any cycle comes back to one
    for i in range(1, max_iter + 1):
        if not live.size:
            break
        after = energy.step(state[live])
        moved = (after != state[live]).any(axis=1)
        converged[live[~moved]] = True
        live, after = live[moved], after[moved]
        state[live] = after
        n_iter[live] += 1
        if record:
            history.append((live, after))
        returned = (after == landmark[live]).all(axis=1)
        cycling[live[returned]] = True
        live = live[~returned]
        if i & (i - 1) == 0:
            landmark[live] = state[live]
    durations = [np.ones(len(rows)) for rows, _ in history]
    return Settled(state, n_iter, converged, history, durations, cycling)
