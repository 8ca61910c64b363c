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
from ._lagrangians import (
    HIDDEN_SUMS,
    ExponentialSum,
    HalfSquare,
    HiddenLagrangian,
    Length,
    LogCosh,
    LogSumExp,
    PowerSum,
    RectifiedPowerSum,
    VisibleLagrangian,
)
from ._separations import SEPARATIONS, Entmax15, Separation, Softmax, Sparsemax

__all__ = [
    "HIDDEN_SUMS",
    "INTERACTIONS",
    "SEPARATIONS",
    "Entmax15",
    "Exponential",
    "ExponentialSum",
    "HalfSquare",
    "HiddenLagrangian",
    "Interaction",
    "Length",
    "LogCosh",
    "LogSumExp",
    "Power",
    "PowerSum",
    "RectifiedPower",
    "RectifiedPowerSum",
    "Separation",
    "Softmax",
    "Sparsemax",
    "Table",
    "Tables",
    "VisibleLagrangian",
]
