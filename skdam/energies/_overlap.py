"""The energy of attention: a separation of the similarities to all memories."""

from dataclasses import dataclass

import numpy as np

from .._math import Floats
from ..potentials import Separation
from ._similarities import Similarity

#: Scores are told apart up to this factor.
_STEEP = 1e307


@dataclass(frozen=True, eq=False)
class OverlapEnergy:
    r"""Attention over memories, its step, and its energy where there is one.

    .. math:: p = \nabla\Psi^*\big(\beta\, s(x, \xi_\mu)\big),\qquad x' = \sum_\mu p_\mu \xi_\mu

    With dot products, and with ``-|x - xi|^2 / 2``, that is a step of

    .. math:: E(x) = \tfrac1\beta\big[\Psi^*(0) - \Psi^*(\beta\, \Xi x)\big]
              + \tfrac12\lVert x\rVert^2 + \tfrac12 M^2,\qquad
              E(x) = \tfrac1\beta\big[\Psi^*(0) - \Psi^*(-\tfrac\beta2\lVert x - \xi\rVert^2)\big]

    down to its minimum along the concave part (Ramsauer et al. 2020, eq. 2, with M the largest norm
    of a memory; Santos et al. 2024), so that E never rises.

    Parameters
    ----------
    memories : ndarray of shape (K, D), float64
        The memories, one a row.
    similarity : Similarity
        How a state is compared to them, bound to the same memories.
    separation : Separation
        How scores become shares, as in `skdam.potentials.SEPARATIONS`.
    beta : float
        Inverse temperature, > 0, in units of 1 / similarity.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.energies import SIMILARITIES, OverlapEnergy
    >>> from skdam.potentials import SEPARATIONS
    >>> memories, beta = np.eye(2), 4.0
    >>> dot = SIMILARITIES["dot"](memories, beta)
    >>> energy = OverlapEnergy(memories, dot, SEPARATIONS["sparsemax"], beta)
    >>> energy.step(np.array([[0.6, 0.4], [0.9, 0.1]])).round(3)
    array([[0.9, 0.1],
           [1. , 0. ]])
    """

    memories: Floats
    similarity: Similarity
    separation: Separation
    beta: float

    @property
    def bandwidth(self) -> float:
        """The largest magnitude of a coordinate, which steps are measured in."""
        return float(np.abs(self.memories).max())

    def attention(self, X: Floats) -> Floats:
        """Return the share of each memory in the next state, one row a state."""
        return self.separation.attention(self._relative(X)[0])

    def step(self, X: Floats) -> Floats:
        """Return the next states."""
        return self.attention(X) @ self.memories

    def gradient(self, X: Floats) -> Floats:
        """Return the gradient of E: the state less the next one."""
        return X - self.step(X)

    def value(self, X: Floats) -> Floats:
        """Return E at each state; sums of terms that are not negative, so that none cancel."""
        relative, best = self._relative(X)
        rest = self.separation.shortfall(relative)
        with np.errstate(over="ignore", under="ignore"):
            away = X - self.memories[best]
            nearby = 0.5 * np.einsum("ij,ij->i", away, away) + self.similarity.surplus(best)
            return nearby + rest / self.beta

    def _relative(self, X: Floats) -> tuple[Floats, Floats]:
        """Return beta times the scores, less the largest of each row, and whose that is."""
        scores, exponent = self.similarity.scores(X)
        best = scores.argmax(axis=1)
        with np.errstate(over="ignore", under="ignore"):
            steep = np.minimum(np.ldexp(self.beta, exponent), _STEEP)
            return steep * (scores - scores.max(axis=1, keepdims=True)), best
