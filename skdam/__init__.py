"""Dense associative memories as scikit-learn estimators."""

from ._version import __version__, show_versions

__all__ = ["__version__", "show_versions"]
