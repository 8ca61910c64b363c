"""What random Fourier features cost in accuracy, and how many would do."""

import math

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics.pairwise import rbf_kernel

from .._math import Floats
from .._validation import check_count, check_positive, check_rows, check_weights
from ._base import mean


def n_components_for(n_memories: int, error: float) -> int:
    r"""Return how many Fourier features keep a kernel sum right at a stored memory.

    For K memories far apart the standard error of their sum at one of them is
    ``sqrt((K - 1) / n_components)``, the memory's own term being exact.

    Parameters
    ----------
    n_memories : int
    error : float
        The most that the standard error may be, in units of a single memory's kernel.

    Returns
    -------
    int
        An even number, at least 2.

    Raises
    ------
    ValueError
        If `n_memories` is not a positive integer or `error` not a positive finite number.

    Examples
    --------
    >>> from skdam.feature_maps import n_components_for
    >>> n_components_for(50, error=0.1)
    4900
    """
    n_memories = check_count(n_memories, "n_memories")
    error = float(check_positive(error, "error"))
    needed = max(2, math.ceil((n_memories - 1) / error**2 * (1.0 - 2.0**-40)))
    return needed + needed % 2


def kernel_sum_variance(
    X: ArrayLike,
    memories: ArrayLike,
    *,
    bandwidth: float,
    n_components: int,
    sample_weight: ArrayLike | None = None,
) -> np.ndarray:
    r"""Return the variance of a kernel sum that is estimated with independent frequencies.

    .. math:: \frac{1}{2Y}\sum_{\mu\nu} w_\mu w_\nu \big[k(\xi_\mu - \xi_\nu)
              + k(2x - \xi_\mu - \xi_\nu)\big] - \frac{S(x)^2}{Y}

    exactly, for ``RandomFourierFeatures(n_components, orthogonal=False)``, with
    Y = n_components / 2. Costs a pass over the pairs of memories for each row.

    Parameters
    ----------
    X : array-like of shape (n, D)
    memories : array-like of shape (K, D)
    bandwidth : float
    n_components : int
        An even number.
    sample_weight : array-like of shape (K,), optional
        Weights of the memories.

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from skdam.feature_maps import kernel_sum_variance
    >>> kernel_sum_variance([[0.0]], [[0.0], [9.0]], bandwidth=1.0, n_components=100).round(3)
    array([0.01])
    """
    queries, patterns = check_rows(X), check_rows(memories)
    weights = check_weights(sample_weight, patterns)
    sigma = float(check_positive(bandwidth, "bandwidth"))
    n_terms = check_count(n_components, "n_components") / 2.0
    centre = mean(patterns, np.ones(len(patterns)))
    z, xi = (queries - centre) / sigma, (patterns - centre) / sigma

    def kernel_sum(points: Floats) -> Floats:
        return rbf_kernel(points, xi, gamma=0.5) @ weights

    among = weights @ kernel_sum(xi)
    reflected = [weights @ kernel_sum(2.0 * x - xi) for x in z]
    return (among + np.array(reflected)) / (2.0 * n_terms) - kernel_sum(z) ** 2 / n_terms
