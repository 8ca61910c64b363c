"""Data to study memories with: patterns, damage to them, and tasks one after another."""

from ._corruption import corrupt
from ._patterns import make_correlated_patterns, make_patterns, make_prototype_patterns
from ._tasks import make_permuted_tasks, make_rotated_tasks

__all__ = [
    "corrupt",
    "make_correlated_patterns",
    "make_patterns",
    "make_permuted_tasks",
    "make_prototype_patterns",
    "make_rotated_tasks",
]
