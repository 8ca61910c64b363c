"""What the pages show is what happens, and every public name is on one of them."""

import doctest
import importlib
import pkgutil
from dataclasses import is_dataclass
from pathlib import Path

import pytest
from numpydoc.validate import validate

import skdam

ROOT = Path(__file__).parents[1]
PAGES = [Path("README.md"), Path("doc/api.rst")]
PAGES += [page.relative_to(ROOT) for page in (ROOT / "doc").rglob("*.md")]
API = (ROOT / "doc" / "api.rst").read_text().split()
#: Packages whose public names are those of skdam itself.
INNER = {"memories", "minima", "tasks"}
#: What numpydoc may ask for in vain: a See Also section, and a second paragraph.
UNASKED = {"SA01", "ES01"}


def public_names():
    """Return skdam's public names, and those of its public modules."""
    modules = {m.name for m in pkgutil.iter_modules(skdam.__path__) if m.name[0] != "_"}
    listed = [(name, skdam) for name in skdam.__all__]
    for module in sorted(modules - INNER):
        home = importlib.import_module(f"skdam.{module}")
        listed += [(f"{module}.{name}", home) for name in home.__all__]
    return [(name, vars(home)[name.split(".")[-1]]) for name, home in listed if "__" not in name]


NAMES = dict(public_names())
CALLABLES = [name for name, value in NAMES.items() if callable(value)]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_page_has_examples_that_run_as_printed(page):
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    text = (ROOT / page).read_text().replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, str(page), str(page), 0)
    assert test.examples
    failed, _ = doctest.DocTestRunner(optionflags=options).run(test)
    assert failed == 0


def test_every_public_name_is_in_the_reference():
    assert [name for name in NAMES if name not in API] == []


@pytest.mark.parametrize("name", CALLABLES)
def test_docstring_says_what_numpydoc_asks_for(name):
    said = {code for code, _ in validate(f"skdam.{name}")["errors"]}
    attributes = {"PR01"} if is_dataclass(NAMES[name]) else set()  # documented as what they become
    assert said <= UNASKED | attributes


@pytest.mark.parametrize("name", CALLABLES)
def test_docstring_has_a_runnable_example(name):
    assert ">>>" in NAMES[name].__doc__
