"""Minima of large memories, by retrieval from starts that are likely to lead to new ones.

The memories themselves come first; then two kinds of starts:

- *Fresh starts*: centroids of 2, 3 and 4 memories that overlap pairwise, and samples of the
  density.
- *Flips*: for each minimum found, the centroids of its set with one memory more or less, for the
  memories nearest to the rim.  Minima lie side by side, so these find what fresh starts miss:
  they are tried first, and fresh starts fill up.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, vstack
from sklearn.utils import check_random_state

from .._math import Floats, Integers, distinct_rows, row_blocks
from .._validation import check_count, check_rows
from ..energies import KernelEnergy
from ..memories._kernel_base import BaseKernelMemory
from ..memories._retrieval import Retrieval
from ._enumerate import enumerate_sets, epanechnikov_energy
from ._exact import are_minima
from ._minima import Minima, centroids, describe_minima, nearest_to_rim

#: How many memories fresh starts are centroids of.
SIZES = (2, 3, 4)
#: Memories of a minimum that are flipped, those nearest to the rim.
FLIPS = 8
#: The share of fresh starts before the first flips: one in so many.
FRESH = 4
#: Batches that a search is made of, and the smallest of them.
BATCHES, SMALLEST_BATCH = 32, 256
#: The search ends when so many batches in a row led to nothing new.
PATIENCE = 5
#: Retrieval ends by itself; this only stops a cycle between states that rounding cannot tell apart.
_MAX_STEPS = 10_000


def find_minima(
    memory: BaseKernelMemory,
    X0: ArrayLike | None = None,
    n_seeds: int = 10_000,
    random_state: int | np.random.RandomState | None = None,
) -> Minima:
    """Return many minima of a fitted Epanechnikov memory of any size, by retrieval from `n_seeds`.

    Starts are the memories, centroids of small sets of overlapping ones, samples of the density,
    and the neighbours of minima already found: their sets with one memory more or less. Minima are
    told apart by their sets of members, and checked: where float64 cannot tell a memory's side of a
    rim, in exact rational arithmetic. All that is returned are minima, but there may be others: for
    a small memory `enumerate_minima` finds all.

    Parameters
    ----------
    memory : fitted EpanechnikovMemory, or KernelMemory with ``kernel="epanechnikov"``
        The memory, which is left as it is.
    X0 : array-like of shape (n, D), optional
        Starts of your own, instead of all others (`n_seeds` is then not used). Those off the
        support lead nowhere.
    n_seeds : int, default=10_000
        Most starts: take several for each memory. The search ends before if five batches of them
        in a row lead to nothing new.
    random_state : int, RandomState or None, default=None
        What starts are drawn with.

    Returns
    -------
    Minima
        ``complete`` is False: a search cannot know.

    Raises
    ------
    TypeError
        If the memory has another kernel: its minima are not centroids of sets.
    NotFittedError
        If the memory is not fitted.
    ValueError
        If `n_seeds` is not a positive integer, or `X0` is not finite or has the wrong number of
        features.

    References
    ----------
    Hoover et al., "Dense Associative Memory with Epanechnikov Energy", 2025, arXiv:2506.10801.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam import EpanechnikovMemory, find_minima
    >>> X = np.random.default_rng(0).random((15, 8))
    >>> memory = EpanechnikovMemory(bandwidth=0.75).fit(X)
    >>> find_minima(memory, n_seeds=2000, random_state=0)
    Minima(1..., 1... of them emergent; not complete)
    >>> find_minima(memory, X0=X[:2])
    Minima(2, 1 of them emergent; not complete)
    """
    energy = epanechnikov_energy(memory)
    n_seeds = check_count(n_seeds, "n_seeds")
    rng = check_random_state(random_state)
    if X0 is None:
        states = explore(energy, memory, n_seeds, rng)
    else:
        states = check_rows(X0, memory).astype(np.float64, copy=False)
    return describe_minima(energy, sets_at(energy, states), complete=False)


def all_or_many(
    energy: KernelEnergy,
    memory: BaseKernelMemory,
    max_sets: int,
    n_seeds: int,
    rng: np.random.RandomState,
    starts: Floats,
) -> Minima:
    """Enumerate the minima if `max_sets` suffices; else search, from the `starts` given, too."""
    sets, complete = enumerate_sets(energy, max_sets)
    if not complete:
        states = np.append(starts, explore(energy, memory, n_seeds, rng), axis=0)
        sets = csr_array(vstack([sets, sets_at(energy, states)]))
    return describe_minima(energy, sets, complete)


def sets_at(energy: KernelEnergy, starts: Floats) -> csr_array:
    """Return the self-consistent sets, each once, that starts lead to."""
    sets = energy.patterns.search.marked(distinct(settle(energy, starts)), energy.algorithm)
    return sets[are_minima(energy, sets)]


def explore(
    energy: KernelEnergy, memory: BaseKernelMemory, n_seeds: int, rng: np.random.RandomState
) -> Floats:
    """Return the distinct states that up to `n_seeds` starts lead to, in the order found."""
    rows, batch = energy.patterns.points.rows, max(SMALLEST_BATCH, n_seeds // BATCHES)
    starts = rows[rng.permutation(len(rows))[: -(-n_seeds // 2)]]
    states, left = distinct(settle(energy, starts)), n_seeds - len(starts)
    starts = _fresh_starts(energy, memory, left // FRESH, rng)
    flipped, in_vain = np.zeros(len(states), dtype=bool), 0
    while left > 0 and in_vain < PATIENCE:
        states = distinct(np.append(states, settle(energy, starts), axis=0))
        left -= len(starts)
        n_new = len(states) - len(flipped)
        in_vain = 0 if n_new else in_vain + 1
        flipped = np.append(flipped, np.zeros(n_new, dtype=bool))
        wanted = min(batch, left)
        beside = rng.permutation(np.flatnonzero(~flipped))[: wanted // FLIPS]
        flipped[beside] = True
        starts = _flips(energy, states[beside])
        starts = np.append(starts, _fresh_starts(energy, memory, wanted - len(starts), rng), axis=0)
    return states


def settle(energy: KernelEnergy, starts: Floats, dynamics: str = "mean_shift") -> Floats:
    """Return the state that each start on the support leads to.

    A fixed point of mean shift is a function of its active set, bit for bit, and the set one of the
    state: distinct states are distinct sets. (A flow may also end where a memory is on the rim.)
    """
    if not len(starts):
        return starts
    retrieval = Retrieval(energy, "keep", max_iter=_MAX_STEPS, tol=0.0, dynamics=dynamics)
    settled, in_support = retrieval.settle(starts)
    return settled.state[settled.converged & in_support]


def distinct(states: Floats) -> Floats:
    """Return each state once, in the order given."""
    return states[np.sort(distinct_rows(states)[0])] if len(states) else states


def _fresh_starts(
    energy: KernelEnergy, memory: BaseKernelMemory, n: int, rng: np.random.RandomState
) -> Floats:
    """Return up to n starts: as many centroids of each size as samples of the density."""
    share = n // (len(SIZES) + 1) + 1
    starts = [centroids(energy.patterns, _overlapping(energy, share, size, rng)) for size in SIZES]
    return np.concatenate([*starts, memory.sample(share, rng).astype(np.float64)])[:n]


def _overlapping(energy: KernelEnergy, n: int, size: int, rng: np.random.RandomState) -> csr_array:
    """Draw up to n sets of memories that are pairwise nearer than 2 r."""
    n_points = len(energy.patterns.points)
    draws = rng.random_sample((n, size))  # all at once: blocks then change nothing
    blocks = row_blocks(n, 80 * n_points)
    members = np.concatenate([_grown(energy, draws[rows]) for rows in blocks])
    return _indicator(np.sort(members), n_points)


def _grown(energy: KernelEnergy, draws: Floats) -> Integers:
    """Return the members of each set, drawn one after another among those near all before.

    A set that cannot grow to its size is left out.
    """
    new = (draws[:, 0] * len(energy.patterns.points)).astype(np.intp)
    members, open_to = new[:, None], _neighbours(energy, new)
    for place in range(1, draws.shape[1]):
        counts = np.diff(open_to.indptr)
        grows = counts > 0
        pick = open_to.indptr[:-1] + (draws[:, place] * counts).astype(np.intp)
        new, draws = open_to.indices[pick[grows]], draws[grows]
        members = np.column_stack([members[grows], new])
        if place < draws.shape[1] - 1:
            open_to = csr_array(open_to[grows].multiply(_neighbours(energy, new)))
    return members


def _flips(energy: KernelEnergy, states: Floats) -> Floats:
    """Return the centroids of each state's set with one memory more or less."""
    if not len(states):
        return states
    points = energy.patterns.points
    near = nearest_to_rim(energy, states, FLIPS)[0]
    rows = np.repeat(np.arange(len(near)), near.shape[1])
    sets = energy.patterns.search.marked(states, energy.algorithm)[rows]
    flipped = csr_array(sets != _indicator(near.reshape(-1, 1), len(points)))
    return centroids(energy.patterns, flipped[np.diff(flipped.indptr) > 0])


def _indicator(members: Integers, n_points: int) -> csr_array:
    """Return equally large sets, a row of distinct indices each, as sparse rows of booleans."""
    n, size = members.shape
    indptr = np.arange(0, n * size + 1, size)
    return csr_array((np.ones(n * size, dtype=bool), members.ravel(), indptr), (n, n_points))


def _neighbours(energy: KernelEnergy, index: Integers) -> csr_array:
    """Return the other points within two radii of each of these points."""
    rows = energy.patterns.points.rows[index]
    near = energy.patterns.search.marked(rows, energy.algorithm, reach=2.0)
    own = np.repeat(index, np.diff(near.indptr)) == near.indices
    indptr = np.concatenate([[0], np.cumsum(~own)])[near.indptr]
    return csr_array((near.data[~own], near.indices[~own], indptr), shape=near.shape)
