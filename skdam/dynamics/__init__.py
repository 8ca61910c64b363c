"""Dynamics: the loops of retrieval, and the record they return.  No formula lives here.

May change before 1.0.
"""

from ._continuous import fixed_point, gradient_flow
from ._discrete import asynchronous, synchronous
from ._ode import ode
from ._records import RetrievalResult, Settled

__all__ = [
    "RetrievalResult",
    "Settled",
    "asynchronous",
    "fixed_point",
    "gradient_flow",
    "ode",
    "synchronous",
]
