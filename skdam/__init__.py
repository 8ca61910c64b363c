"""Dense associative memories as scikit-learn estimators."""

from ._version import __version__, show_versions
from .dynamics import RetrievalResult
from .memories._kernel import EpanechnikovMemory, GaussianMemory, KernelMemory

__all__ = [
    "EpanechnikovMemory",
    "GaussianMemory",
    "KernelMemory",
    "RetrievalResult",
    "__version__",
    "show_versions",
]
