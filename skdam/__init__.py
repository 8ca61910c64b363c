"""Dense associative memories as scikit-learn estimators."""

from ._version import __version__, show_versions
from .dynamics import RetrievalResult
from .memories._attention import AttentionMemory
from .memories._binary import BinaryMemory
from .memories._classifier import DenseMemoryClassifier
from .memories._hopfield import HopfieldMemory
from .memories._kernel import EpanechnikovMemory, GaussianMemory, KernelMemory
from .memories._kernelized import KernelizedMemory
from .memories._layered import LayeredMemory
from .memories._random_feature import RandomFeatureMemory
from .minima._enumerate import enumerate_minima
from .minima._minima import Minima
from .minima._pipeline import sample_from
from .minima._sampler import EmergentSampler
from .minima._search import find_minima
from .tasks._clustering import BasinClustering
from .tasks._imputer import MemoryImputer
from .tasks._novelty import MemoryNoveltyDetector

__all__ = [
    "AttentionMemory",
    "BasinClustering",
    "BinaryMemory",
    "DenseMemoryClassifier",
    "EmergentSampler",
    "EpanechnikovMemory",
    "GaussianMemory",
    "HopfieldMemory",
    "KernelMemory",
    "KernelizedMemory",
    "LayeredMemory",
    "MemoryImputer",
    "MemoryNoveltyDetector",
    "Minima",
    "RandomFeatureMemory",
    "RetrievalResult",
    "__version__",
    "enumerate_minima",
    "find_minima",
    "sample_from",
    "show_versions",
]
