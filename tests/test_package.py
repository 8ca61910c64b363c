"""What a user meets first: the names, the versions, and what importing costs."""

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import skdam

ROOT = Path(__file__).parents[1]


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


def test_import_brings_neither_matplotlib_nor_dask():
    code = "import sys, skdam; print(sorted({'matplotlib', 'dask'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_core_dependencies_are_four():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {requirement.split(">")[0] for requirement in project["dependencies"]}
    assert names == {"numpy", "scipy", "scikit-learn", "joblib"}


def test_the_package_says_that_it_is_typed():
    assert Path(skdam.__file__).with_name("py.typed").exists()
