"""Feature maps that are made of products with random frequencies."""

from typing import ClassVar

import numpy as np

from .._math import Floats, slices
from .._turns import cos_sin
from ._base import FeatureMap, Rows


class _RandomFeatures(FeatureMap):
    """Maps that are made of products with random frequencies."""

    orthogonal: bool

    _parameter_constraints: ClassVar[dict] = FeatureMap._parameter_constraints | {
        "orthogonal": ["boolean"]
    }

    def __init__(
        self,
        n_components: int = 4096,
        *,
        bandwidth: float = 1.0,
        orthogonal: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.bandwidth = bandwidth
        self.orthogonal = orthogonal
        self.random_state = random_state

    @property
    def _factor(self) -> float:
        return self.n_terms**-0.5

    def _draw(self, z: Rows, weights: Floats, rng: np.random.RandomState) -> None:
        draw = _orthogonal if self.orthogonal else _independent
        self.frequencies_ = draw(rng, self.n_terms, z.shape[1]).astype(z.dtype, copy=False)

    def _projected(self, z: Floats) -> Floats:
        return z @ self.frequencies_.astype(z.dtype, copy=False).T


class RandomFourierFeatures(_RandomFeatures):
    r"""Map rows to cosines and sines of random projections, for the Gaussian kernel.

    .. math:: \phi(x) = Y^{-1/2}\,[\cos\Omega z,\ \sin\Omega z],\qquad z = (x - c)/\sigma,
              \qquad \langle\phi(x), \phi(y)\rangle \approx
              \exp\big(-\lVert x - y\rVert^2 / 2\sigma^2\big)

    with Y frequencies in the rows of Omega, each distributed as N(0, I) [1]_. Orthogonal rows,
    rescaled by lengths drawn as those of N(0, I) are, err less at the same length [2]_. The product
    of a vector with itself is 1. The centre c changes no product.

    Parameters
    ----------
    n_components : int, default=4096
        Length of the vectors: 2 Y. With an odd number the last sine is left out.
    bandwidth : float, default=1.0
        Sigma, in data units.
    orthogonal : bool, default=True
        Whether frequencies are orthogonal (by D at a time) or drawn one by one.
    random_state : int, RandomState or None, default=None
        What the frequencies are drawn with.

    Attributes
    ----------
    frequencies_ : ndarray of shape (Y, D)
        Omega, in radians per bandwidth, in the dtype of the rows that were fitted.
    centre_ : ndarray of shape (D,)
        c, the mean of these rows.
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
    .. [1] A. Rahimi, B. Recht, "Random features for large-scale kernel machines", 2007.
    .. [2] F. X. Yu, A. T. Suresh, K. Choromanski, D. Holtmann-Rice, S. Kumar, "Orthogonal random
       features", 2016, arXiv:1610.09072.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.feature_maps import RandomFourierFeatures
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0]])
    >>> phi = RandomFourierFeatures(20_000, random_state=0).fit_transform(X)
    >>> (phi @ phi.T).round(1)  # off the diagonal: exp(-1/2) = .607
    array([[1. , 0.6],
           [0.6, 1. ]])
    """

    @property
    def n_terms(self) -> int:
        """The number of frequencies Y."""
        return -(-self.n_components_ // 2)

    def _write(self, z: Floats, out: Floats) -> None:
        self._waves(z, out[:, : self.n_terms], out[:, self.n_terms :])

    def _pull(self, z: Floats, V: Floats) -> Floats:
        n = self.n_terms
        cos, sin = np.empty((2, len(z), n), dtype=z.dtype)
        self._waves(z, cos, sin)
        sin *= -V[:, :n]
        sin[:, : V.shape[1] - n] += cos[:, : V.shape[1] - n] * V[:, n:]
        return sin @ self.frequencies_.astype(z.dtype, copy=False) * z.dtype.type(self._factor)

    def _waves(self, z: Floats, cos: Floats, sin: Floats) -> None:
        """Write the cosines of the projections, and the sines of as many as there is room for."""
        angle = self._projected(z)
        if angle.dtype == np.float32:
            np.cos(angle, out=cos)
            np.sin(angle[:, : sin.shape[1]], out=sin)
        else:
            angle *= 0.5 / np.pi
            cos_sin(angle, cos, sin)


class PositiveRandomFeatures(_RandomFeatures):
    r"""Map rows to exponentials of random projections, for the Gaussian kernel.

    .. math:: \phi(x) = Y^{-1/2} \exp\big(\Omega z - \lVert z\rVert^2\big),
              \qquad z = (x - c)/\sigma

    with Y = n_components frequencies [1]_. Sums of kernels are never negative, and better far from
    all memories than those of `RandomFourierFeatures`; near them worse. The error grows with the
    distance from the centre c, exponentially. (Exponents are cut off where features would not be
    representable, which takes some 300 columns of float32, and some 2500 of float64.)

    Parameters
    ----------
    n_components : int, default=4096
        Length of the vectors, Y.
    bandwidth : float, default=1.0
        Sigma, in data units.
    orthogonal : bool, default=True
        Whether frequencies are orthogonal (by D at a time) or drawn one by one.
    random_state : int, RandomState or None, default=None
        What the frequencies are drawn with.

    Attributes
    ----------
    frequencies_ : ndarray of shape (Y, D)
        Omega, in 1 / bandwidth, in the dtype of the rows that were fitted.
    centre_ : ndarray of shape (D,)
        c, the mean of these rows.
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
    .. [1] K. Choromanski et al., "Rethinking attention with Performers", 2020, arXiv:2009.14794,
       lemma 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.feature_maps import PositiveRandomFeatures
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0]])
    >>> phi = PositiveRandomFeatures(20_000, random_state=0).fit_transform(X)
    >>> (phi @ phi.T).round(1)
    array([[1. , 0.6],
           [0.6, 1. ]])
    """

    @property
    def n_terms(self) -> int:
        """The number of frequencies Y."""
        return self.n_components_

    def _write(self, z: Floats, out: Floats) -> None:
        exponent = self._projected(z)
        exponent -= np.einsum("ij,ij->i", z, z)[:, None]
        with np.errstate(under="ignore"):
            most = 0.9 * np.log(np.finfo(out.dtype).max)  # |omega|^2 / 4 at the worst row
            np.exp(np.minimum(exponent, most), out=out, casting="same_kind")

    def _pull(self, z: Floats, V: Floats) -> Floats:
        weights = np.empty((len(z), self.n_components_), dtype=z.dtype)
        self._write(z, weights)
        with np.errstate(under="ignore"):
            weights *= V * z.dtype.type(self._factor)
            along = weights @ self.frequencies_.astype(z.dtype, copy=False)
            return along - 2.0 * weights.sum(axis=1, keepdims=True) * z


def _independent(rng: np.random.RandomState, n: int, n_features: int) -> Floats:
    """Draw rows from N(0, I)."""
    return rng.standard_normal((n, n_features))


def _orthogonal(rng: np.random.RandomState, n: int, n_features: int) -> Floats:
    """Draw rows that are orthogonal, by `n_features` at a time, each distributed as N(0, I)."""
    sizes = [rows.stop - rows.start for rows in slices(n, n_features)]
    blocks = [_directions(rng, size, n_features) for size in sizes]
    return np.concatenate(blocks) * np.sqrt(rng.chisquare(n_features, size=(n, 1)))


def _directions(rng: np.random.RandomState, n: int, n_features: int) -> Floats:
    """Draw n orthonormal rows, evenly over all of them."""
    q, r = np.linalg.qr(rng.standard_normal((n_features, n)))
    return (q * np.where(np.diag(r) < 0, -1.0, 1.0)).T
