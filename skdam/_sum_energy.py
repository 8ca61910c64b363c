"""What an energy is that is the logarithm of a kernel sum, wherever that is added up."""

from abc import ABC, abstractmethod

import numpy as np

from ._math import Floats
from ._sums import Walk
from .kernels import Kernel


class SumEnergy(ABC):
    """The energy and the density of a kernel sum S, wherever its memories are."""

    kernel: Kernel
    bandwidth: float
    epsilon: float

    @abstractmethod
    def log_sum(self, X: Floats) -> Floats:
        """Return log(S / unit) at each row, -inf off the support."""

    @property
    @abstractmethod
    def unit(self) -> float:
        """A power of two that weights are measured in."""

    @property
    @abstractmethod
    def total_weight(self) -> float:
        """The sum of all weights, in units."""

    @abstractmethod
    def step(self, X: Floats) -> Floats:
        """Return the next states of mean shift; those off the support stay."""

    @abstractmethod
    def walk(self, n_rows: int) -> Walk:
        """Return `step` and `covers` for n rows that move."""

    @abstractmethod
    def nearest(self, X: Floats, known: Floats | None = None) -> Floats:
        """Return the memory nearest to each row, in its `known` coordinates."""

    def value(self, X: Floats) -> Floats:
        """Return E(x) in squared data units; +inf off the support if epsilon is 0.

        It is infinite or 0, too, where the number itself is not representable.
        """
        log_sum = self.log_sum(X) + np.log(self.unit)
        if self.epsilon > 0:
            log_sum = np.logaddexp(np.log(self.epsilon), log_sum)
        # r in two factors: its square may not be representable where the product is
        with np.errstate(over="ignore", under="ignore"):
            return self.bandwidth * (0.0 - log_sum) * (self.bandwidth / self.kernel.curvature)

    def log_density(self, X: Floats) -> Floats:
        """Return log S - log(sum of weights) - log Z, the normalised log density (epsilon = 0)."""
        return self._normalised(self.log_sum(X), self.total_weight, X.shape[1])

    def _normalised(self, log_sum: Floats, weight: Floats | float, n_features: int) -> Floats:
        return log_sum - (np.log(weight) + self.kernel.log_normaliser(n_features, self.bandwidth))
