"""Functions of the overlaps with all memories: which of them are attended to, and how much."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from .._math import Floats

#: Scores this near to each other are told apart to first order.
_NEAR = 1e-8


class Separation(ABC):
    r"""A convex potential of scores z, one for each memory; its gradient is the attention p.

    .. math:: \Psi^*(z) = \max_p\; z \cdot p - \Psi(p),\qquad p = \nabla\Psi^*(z)

    over probabilities p, with the negative entropy :math:`\Psi` of Tsallis of an order alpha [1]_.

    References
    ----------
    .. [1] S. Santos, V. Niculae, D. McNamee, A. F. T. Martins, "Sparse and Structured Hopfield
       Networks", 2024, arXiv:2402.13725.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import SEPARATIONS
    >>> scores = np.array([[0.0, -0.5, -2.0]])
    >>> for name, separation in SEPARATIONS.items():
    ...     print(name, separation.attention(scores)[0].round(2))
    softmax [0.57 0.35 0.08]
    sparsemax [0.75 0.25 0.  ]
    entmax15 [0.67 0.33 0.  ]
    """

    #: Best scores this far above all others take all of the attention.
    margin: float

    @abstractmethod
    def attention(self, Z: Floats) -> Floats:
        """Return p for each row of scores whose largest is 0; rows are >= 0 and sum to 1."""

    @abstractmethod
    def shortfall(self, Z: Floats) -> Floats:
        """Return the conjugate at 0 less that at each such row: a sum of terms >= 0."""


@dataclass(frozen=True)
class Softmax(Separation):
    """Log-sum-exp (Shannon's entropy, alpha = 1): every memory gets something.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import Softmax
    >>> Softmax().attention(np.array([[0.0, -0.5, -2.0]])).round(2)
    array([[0.57, 0.35, 0.08]])
    """

    margin = np.inf

    def attention(self, Z: Floats) -> Floats:
        with np.errstate(under="ignore"):
            return softmax(Z, axis=1)

    def shortfall(self, Z: Floats) -> Floats:
        with np.errstate(under="ignore"):
            return -np.log1p(np.expm1(Z).mean(axis=1))


class _Sparse(Separation):
    """Attention that is 0 for most memories."""

    #: The power of p that is linear in the scores, alpha - 1.
    power: float

    @abstractmethod
    def _divergence(self, change: Floats, equal: float) -> Floats:
        """Return how much less entropy there is than if all were equal.

        `change` is the difference of the power of p from that of equal probabilities.
        """

    def shortfall(self, Z: Floats) -> Floats:
        Z, equal = self._clipped(Z), Z.shape[1] ** -self.power
        P = self.attention(Z)
        with np.errstate(under="ignore"):
            linear = self.power * (Z - Z.mean(axis=1, keepdims=True))  # of scores nearly equal
            near = Z.min(axis=1, keepdims=True) > -_NEAR
            change = np.where(near, linear, P**self.power - equal)
            return self._divergence(change, equal) - (P * Z).sum(axis=1)

    def _clipped(self, Z: Floats) -> Floats:
        """Return scores that sums do not overflow of; what is farther off gets nothing anyway."""
        return np.maximum(Z, -2.0 * self.margin)


@dataclass(frozen=True)
class Sparsemax(_Sparse):
    """The projection on the simplex (Gini's entropy, alpha = 2): p = max(z - tau, 0).

    Here tau is what makes the attention sum to 1. A score that leads by 1 takes all of it.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import Sparsemax
    >>> Sparsemax().attention(np.array([[0.0, -0.5, -2.0], [0.0, -1.0, -1.0]]))
    array([[0.75, 0.25, 0.  ],
           [1.  , 0.  , 0.  ]])
    """

    margin, power = 1.0, 1.0

    def attention(self, Z: Floats) -> Floats:
        Z = self._clipped(Z)
        ordered = -np.sort(-Z, axis=1)
        rank = np.arange(1, Z.shape[1] + 1)
        threshold = (np.cumsum(ordered, axis=1) - 1.0) / rank
        size = (ordered > threshold).sum(axis=1)
        tau = np.take_along_axis(threshold, size[:, None] - 1, axis=1)
        P = np.maximum(Z - tau, 0.0)
        return P / P.sum(axis=1, keepdims=True)

    def _divergence(self, change: Floats, equal: float) -> Floats:
        return 0.5 * (change**2).sum(axis=1)


@dataclass(frozen=True)
class Entmax15(_Sparse):
    """Between the two (Tsallis' entropy, alpha = 1.5): p = max(z / 2 - tau, 0)^2.

    Here tau is what makes the attention sum to 1. A score that leads by 2 takes all of it.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import Entmax15
    >>> Entmax15().attention(np.array([[0.0, -0.5, -2.0], [0.0, -2.0, -2.0]])).round(2)
    array([[0.67, 0.33, 0.  ],
           [1.  , 0.  , 0.  ]])
    """

    margin, power = 2.0, 0.5

    def attention(self, Z: Floats) -> Floats:
        Z = self._clipped(Z)
        ordered = -np.sort(-Z, axis=1) / 2.0
        rank = np.arange(1, Z.shape[1] + 1)
        mean = np.cumsum(ordered, axis=1) / rank
        spread = np.cumsum(ordered**2, axis=1) - rank * mean**2
        threshold = mean - np.sqrt(np.maximum((1.0 - spread) / rank, 0.0))
        size = (ordered > threshold).sum(axis=1)
        tau = np.take_along_axis(threshold, size[:, None] - 1, axis=1)
        P = np.maximum(Z / 2.0 - tau, 0.0) ** 2
        return P / P.sum(axis=1, keepdims=True)

    def _divergence(self, change: Floats, equal: float) -> Floats:
        return (4.0 / 3.0) * (change**2 * (change + 1.5 * equal)).sum(axis=1)


#: The separations that go by a name.
SEPARATIONS: dict[str, Separation] = {
    "softmax": Softmax(),
    "sparsemax": Sparsemax(),
    "entmax15": Entmax15(),
}
