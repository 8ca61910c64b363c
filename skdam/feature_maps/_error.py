"""What random Fourier features cost in accuracy, and how many would do."""

import math

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils._param_validation import InvalidParameterError

from .._math import Floats, row_blocks
from .._validation import check_count, check_positive, check_rows, check_weights
from ._base import mean

#: Bandwidths beyond which all kernels are 0, and squares still finite.
_FAR = 1e100


def n_components_for(n_memories: int, error: float) -> int:
    r"""Return how many Fourier features keep a kernel sum right at a stored memory.

    For K memories far apart the standard error of their sum at one of them is
    ``sqrt((K - 1) / n_components)``, the memory's own term being exact.
    `RandomFeatureMemory` warns unless the error is at most a 15th of the sum: with memories far
    apart that is ``error=1/15``, and fewer features do where they overlap.

    Parameters
    ----------
    n_memories : int
        Number of memories K.
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
    needed = (n_memories - 1) / error / error * (1.0 - 2.0**-40)
    if needed > 2.0**62:
        raise InvalidParameterError(f"error={error} would take more than 2^62 components.")
    return max(2, 2 * math.ceil(needed / 2.0))


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
        Where the sum is estimated.
    memories : array-like of shape (K, D)
        The memories, one a row.
    bandwidth : float
        Sigma, in data units.
    n_components : int
        An even number.
    sample_weight : array-like of shape (K,), optional
        Weights of the memories.

    Returns
    -------
    ndarray of shape (n,), float64
        The variance at each row of `X`.

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
    if check_count(n_components, "n_components") % 2:
        raise InvalidParameterError(f"n_components must be even, got {n_components}.")
    n_terms = n_components / 2.0
    centre = mean(patterns, np.ones(len(patterns)))
    with np.errstate(over="ignore"):
        z, xi = (np.clip((rows - centre) / sigma, -_FAR, _FAR) for rows in (queries, patterns))

    def kernel_sum(points: Floats) -> Floats:
        blocks = row_blocks(len(points), 40 * len(xi))
        return np.concatenate([rbf_kernel(points[b], xi, gamma=0.5) @ weights for b in blocks])

    among = weights @ kernel_sum(xi)
    reflected = [weights @ kernel_sum(2.0 * x - xi) for x in z]
    return (among + np.array(reflected)) / (2.0 * n_terms) - kernel_sum(z) ** 2 / n_terms
