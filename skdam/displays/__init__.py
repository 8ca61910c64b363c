"""Pictures of memories, in the way of scikit-learn's displays.  They need matplotlib."""

from ._capacity import CapacityDisplay
from ._energy import EnergyDisplay
from ._minima import MinimaDisplay
from ._retention import RetentionDisplay
from ._retrieval import RetrievalDisplay
from ._states import StabilityProfileDisplay

__all__ = [
    "CapacityDisplay",
    "EnergyDisplay",
    "MinimaDisplay",
    "RetentionDisplay",
    "RetrievalDisplay",
    "StabilityProfileDisplay",
]
