"""The classical Hopfield network, under five rules."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import warnings
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from ..energies import QuadraticEnergy
from ..learning import INCREMENTAL, RULES
from ._docs import shared
from ._spins import SpinMemory


def _is_incremental(memory: HopfieldMemory) -> bool:
    return isinstance(memory.rule, str) and memory.rule in INCREMENTAL


@shared(cycles=" and may run in a cycle of two states")
class HopfieldMemory(SpinMemory):
    r"""Store patterns of +-1 in the couplings of a classical Hopfield network.

    .. math:: E(\sigma) = -\tfrac12\,\sigma^T W \sigma,\qquad W = W^T,\quad W_{ii} = 0

    A bit takes the sign of its field, ``W sigma``, and stays on a tie, until all bits stay [1]_.

    Parameters
    ----------
    rule : str, default="pseudo_inverse"
        How couplings are learned, "pseudo_inverse", "hebbian", "storkey", "delta" or "perceptron"
        (`skdam.learning`): "hebbian" stores some 0.14 N random patterns,
        "storkey" more, the others up to about N, with ever smaller basins.
    <update>
    <threshold>
    <max_iter_spins>
    random_state : int, RandomState or None, default=None
        What the order of the bits is drawn with, in `fit`.

    Attributes
    ----------
    couplings_ : ndarray of shape (N, N), float64
        W.
    <spin_attributes>

    See Also
    --------
    BinaryMemory : Interactions of higher degree, which store many more patterns.
    skdam.learning : The rules.

    References
    ----------
    .. [1] J. J. Hopfield, "Neural networks and physical systems with emergent collective
       computational abilities", 1982.

    Examples
    --------
    >>> from skdam import HopfieldMemory
    >>> memory = HopfieldMemory(random_state=0).fit([[1, 1, 1, 0, 0, 0], [0, 1, 0, 1, 0, 1]])
    >>> memory.transform([[1.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    array([[ 1.,  1.,  1., -1., -1., -1.]])
    """

    couplings_: np.ndarray

    _parameter_constraints: ClassVar[dict] = {
        "rule": [StrOptions(set(RULES))],
        **SpinMemory._parameter_constraints,
    }

    def __init__(
        self,
        rule: str = "pseudo_inverse",
        *,
        update: str = "asynchronous",
        threshold: float | str = "midrange",
        max_iter: int = 100,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.rule = rule
        self.update = update
        self.threshold = threshold
        self.max_iter = max_iter
        self.random_state = random_state

    @available_if(_is_incremental)
    def partial_fit(self, X: ArrayLike, y: object = None) -> Self:
        """Store more rows (of "hebbian" and "storkey"); the first rows settle the threshold.

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
        known = (self.couplings_,) if len(before) else ()
        self.couplings_ = RULES[self.rule](spins, *known)
        if not self.couplings_.any() and spins.shape[1] > 1:
            warnings.warn(
                f"The couplings are all 0 after {len(spins)} patterns of {spins.shape[1]} bits:"
                " every state stays as it is. Store fewer patterns, or take BinaryMemory.",
                UserWarning,
                stacklevel=4,
            )

    def _prepare(self) -> None:
        self._prepared = QuadraticEnergy.of(self.couplings_)

    def _energy(self) -> QuadraticEnergy:
        return self._prepared
