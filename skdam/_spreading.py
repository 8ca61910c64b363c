"""Linear maps that spread patterns over the sphere: separation learned for attention."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import logsumexp, softmax

from ._math import Floats, row_blocks
from .energies import directions

#: Most patterns that a map is learned from: a step costs their pairs.
_MOST = 512
#: Inverse temperatures of the loss in turn: towards the smallest angle alone.
_TEMPERATURES = (4.0, 32.0, 256.0, 2048.0)
#: Most steps at each of them.
_STEPS = 100
#: A step may not raise the loss above the highest of so many before it, and has to lower that by
#: this share of what the gradient promises.
_MEMORY, _SHARE = 10, 1e-4
#: Descent ends with a step that is shorter than this.
_SHORTEST = 1e-12
#: Singular values below this share of the largest are directions of rounding.
_RANK = 1e-10
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class Spread:
    """A map W, and the smallest angle between two patterns under it, step by step."""

    linear_map: Floats
    curve: Floats


def spread(X: Floats, n_components: int, rng: np.random.RandomState) -> Spread:
    r"""Return the linear map under which the directions of distinct rows spread most.

    .. math:: \min_W\; \frac1t \log \operatorname{mean}_{\mu \ne \nu}
              \exp\Big(t\, \frac{W\xi_\mu \cdot W\xi_\nu}{|W\xi_\mu|\,|W\xi_\nu|}\Big)

    for ever larger t, by gradient steps after each of which the rows of W are projected on the
    unit sphere (Hu, Wu, Liu 2024).  Here W acts on coordinates in which the rows of X are
    uncorrelated. The spheres restrict nothing but the length of W: rotations change no angle, and
    one of them makes all rows equally long.

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
    found = _on_sphere(np.linalg.qr(rng.standard_normal((rank, rank)))[0][:n_rows])
    curve = [smallest_angle(white @ found.T)]
    for t in _TEMPERATURES:
        for point in _projected_gradient(partial(_loss, rows=white, t=t), found):
            curve.append(smallest_angle(white @ point.T))
        found = point
    linear_map = (found / s[:rank]) @ vt[:rank]
    linear_map *= n_components**0.5 / np.linalg.norm(linear_map)
    empty = np.zeros((n_components - n_rows, X.shape[1]))
    return Spread(np.vstack([linear_map, empty]), np.array(curve))


def _projected_gradient(
    loss: Callable[[Floats], tuple[float, Floats]], found: Floats
) -> Iterator[Floats]:
    """Descend, rows on the unit sphere; yield each point.

    Lengths of steps are those of Barzilai and Borwein, in turns, halved until the loss is below
    the highest of the last few (the spectral projected gradient of Birgin, Martinez, Raydan 2000).
    """
    value, gradient = loss(found)
    values, length = [value], 1.0 / max(float(np.linalg.norm(gradient)), _TINY)
    for turn in range(_STEPS):
        if np.linalg.norm(_on_sphere(found - gradient) - found) <= _SHORTEST:
            yield found  # at rest: a longer step follows rounding, and may map a row to 0
            return
        before, slope = found, gradient
        while True:
            found = _on_sphere(before - length * slope)
            moved = found - before
            value, gradient = loss(found)
            gain, ends = _SHARE * np.sum(moved**2) / length, np.linalg.norm(moved) <= _SHORTEST
            if ends or value <= max(values[-_MEMORY:]) - gain:
                break
            length /= 2.0
        yield found
        if ends:
            return
        values.append(value)
        length = _next_length(moved, gradient - slope, turn % 2 == 0, length)


def _next_length(moved: Floats, bent: Floats, long: bool, length: float) -> float:
    """Return the length that fits a quadratic to a step; four times the last where none does."""
    curvature = float(np.sum(moved * bent))
    if curvature <= _TINY:
        return 4.0 * length
    return float(np.sum(moved**2)) / curvature if long else curvature / float(np.sum(bent**2))


def _on_sphere(a: Floats) -> Floats:
    """Project rows on the unit sphere."""
    return a / np.maximum(np.linalg.norm(a, axis=1, keepdims=True), _TINY)


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
    length = np.maximum(np.linalg.norm(images, axis=1, keepdims=True), _TINY)
    unit = images / length
    scores = t * (unit @ unit.T)
    np.fill_diagonal(scores, -np.inf)
    n_pairs = len(rows) * (len(rows) - 1)
    share = softmax(scores)
    pull = 2.0 * (share @ unit)  # share is symmetric
    pull -= np.einsum("ij,ij->i", pull, unit)[:, None] * unit
    gradient = (pull / length).T @ rows
    return float(logsumexp(scores) - np.log(n_pairs)) / t, gradient
