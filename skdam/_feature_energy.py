"""The energy of a kernel sum that is estimated from one vector of random features."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ._math import Floats, power_of_two, row_blocks

#: The least that a sum counts as: no logarithm of 0.
_TINY = float(np.finfo(np.float64).tiny)
#: How often a step is halved before a state stays where it is.
_HALVINGS = 6


class Features(Protocol):
    """What the energy asks of a feature map."""

    def transform(self, X: Floats) -> Floats:
        """Return the features of each row."""

    def pullback(self, X: Floats, V: Floats) -> Floats:
        """Return the gradient of ``<phi(x), v>`` at each row."""


class Estimate(NamedTuple):
    """An estimated sum for each row, and its standard error."""

    total: Floats
    error: Floats

    @property
    def floored(self) -> Floats:
        """The sum, and at least its standard error."""
        return np.maximum(np.maximum(self.total, self.error), _TINY)

    @property
    def at_floor(self) -> np.ndarray:
        """Whether the error, and not the sum, is what counts."""
        return self.total < self.floored


@dataclass(frozen=True, eq=False)
class FeatureEnergy:
    r"""Energy of a Gaussian kernel sum over memories that are added up in one vector.

    .. math:: \hat E(x) = -\sigma^2 \log\max\big(\hat S(x), s(x)\big),\qquad
              \hat S(x) = \langle\phi(x), T\rangle,\quad T = \sum_\mu w_\mu\,\phi(\xi_\mu)

    The sum is the mean of independent terms, whose spread tells its standard error s; it is the
    floor of the logarithm, because about half of the sums far from all memories come out negative.
    Where the features are not drawn at random, s is a bound instead: of what the map loses,
    ``sqrt(1 - |phi(x)|^2) lost`` by the inequality of Cauchy and Schwarz.

    Parameters
    ----------
    features : object with ``transform`` and ``pullback``
    vector : ndarray of shape (Y,)
        T.
    bandwidth : float
        Sigma, in data units.
    n_terms : int
        Terms that are independent: feature j belongs to term j modulo `n_terms`.
    lost : float or None
        The sum of ``w sqrt(1 - |phi|^2)`` over the memories; None for random features.
    box : ndarray of shape (2, D)
        Least and largest coordinates that a step may lead to.
    step_size : float
        Share of the way to the mean memory that a step goes.

    References
    ----------
    B. Hoover, D. H. Chau, H. Strobelt, P. Ram, D. Krotov, "Dense Associative Memory Through the
    Lens of Random Features", 2024, arXiv:2410.24153, eqs. 8-10.
    """

    features: Features
    vector: Floats
    bandwidth: float
    n_terms: int
    lost: float | None
    box: Floats
    step_size: float = 1.0

    def estimate(self, X: Floats) -> Estimate:
        """Return the kernel sum at each row, and its standard error."""
        total, error = np.empty((2, len(X)))
        for rows in row_blocks(len(X), 32 * len(self.vector)):
            phi = self.features.transform(X[rows])
            with np.errstate(under="ignore"):
                terms = phi * self.vector
                total[rows] = terms.sum(axis=1)
                error[rows] = self._spread(terms) if self.lost is None else self._residue(phi)
        return Estimate(total, error)

    def value(self, X: Floats) -> Floats:
        """Return the energy in squared data units."""
        return self.energy_of(self.estimate(X))

    def energy_of(self, estimate: Estimate) -> Floats:
        """Return the energy where the kernel sum is known."""
        with np.errstate(over="ignore", under="ignore"):
            return self.bandwidth * (0.0 - np.log(estimate.floored)) * self.bandwidth

    def gradient(self, X: Floats) -> Floats:
        """Return ``-sigma^2`` times the gradient of the sum over the sum, in data units.

        It is 0 at the floor, where nothing is known of it.
        """
        return -self._pull(X, self.estimate(X))

    def step(self, X: Floats, held: np.ndarray | None = None) -> Floats:
        """Return the next states of gradient descent, none farther out of the box than before.

        A step that would raise the energy is halved, some times over, and then not taken.
        Coordinates that are `held` stay.
        """
        here = self.estimate(X)
        before, after, size = here.floored, X.copy(), self.step_size
        rows, pull = np.arange(len(X)), self._pull(X, here)
        if held is not None:
            pull[held] = 0.0
        for _ in range(_HALVINGS):
            ahead = self._within_box(X[rows], X[rows] + size * pull[rows])
            falls = self.estimate(ahead).floored >= before[rows]
            after[rows[falls]] = ahead[falls]
            rows, size = rows[~falls], size / 2.0
            if not rows.size:
                break
        return after

    def _within_box(self, X: Floats, ahead: Floats) -> Floats:
        low, high = self.box
        return np.clip(ahead, np.minimum(low, X), np.maximum(high, X))

    def _pull(self, X: Floats, estimate: Estimate) -> Floats:
        """Return the way from each row to the mean memory, none at the floor."""
        pull = np.zeros_like(X)
        known = np.flatnonzero(~estimate.at_floor)
        if not known.size:
            return pull
        unit = power_of_two(np.abs(self.vector).max())  # sums of weights may overflow
        with np.errstate(over="ignore", under="ignore"):
            slope = self.bandwidth * self.features.pullback(X[known], self.vector / unit)
            pull[known] = self.bandwidth * (slope / (estimate.total[known, None] / unit))
        return pull

    def _spread(self, products: Floats) -> Floats:
        """Return the standard error of a sum from the spread of its terms."""
        n = self.n_terms
        terms = products[:, :n]
        for start in range(n, products.shape[1], n):
            rest = products[:, start : start + n]
            terms[:, : rest.shape[1]] += rest
        if n == 1:  # one term tells nothing of its spread
            return np.abs(terms[:, 0])
        scale = np.maximum(np.abs(terms).max(axis=1), _TINY)  # squares of weights may overflow
        return np.sqrt(n) * scale * (terms / scale[:, None]).std(axis=1, ddof=1)

    def _residue(self, phi: Floats) -> Floats:
        """Bound what the features of a row leave out of the sum."""
        left = 1.0 - np.einsum("ij,ij->i", phi, phi)
        return np.sqrt(np.maximum(left, 0.0)) * (self.lost or 0.0)
