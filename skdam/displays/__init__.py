"""Pictures of memories, in the way of scikit-learn's displays.  They need matplotlib."""

from ._energy import EnergyDisplay
from ._minima import MinimaDisplay
from ._retention import RetentionDisplay
from ._retrieval import RetrievalDisplay

__all__ = ["EnergyDisplay", "MinimaDisplay", "RetentionDisplay", "RetrievalDisplay"]
