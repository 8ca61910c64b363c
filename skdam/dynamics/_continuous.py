"""Loops over states that move continuously."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from .._flow import Event
from .._math import distinct_rows
from ._records import Settled


class SteppingEnergy(Protocol):
    """What `fixed_point` asks of an energy."""

    @property
    def bandwidth(self) -> float:
        """The length that steps are measured in."""

    def step(self, X: np.ndarray) -> np.ndarray:
        """Return the next states."""


class FlowingEnergy(Protocol):
    """What `gradient_flow` asks of an energy."""

    def members(self, X: np.ndarray) -> csr_array:
        """Return which memories pull on each state, as rows."""

    def next_event(
        self, live: np.ndarray, X: np.ndarray, inside: csr_array, held: np.ndarray | None
    ) -> Event:
        """Return where the states get to before another memory pulls on them."""


#: Next states, which of them are done, and how long the step took.
Advanced = tuple[np.ndarray, np.ndarray, np.ndarray]


def fixed_point(
    energy: SteppingEnergy,
    X: np.ndarray,
    *,
    max_iter: int,
    tol: float,
    held: np.ndarray | None = None,
    record: bool = False,
    step: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> Settled:
    """Repeat ``energy.step`` until no coordinate moves by more than `tol` bandwidths.

    Parameters
    ----------
    energy : object with ``step(X)`` and ``bandwidth``
        What is descended: a function that returns the next states, and the length, in data units,
        that steps are measured in.
    X : ndarray of shape (n, D), float64
        Starts.
    max_iter : int
        Most steps.
    tol : float
        With 0 a row is done when a step returns it bit for bit.
    held : ndarray of shape (n, D), bool, optional
        Coordinates that stay as they are.
    record : bool, default=False
        Whether to keep the states of every step.
    step : callable, optional
        A function of (rows, states) in place of ``energy.step``: one that remembers its rows.

    Returns
    -------
    Settled
        `converged` tells which rows stopped within `max_iter` steps.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.dynamics import fixed_point
    >>> from skdam.energies import KernelEnergy
    >>> from skdam.kernels import KERNELS
    >>> memories, kernel = np.array([[0.0], [1.0], [4.0]]), KERNELS["epanechnikov"]
    >>> energy = KernelEnergy.of(memories, np.ones(3), kernel, bandwidth=2.0)
    >>> fixed_point(energy, np.array([[-1.5]]), max_iter=9, tol=0.0, record=True).trajectory()
    [array([[-1.5],
           [ 0. ],
           [ 0.5]])]
    """

    def advance(live: np.ndarray, before: np.ndarray) -> Advanced:
        # equal states, of which the same is held, take equal steps
        first, place = distinct_rows(before if held is None else np.hstack([before, held[live]]))
        start = before[first]
        after = (energy.step(start) if step is None else step(live[first], start))[place]
        if held is not None:
            after = np.where(held[live], before, after)
        moving = (np.abs(after - before) > tol * energy.bandwidth).any(axis=1)
        return after, ~moving, np.ones(len(live))

    return _run(advance, X, max_iter, record)


def gradient_flow(
    flow: FlowingEnergy,
    X: np.ndarray,
    *,
    max_iter: int,
    held: np.ndarray | None = None,
    record: bool = False,
) -> Settled:
    """Follow ``dx/dt = -grad E`` from event to event, to its limit.

    Parameters
    ----------
    flow : object with ``members(X)`` and ``next_event(live, X, inside, held)``
        What moves the rows, as `skdam.energies.KernelEnergy.flow` returns it: functions that tell
        which memories pull on a state, and where the state gets to before others do.
    X : ndarray of shape (n, D), float64
        Starts.
    max_iter : int
        Most events.
    held : ndarray of shape (n, D), bool, optional
        Coordinates that stay as they are.
    record : bool, default=False
        Whether to keep the states at every event.

    Returns
    -------
    Settled
        `converged` tells which rows reached their limit within `max_iter` events.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.dynamics import gradient_flow
    >>> from skdam.energies import KernelEnergy
    >>> from skdam.kernels import KERNELS
    >>> memories, kernel = np.array([[0.0], [1.0], [4.0]]), KERNELS["epanechnikov"]
    >>> energy = KernelEnergy.of(memories, np.ones(3), kernel, bandwidth=2.0)
    >>> X = np.array([[-1.5]])
    >>> gradient_flow(energy.flow(len(X)), X, max_iter=9, record=True).trajectory()
    [array([[-1.5],
           [-1. ],
           [ 0.5]])]
    """
    inside = flow.members(X)

    def advance(live: np.ndarray, before: np.ndarray) -> Advanced:
        nonlocal inside
        event = flow.next_event(live, before, inside, None if held is None else held[live])
        inside = event.inside[~event.ended]
        return event.state, event.ended, event.duration

    return _run(advance, X, max_iter, record)


def _run(
    advance: Callable[[np.ndarray, np.ndarray], Advanced],
    X: np.ndarray,
    max_iter: int,
    record: bool,
) -> Settled:
    state, live = X.copy(), np.arange(len(X))
    history, durations = ([(live, X)], [np.zeros(len(X))]) if record else ([], [])
    n_iter = np.zeros(len(X), dtype=np.intp)
    converged = np.zeros(len(X), dtype=bool)
    for _ in range(max_iter):
        if not live.size:
            break
        before = state[live]
        after, done, duration = advance(live, before)
        state[live] = after
        moved = (after != before).any(axis=1)
        n_iter[live] += moved
        if record:
            history.append((live[moved], after[moved]))
            durations.append(duration[moved])
        converged[live[done]] = True
        live = live[~done]
    return Settled(state, n_iter, converged, history, durations)
