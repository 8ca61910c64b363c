"""The version of skdam, and a report of what it runs on."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from threadpoolctl import threadpool_info

__version__ = "0.1.0.dev0"

_DEPENDENCIES = ("numpy", "scipy", "scikit-learn", "joblib", "threadpoolctl", "matplotlib")


def show_versions() -> None:
    """Print the versions of skdam, of what it depends on and of the machine, for a bug report.

    Examples
    --------
    >>> import skdam
    >>> skdam.show_versions()
    skdam          0.1.0...
    """
    rows = {"skdam": __version__, "python": sys.version.split()[0], "machine": platform.platform()}
    rows |= {name: _installed(name) for name in _DEPENDENCIES}
    for pool in threadpool_info():
        rows[pool["internal_api"]] = f"{pool.get('version')} ({pool['num_threads']} threads)"
    print("\n".join(f"{name:14} {value}" for name, value in rows.items()))


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
