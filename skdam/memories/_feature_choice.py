"""Which feature map a memory takes: one with a name, or one that it is given."""

from dataclasses import dataclass, field
from typing import Any, Self

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from .._math import Floats, distinct_rows
from ..bandwidths import choose_bandwidth
from ..feature_maps import (
    FeatureMap,
    NystroemFeatures,
    PositiveRandomFeatures,
    RandomFourierFeatures,
)
from ..kernels import KERNELS

#: The maps that go by a name.
FEATURE_MAPS: dict[str, type[FeatureMap]] = {
    "fourier": RandomFourierFeatures,
    "positive": PositiveRandomFeatures,
    "nystroem": NystroemFeatures,
}

#: Features beyond which nobody would want to know how many more it takes.
_MOST_FEATURES = 1e12


def named_map(
    name: str,
    bandwidth: float | str,
    n_components: int,
    random_state: int | np.random.RandomState | None,
    X: np.ndarray,
    weights: np.ndarray,
) -> tuple[FeatureMap, float]:
    """Return a map fitted to rows with positive weights, and its bandwidth."""
    if isinstance(bandwidth, str):
        rows = X.astype(np.float64)
        bandwidth = choose_bandwidth(bandwidth, rows, weights, KERNELS["gaussian"])
    settings = {"bandwidth": float(bandwidth), "random_state": random_state}
    made = FEATURE_MAPS[name](n_components, **settings)
    return made.fit(X, sample_weight=weights), float(bandwidth)


def own_map(given: Any, bandwidth: float | str, X: np.ndarray) -> tuple[Any, float]:
    """Return the map that was given, as it is if it is fitted, and its bandwidth."""
    if isinstance(given, FrozenEstimator):
        given = given.estimator
    own = getattr(given, "bandwidth_", getattr(given, "bandwidth", bandwidth))
    if isinstance(own, str):
        raise ValueError(f"bandwidth={bandwidth!r}: the feature map has none, so pass a number.")
    if bandwidth not in ("nearest", own):
        raise ValueError(
            f"bandwidth={bandwidth} is not that of the feature map, {own}: leave it out, or give"
            " the map that one."
        )
    try:
        check_is_fitted(given)
    except NotFittedError:
        given = clone(given).fit(X[distinct_rows(X)[0]])  # copies are weight, and no more
    n_features = getattr(given, "n_features_in_", X.shape[1])
    if n_features != X.shape[1]:
        raise ValueError(f"X has {X.shape[1]} features, but the feature map expects {n_features}.")
    return given, float(own)


@dataclass(frozen=True)
class Fingerprint:
    """A hash of what was fitted, whatever the generator that drew it does next, and its name."""

    hash: str
    name: str = field(compare=False)  # it may hold the address of an object

    @classmethod
    def of(cls, feature_map: Any) -> Self:
        """Return the fingerprint of a fitted map."""
        fitted = {name: value for name, value in vars(feature_map).items() if name.endswith("_")}
        fitted.pop("feature_names_in_", None)
        kind = type(feature_map).__name__
        hashed = joblib.hash((kind, fitted or feature_map), coerce_mmap=True)
        return cls(hashed, str(feature_map))

    def __str__(self) -> str:
        return f"{self.name} ({self.hash})"


def check_alike(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Refuse to merge memories that have not in common what both have."""
    for name, value in mine.items():
        if None not in (value, theirs[name]) and value != theirs[name]:
            raise ValueError(
                f"Memories with unlike {name} do not merge: {value} here, {theirs[name]} there."
                " They have to share columns and a map: give the feature_map_ of one to the other"
                " before it stores anything."
            )


def advice(length: int, factor: float | None, n_memories: int) -> str:
    """Return how many random features make errors smaller by a factor, if anybody had so many.

    Without a factor features are landmarks, which lose nothing if there is one for each memory.
    """
    if factor is None:
        return f"n_components={n_memories} would do, a landmark for each"
    with np.errstate(over="ignore"):
        needed = np.ceil(length * np.float64(factor) ** 2)
    if needed > _MOST_FEATURES:
        return "No number of features would do for weights so unlike"
    return f"n_components={needed:.0f} would do"


@dataclass(frozen=True)
class Bare:
    """A map for rows that were checked before: no names, no frames, and arrays whatever is set."""

    features: Any

    def transform(self, X: Floats) -> Floats:
        """Return the features of each row."""
        if isinstance(self.features, FeatureMap):
            return self.features._features(X)
        return np.asarray(self.features.transform(X))

    def pullback(self, X: Floats, V: Floats) -> Floats:
        """Return the gradient of ``<phi(x), v>`` at each row."""
        if isinstance(self.features, FeatureMap):
            return self.features._gradient(X, np.broadcast_to(V, (len(X), len(V))))
        return self.features.pullback(X, V)
