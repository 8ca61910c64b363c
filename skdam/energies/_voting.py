"""The energy of a dense classifier: memories that vote on which class unit to switch on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._math import Floats, Integers, row_blocks, slices

#: Logarithm up to which a factor of the evidence counts; beyond, all is saturated.
_STEEPEST = 600.0
#: Bytes of the powers of a block of rows: a few of them stay in the cache.
_CACHED = 800_000


class Response(NamedTuple):
    """What the memories say of a batch: overlaps to the power n - 1, and a factor of each row.

    ``on`` is (n, A, K), with one class unit on, and ``off`` (n, K), with none. The power n is
    ``on * on_overlap * factor``.
    """

    on: Floats
    off: Floats
    on_overlap: Floats
    off_overlap: Floats
    factor: Floats

    @property
    def evidence(self) -> Floats:
        """Their sum over memories, (n, A)."""
        on = np.einsum("nak,nak->na", self.on, self.on_overlap)
        return (on - np.einsum("nk,nk->n", self.off, self.off_overlap)[:, None]) * self.factor

    def pull(self, g: Floats) -> Floats:
        """Return sum_a g_a [F'(h with class a on) - F'(h with all off)], but for a factor."""
        return np.matmul(g[:, None], self.on)[:, 0] - g.sum(axis=1)[:, None] * self.off

    @property
    def votes(self) -> Floats:
        """F(h with class a on) - F(h with all off) for each memory, (n, A, K), but for a factor."""
        return self.on * self.on_overlap - (self.off * self.off_overlap)[:, None]


@dataclass(frozen=True, eq=False)
class VotingEnergy:
    r"""Evidence of K memories for A classes.

    .. math:: c_a(v) = \tanh \sum_\mu \big[F(h_\mu + 2\xi_{\mu a}) - F(h_\mu)\big],\qquad
              h_\mu = \sum_i \xi_{\mu i} v_i - \sum_b \xi_{\mu b},\qquad F(h) = \max(h / T, 0)^n

    the change of energy by switching class unit a on, from -1 (Krotov and Hopfield 2016).

    Parameters
    ----------
    patterns : ndarray of shape (K, N + A), float64
        Memories, and their class units after them, in [-1, 1].
    n_classes : int
        Number of classes A.
    scale : float
        The temperature T, > 0, in units of overlaps.
    degree : int
        Degree n of F, at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.energies import VotingEnergy
    >>> patterns = np.array([[1.0, 1.0, 1.0, -1.0], [-1.0, -1.0, -1.0, 1.0]])
    >>> energy = VotingEnergy(patterns, n_classes=2, scale=4.0, degree=2)
    >>> energy.evidence(np.array([[1.0, 0.5], [-1.0, -1.0]]))
    array([[ 0.625, -0.125],
           [-0.25 ,  0.75 ]])
    """

    patterns: Floats
    n_classes: int
    scale: float
    degree: int

    def evidence(self, V: Floats) -> Floats:
        """Return the argument of the hyperbolic tangent, for each row and class."""
        parts = [self.respond(self.overlaps(V[rows])).evidence for rows in self.blocks(len(V))]
        return np.concatenate(parts)

    def votes(self, V: Floats, classes: Integers) -> Floats:
        """Return each memory's share in the evidence for a class of each row, in magnitude."""
        shares = []
        for rows in self.blocks(len(V)):
            votes = self.respond(self.overlaps(V[rows])).votes
            size = np.abs(votes[np.arange(len(votes)), classes[rows]])
            total = size.sum(axis=1, keepdims=True)
            equal = 1.0 / size.shape[1]
            shares.append(np.where(total > 0, size / np.where(total > 0, total, 1.0), equal))
        return np.concatenate(shares)

    def gradient(
        self, V: Floats, targets: Floats, weights: Floats, exponent: int
    ) -> tuple[Floats, float, Floats]:
        r"""Return the gradient of the loss by the patterns, the loss, and the outputs c.

        .. math:: L = \sum_v w_v \sum_a (c_a - t_a)^{2m}

        With ``g_a = dL/dc_a (1 - c_a^2)`` and F' the derivative by h, each memory has

        .. math:: S_\mu = \sum_a g_a F'(h_\mu + 2\xi_{\mu a}) - F'(h_\mu) \sum_a g_a,\quad
                  \frac{\partial L}{\partial\xi_{\mu i}} = \sum_v S_\mu v_i,\quad
                  \frac{\partial L}{\partial\xi_{\mu a}}
                  = \sum_v 2 g_a F'(h_\mu + 2\xi_{\mu a}) - S_\mu
        """
        overlaps, by_class = self.overlaps(V), np.zeros((self.n_classes, len(self.patterns)))
        pull, loss, c = np.empty_like(overlaps), 0.0, np.empty_like(targets)
        size = max(1, _CACHED // (8 * by_class.size))
        for rows in slices(len(V), size):
            response = self.respond(overlaps[rows])
            g, losses, c[rows] = self._slopes(response, targets[rows], exponent)
            g *= weights[rows, None]
            pull[rows] = response.pull(g)
            by_class += np.einsum("na,nak->ak", g, response.on)
            loss += float(weights[rows] @ losses)
        return np.hstack([pull.T @ V, 2.0 * by_class.T - pull.sum(axis=0)[:, None]]), loss, c

    def mean_power(
        self, V: Floats, targets: Floats, weights: Floats, exponent: int, power: int
    ) -> Floats:
        """Return the weighted mean, over rows, of a power of the magnitude of their gradients."""
        mean = np.zeros_like(self.patterns)
        for rows in self.blocks(len(V)):
            response = self.respond(self.overlaps(V[rows]))
            g = self._slopes(response, targets[rows], exponent)[0]
            pull, share = response.pull(g), weights[rows] / weights.sum()
            slopes = 2.0 * g[:, :, None] * response.on - pull[:, None]
            visible = (np.abs(pull) ** power * share[:, None]).T @ np.abs(V[rows]) ** power
            units = np.einsum("n,nak->ka", share, np.abs(slopes) ** power)
            mean += np.hstack([visible, units])
        return mean

    def _slopes(
        self, response: Response, targets: Floats, exponent: int
    ) -> tuple[Floats, Floats, Floats]:
        """Return g_a times the factor of F' (n, A), losses and outputs, row by row."""
        c = np.tanh(response.evidence)
        error = c - targets
        slope = power(error, 2 * exponent - 1)
        g = 2 * exponent * slope * (1.0 - c * c)
        g *= response.factor * (self.degree / self.scale)
        return g, (slope * error).sum(axis=1), c

    def overlaps(self, V: Floats) -> Floats:
        """Return h / T of each row and memory, all class units off."""
        n_features = self.patterns.shape[1] - self.n_classes
        visible, units = np.split(self.patterns, [n_features], axis=1)
        return (V @ visible.T - units.sum(axis=1)) / self.scale

    def respond(self, off: Floats) -> Response:
        """Return what the memories say of a batch, from its overlaps."""
        units = np.ascontiguousarray(self.patterns[:, -self.n_classes :].T)
        on = off[:, None] + units * (2.0 / self.scale)
        np.maximum(on, 0.0, out=on)
        off, less = np.maximum(off, 0.0), self.degree - 1
        if not self._is_steep:
            return Response(slope(on, less), slope(off, less), on, off, np.ones((len(off), 1)))
        peak = np.maximum(on.max(axis=(1, 2)), off.max(axis=1))[:, None]
        peak = np.maximum(peak, np.finfo(np.float64).tiny)
        factor = np.exp(np.clip(less * np.log(peak), -_STEEPEST, _STEEPEST))
        return Response(slope(on / peak[:, None], less), slope(off / peak, less), on, off, factor)

    @property
    def _is_steep(self) -> bool:
        """Whether the largest power that there may be leaves the floats: h <= N + A."""
        largest = max(1.0, self.patterns.shape[1] / self.scale)
        return bool(self.degree * np.log(largest) > _STEEPEST)

    def blocks(self, n: int) -> Iterator[slice]:
        """Split n rows so that their answers respect the working memory."""
        return row_blocks(n, 40 * len(self.patterns) * (self.n_classes + 1))


def slope(base: Floats, less: int) -> Floats:
    """Return max(h, 0)^(n - 1) at h, clipped at 0, and 0 below 0 even for n = 1."""
    return power(base, less) if less else np.sign(base)


def power(base: Floats, exponent: int) -> Floats:
    """Return integer powers by repeated squaring."""
    result = None
    while exponent:
        if exponent & 1:
            result = base if result is None else result * base
        exponent >>= 1
        if exponent:
            base = base * base
    return np.ones_like(base) if result is None else result
