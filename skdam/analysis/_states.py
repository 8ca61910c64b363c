"""Which states a memory has, and what each of them is."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from .._math import Floats, Integers
from .._validation import SHARE, check_allowed, check_count
from ._models import model_of


@dataclass(frozen=True, eq=False, repr=False)
class FixedPoints:
    """Stable states of a memory, one entry per state, those that most probes ended in first.

    Attributes
    ----------
    states : ndarray of shape (n, N), float64
        The states. Of a pair of signs that the memory does not tell apart, it is the one whose
        first unit is +1.
    counts : ndarray of shape (n,), int
        How many probes ended in each (or in its negative).
    energies : ndarray of shape (n,), float64
        Their energies.
    n_unsettled : int
        Probes that ended in none: synchronous updates may go round in a cycle.

    Examples
    --------
    >>> from skdam import HopfieldMemory
    >>> from skdam.analysis import find_fixed_points
    >>> from skdam.datasets import make_patterns
    >>> memory = HopfieldMemory(random_state=0).fit(make_patterns(2, 20, random_state=0))
    >>> found = find_fixed_points(memory, n_probes=200, random_state=0)
    >>> found  # the two patterns, each with its negative
    FixedPoints(2 of 200 probes, of which 0 did not settle; missing mass 0)
    >>> int(found.counts.sum()), found.n_unsettled, found.n_probes
    (200, 0, 200)
    """

    states: Floats
    counts: Integers
    energies: Floats
    n_unsettled: int

    @property
    def n_probes(self) -> int:
        """How many probes there were."""
        return int(self.counts.sum()) + self.n_unsettled

    @property
    def missing_mass(self) -> float:
        """The share of probes, estimated, that would end in states not found yet.

        It is the share of those that ended in a state alone (Good and Turing); 1 if none ended.
        """
        settled = int(self.counts.sum())
        return float((self.counts == 1).sum() / settled) if settled else 1.0

    def __len__(self) -> int:
        return len(self.states)

    def __repr__(self) -> str:
        return (
            f"FixedPoints({len(self)} of {self.n_probes} probes, of which {self.n_unsettled} did"
            f" not settle; missing mass {self.missing_mass:.2g})"
        )


def find_fixed_points(
    memory: Any,
    n_probes: int = 1000,
    random_state: int | np.random.RandomState | None = None,
) -> FixedPoints:
    """Return the distinct stable states that random probes end in, and how many end in each.

    Probes of a memory of spins are drawn from all states alike, so that counts measure basins as
    shares of the state space. Probes of a kernel memory are draws of its density: counts measure
    the probability that lies in each basin. Each probe is followed until it settles, whatever
    `max_iter` of the memory.

    Parameters
    ----------
    memory : fitted BinaryMemory, HopfieldMemory or kernel memory
        It retrieves as it is set to: with synchronous updates the fixed points of `BinaryMemory`
        are those of the gradient rule, and a few probes may go round in a cycle.
    n_probes : int, default=1000
        How many probes to draw.
    random_state : int, RandomState or None, default=None
        What they are drawn with.

    Returns
    -------
    FixedPoints
        The states, those with the largest basins first.

    Raises
    ------
    TypeError
        If the memory is of another kind.
    NotFittedError
        If it is not fitted.
    ValueError
        If `n_probes` is no positive integer.

    Notes
    -----
    States of spins are one up to sign where the energy is even: always in a `HopfieldMemory`, in a
    `BinaryMemory` under an even power. States of an Epanechnikov memory are compared bit for bit;
    other kernels reach theirs in the limit only, and ends that are linked by steps of a thousandth
    of a bandwidth are one.

    References
    ----------
    I. J. Good, "The population frequencies of species and the estimation of population parameters",
    Biometrika 40, 1953 (the missing mass).

    Examples
    --------
    >>> from skdam import HopfieldMemory
    >>> from skdam.analysis import find_fixed_points
    >>> from skdam.datasets import make_patterns
    >>> X = make_patterns(3, 60, random_state=0)
    >>> memory = HopfieldMemory("hebbian", random_state=0).fit(X)
    >>> found = find_fixed_points(memory, random_state=0)
    >>> found  # the three patterns, and three of their mixtures
    FixedPoints(6 of 1000 probes, of which 0 did not settle; missing mass 0.001)
    >>> found.counts
    array([375, 272, 246,  76,  30,   1])
    """
    model, n_probes = model_of(memory), check_count(n_probes, "n_probes")
    ends, settled = model.settle(model.probes(n_probes, check_random_state(random_state)))
    if not settled.any():
        nothing = ends[:0]
        return FixedPoints(nothing, np.empty(0, dtype=np.intp), np.empty(0), n_probes)
    states, place = model.same(ends[settled])
    counts = np.bincount(place)
    order = np.argsort(-counts, kind="stable")
    states = states[order]
    return FixedPoints(states, counts[order], model.energy(states), int(np.sum(~settled)))


def label_states(
    memory: Any,
    states: ArrayLike,
    patterns: ArrayLike,
    prototypes: ArrayLike | None = None,
    tol: float = 0.0,
) -> np.ndarray:
    """Return what each state is: something learned, or an artefact, or not stable at all.

    Of a memory of spins a state is, whichever holds first,

    - "unstable" if retrieval moves it (a bit whose flip would leave the energy as it is stays),
    - "learned" if it is one of the patterns,
    - "prototype" if it differs from one of the prototypes in a share `tol` of its units at most,
    - "spurious" otherwise,

    where the energy is even (a `HopfieldMemory`; a `BinaryMemory` under an even power) each up to
    sign. Of a kernel memory it is

    - "outside" if no memory reaches it,
    - "unstable" if retrieval moves it,
    - "stored" if it is one of the patterns that the memory holds, as `RetrievalResult.recalled`
      defines it,
    - "emergent" otherwise.

    (Only the Epanechnikov kernel, and other compact ones where memories are isolated, keep a memory
    itself in place: what a Gaussian has shifted is stable at ``memory.transform(patterns)``.)

    Parameters
    ----------
    memory : fitted BinaryMemory, HopfieldMemory or kernel memory
        What tells whether a state is stable.
    states : array-like of shape (n, N)
        Of +-1 for a memory of spins, as retrieval returns them.
    patterns : array-like of shape (n_patterns, N)
        What was stored: rows as they were given to `fit`, or `memories_`.
    prototypes : array-like of shape (n_prototypes, N), optional
        The centres of groups of patterns, for memories of spins; none are the same as no array.
    tol : float, default=0.0
        Share of the N units in which a state may differ from a prototype, from 0 to 1.

    Returns
    -------
    ndarray of shape (n,), str
        No label need occur.

    Raises
    ------
    TypeError
        If the memory is of another kind.
    NotFittedError
        If it is not fitted.
    ValueError
        If an array is not finite or has the wrong number of features, `tol` is no share, or a
        kernel memory is given `prototypes` or `tol`. Also if `threshold_` of a memory of spins lies
        outside [-1, 1), so that it would not know a state again, and rows hold anything but +-1.

    References
    ----------
    H. McAlister, A. Robins, L. Szymanski, "Classifying States of the Hopfield Network with Improved
    Accuracy, Generalization, and Interpretability", 2025, arXiv:2503.03018.

    Examples
    --------
    >>> from skdam import EpanechnikovMemory, HopfieldMemory
    >>> from skdam.analysis import find_fixed_points, label_states
    >>> from skdam.datasets import make_prototype_patterns
    >>> X, centres, _ = make_prototype_patterns(3, 20, 100, random_state=0)
    >>> memory = HopfieldMemory("hebbian", random_state=0).fit(X)
    >>> found = find_fixed_points(memory, random_state=0)
    >>> label_states(memory, found.states, X, centres, tol=0.05).tolist()
    ['prototype', 'prototype', 'prototype', 'spurious', 'spurious']
    >>> label_states(memory, X[:2], X).tolist()  # learned, but not held
    ['unstable', 'unstable']

    >>> X = [[0.0], [3.0], [4.0]]
    >>> kernels = EpanechnikovMemory(bandwidth=2.0).fit(X)
    >>> label_states(kernels, [[0.0], [3.0], [3.5], [9.0]], X).tolist()
    ['stored', 'unstable', 'emergent', 'outside']
    """
    tol, model = float(check_allowed(tol, "tol", SHARE)), model_of(memory)
    if len(np.asarray(states)) == 0:
        return np.empty(0, dtype=str)
    if prototypes is not None and len(np.asarray(prototypes)) == 0:
        prototypes = None
    return model.label(states, patterns, prototypes, tol)
