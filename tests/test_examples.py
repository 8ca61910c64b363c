"""Every example runs without a warning and draws its picture."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_draws(script, tmp_path):
    picture = tmp_path / "picture.png"
    command = [sys.executable, "-W", "error", str(script), "--picture", str(picture)]
    environment = os.environ | {"MPLBACKEND": "agg"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert picture.stat().st_size > 10_000
