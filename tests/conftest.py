"""Settings of the whole suite."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # read when scipy is first imported; without it a check skips
os.environ["MPLBACKEND"] = "agg"

import sys

import pytest
from hypothesis import HealthCheck, settings

from skdam._active import BACK_ENDS, Search

settings.register_profile(
    "exact",
    deadline=None,
    derandomize=True,
    max_examples=50,
    # `each_back_end` is the same for all examples of a test
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("exact")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(params=BACK_ENDS)
def each_back_end(request, monkeypatch):
    """Let "auto" take one back end after another: modules of exactness tests use it throughout."""
    monkeypatch.setattr(Search, "choose", lambda *_, **__: request.param)
