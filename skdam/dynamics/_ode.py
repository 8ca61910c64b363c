"""An integrator of ordinary differential equations that leaves every row its own step and stop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from .._math import Floats, Integers
from ._records import Settled

#: Dormand and Prince's pair of orders 5 and 4: where its stages stand, stage by stage; the last is
#: the new state. (The equations do not depend on time.)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
#: The new state less that of order 4.
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
#: A step is changed by a factor between these, and aims that far below the tolerance.
_LEAST, _MOST, _CAUTION = 0.2, 10.0, 0.9
#: A row rests when it is this share of the tolerance from where it is driven.
_REST = 1e-2
#: The first step may change a row by about this share of it.
_FIRST = 0.01


class Flow(Protocol):
    """What `ode` asks of an equation ``dy/dt = velocity(y)`` for each of some rows."""

    @property
    def longest_step(self) -> float:
        """The longest step that does not keep a row from coming to rest."""

    def velocity(self, rows: Integers, Y: Floats) -> Floats:
        """Return dy/dt of some rows."""

    def gap(self, rows: Integers, Y: Floats) -> Floats:
        """Return how far the rows are from rest, coordinate by coordinate."""

    def units(self, Y: Floats) -> Floats:
        """Return the unit of each coordinate, in which `atol` is measured."""


@dataclass(frozen=True, eq=False)
class _Moving:
    """Rows on their way: their time, state, velocity and next step."""

    rows: Integers
    time: Floats
    state: Floats
    velocity: Floats
    step: Floats

    def __getitem__(self, some: np.ndarray) -> Self:
        return type(self)(*(value[some] for value in vars(self).values()))


def ode(
    flow: Flow, Y: Floats, *, max_time: float, rtol: float, atol: float, record: bool = False
) -> Settled:
    """Integrate ``dy/dt = velocity(y)`` for each row until it rests, or to `max_time`.

    By the pair of Dormand and Prince of orders 5 and 4 [1]_. Every row has its own step, errors and
    end: none depends on the rows beside it, except where `flow` rounds them differently.

    Parameters
    ----------
    flow : object with ``velocity(rows, Y)``, ``gap(rows, Y)``, ``units(Y)`` and ``longest_step``
        The equation, as `skdam.energies.LayeredEnergy.flow` returns it: functions that return dy/dt
        of some rows, how far each coordinate is from rest, and the unit of its errors; and the
        longest step that does not keep a row from coming to rest.
    Y : ndarray of shape (n, m), float64
        Starts, at time 0.
    max_time : float
        When to stop.
    rtol, atol : float
        The error of a step is at most ``atol * units + rtol * |y|`` in every coordinate; a row
        rests when its gap is at most a hundredth of that.
    record : bool, default=False
        Whether to keep the states after every step, and their times.

    Returns
    -------
    Settled
        `n_iter` counts steps. A row of which a step vanishes beside its time stops unconverged.

    References
    ----------
    .. [1] J. R. Dormand, P. J. Prince, "A family of embedded Runge-Kutta formulae", Journal of
       Computational and Applied Mathematics 6, 1980.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from skdam.dynamics import ode
    >>> decay = SimpleNamespace(
    ...     velocity=lambda rows, Y: -Y,
    ...     gap=lambda rows, Y: Y,
    ...     units=np.ones_like,
    ...     longest_step=1.0,
    ... )
    >>> settled = ode(decay, np.array([[1.0], [0.0]]), max_time=1.0, rtol=1e-8, atol=1e-8)
    >>> settled.state.round(6), settled.converged  # exp(-1) has not come to rest
    (array([[0.367879],
           [0.      ]]), array([False,  True]))
    """

    def tolerance(states: Floats) -> Floats:
        return atol * flow.units(states) + rtol * np.abs(states)

    def rests(rows: Integers, states: Floats) -> np.ndarray:
        return (np.abs(flow.gap(rows, states)) <= _REST * tolerance(states)).all(axis=1)

    state, n_iter = Y.copy(), np.zeros(len(Y), dtype=np.intp)
    converged = rests(np.arange(len(Y)), Y)
    history, durations = ([(np.arange(len(Y)), Y)], [np.zeros(len(Y))]) if record else ([], [])
    moving = _start(flow, Y, tolerance)[~converged]
    while moving.rows.size:
        step = np.minimum(moving.step, max_time - moving.time)
        after, error = _attempt(flow, moving, step, tolerance)
        good = error <= 1.0
        rows = after.rows[good]
        state[rows] = after.state[good]
        n_iter[rows] += 1
        converged[rows] = rests(rows, state[rows])
        if record:
            history.append((rows, state[rows]))
            durations.append(step[good])
        ended = good & (converged[after.rows] | (step >= max_time - moving.time))
        longer = np.minimum(flow.longest_step, step * _factor(error))
        moving = _mixed(moving, after, good, longer)[~ended]
        moving = moving[moving.time + moving.step > moving.time]
    return Settled(state, n_iter, converged, history, durations)


def _start(flow: Flow, Y: Floats, tolerance: Callable[[Floats], Floats]) -> _Moving:
    rows = np.arange(len(Y))
    velocity, units = flow.velocity(rows, Y), tolerance(Y)
    size, speed = (np.abs(values / units).max(axis=1) for values in (Y, velocity))
    with np.errstate(divide="ignore", over="ignore"):
        step = np.minimum(flow.longest_step, _FIRST * np.maximum(size, 1.0) / speed)
    return _Moving(rows, np.zeros(len(Y)), Y, velocity, step)


def _attempt(
    flow: Flow, moving: _Moving, step: Floats, tolerance: Callable[[Floats], Floats]
) -> tuple[_Moving, Floats]:
    """Return the rows after one step each, and their errors in units of the tolerance.

    An attempt that leaves the floats has no error that is a number: it is refused as well.
    """
    slopes, state, each = [moving.velocity], moving.state, step[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        for weights in _STAGES:
            state = moving.state + each * _weighted(weights, slopes)
            slopes.append(flow.velocity(moving.rows, state))
        allowed = np.maximum(tolerance(moving.state), tolerance(state))
        error = np.abs(each * _weighted(_ERROR, slopes) / allowed).max(axis=1)
    return _Moving(moving.rows, moving.time + step, state, slopes[-1], step), error


def _weighted(weights: tuple[float, ...], slopes: list[Floats]) -> Floats:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        if weight:
            total += weight * slope
    return total


def _factor(error: Floats) -> Floats:
    """Return by how much the next step may be longer than the last."""
    with np.errstate(divide="ignore", invalid="ignore"):
        best = _CAUTION * error**-0.2
    return np.clip(np.where(np.isnan(best), 0.0, best), _LEAST, _MOST)


def _mixed(before: _Moving, after: _Moving, good: np.ndarray, step: Floats) -> _Moving:
    """Return rows after a good attempt, and before one that was refused."""
    column = good[:, None]
    return _Moving(
        before.rows,
        np.where(good, after.time, before.time),
        np.where(column, after.state, before.state),
        np.where(column, after.velocity, before.velocity),
        step,
    )
