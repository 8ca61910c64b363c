"""Checks at the door: the one place that touches scikit-learn's validation and its versions."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods, Interval, InvalidParameterError, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from ._math import power_of_two

FLOATS = [np.float64, np.float32]
#: Newer versions refuse a batch of zero weights, which changes nothing, unless told otherwise.
_ZEROS_ALLOWED = {
    name: True
    for name in signature(_check_sample_weight).parameters
    if name == "allow_all_zero_weights"
}


class Number(Interval):
    """An interval of numbers that True and False are not in."""

    def is_satisfied_by(self, val: object) -> bool:
        """Return whether `val` is a number of the interval and no bool."""
        return not isinstance(val, bool | np.bool_) and super().is_satisfied_by(val)


class ObjectWith(HasMethods):
    """Objects that have some methods, and no classes."""

    def is_satisfied_by(self, val: object) -> bool:
        """Return whether `val` is such an object."""
        return not isinstance(val, type) and super().is_satisfied_by(val)


POSITIVE = Number(Real, 0, np.inf, closed="neither")
NOT_NEGATIVE = Number(Real, 0, np.inf, closed="left")
COUNT = Number(Integral, 1, None, closed="left")
SHARE = Number(Real, 0, 1, closed="both")


@contextmanager
def all_or_nothing(estimator: BaseEstimator) -> Iterator[None]:
    """Put the estimator back as it was if anything goes wrong, an interrupt included."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Say which argument it is that is wrong."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def check_rows(
    X: ArrayLike,
    estimator: BaseEstimator | None = None,
    *,
    reset: bool = False,
    gaps: bool = False,
    single: bool = False,
) -> np.ndarray:
    """Return rows of float64 or float32 (kept) in C order; with `gaps` NaN is let through.

    With an estimator, features are counted and named (`reset`) or compared; without one rows are
    float64, unless `single` keeps float32.
    """
    refuse_silent_casts(X, "X")
    if isinstance(X, np.ndarray):
        X = X.astype(X.dtype.newbyteorder("="), copy=False)
    options = {"dtype": FLOATS, "order": "C", "ensure_all_finite": "allow-nan"}
    with np.errstate(over="ignore", invalid="ignore"):  # scikit-learn adds up all of X
        if estimator is None:
            rows = check_array(X, input_name="X", **options)
            rows = rows if single else rows.astype(np.float64, copy=False)
        else:
            rows = validate_data(estimator, X, reset=reset, **options)
    if not gaps:
        _refuse_gaps(rows)
    return rows


def gaps_as_nan(X: Any) -> Any:
    """Return X with None and pandas.NA as NaN, where they hide among objects."""
    if getattr(X, "isetitem", None):  # a pandas data frame keeps its names
        frame = X.copy(deep=False)
        for i in np.flatnonzero([dtype.kind == "O" for dtype in X.dtypes]):
            frame.isetitem(i, _without_na(X.iloc[:, i].to_numpy(dtype=object)))
        return frame
    values = X
    if isinstance(X, list | tuple) and not any(map(issparse, X)):
        values = np.asarray(X)
    is_plain = isinstance(values, np.ndarray) and not isinstance(values, np.ma.MaskedArray)
    return _without_na(values) if is_plain and values.dtype.kind == "O" else X


def _without_na(values: np.ndarray) -> np.ndarray:
    missing = [value is None or type(value).__name__ == "NAType" for value in values.flat]
    return np.where(np.reshape(missing, values.shape), np.nan, values)


def check_rows_or_csr(
    X: ArrayLike, estimator: BaseEstimator, *, reset: bool = False
) -> np.ndarray | csr_array:
    """Return finite rows as `check_rows` does, or a CSR matrix of float64 or float32."""
    if not issparse(X):
        return check_rows(X, estimator, reset=reset)
    return csr_array(validate_data(estimator, X, reset=reset, accept_sparse="csr", dtype=FLOATS))


def check_vectors(V: ArrayLike, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """Return finite vectors, one for each row; a single one counts for all of them."""
    refuse_silent_casts(V, "V")
    vectors = check_array(V, ensure_2d=False, allow_nd=True, dtype=FLOATS, input_name="V")
    if vectors.shape not in (shape, shape[1:]):
        raise ValueError(f"V must have shape {shape[1:]} or {shape}, got {vectors.shape}.")
    return np.broadcast_to(vectors.astype(dtype, copy=False), shape)


def _refuse_gaps(X: np.ndarray) -> None:
    gaps = np.isnan(X).any(axis=1)
    if gaps.any():
        raise ValueError(
            f"X contains NaN in {gaps.sum()} rows, the first of them row {gaps.argmax()}. Fill the"
            " gaps, or complete them with a kernel memory: retrieve(X, known=~np.isnan(X))."
        )


def refuse_silent_casts(values: Any, name: str) -> None:
    """Refuse dates and masked entries, which scikit-learn would silently turn into numbers."""
    if issparse(values):
        return  # check_array's own message names .toarray()
    parts = values if isinstance(values, list | tuple) else [values]
    if any(np.ma.is_masked(part) for part in parts):
        raise TypeError(
            f"{name} is a masked array with masked entries, which would be read as data."
            " Fill or impute them first; gaps in queries may be NaN in retrieve(X, known=~X.mask)."
        )
    if any(_holds_times(column) for column in _columns(values)):
        raise TypeError(f"{name} holds dates or time differences, not numbers.")


def _columns(values: Any) -> list[np.ndarray]:
    """Return the columns of a data frame, or the whole of anything else, as arrays."""
    names = getattr(values, "columns", None)
    return [np.asarray(values)] if names is None else [np.asarray(values[n]) for n in names]


def _holds_times(column: np.ndarray) -> bool:
    if column.dtype == object:
        return any(isinstance(value, np.datetime64 | np.timedelta64) for value in column.flat)
    return column.dtype.kind in "mM"


def check_weights(sample_weight: ArrayLike | None, X: np.ndarray) -> np.ndarray:
    """Return one float64 weight per row, finite and not negative."""
    refuse_silent_casts(sample_weight, "sample_weight")
    options = {"dtype": np.float64, "ensure_non_negative": True} | _ZEROS_ALLOWED
    return _check_sample_weight(sample_weight, X, **options)


def check_named_rows(X: ArrayLike, name: str, *, gaps: bool = False) -> np.ndarray:
    """Return checked rows; what is said of them has their name."""
    with naming(name):
        return check_rows(X, gaps=gaps, single=True)


def check_total(weights: np.ndarray) -> None:
    """Refuse weights that leave nothing, or whose sum or ratios are not representable."""
    with np.errstate(over="ignore"):
        total = weights.sum()
    if total == 0:
        raise ValueError("sample_weight must not be all zero: no memory would be left.")
    if total == np.inf:
        raise ValueError(f"sample_weight must have a finite sum, got {total}.")
    largest = weights.max()
    scaled = weights / power_of_two(largest)
    if np.any(scaled * power_of_two(largest) != weights):
        least = weights[weights > 0].min()
        raise ValueError(
            "sample_weight must not differ by more than float64 can tell, got positive weights from"
            f" {least:.6g} to {largest:.6g}."
        )


def check_labels(y: ArrayLike, X: np.ndarray, estimator: BaseEstimator) -> np.ndarray:
    """Return one label for each row."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    labels = column_or_1d(y, warn=True)
    check_consistent_length(X, labels)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    return labels


def check_known(known: ArrayLike, X: np.ndarray) -> np.ndarray:
    """Return the mask of known coordinates for each row of X, whose gaps must be unknown."""
    known = np.asarray(known)
    if known.dtype != bool or known.shape not in (X.shape, X.shape[1:]):
        raise ValueError(
            f"known must be a boolean mask of shape {X.shape[1:]} or {X.shape},"
            f" got {known.dtype} of shape {known.shape}."
        )
    known = np.broadcast_to(known, X.shape)
    gaps = np.isnan(X) & known
    if gaps.any():
        raise ValueError(
            f"X is NaN in {gaps.sum()} coordinates that `known` marks as known,"
            f" the first in row {np.flatnonzero(gaps.any(axis=1))[0]}."
        )
    return known


def check_positive(value: ArrayLike, name: str) -> np.ndarray:
    """Return positive finite numbers as float64."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or not np.all((array > 0) & (array < np.inf)):
        raise InvalidParameterError(f"{name} must be positive and finite, got {value!r}.")
    return array.astype(np.float64)


def check_count(value: int, name: str) -> int:
    """Return a positive integer."""
    return int(check_allowed(value, name, COUNT))


def check_allowed(value: Any, name: str, allowed: Number | StrOptions) -> Any:
    """Return a number of an interval, or a string that is an option."""
    if not allowed.is_satisfied_by(value):
        raise InvalidParameterError(f"{name} must be {allowed}, got {value!r}.")
    return value


def check_method(step: Any, name: str, method: str) -> Any:
    """Return a step of a pipeline that has a method; None and "passthrough" have any."""
    if step not in (None, "passthrough") and not HasMethods(method).is_satisfied_by(step):
        raise TypeError(f"step {name!r} of the pipeline must have {method!r}, got {step!r}.")
    return step


def check_fraction(fraction: float) -> float:
    """Return a number in (0, 1]."""
    if not Number(Real, 0, 1, closed="right").is_satisfied_by(fraction):
        raise InvalidParameterError(f"fraction must be in (0, 1], got {fraction!r}.")
    return float(fraction)


def check_representable(bandwidth: float) -> float:
    """Return a bandwidth that can be measured with."""
    tiny, huge = np.finfo(np.float64).tiny, np.finfo(np.float64).max / 4
    if not tiny <= bandwidth <= huge:
        raise ValueError(
            f"bandwidth={bandwidth} is not representable: it must lie between {tiny} and {huge}."
            " Rescale X, or pass bandwidth=<float>."
        )
    return float(bandwidth)
