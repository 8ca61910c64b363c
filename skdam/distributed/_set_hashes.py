"""Hashes of active sets, which shards can add up: equal ones say that the same memories pull."""

import numpy as np

from .._active import ActiveSets
from .._math import Integers

#: 64 bits each; sums of them wrap around.
Hashes = np.ndarray


def mixed(numbers: Integers) -> Hashes:
    """Return 64 bits for each number that look random: what splitmix64 draws from seed 0.

    References
    ----------
    G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA
    2014, with variant 13 of D. Stafford's mixers.
    """
    bits = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def of_sets(sets: ActiveSets) -> Hashes:
    """Return the sum of the members' bits for each set; 0 for an empty one."""
    before = np.zeros(len(sets.indices) + 1, dtype=np.uint64)
    np.cumsum(mixed(sets.indices), out=before[1:])
    return before[sets.indptr[1:]] - before[sets.indptr[:-1]]


def over_shards(parts: Hashes) -> Hashes:
    """Return one hash for the sets of all shards (in rows), in which each shard counts for itself.

    Different sets have the same one with a probability of about 2^-64.
    """
    multipliers = mixed(np.arange(len(parts))) | np.uint64(1)
    return (multipliers[:, None] * parts).sum(axis=0, dtype=np.uint64)
