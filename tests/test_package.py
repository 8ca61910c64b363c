"""What a user meets first: the names, the versions, and what importing costs."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np

import skdam

ROOT = Path(__file__).parents[1]
LIBRARIES = {"joblib", "numpy", "scipy", "sklearn", "threadpoolctl"}
HEAVY = {"dask", "distributed", "matplotlib", "pandas", "polars", "pyarrow", "skops", "torch"}
WITHOUT = f"""
import sys

class Without:
    def find_spec(self, name, *_):
        if name in {HEAVY}:
            raise ImportError(name)

sys.meta_path.insert(0, Without())
import skdam
"""


def test_public_names_exist_and_are_sorted():
    assert all(name in vars(skdam) for name in skdam.__all__)
    assert sorted(skdam.__all__) == skdam.__all__


def test_version_is_the_installed_one():
    assert skdam.__version__ == version("skdam")


def test_show_versions_names_the_dependencies(capsys):
    skdam.show_versions()
    printed = capsys.readouterr().out
    for name in ("skdam", "python", "numpy", "scipy", "scikit-learn", "joblib"):
        assert f"\n{name} " in f"\n{printed}"
    assert f"scikit-learn   {version('scikit-learn')}" in printed


def test_show_versions_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(skdam._version, "_DEPENDENCIES", ("no-such-library",))
    skdam.show_versions()
    assert "no-such-library not installed" in capsys.readouterr().out


def outside_imports():
    """Return the modules of scikit-learn, scipy, joblib and numpy that skdam imports at once."""
    names = set()
    for path in Path(skdam.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module)
    return sorted(name for name in names if name.split(".")[0] in LIBRARIES)


def in_a_new_process(statement):
    """Return the seconds of CPU that a statement takes, and the modules that are loaded then."""
    code = f"{statement}\nimport sys, time; print(time.process_time(), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *modules = done.stdout.split()
    return float(seconds), set(modules)


def test_import_costs_less_than_twice_that_of_what_it_uses():
    statements = "import skdam", "import " + ", ".join(outside_imports())
    times = [[in_a_new_process(each)[0] for each in statements] for _ in range(3)]
    ours, theirs = np.median(times, axis=0)
    assert ours < 2 * theirs


def test_import_brings_no_heavy_library_that_scikit_learn_does_not():
    theirs = in_a_new_process("import " + ", ".join(outside_imports()))[1]
    ours = in_a_new_process("import skdam")[1]
    assert not HEAVY & (ours - theirs)
    assert HEAVY & ours <= {"pandas", "pyarrow"}


def test_import_needs_no_heavy_library():
    assert not HEAVY & in_a_new_process(WITHOUT)[1]


def test_core_dependencies_are_four():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {requirement.split(">")[0] for requirement in project["dependencies"]}
    assert names == {"numpy", "scipy", "scikit-learn", "joblib"}


def test_the_package_says_that_it_is_typed():
    assert Path(skdam.__file__).with_name("py.typed").exists()
