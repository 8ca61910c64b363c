"""Energies: a kernel or potential bound to memories; value, gradient and steps of retrieval.

May change before 1.0.
"""

from ._binary import BinaryEnergy
from ._kernel import KernelEnergy
from ._layered import LayeredEnergy, LayeredFlow
from ._overlap import OverlapEnergy
from ._quadratic import QuadraticEnergy
from ._similarities import SIMILARITIES, Cosine, Similarity, directions
from ._voting import VotingEnergy

__all__ = [
    "SIMILARITIES",
    "BinaryEnergy",
    "Cosine",
    "KernelEnergy",
    "LayeredEnergy",
    "LayeredFlow",
    "OverlapEnergy",
    "QuadraticEnergy",
    "Similarity",
    "VotingEnergy",
    "directions",
]
