"""The random-feature memory: any number of patterns in one vector."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import warnings
from functools import partial
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .._feature_energy import Estimate
from .._validation import COUNT, NOT_NEGATIVE, POSITIVE, Number, ObjectWith, check_known, check_rows
from ..bandwidths import RULES
from ..dynamics import RetrievalResult, Settled, fixed_point
from ..kernels import KERNELS
from ._docs import shared
from ._feature_choice import FEATURE_MAPS
from ._feature_store import FeatureStore
from ._retrieval import recorded, report_moving


@shared()
class RandomFeatureMemory(FeatureStore):
    r"""Store any number of patterns in one vector of random features; stream, merge and forget.

    .. math:: \hat E(x) = -\sigma^2\log\max\big(\hat S(x), s(x)\big),\qquad
              \hat S(x) = \langle\phi(x), T\rangle,\qquad T = \sum_\mu w_\mu\,\phi(\xi_\mu)

    The vector T has a fixed length, whatever the number of memories: patterns are added to it and
    taken from it again, and the vectors of two memories with the same map add up [1]_. The price is
    an error: S is a mean over independent terms, and at a memory its standard error is about
    ``sqrt(K / n_components)`` of a memory's own kernel for K memories far apart. A memory that
    retrieves needs n_components far above K, whatever D is; it is smaller than the patterns
    themselves only if D is larger than ``n_components / K``. The standard error s is known
    (`standard_error`), and is the floor of the logarithm: far from all memories about half of the
    sums come out negative.

    Parameters
    ----------
    bandwidth : float or {"nearest", "scott", "silverman", "loo"}, default="nearest"
        Sigma in data units, or the rule that finds it, as for `GaussianMemory`: from the rows of
        `fit` or `fit_map`, or else of the first `partial_fit`; then it stays.
    n_components : int, default=4096
        Length of the stored vector.
    feature_map : {"fourier", "positive", "nystroem"} or transformer, default="fourier"
        Orthogonal random Fourier features, positive ones, or Nystroem's (`skdam.feature_maps`); or
        an object with ``transform`` and ``pullback``, which brings its own bandwidth and length. A
        fitted one is used as it is: so memories share a map. Others are cloned and fitted.
    step : float, default=0.3
        Share of the way to the mean memory that a step goes, 1 being mean shift of the estimate;
        it is halved where it would raise the energy.
    max_iter : int, default=200
        Most steps of one retrieval.
    <tol>
    random_state : int, RandomState or None, default=None
        What the map is drawn with.
    <n_jobs>

    Attributes
    ----------
    feature_map_ : transformer
        The fitted map.
    memory_vector_ : ndarray of shape (n_components,), float64
        T.
    n_memories_ : int
        How many patterns are in it.
    total_weight_ : float
        The sum of their weights.
    bandwidth_ : float
        Sigma, in data units.
    beta_ : float
        The inverse temperature it stands for, ``1 / bandwidth_**2``.
    n_iter_ : int
        1: storing is one pass.
    n_features_in_ : int
        Number of features D.
    feature_names_in_ : ndarray of shape (D,)
        Their names, if `X` had string column names.

    See Also
    --------
    GaussianMemory : The exact memory, which keeps the patterns.
    skdam.feature_maps : The maps, and how many features would do.

    References
    ----------
    .. [1] B. Hoover, D. H. Chau, H. Strobelt, P. Ram, D. Krotov, "Dense Associative Memory Through
       the Lens of Random Features", 2024, arXiv:2410.24153.

    Examples
    --------
    >>> from skdam import RandomFeatureMemory
    >>> memory = RandomFeatureMemory(bandwidth=0.5, random_state=0)
    >>> memory = memory.partial_fit([[0.0, 0.0]]).partial_fit([[3.0, 0.0]])
    >>> memory.transform([[0.3, 0.1]]).round(1) + 0.0
    array([[0., 0.]])
    >>> memory.forget([[0.0, 0.0]]).n_memories_
    1
    """

    _parameter_constraints: ClassVar[dict] = {
        "bandwidth": [POSITIVE, StrOptions(set(RULES))],
        "n_components": [COUNT],
        "feature_map": [StrOptions(set(FEATURE_MAPS)), ObjectWith(["transform", "pullback"])],
        "step": [Number(Real, 0, 1, closed="right")],
        "max_iter": [COUNT],
        "tol": [NOT_NEGATIVE],
        "random_state": ["random_state"],
        "n_jobs": [Number(Integral, None, -1, closed="right"), COUNT, None],
    }

    def __init__(
        self,
        bandwidth: float | str = "nearest",
        n_components: int = 4096,
        *,
        feature_map: object = "fourier",
        step: float = 0.3,
        max_iter: int = 200,
        tol: float = 1e-6,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.n_components = n_components
        self.feature_map = feature_map
        self.step = step
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the state that each query is pulled to.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Queries.

        Returns
        -------
        ndarray of shape (n, D)
            Retrieved states, float32 for float32 queries. A query whose kernel sum is below its
            standard error stays where it is: nothing is known that could pull on it. No step leads
            out of a box twice as wide as that of the memories (about its middle), nor farther out
            for a query beyond it; none raises the energy.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.

        Warns
        -----
        ConvergenceWarning
            Once per call, with the number of queries that `max_iter` cut short.
        UserWarning
            Once per call, with the number of queries whose kernel sum is below its standard error.
        """
        check_is_fitted(self)
        X = check_rows(X, self)
        queries = X.astype(np.float64, copy=False)
        settled = Settled.join(self._split(lambda rows: self._settle_rows(queries[rows]), len(X)))
        self._report(self._estimate(queries).at_floor, settled.converged)
        return settled.state.astype(X.dtype, copy=False)

    def retrieve(
        self, X: ArrayLike, known: ArrayLike | None = None, record: bool = False
    ) -> RetrievalResult:
        """Retrieve each query and tell how it went.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Queries. With `known`, NaN is allowed in coordinates that are not known.
        known : array-like of bool of shape (D,) or (n, D), optional
            Coordinates that are held at the values given, bit for bit; only the others move. These
            start at the values given, or where they are NaN at those of the mean memory.
        record : bool, default=False
            Whether to keep every query's trajectory and its energies.

        Returns
        -------
        RetrievalResult
            `in_support` tells whose kernel sum is above its standard error at the start. No pattern
            is kept: `recalled` is -1, and `members` has no columns.

        Raises
        ------
        ValueError
            As `transform`, or if `known` is not such a mask or marks a NaN as known; or if gaps are
            to start at a mean memory whose sum is beyond the floats.

        Warns
        -----
        ConvergenceWarning, UserWarning
            As `transform`.
        """
        check_is_fitted(self)
        X = check_rows(X, self, gaps=known is not None)
        start, held = X.astype(np.float64), None
        if known is not None:
            held = check_known(known, X)
            if np.isnan(start).any():
                start = np.where(np.isnan(start), self._mean_memory(), start)

        def work(rows: slice) -> Settled:
            return self._settle_rows(start[rows], None if held is None else held[rows], record)

        settled = Settled.join(self._split(work, len(X)))
        at_floor = self._estimate(start).at_floor
        self._report(at_floor, settled.converged)
        return self._described(settled, ~at_floor, X.dtype)

    def energy(self, X: ArrayLike) -> np.ndarray:
        """Return the estimated energy of each row.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64
            In squared data units; finite wherever ``bandwidth_**2`` is.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.

        Warns
        -----
        UserWarning
            Once per call, with the number of rows whose kernel sum is below its standard error,
            which counts instead.
        """
        return self._energy().energy_of(self._told(self._checked(X)))

    def gradient(self, X: ArrayLike) -> np.ndarray:
        """Return the estimated gradient of the energy at each row.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n, D), float64
            In data units; 0 at the floor.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.

        Warns
        -----
        UserWarning
            As `energy`.
        """
        X = self._checked(X)
        self._told(X)
        return np.concatenate(self._split(lambda rows: self._energy().gradient(X[rows]), len(X)))

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the estimated log density of each row.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64
            In nats, ``log max(S, s) - log(sum of weights) - log Z``; finite everywhere. See
            `standard_error` for how well it is known.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.

        Warns
        -----
        UserWarning
            As `energy`.
        """
        estimate = self._told(self._checked(X))
        log_normaliser = KERNELS["gaussian"].log_normaliser(self.n_features_in_, self.bandwidth_)
        return np.log(estimate.floored) - (np.log(self.total_weight_) + log_normaliser)

    def standard_error(self, X: ArrayLike) -> np.ndarray:
        """Return the standard error of each log density, ``s / max(S, s)``.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64
            In nats, at most 1. For frequencies drawn one by one S lies within 1.96 s of the kernel
            sum for 95 of 100 rows; orthogonal ones err less than s says. The terms of "positive"
            are so uneven some bandwidths from the mean that s comes out too small there. For
            "nystroem" s is a bound of the error.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        estimate = self._estimate(self._checked(X))
        return estimate.error / estimate.floored

    def _settle_rows(
        self, X: np.ndarray, held: np.ndarray | None = None, record: bool = False
    ) -> Settled:
        energy = self._energy()
        return fixed_point(
            energy,
            X,
            max_iter=self.max_iter,
            tol=self.tol,
            held=held,
            record=record,
            step=None if held is None else (lambda rows, part: energy.step(part, held[rows])),
        )

    def _described(
        self, settled: Settled, in_support: np.ndarray, dtype: np.dtype
    ) -> RetrievalResult:
        n = len(settled.state)
        result = RetrievalResult(
            settled.state.astype(dtype, copy=False),
            self._energy().value(settled.state),
            settled.n_iter,
            settled.converged,
            in_support,
            np.full(n, -1),
            partial(csr_array, (n, 0)),
        )
        return recorded(result, settled, self._energy().value)

    def _checked(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        return check_rows(X, self).astype(np.float64, copy=False)

    def _estimate(self, X: np.ndarray) -> Estimate:
        energy = self._energy()
        parts = self._split(lambda rows: energy.estimate(X[rows]), len(X))
        return Estimate(*(np.concatenate(values) for values in zip(*parts, strict=True)))

    def _told(self, X: np.ndarray) -> Estimate:
        estimate = self._estimate(X)
        self._report(estimate.at_floor, np.ones(len(X), dtype=bool), stacklevel=4)
        return estimate

    def _report(self, at_floor: np.ndarray, converged: np.ndarray, stacklevel: int = 3) -> None:
        if at_floor.any():
            warnings.warn(
                f"{at_floor.sum()} of {len(at_floor)} queries have a kernel sum below its standard"
                " error, which counts in its place: they are too far from all memories, or"
                f" n_components={len(self.memory_vector_)} are too few for"
                f" {self.n_memories_} memories.",
                UserWarning,
                stacklevel=stacklevel,
            )
        report_moving(converged, self.max_iter, stacklevel)
