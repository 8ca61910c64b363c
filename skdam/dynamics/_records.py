"""The records of retrieval: what a loop leaves behind, and what an estimator tells of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array, vstack


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
        Number of steps that moved the state: of flips, where bits are updated one by one.
    converged : ndarray of shape (n,), bool
        Whether the state stopped moving within `max_iter` steps.
    in_support : ndarray of shape (n,), bool
        Whether the query lay on the support (for a clamped query: once its unknown coordinates
        were filled in); always, where all memories have a say in every state.
    recalled : ndarray of shape (n,), int
        Index into `memories_` of the stored memory that came back (its first copy); -1 if the
        state is none of them. With the Epanechnikov kernel the state equals it, up to the rounding
        of a mean. Other kernels reach a memory in the limit only, and shifted by the others' pull:
        it came back if the state lies within half a bandwidth of it and it has, with its copies,
        more than 1/sqrt(2) of the pull. Attention recalls a memory that has, with its copies, more
        than 1/sqrt(2) of it, and a memory of spins comes back if the state equals it.
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

    Examples
    --------
    >>> from skdam import EpanechnikovMemory
    >>> memory = EpanechnikovMemory(bandwidth=2.0).fit([[0.0], [1.0], [4.0]])
    >>> result = memory.retrieve([[0.2], [3.0], [9.0]])
    >>> result  # the last query is off the support, and starts from the nearest memory
    RetrievalResult(3 queries: 3 converged, 2 in_support, 2 recalled)
    >>> result.recalled
    array([-1,  2,  2])
    >>> result.members.toarray()[0]  # no memory, but the mean of two
    array([0.5, 0.5, 0. ])
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

    Attributes
    ----------
    state : ndarray of shape (n, D)
        The states at the end.
    n_iter : ndarray of shape (n,), int
        Number of steps that moved each row.
    converged : ndarray of shape (n,), bool
        Whether each stopped by itself.
    history : list of (rows, states)
        For the start and each step, which rows moved and where to; empty without a record.
    durations : list of ndarray
        How long each of these took, for each of the rows; always 1 for spins.
    cycling : ndarray of shape (n,), bool, or None
        Which rows would go round for ever; None where that is not looked for.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.dynamics import synchronous
    >>> from skdam.energies import QuadraticEnergy
    >>> energy = QuadraticEnergy.of(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> settled = synchronous(energy, np.array([[1.0, 1.0]]), max_iter=10, record=True)
    >>> settled.n_iter, settled.converged, settled.trajectory()
    (array([0]), array([ True]), [array([[1., 1.]])])
    """

    state: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray
    history: list[tuple[np.ndarray, np.ndarray]]
    durations: list[np.ndarray]
    cycling: np.ndarray | None = None

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
            _join([part.cycling for part in parts]),
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
