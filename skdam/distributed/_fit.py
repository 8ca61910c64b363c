"""Fit a memory to a Dask array."""

import copy
from typing import Any

import numpy as np
from sklearn.base import clone

from .._math import distinct_rows
from .._validation import all_or_nothing, check_rows
from ..memories._base import Memory
from ..memories._feature_store import FeatureStore
from ..memories._kernel_base import BaseKernelMemory
from ._blocks import row_blocks
from ._sharded import ShardedMemory

#: Sums that are added up together, in each layer of the tree.
_BRANCHES = 8


def fit(memory: Memory, X: Any) -> Memory | ShardedMemory:
    """Fit a memory to the rows of a Dask array, which are never in one place.

    Parameters
    ----------
    memory : RandomFeatureMemory or kernel memory
        A random-feature memory is fitted in place: blocks are added up where they are, and their
        vectors in a tree. Its map is the one that `fit_map` settled, if nothing was stored since,
        or else settled by the first block, and so is a rule for its bandwidth. A kernel memory has
        to have a number for a bandwidth; it is left as it is, and shards are fitted to the blocks.
    X : dask.array.Array of shape (K, D)
        Patterns, in blocks of known sizes.

    Returns
    -------
    RandomFeatureMemory or ShardedMemory
        `memory` itself, or shards that stay where their blocks were.

    Raises
    ------
    TypeError
        If `X` is no Dask array, or the memory of another kind.
    ValueError
        If a kernel memory's bandwidth is a rule or its dynamics "flow", `X` has no rows, or a
        parameter or a block is out of range.

    Warns
    -----
    UserWarning
        If the features are too few for so many memories, as `RandomFeatureMemory.fit`.

    Examples
    --------
    >>> import dask.array as da
    >>> from skdam import EpanechnikovMemory, RandomFeatureMemory, distributed
    >>> X = da.random.default_rng(0).normal(size=(1000, 2), chunks=(100, 2))
    >>> distributed.fit(RandomFeatureMemory(0.5, random_state=0), X).n_memories_
    1000
    >>> distributed.fit(EpanechnikovMemory(0.5), X).n_shards
    10
    """
    if isinstance(memory, FeatureStore):
        return _fit_features(memory, X)
    if isinstance(memory, BaseKernelMemory):
        return _fit_shards(memory, X)
    raise TypeError(
        f"{type(memory).__name__} cannot be fitted to a Dask array: kernel memories and"
        " RandomFeatureMemory can."
    )


def _fit_features(memory: FeatureStore, X: Any) -> FeatureStore:
    import dask

    with all_or_nothing(memory):
        blocks = row_blocks(X)
        first = blocks[0].compute()
        if getattr(memory, "n_memories_", 1):  # not one that `fit_map` has just settled
            memory.fit_map(first)
        empty = dask.delayed(memory._emptied(), traverse=False)
        parts = [dask.delayed(_added)(empty, block) for block in blocks]
        while len(parts) > 1:
            groups = [parts[i : i + _BRANCHES] for i in range(0, len(parts), _BRANCHES)]
            parts = [dask.delayed(_merged)(group) for group in groups]
        memory.merge(parts[0].compute())
        memory._warn_if_noisy(check_rows(first), np.ones(len(first)), stacklevel=4)
        return memory


def _added(empty: FeatureStore, block: Any) -> FeatureStore:
    return copy.deepcopy(empty).partial_fit(block)


def _merged(parts: list[FeatureStore]) -> FeatureStore:
    whole = copy.deepcopy(parts[0])
    for part in parts[1:]:
        whole.merge(part)
    return whole


def _fit_shards(memory: BaseKernelMemory, X: Any) -> ShardedMemory:
    import dask

    memory._validate_params()
    if isinstance(memory.bandwidth, str):
        raise ValueError(
            f"bandwidth={memory.bandwidth!r}: a rule needs all rows in one place. Pass a number,"
            " which the rule may find in a part of the rows."
        )
    if memory._settings().dynamics != "mean_shift":
        raise ValueError("Shards know dynamics='mean_shift' alone, not 'flow'.")
    settings = dask.delayed(clone(memory), traverse=False)
    shards = [dask.delayed(_shard)(settings, block) for block in row_blocks(X)]
    shards = list(dask.persist(*shards))
    weights = dask.compute(*(dask.delayed(_weight)(shard) for shard in shards))
    return ShardedMemory(clone(memory), shards, sum(weights), X.shape[1])


def _shard(settings: BaseKernelMemory, block: Any) -> BaseKernelMemory:
    """Fit a shard to distinct rows in the order that it takes them in: it then holds them once."""
    rows = check_rows(block, single=True)
    first, place = distinct_rows(rows)
    return clone(settings).fit(rows[first], sample_weight=np.bincount(place))


def _weight(shard: BaseKernelMemory) -> float:
    return float(shard.weights_.sum())
