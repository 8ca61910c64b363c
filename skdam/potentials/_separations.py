"""Functions of the overlaps with all memories: which of them are attended to, and how much."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax

from .._math import Floats


class Separation(ABC):
    r"""A convex potential of scores z, one for each memory; its gradient is the attention p.

    .. math:: \Psi^*(z) = \max_p\; z \cdot p - \Psi(p),\qquad p = \nabla\Psi^*(z)

    over probabilities p, with the negative entropy :math:`\Psi` of Tsallis of an order alpha [1]_.

    References
    ----------
    .. [1] S. Santos, V. Niculae, D. McNamee, A. F. T. Martins, "Sparse and Structured Hopfield
       Networks", 2024, arXiv:2402.13725.
    """

    #: Best scores this far above all others take all of the attention.
    margin: float

    @abstractmethod
    def attention(self, Z: Floats) -> Floats:
        """Return p for each row of scores whose largest is 0; rows are >= 0 and sum to 1."""

    @abstractmethod
    def potential(self, Z: Floats) -> Floats:
        """Return the conjugate at each row of scores."""

    def at_zero(self, n: int) -> float:
        """Return the conjugate at n scores of 0: the largest entropy there is."""
        return float(self.potential(np.zeros((1, n)))[0])


@dataclass(frozen=True)
class Softmax(Separation):
    """Log-sum-exp (Shannon's entropy, alpha = 1): every memory gets something."""

    margin = np.inf

    def attention(self, Z: Floats) -> Floats:
        with np.errstate(under="ignore"):
            return softmax(Z, axis=1)

    def potential(self, Z: Floats) -> Floats:
        with np.errstate(under="ignore"):
            return logsumexp(Z, axis=1)


class _Sparse(Separation):
    """Attention that is 0 for most memories."""

    @abstractmethod
    def _entropy(self, P: Floats) -> Floats:
        """Return minus the entropy of each row of probabilities."""

    def potential(self, Z: Floats) -> Floats:
        peak = Z.max(axis=1, keepdims=True)
        P = self.attention(Z - peak)
        with np.errstate(invalid="ignore"):
            gain = np.where(P > 0, P * (Z - peak), 0.0).sum(axis=1)
        return peak[:, 0] + gain - self._entropy(P)


@dataclass(frozen=True)
class Sparsemax(_Sparse):
    """The projection on the simplex (Gini's entropy, alpha = 2): p = max(z - tau, 0)."""

    margin = 1.0

    def attention(self, Z: Floats) -> Floats:
        ordered = -np.sort(-Z, axis=1)
        rank = np.arange(1, Z.shape[1] + 1)
        with np.errstate(invalid="ignore", over="ignore"):  # scores of -inf get nothing
            threshold = (np.cumsum(ordered, axis=1) - 1.0) / rank
            size = (ordered > threshold).sum(axis=1)
        tau = np.take_along_axis(threshold, size[:, None] - 1, axis=1)
        P = np.maximum(Z - tau, 0.0)
        return P / P.sum(axis=1, keepdims=True)

    def _entropy(self, P: Floats) -> Floats:
        return 0.5 * (np.einsum("ij,ij->i", P, P) - 1.0)


@dataclass(frozen=True)
class Entmax15(_Sparse):
    """Between the two (Tsallis' entropy, alpha = 1.5): p = max(z / 2 - tau, 0)^2."""

    margin = 2.0

    def attention(self, Z: Floats) -> Floats:
        ordered = -np.sort(-Z, axis=1) / 2.0
        rank = np.arange(1, Z.shape[1] + 1)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = np.cumsum(ordered, axis=1) / rank
            spread = np.cumsum(ordered**2, axis=1) - rank * mean**2
            threshold = mean - np.sqrt(np.maximum((1.0 - spread) / rank, 0.0))
            size = (ordered > threshold).sum(axis=1)
        tau = np.take_along_axis(threshold, size[:, None] - 1, axis=1)
        P = np.maximum(Z / 2.0 - tau, 0.0) ** 2
        return P / P.sum(axis=1, keepdims=True)

    def _entropy(self, P: Floats) -> Floats:
        return (4.0 / 3.0) * ((P**1.5).sum(axis=1) - 1.0)


#: The separations that go by a name.
SEPARATIONS: dict[str, Separation] = {
    "softmax": Softmax(),
    "sparsemax": Sparsemax(),
    "entmax15": Entmax15(),
}
