"""Exact radius search: for each query, which points lie strictly within the radius, and how far.

A back end is an `Index` in a file of its own and a row of `BACK_ENDS`.  All back ends return the
same sets, bit for bit: membership is the truth of ``points.direct(...) < limit``.
"""

from ._index import Task
from ._lists import Lists
from ._search import BACK_ENDS, Search, in_order
from ._sets import ActiveSets
from ._tree import near_together

__all__ = ["BACK_ENDS", "ActiveSets", "Lists", "Search", "Task", "in_order", "near_together"]
