"""How a kernel memory retrieves: where a query starts, where it ends, and what is told of it."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError

from .._math import row_blocks
from .._sum_energy import SumEnergy
from .._sums import Walk
from ..dynamics import RetrievalResult, Settled, fixed_point, gradient_flow
from ..energies import KernelEnergy
from ..kernels import Kernel

#: How a state may move.
DYNAMICS = {"mean_shift", "flow"}
#: Most queries that follow a flow at a time.
FLOW_ROWS = 4096
#: What may become of a query off the support.
OUTSIDE = {"nearest", "keep", "nan", "raise"}


def check_dynamics(dynamics: str, kernel: Kernel) -> None:
    """Refuse a flow that is not made of straight lines."""
    if dynamics == "flow" and not kernel.is_flat:
        raise InvalidParameterError(
            "dynamics='flow' is exact for the Epanechnikov kernel alone: choose 'mean_shift' with"
            f" kernel={kernel!r}."
        )


def recorded(
    result: RetrievalResult, settled: Settled, energy: Callable[[np.ndarray], np.ndarray] | None
) -> RetrievalResult:
    """Add the trajectories, where they were kept, and their energies, where there is one."""
    if not settled.history:
        return result
    trajectory = settled.trajectory()
    if energy is None:
        return replace(result, trajectory=trajectory)
    ends = np.cumsum([len(states) for states in trajectory])[:-1]
    energies = np.split(energy(np.concatenate(trajectory)), ends)
    return replace(result, trajectory=trajectory, energies=energies)


def report_moving(converged: np.ndarray, max_iter: int, stacklevel: int, each: str = "") -> None:
    """Warn of queries that `max_iter` cut short."""
    if not converged.all():
        warnings.warn(
            f"{np.sum(~converged)} of {len(converged)} queries were still moving after"
            f" max_iter={max_iter} steps{each}. Raise max_iter (or tol, if there is one).",
            ConvergenceWarning,
            stacklevel=stacklevel + 1,
        )


@dataclass(frozen=True)
class SteppedRetrieval:
    """One retrieval by mean shift: the energy, and the estimator's parameters that steer it."""

    energy: SumEnergy
    outside: str
    max_iter: int
    tol: float

    def settle(
        self, X: np.ndarray, known: np.ndarray | None = None, record: bool = False
    ) -> tuple[Settled, np.ndarray]:
        """Return where float64 queries end, and whether they lay on the support."""
        walk = self.energy.walk(len(X))
        start, in_support = self._start(X, known, walk)
        return self._moved(start, walk, known, record), in_support

    def _moved(
        self, start: np.ndarray, walk: Walk, known: np.ndarray | None, record: bool
    ) -> Settled:
        return fixed_point(
            self.energy,
            start,
            max_iter=self.max_iter,
            tol=self.tol,
            held=known,
            record=record,
            step=walk.step,
        )

    def report(self, in_support: np.ndarray, converged: np.ndarray, stacklevel: int = 3) -> None:
        """Raise for queries off the support where that was asked for; warn of those cut short."""
        if self.outside == "raise" and not in_support.all():
            raise ValueError(
                f"{np.sum(~in_support)} of {len(in_support)} queries lie off the support: no memory"
                f" within bandwidth_={self.energy.bandwidth:.6g}, the first in row"
                f" {np.argmin(in_support)}. Widen `bandwidth` or choose another `outside`."
            )
        self._report_moving(converged, stacklevel + 1)

    def _report_moving(self, converged: np.ndarray, stacklevel: int) -> None:
        if self.max_iter > 1:  # a single step is asked for as such
            report_moving(converged, self.max_iter, stacklevel)

    def hide(
        self, state: np.ndarray, in_support: np.ndarray, known: np.ndarray | None = None
    ) -> np.ndarray:
        """Turn states of queries off the support into NaN, where that was asked for."""
        if self.outside != "nan":
            return state
        lost = np.broadcast_to(~in_support[:, None], state.shape)
        return np.where(lost if known is None else lost & ~known, np.nan, state)

    def _start(
        self, X: np.ndarray, known: np.ndarray | None, walk: Walk
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return where the queries start, and whether they lie on the support."""
        start = X.copy()
        if known is not None:
            gaps = np.isnan(X)
            self._fill(start, gaps, gaps.any(axis=1), known)
        in_support = walk.covers(np.arange(len(start)), start)
        if self.outside != "nearest" or in_support.all():
            return start, in_support
        outside = ~in_support
        free = np.ones(X.shape, dtype=bool) if known is None else ~known
        self._fill(start, free, outside, known)
        if known is not None:
            in_support[outside] = walk.covers(np.flatnonzero(outside), start[outside])
        return start, in_support

    def _fill(
        self, start: np.ndarray, free: np.ndarray, rows: np.ndarray, known: np.ndarray | None
    ) -> None:
        """Overwrite the free coordinates of some rows with those of the nearest memory."""
        if rows.any():
            nearest = self.energy.nearest(start[rows], None if known is None else known[rows])
            start[rows] = np.where(free[rows], nearest, start[rows])


@dataclass(frozen=True)
class Retrieval(SteppedRetrieval):
    """One retrieval, by either dynamics, from memories that are all at hand."""

    energy: KernelEnergy
    dynamics: str = "mean_shift"

    def _moved(
        self, start: np.ndarray, walk: Walk, known: np.ndarray | None, record: bool
    ) -> Settled:
        if self.dynamics == "flow":
            return self._flow(start, known, record)
        return super()._moved(start, walk, known, record)

    def _report_moving(self, converged: np.ndarray, stacklevel: int) -> None:
        if self.dynamics == "flow":
            report_moving(converged, self.max_iter, stacklevel, " for each memory")
        else:
            super()._report_moving(converged, stacklevel + 1)

    def _flow(self, start: np.ndarray, known: np.ndarray | None, record: bool) -> Settled:
        """Follow the flow, block by block: it carries who is a member of what."""
        n_patterns = len(self.energy.patterns.first)
        most = self.max_iter * n_patterns
        parts = [
            gradient_flow(
                self.energy.flow(rows.stop - rows.start),
                start[rows],
                max_iter=most,
                held=None if known is None else known[rows],
                record=record,
            )
            for rows in row_blocks(len(start), 64 * n_patterns, most=FLOW_ROWS)
        ]
        return Settled.join(parts)

    def describe(self, settled: Settled, in_support: np.ndarray) -> RetrievalResult:
        """Return all there is to tell of settled queries."""
        result = RetrievalResult(
            settled.state,
            self.energy.value(settled.state),
            settled.n_iter,
            settled.converged,
            in_support,
            self.energy.recalled(settled.state),
            partial(self.energy.members, settled.state),
        )
        result = recorded(result, settled, self.energy.value)
        if settled.history and self.dynamics == "flow":
            return replace(result, times=settled.times())
        return result
