"""Settings of the whole suite."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # read when scipy is first imported; without it a check skips
os.environ["MPLBACKEND"] = "agg"

from hypothesis import settings

settings.register_profile("exact", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("exact")
