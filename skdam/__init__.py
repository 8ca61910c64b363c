"""Dense associative memories as scikit-learn estimators."""

from ._version import __version__, show_versions
from .dynamics import RetrievalResult
from .memories._kernel import EpanechnikovMemory, GaussianMemory, KernelMemory
from .minima._enumerate import enumerate_minima
from .minima._minima import Minima
from .minima._search import find_minima

__all__ = [
    "EpanechnikovMemory",
    "GaussianMemory",
    "KernelMemory",
    "Minima",
    "RetrievalResult",
    "__version__",
    "enumerate_minima",
    "find_minima",
    "show_versions",
]
