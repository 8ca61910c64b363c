"""Run the tables, each in a process with one BLAS thread, and write doc/benchmarks.md."""

import ast
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

import joblib
import numpy
import scipy
import sklearn

import skdam

HERE = Path(__file__).parent
PAGE = HERE.parent / "doc" / "benchmarks.md"
TABLES = {
    "scores.py": "Scores",
    "gaussian.py": "Gaussian scores",
    "retrieval.py": "Retrieval",
    "rules.py": "Bandwidth rules",
    "spins.py": "Spins",
    "classifier.py": "Classifier",
    "sequential.py": "Learning in sequence",
    "features.py": "Random features",
    "stream.py": "Streaming",
    "back_ends.py": "Back ends",
    "scaling.py": "Scaling",
}
#: One thread for each library that has its own.
ONE = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def machine():
    """Return the processor's name, cores and memory, and the versions of the libraries."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    name = ", ".join(sorted(names)) or platform.processor() or platform.machine()
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (numpy, scipy, sklearn, joblib))
    python = f"Python {platform.python_version()}"
    return f"{name}, {os.cpu_count()} cores; {python}, {versions}, skdam {skdam.__version__}"


def section(script, title):
    """Run one script; return its title, what its first lines say, and its tables."""
    print(title, flush=True)
    command = [sys.executable, str(HERE / script)]
    command += [str(PAGE.parent / "scaling.png")] * (script == "scaling.py")
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | ONE, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    print(done.stdout, flush=True)
    told = ast.get_docstring(ast.parse((HERE / script).read_text()))
    shown = "![Time against memories, features, queries and active share](scaling.png)\n\n"
    return f"## {title}\n\n{told}\n\n{shown if script == 'scaling.py' else ''}{done.stdout}"


def main():
    """Write the page."""
    parts = [
        "# Benchmarks",
        "Written by `make bench`, all in one run, one thread unless said. Ratios carry over to"
        " other machines; times do not. Every figure includes all that a call does, validation"
        " too.",
        f"{date.today()}: {machine()}. Of another machine:",
        "```python\n>>> import skdam\n>>> skdam.show_versions()\nskdam ...\n```",
        *(section(script, title) for script, title in TABLES.items()),
    ]
    PAGE.write_text("\n\n".join(part.strip() for part in parts) + "\n")


if __name__ == "__main__":
    main()
