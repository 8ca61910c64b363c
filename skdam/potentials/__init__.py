"""Potentials: functions of overlaps that energies are made of; immutable, without data.

May change before 1.0.
"""

from ._interactions import (
    INTERACTIONS,
    Exponential,
    Interaction,
    Power,
    RectifiedPower,
    Table,
    Tables,
)
from ._separations import SEPARATIONS, Entmax15, Separation, Softmax, Sparsemax

__all__ = [
    "INTERACTIONS",
    "SEPARATIONS",
    "Entmax15",
    "Exponential",
    "Interaction",
    "Power",
    "RectifiedPower",
    "Separation",
    "Softmax",
    "Sparsemax",
    "Table",
    "Tables",
]
