"""What memories are associated with: vectors to average, labels to vote on, objects to pick."""

from typing import Any

import numpy as np
from sklearn.utils import check_array

from .._math import Floats, pooled


def check_values(values: Any, n: int) -> Any:
    """Return values, one for each of n rows: an array if they are numbers or labels, else a list.

    Floats, and arrays of several numbers for each row, have to be finite.
    """
    if np.ma.is_masked(values):
        raise TypeError("values is a masked array with masked entries. Fill them first.")
    array = _as_array(values)
    if array.ndim == 0:
        raise TypeError(f"values must be a sequence or an array, got {type(values).__name__}.")
    if len(array) != n:
        raise ValueError(f"values must hold one item for each row of X, {n}, got {len(array)}.")
    if _are_vectors(array):
        check_array(array, ensure_2d=False, allow_nd=True, input_name="values")
    return array.copy() if _are_vectors(array) or _are_labels(array) else list(array)


def blended(values: Any, shares: Floats) -> Any:
    """Return the value of each row of attention."""
    if isinstance(values, list):
        return [values[i] for i in shares.argmax(axis=1)]
    if _are_vectors(values):
        kept = np.float32 if values.dtype == np.float32 else np.float64
        mixed = shares @ values.reshape(len(values), -1).astype(np.float64, copy=False)
        return mixed.reshape(-1, *values.shape[1:]).astype(kept, copy=False)
    labels, place = np.unique(values, return_inverse=True)
    return labels[pooled(shares, place.ravel()).argmax(axis=1)]


def _as_array(values: Any) -> np.ndarray:
    """Return items as an array: of numbers, of strings if all are, or of objects."""
    if isinstance(values, list | tuple):
        try:
            array = np.asarray(values)
        except ValueError:  # ragged
            return _of_objects(values)
        mixed = array.dtype.kind in "US" and not all(isinstance(v, str | bytes) for v in values)
        return _of_objects(values) if mixed or array.dtype == object else array
    array = np.asarray(values)
    if array.dtype == object and array.ndim == 1 and all(isinstance(v, str) for v in array):
        return array.astype(str)
    return array


def _of_objects(values: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _are_labels(array: np.ndarray) -> bool:
    return array.dtype.kind in "biuUS" and array.ndim == 1


def _are_vectors(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or (array.dtype.kind in "biu" and array.ndim > 1)
