"""Memories on Dask: fitted by blocks, and larger than one machine.

Functions of a memory and a Dask array; the optional extra ``dask`` brings what they need. They run
on whichever scheduler is active: threads of this process, or the workers of a
``dask.distributed.Client``. A block that a worker loses is computed again.
"""

from ._ask import energy, score_samples, transform
from ._fit import fit
from ._sharded import ShardedMemory

__all__ = ["ShardedMemory", "energy", "fit", "score_samples", "transform"]
