"""Kernel memories: the Epanechnikov (log-sum-ReLU), the Gaussian (log-sum-exp) and their kin."""

from typing import ClassVar

from sklearn.utils._param_validation import StrOptions

from .._validation import NOT_NEGATIVE
from ..kernels import KERNELS, Kernel, find_kernel
from ._docs import shared
from ._kernel_base import BaseKernelMemory
from ._kernel_store import CONSTRAINTS, Settings


def _constraints(without: set[str]) -> dict:
    return {name: allowed for name, allowed in CONSTRAINTS.items() if name not in without}


@shared(radius=" (r, the radius of a memory's reach)", beta=", ``2 / bandwidth_**2``")
class EpanechnikovMemory(BaseKernelMemory):
    r"""Store patterns under the Epanechnikov (log-sum-ReLU) energy; retrieve, score and sample.

    .. math:: E(x) = -\frac{1}{\beta}\log\Big(\epsilon + \sum_\mu w_\mu
              \max\big(0,\; 1 - \tfrac{\beta}{2}\lVert x - \xi_\mu\rVert^2\big)\Big),
              \qquad r = \sqrt{2/\beta}

    Only the memories strictly within the bandwidth r of a state pull on it, and a state is
    replaced by their mean until it stays: after finitely many steps, at an exact fixed point. A
    memory whose nearest neighbour is farther than r comes back bit for bit; where memories overlap,
    new *emergent* memories arise at means of several [1]_.

    Parameters
    ----------
    <bandwidth>
    epsilon : float, default=0.0
        The constant inside the logarithm, in `energy` and `gradient` alone: it makes the energy
        finite off the support, and has no density.
    <dynamics>
    <outside>
    <algorithm>
    <max_iter>
    <n_jobs>

    Attributes
    ----------
    <attributes>

    See Also
    --------
    GaussianMemory : The log-sum-exp memory: every memory pulls on every state.
    KernelMemory : Other kernels.

    Notes
    -----
    <persistence>

    References
    ----------
    <hoover>

    Examples
    --------
    >>> from skdam import EpanechnikovMemory
    >>> memory = EpanechnikovMemory(bandwidth=2.0).fit([[0.0, 0.0], [3.0, 0.0], [9.0, 9.0]])
    >>> memory.transform([[0.5, 0.1], [8.0, 8.5], [1.5, 0.2]])
    array([[0. , 0. ],
           [9. , 9. ],
           [1.5, 0. ]])
    >>> memory.retrieve([[8.0, 8.5], [1.5, 0.2]]).recalled  # -1: an emergent state
    array([ 2, -1])
    >>> memory.score_samples([[0.0, 0.0], [5.0, 5.0]]).round(3)
    array([-2.936,   -inf])
    """

    _parameter_constraints: ClassVar[dict] = _constraints(without={"tol"}) | {
        "epsilon": [NOT_NEGATIVE]
    }

    def __init__(
        self,
        bandwidth: float | str = "nearest",
        *,
        epsilon: float = 0.0,
        dynamics: str = "mean_shift",
        outside: str = "nearest",
        algorithm: str = "auto",
        max_iter: int = 300,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.epsilon = epsilon
        self.dynamics = dynamics
        self.outside = outside
        self.algorithm = algorithm
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    def _settings(self) -> Settings:
        return Settings(KERNELS["epanechnikov"], self.dynamics, self.epsilon, self.outside)


@shared(radius=", the standard deviation", beta=", ``1 / bandwidth_**2``")
class GaussianMemory(BaseKernelMemory):
    r"""Store patterns under the Gaussian (log-sum-exp) energy; retrieve, score and sample.

    .. math:: E(x) = -\frac{1}{\beta}\log\sum_\mu w_\mu
              \exp\big(-\tfrac{\beta}{2}\lVert x - \xi_\mu\rVert^2\big),
              \qquad \sigma = 1/\sqrt{\beta}

    Every memory pulls on every state, so that a memory comes back in the limit and up to the
    cross-talk of the others. The normalised density is that of scikit-learn's Gaussian
    `KernelDensity` (which errs by many nats in high dimension, unless run with one leaf); `score`
    is its mean over the rows, not its sum.

    Parameters
    ----------
    <bandwidth>
    dynamics : {"mean_shift"}, default="mean_shift"
        How a state moves: to the mean of the memories under their pull, until it stays.
    <algorithm>
    <max_iter>
    <tol>
    <n_jobs>

    Attributes
    ----------
    <attributes>

    See Also
    --------
    EpanechnikovMemory : Exact retrieval, and emergent memories.

    Notes
    -----
    <persistence>

    References
    ----------
    <hoover>

    Examples
    --------
    >>> from skdam import GaussianMemory
    >>> memory = GaussianMemory(bandwidth=0.5).fit([[0.0, 0.0], [3.0, 0.0]])
    >>> memory.transform([[0.5, 0.1]]).round(3)
    array([[0., 0.]])
    >>> memory.score_samples([[0.0, 0.0]]).round(3)
    array([-1.145])
    """

    _parameter_constraints: ClassVar[dict] = _constraints(without={"outside"}) | {
        "dynamics": [StrOptions({"mean_shift"})]
    }

    def __init__(
        self,
        bandwidth: float | str = "nearest",
        *,
        dynamics: str = "mean_shift",
        algorithm: str = "auto",
        max_iter: int = 300,
        tol: float = 1e-6,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.dynamics = dynamics
        self.algorithm = algorithm
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def _settings(self) -> Settings:
        return Settings(KERNELS["gaussian"], self.dynamics, tol=self.tol)


@shared(beta=", ``2 / bandwidth_**2`` (Gaussian: ``1 / bandwidth_**2``)")
class KernelMemory(BaseKernelMemory):
    r"""Store patterns under the energy of any radial kernel; retrieve, score and sample.

    .. math:: E(x) = -\frac{1}{\beta}\log\sum_\mu w_\mu\,
              k\big(\lVert x - \xi_\mu\rVert^2 / r^2\big)

    ====================  ==========================  ===================
    kernel                profile k(u)                inverse temperature
    ====================  ==========================  ===================
    epanechnikov          max(0, 1 - u)               2 / r^2
    gaussian              exp(-u / 2)                 1 / r^2
    biweight, triweight   max(0, 1 - u)^2, ^3         2 / r^2
    cosine                cos(pi sqrt(u) / 2), u < 1  2 / r^2
    ====================  ==========================  ===================

    A state moves to the mean memory under the weights ``-w k'(u)``, a majorise-minimise step for
    every convex, non-increasing profile: the energy never rises.

    Parameters
    ----------
    kernel : str or Kernel, default="epanechnikov"
        A name above, or an object of `skdam.kernels`.
    <bandwidth>
    <dynamics>
    <outside>
    <algorithm>
    <max_iter>
    <tol>
        The Epanechnikov kernel needs none: its states end exactly.
    <n_jobs>

    Attributes
    ----------
    <attributes>

    See Also
    --------
    EpanechnikovMemory : The same with ``kernel="epanechnikov"``, and the paper's epsilon.

    Notes
    -----
    <persistence>

    References
    ----------
    <hoover>

    Examples
    --------
    >>> from skdam import KernelMemory
    >>> memory = KernelMemory("cosine", bandwidth=2.0).fit([[0.0, 0.0], [5.0, 0.0]])
    >>> memory.transform([[0.5, 0.1]])
    array([[0., 0.]])
    """

    _parameter_constraints: ClassVar[dict] = CONSTRAINTS | {"kernel": [str, Kernel]}

    def __init__(
        self,
        kernel: str | Kernel = "epanechnikov",
        bandwidth: float | str = "nearest",
        *,
        dynamics: str = "mean_shift",
        outside: str = "nearest",
        algorithm: str = "auto",
        max_iter: int = 300,
        tol: float = 1e-6,
        n_jobs: int | None = None,
    ) -> None:
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.dynamics = dynamics
        self.outside = outside
        self.algorithm = algorithm
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def _settings(self) -> Settings:
        kernel = find_kernel(self.kernel)
        tol = 0.0 if kernel.is_flat else self.tol
        return Settings(kernel, self.dynamics, outside=self.outside, tol=tol)
