"""Rows of a Dask array, block by block."""

from collections.abc import Callable
from typing import Any

import numpy as np


def row_blocks(X: Any) -> list:
    """Return the blocks of rows of a Dask array of shape (n, D), as delayed objects."""
    import dask.array as da

    if not isinstance(X, da.Array):
        raise TypeError(
            f"X must be a Dask array, got {type(X).__name__}. dask.array.from_array makes one of an"
            " array, and to_dask_array(lengths=True) of a Dask data frame."
        )
    if X.ndim != 2:
        raise ValueError(f"X must have 2 dimensions, got shape {X.shape}.")
    if np.isnan(X.shape).any():
        raise ValueError(f"X has blocks of unknown size, {X.chunks}: call compute_chunk_sizes().")
    if not X.shape[0]:
        raise ValueError(f"X has no rows: shape {X.shape}.")
    return [block for block, n in zip(_whole_rows(X), X.chunks[0], strict=True) if n]


def _whole_rows(X: Any) -> list:
    return list(X.rechunk({1: -1}).to_delayed().ravel())


def by_blocks(answer: Callable, memory: Any, X: Any, width: int | None, dtype: type) -> Any:
    """Return the Dask array of ``answer(memory, block)`` for each block of rows."""
    import dask
    import dask.array as da

    blocks, sizes = row_blocks(X), [n for n in X.chunks[0] if n]
    shared = dask.delayed(memory, traverse=False)
    parts = [
        da.from_delayed(
            dask.delayed(answer)(shared, block),
            shape=(n,) if width is None else (n, width),
            dtype=dtype,
        )
        for block, n in zip(blocks, sizes, strict=True)
    ]
    return da.concatenate(parts)
