"""Questions to memories: how many patterns fit, how far retrieval works, and what a state is."""

from ._basins import basin_radius
from ._capacity import (
    Capacity,
    CapacityCurve,
    capacity_curve,
    capacity_search,
)
from ._profile import StabilityProfile, stability_ratio
from ._states import FixedPoints, find_fixed_points, label_states
from ._theory import theoretical_capacity

__all__ = [
    "Capacity",
    "CapacityCurve",
    "FixedPoints",
    "StabilityProfile",
    "basin_radius",
    "capacity_curve",
    "capacity_search",
    "find_fixed_points",
    "label_states",
    "stability_ratio",
    "theoretical_capacity",
]
