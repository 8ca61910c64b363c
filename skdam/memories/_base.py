"""What all memories share: their place in a pipeline, persistence, and work split over threads."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from .._math import TILE_ROWS, slices
from .._validation import check_rows
from .._version import __version__

Part = TypeVar("Part")


class Saved(BaseEstimator, ABC):
    """An estimator whose files know which version wrote them."""

    @abstractmethod
    def _prepare(self) -> None:
        """Build from the fitted arrays what every call needs and no file should hold."""

    @abstractmethod
    def __sklearn_is_fitted__(self) -> bool:
        """Return whether it is fitted."""

    def __getstate__(self) -> dict:
        state = dict(super().__getstate__())
        state.pop("_prepared", None)
        return state | {"_skdam_version": __version__}

    def __setstate__(self, state: dict) -> None:
        state = dict(state)
        saved = state.pop("_skdam_version", "unknown")
        if saved != __version__:
            warnings.warn(
                f"This {type(self).__name__} was saved by skdam {saved} and is loaded by"
                f" {__version__}: results may differ. Fit it again, or load it with {saved}.",
                UserWarning,
                stacklevel=2,
            )
        super().__setstate__(state)
        if self.__sklearn_is_fitted__():
            self._prepare()


class Memory(OneToOneFeatureMixin, TransformerMixin, Saved):
    """A transformer that stores patterns and pulls queries back to them.

    A retrieved state lives in the space of the memories themselves: feature names pass through and
    `inverse_transform` is the identity, so that a pipeline can map a state back to its input.
    """

    @abstractmethod
    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the retrieved states."""

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return the states unchanged: they already live in the space of the memories.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Retrieved states; NaN where ``outside="nan"`` put them.

        Returns
        -------
        ndarray of shape (n, D)
            `X`.
        """
        check_is_fitted(self)
        return check_rows(X, self, gaps=True)

    def __sklearn_is_fitted__(self) -> bool:
        return "memories_" in vars(self)

    def _split(self, work: Callable[[slice], Part], n_rows: int) -> list[Part]:
        """Do `work` on slices of the rows, over `n_jobs` threads; slices do not change a result."""
        n_jobs = effective_n_jobs(self.n_jobs)
        tiles = -(-n_rows // TILE_ROWS)
        if min(n_jobs, tiles) <= 1:
            return [work(slice(0, n_rows))]
        rows = TILE_ROWS * -(-tiles // min(n_jobs, tiles))
        with threadpool_limits(1, user_api="blas"):
            parallel = Parallel(n_jobs=n_jobs, backend="threading")
            return parallel(delayed(work)(part) for part in slices(n_rows, rows))


class DensityMemory(Memory):
    """A memory that scores rows as a density does."""

    @abstractmethod
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the log density of each row."""

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Return the mean of `score_samples`, -inf if one of them is.

        Parameters
        ----------
        X : array-like of shape (n, D)
        y : ignored

        Returns
        -------
        float
        """
        return float(self.score_samples(X).mean())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "density_estimator"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
