"""What all memories share: their place in a pipeline, persistence, and work split over threads."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from .._math import TILE_ROWS, slices
from .._saved import Saved
from .._threads import Part, over_threads
from .._validation import check_rows


class Prepared(Saved, ABC):
    """An estimator that builds something of its fitted arrays, which no file holds."""

    @abstractmethod
    def _prepare(self) -> None:
        """Build from the fitted arrays what every call needs and no file should hold."""

    @abstractmethod
    def __sklearn_is_fitted__(self) -> bool:
        """Return whether it is fitted."""

    def __getstate__(self) -> dict:
        state = super().__getstate__()
        state.pop("_prepared", None)
        return state

    def __setstate__(self, state: dict) -> None:
        self._load(state)
        if self.__sklearn_is_fitted__():
            self._prepare()


class Memory(OneToOneFeatureMixin, TransformerMixin, Prepared):
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
        return over_threads(work, list(slices(n_rows, rows)), n_jobs)


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
