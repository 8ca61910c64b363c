"""The binary dense associative memory of Krotov and Hopfield."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from numbers import Integral
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import StrOptions

from .._validation import POSITIVE, Number
from ..energies import BinaryEnergy
from ..potentials import INTERACTIONS, Interaction
from ._docs import shared
from ._spins import SpinMemory


@shared(cycles=" and, under an odd power, may run in a cycle")
class BinaryMemory(SpinMemory):
    r"""Store patterns of +-1 under an interaction of high degree; retrieve bit by bit.

    .. math:: E(\sigma) = -\sum_\mu F(\xi_\mu \cdot \sigma),\qquad
              F(h) = h^n,\quad \max(h, 0)^n \quad\text{or}\quad e^{\beta h}

    A bit takes the value of lower energy, and stays on a tie, until all bits stay. With N features
    some ``N^(n-1)`` random patterns can be stored [1]_, and exponentially many under the
    exponential [2]_; n = 2 is the classical Hopfield network. Signs of energy differences are those
    of integer arithmetic, for any degree; of exponentials a difference less than its rounding is a
    tie.

    Parameters
    ----------
    interaction : {"rectified", "power", "exponential"}, default="rectified"
        F: ``max(h, 0)^n``, ``h^n`` or ``exp(beta h)``. Rectifying stores twice as many patterns.
        An even power takes a pattern and its negative for the same.
    degree : int, default=3
        Degree n of the powers, at least 1.
    beta : float, default=1.0
        Inverse temperature of the exponential.
    <update>
    <threshold>
    <max_iter_spins>
    random_state : int, RandomState or None, default=None
        What the order of the bits is drawn with, in `fit`.

    Attributes
    ----------
    <spin_attributes>

    See Also
    --------
    HopfieldMemory : Classical networks, with five rules.
    AttentionMemory : The same idea for patterns of real numbers.

    References
    ----------
    .. [1] D. Krotov, J. J. Hopfield, "Dense Associative Memory for Pattern Recognition", 2016,
       arXiv:1606.01164.
    .. [2] M. Demircigil, J. Heusel, M. Loewe, S. Upgang, F. Vermet, "On a model of associative
       memory with huge storage capacity", 2017, arXiv:1702.01929.

    Examples
    --------
    >>> from skdam import BinaryMemory
    >>> memory = BinaryMemory(random_state=0).fit([[1, 1, 1, 0, 0, 0], [0, 1, 0, 1, 0, 1]])
    >>> memory.transform([[1.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    array([[ 1.,  1.,  1., -1., -1., -1.]])
    >>> memory.retrieve([[1, 1, 0, 0, 0, 0]]).recalled
    array([0])
    >>> memory.energy([[1, 1, 1, 0, 0, 0]])
    array([-216.])
    """

    _parameter_constraints: ClassVar[dict] = {
        "interaction": [StrOptions(set(INTERACTIONS))],
        "degree": [Number(Integral, 1, None, closed="left")],
        "beta": [POSITIVE],
        **SpinMemory._parameter_constraints,
    }

    def __init__(
        self,
        interaction: str = "rectified",
        degree: int = 3,
        *,
        beta: float = 1.0,
        update: str = "asynchronous",
        threshold: float | str = "midrange",
        max_iter: int = 100,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.interaction = interaction
        self.degree = degree
        self.beta = beta
        self.update = update
        self.threshold = threshold
        self.max_iter = max_iter
        self.random_state = random_state

    def partial_fit(self, X: ArrayLike, y: object = None) -> Self:
        """Store more rows after those stored before; the first rows settle the threshold.

        Parameters
        ----------
        X : array-like of shape (n, N)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As `fit`; the memory is then as it was before.
        """
        return self._append(X)

    def _learn(self, spins: np.ndarray, before: np.ndarray) -> None:
        """Nothing: the energy is made of the patterns themselves."""

    def _prepare(self) -> None:
        self._prepared = BinaryEnergy.of(self.memories_, self._interaction())

    def _interaction(self) -> Interaction:
        return INTERACTIONS[self.interaction](self.degree, self.beta)

    def _energy(self) -> BinaryEnergy:
        return self._prepared
