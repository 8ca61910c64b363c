"""Energies: a kernel or potential bound to memories; value, gradient and steps of retrieval.

May change before 1.0.
"""

from ._kernel import KernelEnergy

__all__ = ["KernelEnergy"]
