"""The README is short, and what it points to is there."""

import re
import runpy
from pathlib import Path

import skdam

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_quick_start_fits_in_fifteen_lines():
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    assert len(block.splitlines()) <= 15


def test_the_two_commands_are_in_the_readme():
    assert "make demo" in README
    assert "make test" in README


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_citation_has_the_version():
    assert f"version: {skdam.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_badges_are_true():
    script = runpy.run_path(str(ROOT / "doc" / "draw_badges.py"))
    for name, texts in script["badges"]().items():
        badge = ROOT / "doc" / "badges" / f"{name}.svg"
        assert badge.read_text() == script["draw"](*texts)
        assert f"doc/badges/{name}.svg" in README
