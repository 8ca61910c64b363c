"""Dynamics: the loops of retrieval, and the record they return.  No formula lives here.

May change before 1.0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any, Protocol, Self

import numpy as np
from scipy.sparse import csr_array, vstack

from ._flow import Event
from ._math import distinct_rows

__all__ = [
    "FlowingEnergy",
    "RetrievalResult",
    "Settled",
    "SteppingEnergy",
    "fixed_point",
    "gradient_flow",
]


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


@dataclass(frozen=True, eq=False, repr=False)
class RetrievalResult:
    """How each query was retrieved: one entry per query.

    Attributes
    ----------
    state : ndarray of shape (n, D)
        The retrieved states, in the dtype of the queries; NaN off the support with
        ``outside="nan"``.
    energy : ndarray of shape (n,), float64
        Their energy; +inf off the support.
    n_iter : ndarray of shape (n,), int
        Number of steps that moved the state.
    converged : ndarray of shape (n,), bool
        Whether the state stopped moving within `max_iter` steps.
    in_support : ndarray of shape (n,), bool
        Whether the query lay on the support (for a clamped query: once its unknown coordinates
        were filled in).
    recalled : ndarray of shape (n,), int
        Index into `memories_` of the stored memory that came back (its first copy); -1 if the
        state is none of them. With the Epanechnikov kernel the state equals it, up to the rounding
        of a mean. Other kernels reach a memory in the limit only, and shifted by the others' pull:
        it came back if the state lies within half a bandwidth of it and it has, with its copies,
        more than 1/sqrt(2) of the pull.
    members : csr_array of shape (n, K), float64
        Which memories make the state: shares that add up to 1, so that ``members @ memories_`` is
        the state (unless coordinates were held). Empty rows off the support. Computed when first
        asked for: as many entries as memories make the states, for a wide kernel all of them.
    trajectory : list of ndarray of shape (n_iter + 1, D), float64, or None
        The states from the start on (off the support that is where retrieval starts), one array per
        query, with ``record=True``; else None.
    energies : list of ndarray of shape (n_iter + 1,), or None
        Their energies.
    times : list of ndarray of shape (n_iter + 1,), or None
        When the flow ``dx/dt = -grad E`` passes them, with ``record=True`` and ``dynamics="flow"``:
        from 0 on, and to infinity if the state moves at all: a limit is only approached.
    """

    state: np.ndarray
    energy: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray
    in_support: np.ndarray
    recalled: np.ndarray
    find_members: Callable[[], csr_array]  # called when `members` are first asked for
    trajectory: list[np.ndarray] | None = None
    energies: list[np.ndarray] | None = None
    times: list[np.ndarray] | None = None

    def __repr__(self) -> str:
        counts = {name: int(getattr(self, name).sum()) for name in ("converged", "in_support")}
        counts["recalled"] = int(np.sum(self.recalled >= 0))
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        return f"RetrievalResult({len(self.state)} queries: {told})"

    @cached_property
    def members(self) -> csr_array:
        """The share of each memory in each state."""
        return self.find_members()

    def __getstate__(self) -> dict:
        """Carry the members found, not the memory that they were to be found in."""
        return vars(self) | {"members": self.members, "find_members": None}

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put the results of consecutive blocks of queries back together."""
        joined = {f.name: _join([getattr(part, f.name) for part in parts]) for f in fields(cls)}
        return cls(**joined)


@dataclass(frozen=True, eq=False)
class Settled:
    """Where a loop ended: states, steps taken, whether it stopped by itself.

    With a record, `history` holds for the start and each step which rows moved, and where to, and
    `durations` how long that took.
    """

    state: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray
    history: list[tuple[np.ndarray, np.ndarray]]
    durations: list[np.ndarray]

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put together where consecutive blocks of rows ended."""
        starts = np.cumsum([0, *(len(part.state) for part in parts)])
        return cls(
            np.concatenate([part.state for part in parts]),
            np.concatenate([part.n_iter for part in parts]),
            np.concatenate([part.converged for part in parts]),
            [
                (start + rows, states)
                for start, part in zip(starts[:-1], parts, strict=True)
                for rows, states in part.history
            ],
            [durations for part in parts for durations in part.durations],
        )

    def trajectory(self) -> list[np.ndarray]:
        """Return each row's own states, from its start to its end."""
        return self._by_row([states for _, states in self.history])

    def times(self) -> list[np.ndarray]:
        """Return when each row was in those states."""
        return [np.cumsum(durations) for durations in self._by_row(self.durations)]

    def _by_row(self, values: list[np.ndarray]) -> list[np.ndarray]:
        rows = np.concatenate([rows for rows, _ in self.history])
        in_order = np.concatenate(values)[np.argsort(rows, kind="stable")]
        ends = np.cumsum(self.n_iter + 1)[:-1]
        return [path.copy() for path in np.split(in_order, ends)]


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
    """

    def advance(live: np.ndarray, before: np.ndarray) -> Advanced:
        first, place = distinct_rows(before)  # equal states take equal steps
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


def _join(parts: list) -> Any:
    first = parts[0]
    if len(parts) == 1 or first is None:
        return first
    if isinstance(first, list):
        return [row for part in parts for row in part]
    if callable(first):
        return partial(_stack, parts)
    return np.concatenate(parts)


def _stack(finders: list[Callable[[], csr_array]]) -> csr_array:
    return csr_array(vstack([find() for find in finders]))
