"""New patterns: the minima of a memory as an estimator to draw from."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import warnings
from collections.abc import Callable
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .._math import Floats, distinct_rows
from .._saved import Saved
from .._validation import COUNT, NOT_NEGATIVE, all_or_nothing, check_count, check_rows
from ..bandwidths import emergence_window
from ..energies import KernelEnergy
from ..memories._kernel import EpanechnikovMemory
from ..memories._kernel_base import KERNEL_MEMORY, BaseKernelMemory
from ._enumerate import enumerate_minima, epanechnikov_energy
from ._minima import Minima, describe_minima
from ._search import all_or_many, explore, sets_at, settle

#: Which minima are drawn from, as masks.
KINDS: dict[str, Callable[[Minima], np.ndarray]] = {
    "emergent": lambda minima: minima.is_emergent,
    "stored": lambda minima: ~minima.is_emergent,
    "all": lambda minima: np.ones(len(minima), dtype=bool),
}


class EmergentSampler(Saved):
    r"""Draw novel patterns: the emergent minima of an Epanechnikov memory.

    Where the supports of stored patterns overlap, the energy has minima that were never stored,
    each the mean of several patterns [1]_. `fit` stores the patterns and finds these minima, all of
    them if that is affordable; `sample` draws from them, and `draw` tells which ones, so that the
    parents of each draw are known.

    Parameters
    ----------
    memory : EpanechnikovMemory, or KernelMemory with ``kernel="epanechnikov"``, default=None
        The memory, which is cloned; None means ``EpanechnikovMemory()``. Give one to reach its
        parameters in a search, as ``memory__bandwidth``.
    kind : {"emergent", "stored", "all"}, default="emergent"
        Which minima to keep: those that are no stored pattern, those that are one, or both.
    weights : {"basin", "density", "uniform"}, default="basin"
        How likely each minimum is drawn: by the mass of its basin under the density (the share of
        `n_seeds` samples of it that the memory's retrieval brings there), by the density at the
        minimum, or all alike. A minimum that no sample came to has a basin weight of 0: in high
        dimensions these are most, and the others are few and of many members. For variety take
        "density" or "uniform", and bound `max_members`.
    search : {"auto", "enumerate", "seeds"}, default="auto"
        Find all minima (`enumerate_minima`), or many from seeds (`find_minima`). "auto" enumerates
        if `max_sets` suffices, and searches otherwise.
    max_sets : int, default=100_000
        Most sets to visit in an enumeration.
    n_seeds : int, default=10_000
        Number of starts of a search, and of samples that weigh basins.
    min_margin : float, default=0.0
        Keep only minima that queries within this distance, in data units, return to in one step.
    max_members : int or None, default=None
        Keep only minima of at most so many distinct memories: the mean of many is blurred.
    random_state : int, RandomState or None, default=None
        Seed of the search and of the basin weights; `draw` and `sample` take their own.

    Attributes
    ----------
    minima_ : ndarray of shape (n, D), float64
        The minima kept. None at all is no error until `sample`.
    energies_ : ndarray of shape (n,), float64
        Their energy, in squared data units.
    members_ : list of n ndarrays of int
        Their parents: indices into ``memory_.memories_``, all copies included.
    margins_ : ndarray of shape (n,), float64
        The radius, in data units, within which queries return to each in one step.
    weights_ : ndarray of shape (n,), float64
        The probability of each to be drawn; they add up to 1.
    complete_ : bool
        Whether these are certainly all minima of the kind.
    n_found_ : int
        How many there were before `min_margin` and `max_members`.
    memory_ : EpanechnikovMemory or KernelMemory
        The fitted memory.
    n_features_in_ : int
        Number of features D.
    feature_names_in_ : ndarray of shape (D,)
        Their names, if `X` had string column names.

    See Also
    --------
    sample_from : Sample the last step of a pipeline and map back.
    enumerate_minima, find_minima : The minima alone.
    EpanechnikovMemory.sample : Draws of the density, which has a continuum of patterns.

    Notes
    -----
    A fitted sampler holds its training rows verbatim: a file of it is training data.

    References
    ----------
    .. [1] B. Hoover, Z. Shi, K. Balasubramanian, D. Krotov, P. Ram, "Dense Associative Memory with
       Epanechnikov Energy", 2025, arXiv:2506.10801.

    Examples
    --------
    >>> from skdam import EmergentSampler, EpanechnikovMemory
    >>> X = [[0.0, 0.0], [2.0, 0.0], [1.0, 1.5]]
    >>> sampler = EmergentSampler(EpanechnikovMemory(bandwidth=1.2), random_state=0).fit(X)
    >>> sampler.minima_
    array([[0.5 , 0.75],
           [1.  , 0.  ],
           [1.5 , 0.75],
           [1.  , 0.5 ]])
    >>> drawn = sampler.draw(2, random_state=1)
    >>> [sampler.members_[i].tolist() for i in drawn]  # their parents
    [[0, 1], [1, 2]]
    >>> sampler.sample(2, random_state=1)
    array([[1.  , 0.  ],
           [1.5 , 0.75]])
    """

    _parameter_constraints: ClassVar[dict] = {
        "memory": [KERNEL_MEMORY, None],
        "kind": [StrOptions(set(KINDS))],
        "weights": [StrOptions({"basin", "density", "uniform"})],
        "search": [StrOptions({"auto", "enumerate", "seeds"})],
        "max_sets": [COUNT],
        "n_seeds": [COUNT],
        "min_margin": [NOT_NEGATIVE],
        "max_members": [COUNT, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        memory: BaseKernelMemory | None = None,
        *,
        kind: str = "emergent",
        weights: str = "basin",
        search: str = "auto",
        max_sets: int = 100_000,
        n_seeds: int = 10_000,
        min_margin: float = 0.0,
        max_members: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.memory = memory
        self.kind = kind
        self.weights = weights
        self.search = search
        self.max_sets = max_sets
        self.n_seeds = n_seeds
        self.min_margin = min_margin
        self.max_members = max_members
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Store the rows of X and find the minima.

        Parameters
        ----------
        X : array-like of shape (K, D)
            The patterns.
        y : ignored
        sample_weight : array-like of shape (K,), optional
            Weights >= 0 of the rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, `X` or `sample_weight` is out of range, or a bandwidth rule finds no
            scale.
        TypeError
            If `X` is sparse, masked or made of dates, or the memory has another kernel.
        """
        with all_or_nothing(self):
            self._validate_params()
            check_rows(X, self, reset=True)
            memory = EpanechnikovMemory() if self.memory is None else clone(self.memory)
            energy = epanechnikov_energy(memory.fit(X, sample_weight=sample_weight))
            rng = check_random_state(self.random_state)
            ends = self._ends(memory, energy, rng)
            minima = self._find(memory, energy, ends, rng)
            found = minima[KINDS[self.kind](minima)]
            kept = found[self._is_wanted(found, energy)]
            self.memory_, self.n_found_ = memory, len(found)
            self.minima_, self.energies_, self.members_ = kept.points, kept.energies, kept.members
            self.margins_, self.complete_ = kept.margins, minima.complete
            self.weights_ = self._probabilities(kept.points, energy, ends)
            return self

    def draw(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Draw minima by their weights, with replacement, and return which.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n_samples,), int
            Indices into `minima_`, `energies_`, `members_`, `margins_` and `weights_`.

        Raises
        ------
        ValueError
            If `n_samples` is not a positive integer, or there is no minimum to draw; the message
            says at which bandwidths there is.
        """
        check_is_fitted(self)
        n_samples = check_count(n_samples, "n_samples")
        if not len(self.minima_):
            raise ValueError(self._why_none())
        return check_random_state(random_state).choice(
            len(self.minima_), n_samples, p=self.weights_
        )

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Draw patterns: the minima that `draw` names.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n_samples, D), float64

        Raises
        ------
        ValueError
            As `draw`.
        """
        drawn = self.draw(n_samples, random_state)
        return self.minima_[drawn]

    def _ends(
        self, memory: BaseKernelMemory, energy: KernelEnergy, rng: np.random.RandomState
    ) -> Floats:
        """Return where samples of the density end, if anything is to be known of it."""
        if self.weights != "basin":
            return np.empty((0, self.n_features_in_))
        samples = memory.sample(self.n_seeds, rng).astype(np.float64, copy=False)
        return settle(energy, samples, memory.dynamics)

    def _find(
        self,
        memory: BaseKernelMemory,
        energy: KernelEnergy,
        ends: Floats,
        rng: np.random.RandomState,
    ) -> Minima:
        if self.search == "enumerate":
            return enumerate_minima(memory, self.max_sets)
        if self.search == "seeds":
            states = np.append(ends, explore(energy, memory, self.n_seeds, rng), axis=0)
            return describe_minima(energy, sets_at(energy, states), complete=False)
        return all_or_many(energy, memory, self.max_sets, self.n_seeds, rng, starts=ends)

    def _is_wanted(self, minima: Minima, energy: KernelEnergy) -> np.ndarray:
        sharp = minima.margins >= self.min_margin
        if self.max_members is None:
            return sharp
        place = energy.patterns.place
        sizes = np.array([len(np.unique(place[members])) for members in minima.members])
        return sharp & (sizes <= self.max_members)

    def _probabilities(self, points: Floats, energy: KernelEnergy, ends: Floats) -> Floats:
        if self.weights == "density" and len(points):
            return softmax(energy.log_density(points))
        if self.weights == "basin" and len(points):
            visits = _visits(points, ends)
            if visits.any():
                return visits / visits.sum()
            warnings.warn(
                f"None of n_seeds={self.n_seeds} samples of the density came to one of the"
                f" {len(points)} minima kept: their basins are too small to be weighed, and all are"
                " drawn alike. Raise n_seeds, or choose weights='density' or 'uniform'.",
                UserWarning,
                stacklevel=3,
            )
        return np.full(len(points), 1.0 / max(1, len(points)))

    def _why_none(self) -> str:
        memory = self.memory_
        reason = f"There is no minimum to draw at bandwidth_={memory.bandwidth_:.6g}: "
        if self.n_found_:
            filters = {"min_margin": self.min_margin, "max_members": self.max_members}
            passed = " and ".join(f"{name}={value}" for name, value in filters.items() if value)
            return f"{reason}none of the {self.n_found_} found passes {passed}."
        if len(distinct_rows(memory.memories_)[0]) < 2:
            return f"{reason}new patterns need at least two distinct ones."
        low, high = emergence_window(memory.memories_)
        doubt = "" if self.complete_ else ", but a search may miss them: raise n_seeds or max_sets"
        return (
            f"{reason}below bandwidth={high:.6g} all patterns of equal weight are kept, and down to"
            f" {low:.6g} emergent minima are sure to exist (skdam.bandwidths.emergence_window)"
            f"{doubt}."
        )


def _visits(points: Floats, states: Floats) -> Floats:
    """Return how many of the states each point is, bit for bit."""
    place = distinct_rows(np.append(points, states, axis=0))[1]
    counts = np.bincount(place[len(points) :], minlength=len(place))
    return counts[place[: len(points)]]
