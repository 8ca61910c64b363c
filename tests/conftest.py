"""Settings of the whole suite."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # read when scipy is first imported; without it a check skips
os.environ["MPLBACKEND"] = "agg"

import sys

import pytest
from hypothesis import settings

settings.register_profile("exact", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("exact")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
