"""Rows with gaps, completed by a memory of rows like them."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import hashlib
from collections import Counter
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from sklearn.base import TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import MissingIndicator
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from .._conditional import Conditional
from .._math import Floats
from .._saved import Saved
from .._validation import all_or_nothing, check_rows, check_total, check_weights, gaps_as_nan
from ..memories._kernel import EpanechnikovMemory
from ..memories._kernel_base import KERNEL_MEMORY, BaseKernelMemory
from ._gaps import complete_rows


class MemoryImputer(TransformerMixin, Saved):
    r"""Complete rows with gaps by a kernel memory of rows like them.

    A memory is a density, so that it knows what the missing coordinates of a row may be, given the
    m that are missing and the observed ones, o: a mixture again, with a share for each memory of

    .. math:: a_\mu \propto w_\mu \int_0^\infty k(u_\mu + v)\, v^{m/2-1}\, dv, \qquad
              u_\mu = \lVert x_o - \xi_{\mu,o} \rVert^2 / r^2

    which is :math:`(1 - u_\mu)^{1+m/2}` for the Epanechnikov kernel and
    :math:`\exp(-u_\mu / 2)` for the Gaussian. Observed entries are kept bit for bit.

    Parameters
    ----------
    memory : EpanechnikovMemory, GaussianMemory or KernelMemory, default=None
        The memory, which is cloned; None means ``EpanechnikovMemory(bandwidth="scott")``. Give one
        to search its bandwidth, as ``memory__bandwidth``: good ones lie within half to twice
        "scott" for means; "nearest", the memories' default, is much narrower, and completes a row
        from the one or two rows most like it.
    completion : {"mean", "retrieve", "sample"}, default="mean"
        What gaps are filled with:

        - "mean": the conditional mean, :math:`\sum_\mu a_\mu \xi_{\mu,m}`, which has the least
          squared error.
        - "retrieve": a whole pattern. From the mean the missing coordinates move by the memory's
          `retrieve`, the observed ones held: they end at those of a stored pattern, or at the mean
          of the several memories that make an emergent one.
        - "sample": a draw of the conditional density, exact, for multiple imputation: fit with
          several `random_state`. The kernel's own width is part of that density.

        Where no memory reaches a row, mean and sample are the memory nearest in the observed
        features, and "retrieve" follows the memory's `outside`. Where nothing is observed, the mean
        is that of all memories, and the sample a draw of the whole density.
    add_indicator : bool, default=False
        Whether to append a column for each feature that `fit` saw gaps in: 1 for a gap, else 0.
    keep_empty_features : bool, default=False
        Whether features without a single observed entry in `fit` are kept, their gaps filled with
        0, or dropped.
    random_state : int, RandomState or None, default=None
        What "sample" draws from. `fit` draws one seed; the draw for a row depends on that, on the
        row's own values, and on how many rows equal to it came before in the same call: not on
        the others. The same call twice gives the same.

    Attributes
    ----------
    memory_ : kernel memory
        The fitted memory; its ``memories_`` are the completed rows, of the features that
        `observed_features_` marks. Rows of which nothing is observed are not stored.
    observed_features_ : ndarray of shape (D,), bool
        Features with an observed entry in `fit`.
    indicator_ : MissingIndicator or None
    seed_ : int or None
        What draws start from; None unless ``completion="sample"``.
    n_features_in_ : int
        Number of features D.
    feature_names_in_ : ndarray of shape (D,)
        Their names, if `X` had string column names.

    See Also
    --------
    sklearn.impute.KNNImputer : The mean of a fixed number of neighbours.
    EpanechnikovMemory.retrieve : Its `known` completes rows without a fit of their gaps.

    Notes
    -----
    Features should have about equal scales (`StandardScaler` lets gaps pass): distances add them
    up.

    A memory stores whole rows, so that `fit` completes those with gaps, and stores whole ones as
    they are. A gap of row i is first filled with the mean of the rows j that have the feature,
    under weights

    .. math:: w_j \exp(-2 d_{ij} / d_i), \qquad
              d_{ij} = \frac{v + \sum_f (x_{if} - x_{jf})^2}{1 + n_{ij}}, \qquad
              d_i = \min_j d_{ij}

    summed over the n_ij features that both rows have; v is the mean over features of twice the
    variance. Then all rows with gaps get their conditional mean under the memory of the completed
    rows but themselves, and once more: a mean over the rows that have the feature, if these have a
    hundredth of the weight, else over all. A rule for the bandwidth is applied at every
    step.

    Shares are right to about 1e-10, relative, whatever the offset and the scale of the data (unless
    weights differ by factors of 1e5 and more, which costs as many digits), and a mean never leaves
    the range of the stored column. Time is that of a matrix product over all pairs of rows with
    gaps and memories, in `transform` once, in `fit`, for training rows with gaps, about four times;
    memory is bounded by scikit-learn's `working_memory`. Kernels other than powers of ``1 - u`` and
    exponentials are integrated numerically, for each pair, which takes ten to a hundred times as
    long; the distance of their draws follows its law to 1e-5.

    A fitted imputer holds its training rows verbatim: a file of it is training data.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam import EpanechnikovMemory, MemoryImputer
    >>> X = [[0.0, 0.0], [1.0, 1.0], [9.0, 5.0], [9.5, np.nan]]
    >>> imputer = MemoryImputer(EpanechnikovMemory(2.0)).fit(X)
    >>> imputer.memory_.memories_
    array([[0. , 0. ],
           [1. , 1. ],
           [9. , 5. ],
           [9.5, 5. ]])
    >>> imputer.transform([[0.5, np.nan], [np.nan, 4.0], [7.0, None]])
    array([[0.5 , 0.5 ],
           [9.25, 4.  ],
           [7.  , 5.  ]])
    """

    _parameter_constraints: ClassVar[dict] = {
        "memory": [KERNEL_MEMORY, None],
        "completion": [StrOptions({"mean", "retrieve", "sample"})],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        memory: BaseKernelMemory | None = None,
        *,
        completion: str = "mean",
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.memory = memory
        self.completion = completion
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Complete the rows of X by each other and store them.

        Parameters
        ----------
        X : array-like of shape (K, D)
            Rows; NaN, None and pandas.NA are gaps.
        y : ignored
        sample_weight : array-like of shape (K,), optional
            Weights >= 0 of the rows. 2 is the same as a repeated row, 0 the same as none.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, `X` or `sample_weight` is out of range, nothing at all is observed, or a
            bandwidth rule finds no scale.
        TypeError
            If `X` is sparse, masked or made of dates.
        """
        with all_or_nothing(self):
            self._validate_params()
            X = check_rows(gaps_as_nan(X), self, reset=True, gaps=True)
            weights = check_weights(sample_weight, X)
            check_total(weights)
            X, weights = X[weights > 0], weights[weights > 0]
            known = ~np.isnan(X)
            if not known.any():
                raise ValueError(f"X has no observed entry in {len(X)} rows of positive weight.")
            self.observed_features_ = known.any(axis=0)
            some = known.any(axis=1)  # rows without any observed entry say nothing
            rows, weights = X[some][:, self.observed_features_], weights[some]
            memory = self._new_memory()
            filled = complete_rows(rows, weights, memory).astype(X.dtype, copy=False)
            self.memory_ = memory.fit(filled, sample_weight=weights)
            self.indicator_ = self._new_indicator(X)
            self.seed_ = self._new_seed()
            return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return X with its gaps filled.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Rows; NaN, None and pandas.NA are gaps.

        Returns
        -------
        ndarray of shape (n, D')
            The rows, float32 for float32, observed entries as they are, without the features that
            `fit` never saw (unless `keep_empty_features`), and with the indicators, if asked for.

        Raises
        ------
        ValueError
            If `X` is infinite somewhere or has the wrong number of features, or if a parameter was
            set out of range since.

        Warns
        -----
        ConvergenceWarning
            With ``completion="retrieve"``, as the memory's `retrieve`.
        """
        check_is_fitted(self)
        self._validate_params()
        X = check_rows(gaps_as_nan(X), self, gaps=True)
        completed = np.where(np.isnan(X), X.dtype.type(0), X)  # features that `fit` never saw
        features = np.flatnonzero(self.observed_features_)
        known = ~np.isnan(X[:, features])
        rows = np.flatnonzero(~known.all(axis=1))
        if rows.size:
            place = np.ix_(rows, features)
            completed[place] = self._completed(X[place], known[rows])
        if not self.keep_empty_features:
            completed = completed[:, features]
        if self.indicator_ is None:
            return completed
        return np.hstack([completed, self.indicator_.transform(X)])

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the features of `X`, if `fit` did not see them.

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        given = _check_feature_names_in(self, input_features)
        names = given if self.keep_empty_features else given[self.observed_features_]
        if self.indicator_ is None:
            return names
        return np.concatenate([names, self.indicator_.get_feature_names_out(given)])

    def _new_memory(self) -> BaseKernelMemory:
        return EpanechnikovMemory("scott") if self.memory is None else clone(self.memory)

    def _new_indicator(self, X: np.ndarray) -> MissingIndicator | None:
        return MissingIndicator(error_on_new=False).fit(X) if self.add_indicator else None

    def _new_seed(self) -> int | None:
        if self.completion != "sample":
            return None  # what draws nothing leaves the global generator alone
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _completed(self, X: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return rows with gaps, completed."""
        rows = X.astype(np.float64, copy=False)
        conditional = Conditional.of(self.memory_._energy())
        if self.completion == "sample":
            filled = conditional.draw(rows, known, *self._randomness(rows))
        else:
            parts = self.memory_._split(
                lambda part: conditional.mean(rows[part], known[part]), len(rows)
            )
            filled = np.concatenate(parts)
        if self.completion == "retrieve":
            return self.memory_.retrieve(filled, known=known).state
        return filled

    def _randomness(self, X: Floats) -> tuple[Floats, Floats]:
        """Return random numbers for each row: of the seed, its values, and how often they came.

        So that a row's draw does not depend on the batch, and equal rows get draws of their own.
        """
        if self.seed_ is None:
            raise NotFittedError("completion='sample' was set after fit: call fit again.")
        size = X.shape[1] + 2
        seen: Counter[bytes] = Counter()
        digests = []
        for row in np.where(np.isnan(X), np.nan, X + 0.0):
            values = row.tobytes()
            words = f"{self.seed_} {seen[values]} ".encode() + values
            seen[values] += 1
            digests.append(hashlib.shake_256(words).digest(8 * size))
        bits = np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, size)
        uniform = ((bits >> np.uint64(12)) + 0.5) * 2.0**-52  # in (0, 1), both ends excluded
        return uniform[:, :2], ndtri(uniform[:, 2:])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
