"""Settings of the whole suite."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # read when scipy is first imported; without it a check skips
os.environ["MPLBACKEND"] = "agg"

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from skdam._active import BACK_ENDS, Search

# `each_back_end` is the same for all examples of a test
_laws = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.register_profile("push", _laws, derandomize=True, max_examples=100)
settings.register_profile("thorough", _laws, max_examples=10_000, print_blob=True)
settings.load_profile("push")


@pytest.fixture(autouse=True)
def _seed_the_global_generator():
    """Let what takes no seed draw the same in every run, and whatever ran before."""
    np.random.seed(0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(params=BACK_ENDS)
def each_back_end(request, monkeypatch):
    """Let "auto" take one back end after another: modules of exactness tests use it throughout."""
    monkeypatch.setattr(Search, "choose", lambda *_, **__: request.param)
