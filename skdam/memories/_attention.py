"""Attention as an associative memory: modern Hopfield networks."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._validation import check_rows
from ..energies import SIMILARITIES, OverlapEnergy, Similarity
from ._attention_base import BaseAttention
from ._docs import shared


def _has_energy(memory: AttentionMemory) -> bool:
    return isinstance(memory.similarity, str) and memory.similarity in {"dot", "euclidean"}


@shared()
class AttentionMemory(BaseAttention):
    r"""Store patterns; replace a query by the mean of the memories that it attends to.

    .. math:: x' = \sum_\mu p_\mu \xi_\mu,\qquad p = \mathrm{sep}\big(\beta\, s(x, \xi_\mu)\big)

    With the softmax of dot products that is the attention of transformers, and a modern Hopfield
    network [1]_; the other pairs follow its parts, similarity, separation and projection [2]_. With
    sparse separations a memory whose score leads by enough comes back exactly, in one step [3]_.

    Parameters
    ----------
    beta : float, default=8.0
        Inverse temperature: towards 0 the result is the mean of all memories, towards infinity the
        most similar one. In inverse units of the similarity.
    similarity : {"cosine", "dot", "euclidean", "manhattan"}, default="cosine"
        s: the cosine of the angle, ``xi . x``, ``-|x - xi|^2 / 2`` or ``-sum |x - xi|``. "dot"
        prefers long memories, whatever the query; "manhattan" is best on patterns of which parts
        are missing.
    <separation>
    <max_iter_attention>
    <tol_attention>

    Attributes
    ----------
    <attention_attributes>

    See Also
    --------
    GaussianMemory : Euclidean attention until it stays, as a normalised density.
    KernelizedMemory : Attention under a learned similarity.

    Notes
    -----
    `energy`, `gradient` and `score_samples` are there for "dot" and "euclidean", whose step
    descends an energy; for the others none of this form exists. A fitted memory holds its training
    rows verbatim: a file of it is training data.

    References
    ----------
    .. [1] H. Ramsauer et al., "Hopfield Networks is All You Need", 2020, arXiv:2008.02217.
    .. [2] B. Millidge, T. Salvatori, Y. Song, T. Lukasiewicz, R. Bogacz, "Universal Hopfield
       Networks", 2022, arXiv:2202.04557.
    <santos>

    Examples
    --------
    >>> from skdam import AttentionMemory
    >>> X = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    >>> memory = AttentionMemory(separation="sparsemax").fit(X, values=["a", "b", "c"])
    >>> memory.transform([[0.9, 0.2, 0.1]])
    array([[1., 0., 0.]])
    >>> memory.recall([[0.9, 0.2, 0.1], [0.0, 0.1, 0.7]])
    array(['a', 'c'], dtype='<U1')
    >>> memory.metastability([[0.9, 0.2, 0.1], [1.0, 1.0, 1.0]]).round(3)
    array([1., 3.])
    """

    _parameter_constraints: ClassVar[dict] = {
        "similarity": [StrOptions(set(SIMILARITIES))],
        **BaseAttention._parameter_constraints,
    }

    def __init__(
        self,
        beta: float = 8.0,
        *,
        similarity: str = "cosine",
        separation: str = "softmax",
        max_iter: int = 1,
        tol: float = 1e-4,
    ) -> None:
        self.beta = beta
        self.similarity = similarity
        self.separation = separation
        self.max_iter = max_iter
        self.tol = tol

    @available_if(_has_energy)
    def energy(self, X: ArrayLike) -> np.ndarray:
        r"""Return the energy of each row, for "dot" and "euclidean".

        .. math:: E = \tfrac1\beta[\Psi^*(0) - \Psi^*(\beta\,\Xi x)]
                  + \tfrac12\lVert x\rVert^2 + \tfrac12 M^2,\qquad
                  E = \tfrac1\beta[\Psi^*(0) - \Psi^*(-\tfrac\beta2\lVert x - \xi\rVert^2)]

        with the conjugate of the separation (softmax: log-sum-exp) and M the largest norm of a
        memory. The first lies between ``(|x| - M)^2 / 2`` and ``(|x| + M)^2 / 2``.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64
            In squared data units; not negative.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        return self._of_rows(OverlapEnergy.value, X)

    @available_if(_has_energy)
    def gradient(self, X: ArrayLike) -> np.ndarray:
        """Return the gradient of the energy at each row: the row less its next state.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n, D), float64

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        return self._of_rows(OverlapEnergy.gradient, X)

    @available_if(_has_energy)
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return -beta times the energy: a log density up to a constant.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        energy = self.energy(X)
        return 0.0 - self._energy().beta * energy

    def _of_rows(
        self, formula: Callable[[OverlapEnergy, np.ndarray], np.ndarray], X: ArrayLike
    ) -> np.ndarray:
        check_is_fitted(self)
        rows = check_rows(X, self).astype(np.float64, copy=False)
        return self._by_blocks(partial(formula, self._energy()), rows)

    def _learn(self, memories: np.ndarray) -> None:
        """Nothing: all similarities are given."""

    def _similarity(self, memories: np.ndarray) -> Similarity:
        return SIMILARITIES[self.similarity](memories, self.beta)

    @property
    def _value(self) -> Callable[[np.ndarray], np.ndarray] | None:
        return self._energy().value if _has_energy(self) else None
