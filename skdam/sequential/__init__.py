"""Learning tasks one after another, and strategies against forgetting."""

from ._penalties import EWC, L2, MAS, SI
from ._run import Retention, learn_sequentially
from ._strategies import AGEM, GEM, Naive, Pseudorehearsal, Rehearsal, Strategy

__all__ = [
    "AGEM",
    "EWC",
    "GEM",
    "L2",
    "MAS",
    "SI",
    "Naive",
    "Pseudorehearsal",
    "Rehearsal",
    "Retention",
    "Strategy",
    "learn_sequentially",
]
