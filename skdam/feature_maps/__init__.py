r"""Feature maps: vectors whose products approximate the Gaussian kernel.

A map has ``transform``, and the pullback of a vector v through its Jacobian, ``J(x)^T v``, which is
the gradient of ``<phi(x), v>``.
"""

from ._base import FeatureMap
from ._error import kernel_sum_variance, n_components_for
from ._nystroem import NystroemFeatures
from ._random import PositiveRandomFeatures, RandomFourierFeatures

__all__ = [
    "FeatureMap",
    "NystroemFeatures",
    "PositiveRandomFeatures",
    "RandomFourierFeatures",
    "kernel_sum_variance",
    "n_components_for",
]
