"""Linear maps that spread patterns over the sphere: separation learned for attention."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from ._math import Floats, row_blocks
from .energies import directions

#: Most patterns that a map is learned from: a step costs their pairs.
_MOST = 512
#: Inverse temperatures of the loss in turn: towards the smallest angle alone.
_TEMPERATURES = (4.0, 32.0, 256.0, 2048.0)
#: Most steps at each of them.
_STEPS = 100
#: Singular values below this share of the largest are directions of rounding.
_RANK = 1e-10


@dataclass(frozen=True, eq=False)
class Spread:
    """A map W, and the smallest angle between two patterns under it, step by step."""

    linear_map: Floats
    curve: Floats


def spread(X: Floats, n_components: int, rng: np.random.RandomState) -> Spread:
    r"""Return the linear map under which the directions of distinct rows spread most.

    .. math:: \min_W\; \frac1t \log \operatorname{mean}_{\mu \ne \nu}
              \exp\Big(t\, \frac{W\xi_\mu \cdot W\xi_\nu}{|W\xi_\mu|\,|W\xi_\nu|}\Big)

    for ever larger t (the separation loss of Hu, Wu, Liu 2024).  The paper projects
    each row of W on the unit sphere after each step of gradient descent. As rotations change no
    angle, that restricts nothing but the length of W; it is left free here, with quasi-Newton steps
    in coordinates in which the rows of X are uncorrelated.

    Parameters
    ----------
    X : ndarray of shape (K, D), float64
        At least two rows.
    n_components : int
        Rows of W.
    rng : RandomState
        What a start, and the patterns if there are more than 512, are drawn with.
    """
    rows = directions(X)
    if len(rows) > _MOST:
        rows = rows[np.sort(rng.permutation(len(rows))[:_MOST])]
    u, s, vt = np.linalg.svd(rows, full_matrices=False)
    rank = int(np.sum(s > _RANK * s[0]))
    white = u[:, :rank] * len(rows) ** 0.5
    n_rows = min(n_components, rank)  # a rotation empties all others
    start = np.linalg.qr(rng.standard_normal((rank, rank)))[0][:n_rows]
    curve = [smallest_angle(white @ start.T)]
    found = start.ravel()
    for t in _TEMPERATURES:
        found = minimize(
            lambda a, t=t: _loss(a.reshape(n_rows, rank), white, t),
            found,
            jac=True,
            method="L-BFGS-B",
            callback=lambda a: curve.append(smallest_angle(white @ a.reshape(start.shape).T)),
            options={"maxiter": _STEPS, "maxcor": 20},
        ).x
    linear_map = (found.reshape(start.shape) / s[:rank]) @ vt[:rank]
    linear_map *= n_components**0.5 / np.linalg.norm(linear_map)
    empty = np.zeros((n_components - n_rows, X.shape[1]))
    return Spread(np.vstack([linear_map, empty]), np.array(curve))


def smallest_angle(X: Floats) -> float:
    """Return the smallest angle between the directions of two rows; pi if there is one row."""
    rows, most = directions(X), -1.0
    for part in row_blocks(len(rows), 16 * len(rows)):
        cosines = rows[part] @ rows.T
        cosines[np.arange(len(cosines)), np.arange(part.start, part.stop)] = -1.0
        most = max(most, float(cosines.max()))
    return float(np.arccos(min(most, 1.0)))


def simplex_bound(n: int) -> float:
    """Return the largest that the smallest angle of n directions can be: that of a simplex."""
    return float(np.pi if n == 1 else np.arccos(-1.0 / (n - 1)))


def _loss(linear_map: Floats, rows: Floats, t: float) -> tuple[float, Floats]:
    """Return the separation loss, and its gradient by the map."""
    images = rows @ linear_map.T
    length = np.maximum(np.linalg.norm(images, axis=1, keepdims=True), np.finfo(float).tiny)
    unit = images / length
    scores = t * (unit @ unit.T)
    np.fill_diagonal(scores, -np.inf)
    n_pairs = len(rows) * (len(rows) - 1)
    share = softmax(scores)
    pull = 2.0 * (share @ unit)  # share is symmetric
    pull -= np.einsum("ij,ij->i", pull, unit)[:, None] * unit
    gradient = (pull / length).T @ rows
    return float(logsumexp(scores) - np.log(n_pairs)) / t, gradient.ravel()
