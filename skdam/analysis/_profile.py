"""How firmly a memory of spins holds each unit of a state."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._math import Floats
from .._saved import Saved
from .._validation import all_or_nothing, check_rows
from ._models import spin_model_of


def stability_ratio(memory: Any, states: ArrayLike) -> Floats:
    r"""Return how much less firmly the weakest unit of each state is held than the strongest.

    .. math:: \min_i a_i \,/\, \max_i a_i

    with the unit stabilities a of `StabilityProfile`. Learned states of a classical network tend to
    have larger ratios than spurious ones; a whole profile tells more.

    Parameters
    ----------
    memory : fitted HopfieldMemory or BinaryMemory
        The memory, whose energy it is.
    states : array-like of shape (n, N)
        Of +-1, as retrieval returns them.

    Returns
    -------
    ndarray of shape (n,), float64
        From 0 to 1 for stable states, less than 0 for others. Where no unit is stable, so that the
        largest a is none, -1; and 0 where all a are 0.

    Raises
    ------
    TypeError, NotFittedError, ValueError
        As `StabilityProfile`.

    References
    ----------
    A. Robins, S. McCallum, "A robust method for distinguishing between learned and spurious
    attractors", Neural Networks 17, 2004; C. Gorman, A. Robins, A. Knott, "Hopfield networks as a
    model of prototype-based category learning: a method to distinguish trained, spurious, and
    prototypical attractors", Neural Networks 91, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam import HopfieldMemory
    >>> from skdam.analysis import stability_ratio
    >>> X = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, -1, -1]])
    >>> memory = HopfieldMemory("hebbian", threshold=0).fit(X)
    >>> stability_ratio(memory, X).round(3)
    array([0.333, 0.333])
    """
    return _profiles(memory, states, normalize=True)[:, 0]


class StabilityProfile(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Saved):
    r"""Turn states of a memory of spins into their unit stabilities, from weakest to strongest.

    .. math:: a_i = \tfrac12 \Delta_i E

    is half of what flipping unit i adds to the energy: ``s_i h_i``, with the field h, in a
    classical network, and no unit of a stable state has a < 0. Sorted, they tell what kind of state
    it is [1]_; the classifying is left to a classifier of scikit-learn behind it in a pipeline.

    Parameters
    ----------
    memory : fitted HopfieldMemory or BinaryMemory
        It is used as it is, by clones too, so that cross-validation keeps it fitted; its parameters
        are not for searching. A grid of several memories wraps each in scikit-learn's
        `FrozenEstimator`, which is taken as well.
    normalize : bool, default=False
        Whether to divide each profile by its maximum: what is left does not depend on how many
        patterns were learned, and tells states of other networks apart, too. A profile without a
        positive entry is divided by its largest magnitude, and one of zeros is left.

    Attributes
    ----------
    memory_ : HopfieldMemory or BinaryMemory
        The memory.
    n_features_in_ : int
        Number of units N.
    feature_names_in_ : ndarray of shape (N,)
        Their names, if `X` had string column names.

    See Also
    --------
    label_states : What each state is, where the patterns are known.
    stability_ratio : The profile in a single number, which tells less.

    Notes
    -----
    In a `BinaryMemory` energy differences are those of its own energy, which grow with the degree
    like ``N^n``: beyond float64 they are infinite, unless normalised. Under ``h^2`` they are 2 N
    times those of the Hebbian network.

    References
    ----------
    .. [1] H. McAlister, A. Robins, L. Szymanski, "Classifying States of the Hopfield Network with
       Improved Accuracy, Generalization, and Interpretability", 2025, arXiv:2503.03018.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam import HopfieldMemory
    >>> from skdam.analysis import StabilityProfile
    >>> X = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, -1, -1]])
    >>> memory = HopfieldMemory("hebbian", threshold=0).fit(X)
    >>> StabilityProfile(memory).fit_transform(X).round(3)
    array([[0.333, 0.333, 1.   , 1.   , 1.   , 1.   ],
           [0.333, 0.333, 1.   , 1.   , 1.   , 1.   ]])
    """

    _parameter_constraints: ClassVar[dict] = {"memory": "no_validation", "normalize": ["boolean"]}

    def __init__(self, memory: Any, normalize: bool = False) -> None:
        self.memory = memory
        self.normalize = normalize

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check that the states are states of the memory; nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n, N)
            States of +-1, as retrieval returns them.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If the memory is none of spins.
        NotFittedError
            If the memory is not fitted.
        ValueError
            If `normalize` is out of range, or `X` is not finite or has not as many features as the
            memory. Also if `threshold_` of the memory lies outside [-1, 1), so that it would not
            know a state again, and `X` holds anything but +-1.
        """
        with all_or_nothing(self):
            self._validate_params()
            model = spin_model_of(self.memory)
            check_rows(X, self, reset=True)
            model.spins(X, "X")
            self.memory_ = model.memory
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return the sorted stabilities of each state.

        Parameters
        ----------
        X : array-like of shape (n, N)
            States of +-1.

        Returns
        -------
        ndarray of shape (n, N), float64
            In units of the energy, or of their maximum with `normalize`; in ascending order.

        Raises
        ------
        ValueError
            As `fit`.
        """
        check_is_fitted(self)
        check_rows(X, self)
        return _profiles(self.memory_, X, self.normalize)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, but none of the memory's: it is fitted, and would not heed them.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is not one of this transformer's own.
        """
        nested = [name for name in params if name.startswith("memory__")]
        if nested:
            raise ValueError(
                f"{nested[0]} is a parameter of a memory that is fitted already. Fit memories"
                " beforehand, and search for `memory` itself."
            )
        return super().set_params(**params)

    def __sklearn_clone__(self) -> Self:
        """Return a clone that keeps the fitted memory."""
        twin = super().__sklearn_clone__()
        twin.memory = self.memory
        return twin

    @property
    def _n_features_out(self) -> int:
        return self.n_features_in_


def _profiles(memory: Any, states: ArrayLike, normalize: bool) -> Floats:
    """Return sorted stabilities, by state divided by their maximum if that is asked for."""
    model = spin_model_of(memory)
    a, exponent = model.stabilities(model.spins(states, "states"))
    a.sort(axis=1)
    if not normalize:
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(a, np.clip(exponent, -(2**20), 2**20)[:, None])
    most, size = a[:, -1], np.abs(a).max(axis=1)
    scale = np.where(most > 0.0, most, np.where(size > 0.0, size, 1.0))
    return a / scale[:, None]
