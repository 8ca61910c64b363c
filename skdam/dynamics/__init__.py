"""Dynamics: the loops of retrieval, and the record they return.  No formula lives here.

May change before 1.0.
"""

from ._continuous import FlowingEnergy, SteppingEnergy, fixed_point, gradient_flow
from ._discrete import SpinEnergy, asynchronous, synchronous
from ._ode import Flow, ode
from ._records import RetrievalResult, Settled

__all__ = [
    "Flow",
    "FlowingEnergy",
    "RetrievalResult",
    "Settled",
    "SpinEnergy",
    "SteppingEnergy",
    "asynchronous",
    "fixed_point",
    "gradient_flow",
    "ode",
    "synchronous",
]
