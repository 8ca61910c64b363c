"""What memories are associated with: vectors to average, labels to vote on, objects to pick."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_array

from .._math import Floats


def check_values(values: Any, n: int) -> Any:
    """Return values, one for each of n rows: an array if they are numbers or labels, else a list.

    Floats, and arrays of several numbers for each row, have to be finite.
    """
    if len(values) != n:
        raise ValueError(f"values must hold one item for each row of X, {n}, got {len(values)}.")
    array = _as_array(values)
    if array is None:
        return [values[i] for i in range(n)]
    if _are_vectors(array):
        check_array(array, ensure_2d=False, allow_nd=True, input_name="values")
    return array.copy()


def blended(values: Any, attention: Sequence[Floats]) -> Any:
    """Return the value of each row of attention, which comes in blocks of rows."""
    if isinstance(values, list):
        return [values[i] for shares in attention for i in shares.argmax(axis=1)]
    if _are_vectors(values):
        flat = values.reshape(len(values), -1).astype(np.float64, copy=False)
        mixed = np.concatenate([shares @ flat for shares in attention])
        kept = np.float32 if values.dtype == np.float32 else np.float64
        return mixed.reshape(-1, *values.shape[1:]).astype(kept, copy=False)
    labels, place = np.unique(values, return_inverse=True)
    votes = np.eye(len(labels))[place.ravel()]
    return labels[np.concatenate([(shares @ votes).argmax(axis=1) for shares in attention])]


def _as_array(values: Any) -> np.ndarray | None:
    """Return numbers or labels as an array; None for other objects."""
    try:
        array = np.asarray(values)
    except ValueError:  # ragged
        return None
    if array.dtype == object and all(isinstance(item, str) for item in array.flat):
        array = array.astype(str)
    labels = array.dtype.kind in "biuUS" and array.ndim == 1
    return array if labels or _are_vectors(array) else None


def _are_vectors(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or (array.dtype.kind in "biu" and array.ndim > 1)
