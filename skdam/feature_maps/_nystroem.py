"""The map of kernels with landmarks."""

from typing import ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import rbf_kernel

from .._math import Floats, distinct_rows
from ._base import FeatureMap, Rows, mean


class NystroemFeatures(FeatureMap):
    r"""Map rows to their kernels with some of the rows, for the Gaussian kernel.

    .. math:: \phi(x) = K_{LL}^{-1/2}\, k(x, L)

    with landmarks L drawn from the distinct rows that were fitted [1]_. A product is exact at a
    landmark, and 0 far from all of them. The work is scikit-learn's
    :class:`~sklearn.kernel_approximation.Nystroem`.

    Parameters
    ----------
    n_components : int, default=4096
        Most landmarks: a vector has as many features as there are landmarks.
    bandwidth : float, default=1.0
        Sigma, in data units.
    random_state : int, RandomState or None, default=None
        What the landmarks are drawn with.

    Attributes
    ----------
    landmarks_ : ndarray of shape (n_landmarks, D)
        L, from the centre, in bandwidths.
    normalization_ : ndarray of shape (n_landmarks, n_landmarks)
        The inverse square root of their kernel matrix.
    centre_ : ndarray of shape (D,)
        The mean of the rows that were fitted.
    bandwidth_ : float
        Sigma, as it was fitted.
    n_components_ : int
        `n_components`, as it was fitted.
    n_features_in_ : int
        Number of features D.
    feature_names_in_ : ndarray of shape (D,)
        Their names, if `X` had string column names.

    References
    ----------
    .. [1] C. K. I. Williams, M. Seeger, "Using the Nystroem method to speed up kernel machines",
       2001.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.feature_maps import NystroemFeatures
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0]])
    >>> phi = NystroemFeatures(random_state=0).fit_transform(X)
    >>> (phi @ phi.T).round(3)
    array([[1.   , 0.607],
           [0.607, 1.   ]])
    """

    is_random: ClassVar[bool] = False

    def __init__(
        self,
        n_components: int = 4096,
        *,
        bandwidth: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.bandwidth = bandwidth
        self.random_state = random_state

    @property
    def n_terms(self) -> int:
        """The number of landmarks."""
        return len(self.landmarks_)

    @property
    def _factor(self) -> float:
        return 1.0

    def _draw(self, z: Rows, weights: Floats, rng: np.random.RandomState) -> None:
        rows = (z.toarray() if issparse(z) else z)[weights > 0]
        first, place = distinct_rows(rows)  # the same landmarks whatever the order and the copies
        self.centre_ = mean(rows[first], np.bincount(place, weights[weights > 0]))
        z = self._in_bandwidths(rows[first]).astype(np.float64, copy=False)
        n_landmarks = min(self.n_components_, len(z))
        nystroem = Nystroem(gamma=0.5, n_components=n_landmarks, random_state=rng).fit(z)
        self.landmarks_ = nystroem.components_
        self.normalization_ = nystroem.normalization_

    def _write(self, z: Floats, out: Floats) -> None:
        out[:] = self._kernel(z) @ self.normalization_.T

    def _pull(self, z: Floats, V: Floats) -> Floats:
        weights = self._kernel(z) * (V @ self.normalization_)
        return weights @ self.landmarks_ - weights.sum(axis=1, keepdims=True) * z

    def _kernel(self, z: Floats) -> Floats:
        with np.errstate(under="ignore"):
            return rbf_kernel(z.astype(np.float64, copy=False), self.landmarks_, gamma=0.5)

    @property
    def _n_features_out(self) -> int:
        return len(self.landmarks_)
