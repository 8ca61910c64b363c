"""What a kernel memory answers: states, energies, densities and samples."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from .._validation import check_count, check_known, check_rows
from ..dynamics import RetrievalResult
from ._kernel_store import KernelStore
from ._retrieval import Retrieval, check_dynamics


class BaseKernelMemory(KernelStore):
    """A kernel density over stored patterns, read as an energy."""

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the state that each query is pulled to.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Queries.

        Returns
        -------
        ndarray of shape (n, D)
            Retrieved states, float32 for float32 queries. See `retrieve` for how each ended.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features, or with ``outside="raise"``
            for queries off the support.

        Warns
        -----
        ConvergenceWarning
            Once per call, with the number of queries that `max_iter` cut short.
        """
        check_is_fitted(self)
        X = check_rows(X, self)
        retrieval, queries = self._retrieval(), X.astype(np.float64, copy=False)
        parts = self._split(lambda rows: retrieval.settle(queries[rows]), len(X))
        in_support = np.concatenate([part[1] for part in parts])
        retrieval.report(in_support, np.concatenate([part[0].converged for part in parts]))
        state = np.concatenate([part[0].state for part in parts])
        return retrieval.hide(state, in_support).astype(X.dtype, copy=False)

    def retrieve(
        self, X: ArrayLike, known: ArrayLike | None = None, record: bool = False
    ) -> RetrievalResult:
        """Retrieve each query and tell how it went.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Queries. With `known`, NaN is allowed in coordinates that are not known.
        known : array-like of bool of shape (D,) or (n, D), optional
            Coordinates that are held at the values given, bit for bit; only the others move. These
            start at the values given, or where they are NaN at those of the memory nearest in the
            known coordinates. With ``outside="nearest"`` they start there, too, where no memory
            reaches the start. Of equally near memories the first in lexicographic order counts.
        record : bool, default=False
            Whether to keep every query's trajectory and its energies.

        Returns
        -------
        RetrievalResult

        Raises
        ------
        ValueError
            As `transform`, or if `known` is not such a mask or marks a NaN as known.

        Warns
        -----
        ConvergenceWarning
            As `transform`.
        """
        check_is_fitted(self)
        X = check_rows(X, self, gaps=known is not None)
        if known is not None:
            known = check_known(known, X)
        retrieval, queries = self._retrieval(), X.astype(np.float64, copy=False)

        def work(rows: slice) -> RetrievalResult:
            held = None if known is None else known[rows]
            return retrieval.describe(*retrieval.settle(queries[rows], held, record))

        result = RetrievalResult.join(self._split(work, len(X)))
        retrieval.report(result.in_support, result.converged)
        state = retrieval.hide(result.state, result.in_support, known)
        return replace(result, state=state.astype(X.dtype, copy=False))

    def energy(self, X: ArrayLike) -> np.ndarray:
        """Return the energy of each row.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64
            In squared data units; +inf off the support (unless `epsilon` is positive). Beyond
            float64 (data of 1e155, say) it overflows to infinity, or underflows to 0.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        return self._rowwise(X, self._energy().value)

    def gradient(self, X: ArrayLike) -> np.ndarray:
        """Return the gradient of the energy at each row.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n, D), float64
            In data units; 0 off the support. A compact kernel's is not continuous at a rim, and
            unbounded near the rim of the support.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        return self._rowwise(X, self._energy().gradient)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the normalised log density of each row (with epsilon = 0).

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64
            In nats, ``log S(x) - log(sum of weights) - log Z``; exactly -inf off the support. Right
            to 1e-12 relative, plus 4 D u / S(x) from the rounding of the input itself.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        return self._rowwise(X, self._energy().log_density)

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Draw from the density, exactly: a memory by weight, then its kernel.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n_samples, D)
            In the dtype of `memories_`.

        Raises
        ------
        ValueError
            If `n_samples` is not a positive integer.
        """
        check_is_fitted(self)
        n_samples = check_count(n_samples, "n_samples")
        rng = check_random_state(random_state)
        n_memories, n_features = self.memories_.shape
        parent = rng.choice(n_memories, n_samples, p=self.weights_ / self.weights_.sum())
        radius = np.sqrt(self._prepared.kernel.sample_u(rng, n_features, n_samples))
        direction = rng.standard_normal((n_samples, n_features))
        direction *= (radius / np.linalg.norm(direction, axis=1))[:, None]
        drawn = self.memories_[parent] + self.bandwidth_ * direction
        return drawn.astype(self.memories_.dtype, copy=False)

    def _retrieval(self) -> Retrieval:
        settings = self._settings()
        check_dynamics(settings.dynamics, settings.kernel)
        return Retrieval(
            self._energy(), settings.outside, self.max_iter, settings.tol, settings.dynamics
        )

    def _rowwise(self, X: ArrayLike, formula: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        X = check_rows(X, self)
        parts = self._split(lambda rows: formula(X[rows].astype(np.float64, copy=False)), len(X))
        return np.concatenate(parts)


def check_memory(memory: BaseKernelMemory) -> BaseKernelMemory:
    """Return a fitted kernel memory, and nothing else."""
    if not isinstance(memory, BaseKernelMemory):
        raise TypeError(
            f"memory must be a fitted kernel memory, got an object of {type(memory).__name__}: of a"
            " pipeline pass the last step, of a sampler its memory_."
        )
    check_is_fitted(memory)
    return memory


class _KernelMemory(HasMethods):  # scikit-learn takes no constraints but of its own classes
    """A constraint of parameters: a kernel memory."""

    def __init__(self) -> None:
        super().__init__("fit")

    def is_satisfied_by(self, val: object) -> bool:
        """Return whether `val` is such a memory, and no class of them."""
        return isinstance(val, BaseKernelMemory)

    def __str__(self) -> str:
        """Return what messages call it."""
        return "a kernel memory (EpanechnikovMemory, GaussianMemory or KernelMemory)"


KERNEL_MEMORY = _KernelMemory()
