"""Ask a memory about the rows of a Dask array."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..memories._base import Memory
from ._blocks import by_blocks, row_blocks
from ._sharded import ShardedMemory, kept


def transform(memory: Memory | ShardedMemory, X: Any) -> Any:
    """Return the states that queries are pulled to.

    Parameters
    ----------
    memory : fitted memory or ShardedMemory
        A fitted memory goes to every worker once, and answers block by block when the result is
        computed. The steps of a sharded one are made at once, one block of queries after another.
    X : dask.array.Array of shape (n, D)
        Rows, in blocks of known sizes.

    Returns
    -------
    dask.array.Array of shape (n, D)
        The states, in blocks of the same rows as those of `X`.

    Raises
    ------
    TypeError
        If `X` is no Dask array.
    NotFittedError
        If the memory is not fitted.
    ValueError
        If `X` has no rows or another number of features, or a block is out of range.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from skdam import EpanechnikovMemory, distributed
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> memory, queries = EpanechnikovMemory(0.5).fit(X), da.from_array(X[:100], chunks=(25, 2))
    >>> states = distributed.transform(memory, queries).compute()
    >>> np.array_equal(states, memory.transform(X[:100]))
    True
    """
    blocks = _checked_blocks(memory, X)
    if not isinstance(memory, ShardedMemory):
        return by_blocks(_transform, memory, X, X.shape[1], kept(X.dtype))
    return _joined(memory._transformed([block.compute() for block in blocks]))


def score_samples(memory: Memory | ShardedMemory, X: Any) -> Any:
    """Return the log densities of rows.

    Parameters
    ----------
    memory : fitted memory or ShardedMemory
        As of `transform`.
    X : dask.array.Array of shape (n, D)
        Rows, in blocks of known sizes.

    Returns
    -------
    dask.array.Array of shape (n,), float64
        Log densities, in nats, in blocks of the same rows as those of `X`.

    Raises
    ------
    TypeError
        If `X` is no Dask array.
    NotFittedError
        If the memory is not fitted.
    ValueError
        If `X` has no rows or another number of features, or a block is out of range.

    Examples
    --------
    >>> import dask.array as da
    >>> from skdam import GaussianMemory, distributed
    >>> X = da.random.default_rng(0).normal(size=(1000, 2), chunks=(100, 2))
    >>> sharded = distributed.fit(GaussianMemory(0.5), X)
    >>> distributed.score_samples(sharded, X).shape
    (1000,)
    """
    return _values(_score_samples, memory, X)


def energy(memory: Memory | ShardedMemory, X: Any) -> Any:
    """Return the energies of rows.

    Parameters
    ----------
    memory : fitted memory or ShardedMemory
        As of `transform`.
    X : dask.array.Array of shape (n, D)
        Rows, in blocks of known sizes.

    Returns
    -------
    dask.array.Array of shape (n,), float64
        Energies, as the memory itself returns them, in blocks of the same rows as those of `X`.

    Raises
    ------
    TypeError
        If `X` is no Dask array.
    NotFittedError
        If the memory is not fitted.
    ValueError
        If `X` has no rows or another number of features, or a block is out of range.

    Examples
    --------
    >>> import dask.array as da
    >>> from skdam import GaussianMemory, distributed
    >>> X = da.random.default_rng(0).normal(size=(1000, 2), chunks=(100, 2))
    >>> sharded = distributed.fit(GaussianMemory(0.5), X)
    >>> distributed.energy(sharded, X).shape
    (1000,)
    """
    return _values(_energy, memory, X)


def _values(answer: Callable, memory: Memory | ShardedMemory, X: Any) -> Any:
    """Return a number for each row."""
    blocks = _checked_blocks(memory, X)
    if not isinstance(memory, ShardedMemory):
        return by_blocks(answer, memory, X, None, np.float64)
    return _joined([answer(memory, block.compute()) for block in blocks])


def _checked_blocks(memory: Memory | ShardedMemory, X: Any) -> list:
    blocks, n_features = row_blocks(X), _n_features(memory)
    if X.shape[1] != n_features:
        raise ValueError(f"X has {X.shape[1]} features, but the memory {n_features}.")
    return blocks


def _joined(answers: list[np.ndarray]) -> Any:
    import dask.array as da

    joined = np.concatenate(answers)
    sizes = tuple(len(answer) for answer in answers)
    return da.from_array(joined, chunks=(sizes, *joined.shape[1:]))


def _n_features(memory: Memory | ShardedMemory) -> int:
    if isinstance(memory, ShardedMemory):
        return memory.n_features
    check_is_fitted(memory)
    return int(memory.n_features_in_)


def _transform(memory: Memory, block: np.ndarray) -> np.ndarray:
    return memory.transform(block)


def _score_samples(memory: Any, block: np.ndarray) -> np.ndarray:
    return memory.score_samples(block)


def _energy(memory: Any, block: np.ndarray) -> np.ndarray:
    return memory.energy(block)
