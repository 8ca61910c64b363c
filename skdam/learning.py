r"""Classical weight rules: pairwise couplings W that store spins, one function a rule.

.. math:: E(\sigma) = -\tfrac{1}{2} \sigma^T W \sigma, \qquad h = W \sigma

A rule takes K memories of N spins: +-1 in any numeric dtype, taken as they come (estimators check
them first).  The couplings are exactly symmetric and their diagonal is exactly zero, so that
flipping spins one by one towards their fields h never raises E.  A bit i of a memory xi is stable
if ``xi_i h_i > 0``.  `delta` and `perceptron`, which iterate, see the set of memories alone:
neither the order of rows nor copies nor the sign of a whole row changes a bit of W.

May change before 1.0.
"""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._math import Floats
from ._validation import check_count

__all__ = ["INCREMENTAL", "RULES", "delta", "hebbian", "perceptron", "pseudo_inverse", "storkey"]


def hebbian(X: np.ndarray, couplings: np.ndarray | None = None) -> Floats:
    r"""Return the couplings of Hebb's rule: how often two spins agree, less how often they differ.

    .. math:: w_{ij} = \frac{1}{N} \sum_\mu \xi_{\mu i} \xi_{\mu j} \quad (i \ne j)

    Parameters
    ----------
    X : ndarray of shape (K, N)
        Memories, +-1.
    couplings : ndarray of shape (N, N), optional
        What earlier memories left; not changed. Going on from it equals, to rounding, learning all
        rows at once (bit for bit if N is a power of two).

    Returns
    -------
    ndarray of shape (N, N), float64
        The couplings W.

    References
    ----------
    Hopfield, "Neural networks and physical systems with emergent collective computational
    abilities", PNAS 79, 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.learning import hebbian
    >>> hebbian(np.array([[1, -1], [1, -1]]))
    array([[ 0., -1.],
           [-1.,  0.]])
    """
    spins = X.astype(np.float64)
    return _start(spins, couplings) + _symmetric(spins.T @ spins / 2.0) / spins.shape[1]


def pseudo_inverse(X: np.ndarray) -> Floats:
    r"""Return the projection onto the span of the memories, its diagonal left out.

    .. math:: W = P - \mathrm{diag}(P), \qquad P = X^+ X

    Since ``P xi = xi``, the field at every bit of every memory is ``(1 - P_ii) xi_i``: all memories
    are stable unless the span holds a whole axis, as it does once K reaches N.

    Parameters
    ----------
    X : ndarray of shape (K, N)
        Memories, +-1.

    Returns
    -------
    ndarray of shape (N, N), float64
        The couplings W.

    References
    ----------
    Personnaz, Guyon and Dreyfus, J. Physique Lett. 46, 1985; without the diagonal: Kanter and
    Sompolinsky, "Associative recall of memory without errors", Phys. Rev. A 35, 1987.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.learning import pseudo_inverse
    >>> X = np.array([[1, 1, 1, 1], [1, 1, 1, -1]])
    >>> (X @ pseudo_inverse(X) * 3).round(9) + 0.0  # the last spin's axis lies in the span
    array([[2., 2., 2., 0.],
           [2., 2., 2., 0.]])
    """
    _, size, axes = np.linalg.svd(X.astype(np.float64), full_matrices=False)
    rounding = size[0] * max(X.shape) * np.finfo(np.float64).eps
    held = size > rounding
    couplings = _symmetric(axes[held].T @ axes[held] / 2.0)
    most = 16.0 * rounding / size[held].min()
    couplings[np.abs(couplings) < most] = 0.0  # an axis that is held whole
    return couplings


def storkey(X: np.ndarray, couplings: np.ndarray | None = None) -> Floats:
    r"""Return the couplings of Storkey's rule, which learns memory after memory.

    .. math:: \Delta w_{ij} = \frac{1}{N} (\xi_i \xi_j - \xi_i h_{ji} - h_{ij} \xi_j), \qquad
              h_{ij} = \sum_{k \ne i, j} w_{ik} \xi_k

    As local as Hebb's rule, it holds more memories. Their order matters.

    Parameters
    ----------
    X : ndarray of shape (K, N)
        Memories, +-1, in the order in which they are learned.
    couplings : ndarray of shape (N, N), optional
        What earlier memories left; not changed. Going on from it equals, bit for bit, learning all
        rows at once.

    Returns
    -------
    ndarray of shape (N, N), float64
        The couplings W.

    References
    ----------
    Storkey, "Increasing the capacity of a Hopfield network without sacrificing functionality",
    ICANN 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.learning import storkey
    >>> X = np.array([[1, 1, -1, -1], [1, -1, 1, 1], [1, 1, 1, -1]])
    >>> bool((storkey(X[1:], storkey(X[:1])) == storkey(X)).all())
    True
    """
    spins = X.astype(np.float64)
    W = _start(spins, couplings)
    for xi in spins:  # h_ij = h_i - w_ij xi_j: all the sums over k are one product, and 2 W
        W += (_symmetric(np.outer(xi, xi / 2.0 - W @ xi)) + 2.0 * W) / len(xi)
    return W


def delta(X: np.ndarray, *, max_iter: int = 1000, tol: float = 1e-2) -> Floats:
    r"""Return couplings under which the fields at the memories are the memories themselves.

    The delta rule (Widrow and Hoff's, Adaline) shrinks the errors R of the fields, in each sweep
    those of all memories at once, and each coupling both ways:

    .. math:: \Delta W = \frac{R^T X + X^T R}{2 \|X\|^2} \text{ off the diagonal}, \quad R = X - X W

    With the spectral norm of X the errors' sum of squares never rises.  It falls towards the least
    that symmetric couplings allow, which for random memories is 0 as long as
    ``(N - K)(N - K + 1) >= 2 N``, and the more slowly the closer K comes to that.

    Parameters
    ----------
    X : ndarray of shape (K, N)
        Memories, +-1.
    max_iter : int, default=1000
        The most sweeps, a positive integer; random memories need a few hundred at K = N / 2.
    tol : float, default=1e-2
        Sweeps end once no field at a memory is farther than this from its spin.

    Returns
    -------
    ndarray of shape (N, N), float64
        The couplings W.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` sweeps end first.

    References
    ----------
    Widrow and Hoff, "Adaptive switching circuits", 1960; Diederich and Opper, "Learning of
    correlated patterns in spin-glass networks by local learning rules", Phys. Rev. Lett. 58, 1987.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.learning import delta
    >>> X = np.array([[1, 1, 1, 1, 1], [1, 1, -1, -1, -1]])
    >>> (X @ delta(X, tol=1e-9)).round(6)
    array([[ 1.,  1.,  1.,  1.,  1.],
           [ 1.,  1., -1., -1., -1.]])
    """
    max_iter, spins = check_count(max_iter, "max_iter"), _distinct(X)
    W, errors = _start(spins), spins
    half_step = spins / (2.0 * np.linalg.norm(spins, 2) ** 2)
    for _ in range(max_iter):
        W += _symmetric(errors.T @ half_step)
        errors = spins - spins @ W
        if np.abs(errors).max() <= tol:
            return W
    warnings.warn(
        f"delta: after max_iter={max_iter} sweeps fields are off by up to"
        f" {np.abs(errors).max():.2g} ({tol=:g}), and {_count(errors * spins >= 1.0)} not stable"
        " yet. Raise max_iter or store fewer memories.",
        ConvergenceWarning,
        stacklevel=2,
    )
    return W


def perceptron(X: np.ndarray, *, margin: float = 0.5, max_iter: int = 1000) -> Floats:
    r"""Return couplings that hold every bit of every memory with a margin.

    Gardner's perceptron corrects bits that are not held, memory after memory, each coupling both
    ways, until a whole sweep changes none:

    .. math:: \Delta w_{ij} = \frac{1}{N} (\epsilon_i + \epsilon_j) \xi_i \xi_j, \qquad
              \epsilon_i = 1 \text{ if } \xi_i h_i \le \kappa |w|, \text{ else } 0

    with ``|w|^2 = sum_ij w_ij^2 / N``, the mean over the rows where Gardner normalises each: it is
    the field that random spins feel, whatever N and the scale of W.  So her proof holds for W as
    one vector: sweeps end for any margin below the best that symmetric couplings allow (for random
    memories about 0.9 at K = N / 2, 0.3 at K = N).

    Parameters
    ----------
    X : ndarray of shape (K, N)
        Memories, +-1.
    margin : float, default=0.5
        The margin kappa, at least 0. Memories come back from more noise the larger it is.
    max_iter : int, default=1000
        The most sweeps, a positive integer.

    Returns
    -------
    ndarray of shape (N, N), float64
        The couplings W.

    Warns
    -----
    ConvergenceWarning
        If some bits are still short of the margin after `max_iter` sweeps.

    References
    ----------
    Gardner, "The space of interactions in neural network models", J. Phys. A 21, 1988; for
    symmetric couplings: Gardner, Gutfreund and Yekutieli, J. Phys. A 22, 1989.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.learning import perceptron
    >>> X = np.array([[1, 1, 1, 1, 1], [1, 1, -1, -1, -1]])
    >>> W = perceptron(X)
    >>> bool((X * (X @ W) > 0.5 * np.linalg.norm(W) / np.sqrt(5)).all())
    True
    """
    if not margin >= 0.0:
        raise ValueError(f"margin must be at least 0, got {margin}.")
    max_iter, spins = check_count(max_iter, "max_iter"), _distinct(X)
    W = _start(spins)
    if any(_sweep_is_clean(W, spins, margin) for _ in range(max_iter)):
        return W
    if (short := _short(W, spins, margin)).any():
        warnings.warn(
            f"perceptron: after max_iter={max_iter} sweeps {_count(short)} not stable with"
            f" margin={margin:g} yet. Raise max_iter, lower margin, or store fewer memories.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return W


def _sweep_is_clean(W: Floats, spins: Floats, margin: float) -> bool:
    """Correct W in place, memory by memory; return whether there was nothing to correct."""
    clean = True
    for xi in spins:
        epsilon = _short(W, xi, margin)
        if epsilon.any():
            W += _symmetric(np.outer(epsilon * xi, xi / len(xi)))
            clean = False
    return clean


def _short(W: Floats, spins: Floats, margin: float) -> np.ndarray:
    """Return which bits fall short of the margin."""
    return spins * (spins @ W) <= margin * (np.linalg.norm(W) / np.sqrt(len(W)))


def _distinct(X: np.ndarray) -> Floats:
    """Return a row for each memory; copies and negatives ask the same of the couplings."""
    return np.unique(X * X[:, :1].astype(np.float64), axis=0)


def _start(spins: Floats, couplings: np.ndarray | None = None) -> Floats:
    start = np.zeros(2 * spins.shape[1:]) if couplings is None else couplings
    return np.array(start, dtype=np.float64)


def _symmetric(A: Floats) -> Floats:
    """Return A + A^T, its diagonal left out."""
    both = A + A.T
    np.fill_diagonal(both, 0.0)
    return both


def _count(unstable: np.ndarray) -> str:
    bits, rows = unstable.sum(), unstable.any(axis=1).sum()
    return f"{bits} bits of {rows} of {len(unstable)} memories are"


#: The rules by name.
RULES: dict[str, Callable[..., Floats]] = {
    rule.__name__: rule for rule in (hebbian, pseudo_inverse, storkey, delta, perceptron)
}
#: The rules that take `couplings` and go on from them.
INCREMENTAL = frozenset({"hebbian", "storkey"})
