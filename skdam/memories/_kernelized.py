"""Attention under a learned similarity: kernelised memories."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from .._math import distinct_rows, power_of_two, row_blocks
from .._spreading import simplex_bound, smallest_angle, spread
from .._validation import COUNT
from ..energies import Cosine, Similarity, directions
from ._attention_base import BaseAttention
from ._docs import shared

#: Corrupted copies are as many, and that far off, in standard deviations of each feature.
_COPIES, _NOISE = 1024, 0.5
_TINY = np.finfo(np.float64).tiny


@shared()
class KernelizedMemory(BaseAttention):
    r"""Store patterns; attend to them under a linear map that spreads them over the sphere.

    .. math:: x' = \sum_\mu p_\mu \xi_\mu,\qquad
              p = \mathrm{sep}\Big(\beta\,
              \frac{W x \cdot W \xi_\mu}{|W x|\,|W \xi_\mu|}\Big)

    W maximises the smallest angle between stored patterns, and so the capacity [1]_, [2]_; it is
    found by projected gradients. What separates patterns may amplify noise as well, so that by
    default the map is kept only if it pays in recall.

    Parameters
    ----------
    beta : float, default=8.0
        Inverse temperature, of cosines.
    n_components : int or None, default=None
        Rows of a learned W; None means as many as features, or as distinct memories if these are
        fewer.
    learn_map : {"auto", True, False}, default="auto"
        Whether W is learned, or the identity, with which this is `AttentionMemory`. "auto" learns
        it and keeps it if it retrieves better: of copies of at most 1024 memories, with Gaussian
        noise of half the standard deviation of each feature, that many more have to attend most to
        their own memory under W than under the identity that the difference exceeds two standard
        errors, ``2 sqrt(number of copies on which the two differ)``.
    <separation>
    <max_iter_attention>
    <tol_attention>
    random_state : int, RandomState or None, default=None
        What starts and noise are drawn with, in `fit`.

    Attributes
    ----------
    map_ : ndarray of shape (n_components, D) or (D, D)
        W, the squares of whose rows' lengths are 1 on average; or the identity.
    is_learned_ : bool
        Whether the learned map was kept.
    separation_ : float
        The smallest angle between two distinct memories under it, in radians.
    simplex_bound_ : float
        What no map can exceed: ``arccos(-1 / (K - 1))``, reached only if the K distinct memories
        are linearly independent and ``K <= n_components + 1``. Pi for a single one.
    separation_curve_ : ndarray
        The smallest angle at each step of learning (among at most 512 memories); empty if no map
        was learned.
    <attention_attributes>

    See Also
    --------
    AttentionMemory : Attention under a similarity that is given.

    Notes
    -----
    <persistence>

    References
    ----------
    .. [1] D. Wu, J. Y.-C. Hu, T.-Y. Hsiao, H. Liu, "Uniform Memory Retrieval with Larger Capacity
       for Modern Hopfield Models", 2024, arXiv:2404.03827.
    .. [2] J. Y.-C. Hu, D. Wu, H. Liu, "Provably Optimal Memory Capacity for Modern Hopfield Models:
       Transformer-Compatible Dense Associative Memories as Spherical Codes", 2024,
       arXiv:2410.23126.

    Examples
    --------
    >>> from skdam import KernelizedMemory
    >>> X = [[5.0, 1.0, 0.0], [5.0, 0.0, 1.0], [5.0, 0.5, 0.5]]
    >>> memory = KernelizedMemory(learn_map=True, random_state=0).fit(X)
    >>> memory.map_.shape
    (3, 3)
    >>> memory.retrieve([[5.0, 0.9, 0.1]]).recalled
    array([0])
    """

    _learned: np.ndarray | None

    _parameter_constraints: ClassVar[dict] = {
        **BaseAttention._parameter_constraints,
        "n_components": [COUNT, None],
        "learn_map": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        beta: float = 8.0,
        n_components: int | None = None,
        *,
        learn_map: bool | str = "auto",
        separation: str = "softmax",
        max_iter: int = 1,
        tol: float = 1e-4,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.beta = beta
        self.n_components = n_components
        self.learn_map = learn_map
        self.separation = separation
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @property
    def map_(self) -> np.ndarray:
        """W: what was learned, or the identity."""
        return np.eye(self.n_features_in_) if self._learned is None else self._learned

    @property
    def is_learned_(self) -> bool:
        """Whether the learned map was kept."""
        return self._learned is not None

    def _learn(self, memories: np.ndarray) -> None:
        distinct = memories[distinct_rows(memories)[0]]
        distinct = distinct / power_of_two(max(float(np.abs(distinct).max()), _TINY))
        self._learned, self.separation_curve_ = None, np.empty(0)
        self.simplex_bound_ = simplex_bound(len(distinct))
        if self.learn_map and len(distinct) > 1:
            self._learn_map(distinct)
        self.separation_ = smallest_angle(directions(distinct, self._learned))

    def _learn_map(self, memories: np.ndarray) -> None:
        rng = check_random_state(self.random_state)
        learned = spread(memories, self.n_components or min(memories.shape), rng)
        self.separation_curve_ = learned.curve
        if self.learn_map != "auto" or _retrieves_better(learned.linear_map, memories, rng):
            self._learned = learned.linear_map

    def _similarity(self, memories: np.ndarray) -> Similarity:
        return Cosine.of(memories, self._learned)

    @property
    def _value(self) -> Callable[[np.ndarray], np.ndarray] | None:
        return None


def _retrieves_better(
    linear_map: np.ndarray, memories: np.ndarray, rng: np.random.RandomState
) -> bool:
    """Return whether more corrupted copies attend most to their own memory than by the identity."""
    own = np.resize(rng.permutation(len(memories))[:_COPIES], _COPIES)
    noise = rng.standard_normal((_COPIES, memories.shape[1]))
    copies = memories[own] + _NOISE * memories.std(axis=0) * noise
    hits = [_best(Cosine.of(memories, given), copies) == own for given in (linear_map, None)]
    gain, differing = hits[0].sum() - hits[1].sum(), np.sum(hits[0] != hits[1])
    return bool(gain > 2.0 * np.sqrt(differing))


def _best(similarity: Cosine, X: np.ndarray) -> np.ndarray:
    """Return the memory most similar to each row."""
    blocks = row_blocks(len(X), 16 * len(similarity.patterns))
    return np.concatenate([similarity.scores(X[rows])[0].argmax(axis=1) for rows in blocks])
