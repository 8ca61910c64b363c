"""The energy of a radial kernel over memories."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from .._flow import Flow
from .._log_sums import kernel_sums
from .._math import SUM_ERROR, Floats, Integers, rounding_of_means
from .._nearest import nearest
from .._patterns import Patterns
from .._sum_energy import SumEnergy
from .._sums import KernelSums, Walk
from ..kernels import Kernel

#: Kernels that reach memories in the limit only: the share of the pull above which one came back
#: (irrational, so that no number of equal memories and copies can tie), and how near it must be.
_MAJORITY = 0.5**0.5
_NEARBY = 0.5


@dataclass(frozen=True, eq=False)
class KernelEnergy(SumEnergy):
    r"""Energy of a radial kernel over weighted memories.

    .. math:: E(x) = -\frac{1}{\beta} \log\Big(\epsilon + \sum_\mu w_\mu k(u_\mu)\Big),\qquad
              u_\mu = \lVert x - \xi_\mu \rVert^2 / r^2

    with ``1 / beta = r^2 / curvature``.  For the Epanechnikov kernel this is the log-sum-ReLU
    energy (Hoover et al. 2025, eq. 5), for the Gaussian the log-sum-exp energy.

    Parameters
    ----------
    patterns : Patterns
        The memories and their positive weights, measured in the bandwidth.
    kernel : Kernel
        The kernel, as in `skdam.kernels.KERNELS`.
    bandwidth : float
        The radius r, in data units.
    epsilon : float, default=0.0
        The constant inside the logarithm; it bounds the energy off the support.
    algorithm : str, default="auto"
        Back end of the radius search; it changes no result.

    References
    ----------
    B. Hoover, Z. Shi, K. Balasubramanian, D. Krotov, P. Ram, "Dense Associative Memory with
    Epanechnikov Energy", 2025, arXiv:2506.10801.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.energies import KernelEnergy
    >>> from skdam.kernels import KERNELS
    >>> energy = KernelEnergy.of(np.array([[0.0], [4.0]]), np.ones(2), KERNELS["epanechnikov"], 2.0)
    >>> energy.value(np.array([[0.0], [2.0]]))
    array([ 0., inf])
    """

    patterns: Patterns
    kernel: Kernel
    bandwidth: float
    epsilon: float = 0.0
    algorithm: str = "auto"

    @classmethod
    def of(cls, memories: Floats, weights: Floats, kernel: Kernel, bandwidth: float) -> Self:
        """Bind a kernel to memories (float64, C order)."""
        return cls(Patterns.of(memories, weights, bandwidth), kernel, bandwidth)

    def prepare(self) -> None:
        """Build now what the sums would build when first asked for."""
        self.sums.prepare()

    def at(self, bandwidth: float) -> Self:
        """Return the energy at another bandwidth."""
        patterns = replace(self.patterns, search=self.patterns.search.at(bandwidth))
        return replace(self, patterns=patterns, bandwidth=bandwidth)

    @property
    def sums(self) -> KernelSums:
        """The sums over memories that everything below is made of."""
        patterns = self.patterns
        return kernel_sums(patterns.search, patterns.weights, self.kernel, self.algorithm)

    @property
    def unit(self) -> float:
        """A power of two that weights are measured in."""
        return self.patterns.unit

    @property
    def total_weight(self) -> float:
        """The sum of all weights, in units."""
        return float(self.patterns.weights.sum())

    def log_sum(self, X: Floats) -> Floats:
        """Return log(S / unit) at each row, -inf off the support."""
        return self.sums.log_sum(X)

    def left_out(self, index: Integers | None = None, error: float = SUM_ERROR) -> Floats:
        """Return the log density of each distinct memory, or some, under all the others."""
        rows, weights = self.patterns.points.rows, self.patterns.weights
        index = np.arange(len(rows)) if index is None else index
        before, after = np.cumsum(weights), np.cumsum(weights[::-1])[::-1]
        others = np.append(0.0, before[:-1]) + np.append(after[1:], 0.0)  # no difference: exact
        log_sum = self.sums.log_sum(rows[index], skip=index, error=error)
        return self._normalised(log_sum, others[index], rows.shape[1])

    def gradient(self, X: Floats) -> Floats:
        r"""Return the gradient of E in data units; 0 off the support.

        .. math:: \nabla E = \frac{2}{\beta r^2}
                  \frac{\sum_\mu -w_\mu k'(u_\mu)\,(x - \xi_\mu)}{\epsilon + S(x)}
        """
        pull = self.sums.pull(X)
        active = np.isfinite(pull.log_mass)[:, None]
        away = (X - pull.anchor) - pull.offset
        factor = (2.0 / self.kernel.curvature) * self._slope_ratio(X, pull.log_mass)
        return np.where(active, factor[:, None] * away, 0.0)

    def _slope_ratio(self, X: Floats, log_mass: Floats) -> Floats:
        """Return ``exp(log_mass) / (epsilon + S)``: as a share of S, and then S as one of both.

        It is 0 where S is too small to be told from 0.
        """
        rate = self.kernel.rate
        if rate is not None and self.epsilon == 0:
            return np.full(len(X), rate)
        log_sum = self.sums.log_sum(X)
        with np.errstate(divide="ignore", invalid="ignore"):  # no epsilon; off the support
            ratio = np.exp(log_mass - log_sum) if rate is None else rate
            log_odds = log_sum + np.log(self.patterns.unit) - np.log(self.epsilon)
            return np.where(np.isfinite(log_sum), ratio * expit(log_odds), 0.0)

    def step(self, X: Floats) -> Floats:
        """Return the next states of mean shift: the mean memory under ``-w k'(u)``.

        It minimises a majoriser of E, so that E falls unless the state is a fixed point.  A state
        off the support stays where it is.
        """
        return self.sums.pull(X).mean

    def stays(self, X: Floats, slack: Floats | float = 0.0) -> np.ndarray:
        """Return where `step` moves no coordinate beyond rounding and `slack` bandwidths."""
        with np.errstate(over="ignore", under="ignore"):
            moved = np.abs((self.step(X) - X) / self.bandwidth).max(axis=1)
            return moved <= self._rounding(X) / self.bandwidth + slack

    def walk(self, n_rows: int) -> Walk:
        """Return `step` and `covers` for n rows that move."""
        return self.sums.walk(n_rows)

    def flow(self, n_rows: int) -> Flow:
        """Return the exact gradient flow of n rows, for the Epanechnikov kernel alone."""
        return Flow.of(self.patterns, self.epsilon, self.algorithm, n_rows)

    def covers(self, X: Floats) -> np.ndarray:
        """Return whether each state lies on the support, S(x) > 0."""
        return self.sums.covers(X)

    def nearest(self, X: Floats, known: Floats | None = None) -> Floats:
        """Return the memory nearest to each row, in its `known` coordinates."""
        return self.nearest_of(X, known)[0]

    def nearest_of(self, X: Floats, known: Floats | None = None) -> tuple[Floats, Floats]:
        """Return the memory nearest to each row, in its `known` coordinates, and its distance."""
        points = self.patterns.points
        queries = points.lift(X)
        if known is not None:
            points, queries = points.lift_known(X, known)
        index, distance = nearest(points, queries)
        return self.patterns.points.rows[index], distance

    def members(self, X: Floats) -> csr_array:
        """Return the share of each of the K given memories in each state; rows sum to 1."""
        return self.patterns.given(self.sums.shares(X))

    def recalled(self, X: Floats) -> Integers:
        """Return which of the K given memories each state is (its first copy), or -1.

        With a flat kernel a state is a memory if it equals it, up to the rounding of a mean.  The
        others reach a memory in the limit only, and shifted by cross-talk: there it came back if
        it lies within half a bandwidth and has, with its copies, over 1/sqrt(2) of the pull.
        """
        points = self.patterns.points
        index, distance = nearest(points, points.lift(X))
        if self.kernel.is_flat:
            same = (distance <= self._rounding(X)) & (distance < self.bandwidth)
        else:
            same = distance <= _NEARBY * self.bandwidth
            same[same] = self.sums.share(X[same], index[same]) > _MAJORITY
        return np.where(same, self.patterns.first[index], -1)

    def _rounding(self, X: Floats) -> Floats:
        """Bound how far rounding puts means of memories within reach."""
        points = self.patterns.points
        reach = min(self.bandwidth, 2.0 * points.sizes.max() / points.scale)
        return rounding_of_means(X, reach)
