"""What the README and the user guide show is what happens."""

import doctest
import re
from pathlib import Path

import pytest

import skdam
from skdam import bandwidths, displays

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "doc/guide.md", "doc/theory.md"])
def test_examples_of_a_page_run_as_printed(page):
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    text = (ROOT / page).read_text().replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    assert test.examples
    failed, _ = doctest.DocTestRunner(optionflags=options).run(test)
    assert failed == 0


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


def test_every_public_name_has_an_api_page():
    listed = (ROOT / "doc" / "api.rst").read_text().split()
    names = [name for name in skdam.__all__ if not name.startswith("__")]
    names += [f"displays.{name}" for name in displays.__all__]
    names += [f"bandwidths.{name}" for name in bandwidths.__all__ if name.islower()]
    assert set(names) <= set(listed)
