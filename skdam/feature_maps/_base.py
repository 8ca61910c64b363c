"""What every feature map is: positions from a centre in bandwidths, worked on some at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from .._math import Floats, slices
from .._saved import Saved
from .._validation import (
    COUNT,
    POSITIVE,
    all_or_nothing,
    check_rows_or_csr,
    check_total,
    check_vectors,
    check_weights,
)

#: Rows, dense or CSR.
Rows = Any
#: Rows, and entries, that are worked on at a time.
_ROWS, _BLOCK = 512, 2**18
_SINGLE = np.finfo(np.float32)
#: Bandwidths from the centre beyond which a coordinate is cut off, so that phases keep some digits;
#: and beyond which float32 rows are worked on in float64.
_FARTHEST, _NEAR = 2.0**40, 2.0**10


class FeatureMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Saved, ABC):
    """What the maps of this module share; an interface, not an estimator.

    Rows are measured from the centre of the rows that were fitted, in bandwidths.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.feature_maps import NystroemFeatures, RandomFourierFeatures
    >>> X = np.random.default_rng(0).normal(size=(30, 2))
    >>> for feature_map in (RandomFourierFeatures(64), NystroemFeatures(64)):
    ...     print(feature_map.fit_transform(X).shape, feature_map.is_random, feature_map.n_terms)
    (30, 64) True 32
    (30, 30) False 30
    """

    n_components: int
    bandwidth: float
    random_state: int | np.random.RandomState | None

    #: Whether an error is one of chance, of terms drawn at random.
    is_random: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict] = {
        "n_components": [COUNT],
        "bandwidth": [POSITIVE],
        "random_state": ["random_state"],
    }

    @property
    @abstractmethod
    def n_terms(self) -> int:
        """How many independent terms the product of two vectors is the mean of."""

    @abstractmethod
    def _draw(self, z: Rows, weights: Floats, rng: np.random.RandomState) -> None:
        """Settle the map; `z` are the rows, still in data units and not centred."""

    @property
    @abstractmethod
    def _factor(self) -> float:
        """What all features that are written have to be multiplied by."""

    @abstractmethod
    def _write(self, z: Floats, out: Floats) -> None:
        """Write the features of rows, measured from the centre in bandwidths, but for a factor."""

    @abstractmethod
    def _pull(self, z: Floats, V: Floats) -> Floats:
        """Return ``J(z)^T v`` for each row."""

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Settle the map.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, D)
            Their (weighted) mean becomes the centre. float32 is kept; everything else is float64.
        y : ignored
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, `X` or `sample_weight` is out of range.
        """
        with all_or_nothing(self):
            self._validate_params()
            X = check_rows_or_csr(X, self, reset=True)
            weights = check_weights(sample_weight, X)
            check_total(weights)
            self.n_components_, self.bandwidth_ = self.n_components, float(self.bandwidth)
            self.centre_ = mean(X, weights)
            self._draw(X, weights, check_random_state(self.random_state))
            return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the features of each row.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, D)

        Returns
        -------
        ndarray of shape (n, n_components)
            float32 for float32 rows, else float64. A coordinate beyond 2^40 bandwidths from the
            centre, where phases would lose their digits, counts as so far away. Landmarks have
            fewer columns if fewer distinct rows were fitted.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        check_is_fitted(self)
        return self._features(check_rows_or_csr(X, self))

    def pullback(self, X: ArrayLike, V: ArrayLike) -> np.ndarray:
        """Return the gradient of ``<phi(x), v>`` at each row: the transposed Jacobian times v.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, D)
        V : array-like of shape (n_components,) or (n, n_components)
            A vector for all rows, or one for each.

        Returns
        -------
        ndarray of shape (n, D)
            In 1 / data units; float32 for float32 rows, else float64.

        Raises
        ------
        ValueError
            If `X` or `V` is out of range or of the wrong shape.
        """
        check_is_fitted(self)
        X = check_rows_or_csr(X, self)
        return self._gradient(X, check_vectors(V, (X.shape[0], self._n_features_out), X.dtype))

    def _features(self, X: Rows) -> Floats:
        """Return the features of rows that were checked before."""
        out = np.empty((X.shape[0], self._n_features_out), dtype=X.dtype)
        for rows in self._blocks(X.shape[0]):
            self._write(self._in_bandwidths(X[rows]), out[rows])
            out[rows] *= out.dtype.type(self._factor)
        return out

    def _gradient(self, X: Rows, V: Floats) -> Floats:
        """Return the pullback at rows that were checked before."""
        out = np.empty(X.shape, dtype=X.dtype)
        for rows in self._blocks(X.shape[0]):
            z = self._in_bandwidths(X[rows])
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                out[rows] = self._pull(z, V[rows].astype(z.dtype, copy=False)) / self.bandwidth_
        return out

    def _weighted_sum(self, X: Rows, weights: Floats) -> Floats:
        """Return the sum of the rows' features in float64, for rows that were checked before."""
        total = np.zeros(self._n_features_out)
        blocks = list(self._blocks(X.shape[0]))
        shape = blocks[0].stop, len(total)
        single, double = (np.empty(shape, dtype) for dtype in (X.dtype, float))
        for rows in blocks:
            n = rows.stop - rows.start
            self._write(self._in_bandwidths(X[rows]), single[:n])
            double[:n] = single[:n]
            total += weights[rows] @ double[:n]
        return total * self._factor

    def _blocks(self, n_rows: int) -> Iterator[slice]:
        widest = max(self.n_terms, self.n_features_in_)
        tall = max(1, min(4, self.n_features_in_ // 256))  # products with many columns
        return slices(n_rows, min(_ROWS, tall * _BLOCK // widest))

    def _in_bandwidths(self, X: Rows) -> Floats:
        """Measure rows from the centre, in bandwidths: in float64 those of float32 that are far."""
        rows = X.toarray() if issparse(X) else X
        with np.errstate(over="ignore", under="ignore"):
            z = rows - self.centre_
            if z.dtype == np.float32 and _SINGLE.tiny <= self.bandwidth_ <= _SINGLE.max:
                z /= np.float32(self.bandwidth_)
            else:
                z = z / np.float64(self.bandwidth_)
            near = X.dtype == np.float32 and np.abs(z).max() <= _NEAR
            if near or z.dtype == np.float64:
                z = z.astype(np.float32 if near else np.float64, copy=False)
            else:
                z = (rows.astype(np.float64) - self.centre_) / self.bandwidth_
        return np.clip(z, -_FARTHEST, _FARTHEST, out=z)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def mean(X: Rows, weights: Floats) -> Floats:
    """Return the weighted mean of the rows, in a dtype that their differences are exact in."""
    shares = (weights / weights.sum()).astype(X.dtype)
    with np.errstate(under="ignore"):
        return np.asarray(shares @ X).ravel()
