"""Estimators whose files know which version wrote them."""

import warnings

from sklearn.base import BaseEstimator

from ._version import __version__


class Saved(BaseEstimator):
    """An estimator whose files know which version wrote them."""

    def __getstate__(self) -> dict:
        return dict(super().__getstate__()) | {"_skdam_version": __version__}

    def __setstate__(self, state: dict) -> None:
        self._load(state)

    def _load(self, state: dict) -> None:
        """Take over the state of a file, called by `__setstate__` itself: that tells who loads."""
        state = dict(state)
        saved = state.pop("_skdam_version", "unknown")
        if saved != __version__:
            warnings.warn(
                f"This {type(self).__name__} was saved by skdam {saved} and is loaded by"
                f" {__version__}: results may differ. Fit it again, or load it with {saved}.",
                UserWarning,
                stacklevel=3,
            )
        super().__setstate__(state)
