"""Show the source of each module on a page of the site, and link each object to its lines there.

`sphinx.ext.linkcode` asks where an object's source is; it is here, so that links work offline.
"""

import inspect
from pathlib import Path
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx

import skdam

PACKAGE = Path(skdam.__file__).parent
#: Where the pages are, seen from the folder of the site.
FOLDER = "_source"


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Return the address of an object's source, seen from a page of the API."""
    found: Any = __import__(info["module"], fromlist=["*"])
    for name in info["fullname"].split("."):
        found = getattr(found, name, None)
    found = inspect.unwrap(found.fget if isinstance(found, property) else found)
    try:
        file, line = Path(inspect.getsourcefile(found) or ""), inspect.getsourcelines(found)[1]
    except (OSError, TypeError):  # an attribute, or made by a decorator: it has no lines
        return None
    if PACKAGE not in file.parents:
        return None
    return f"../{FOLDER}/{_page(file)}#line-{line}"


def write_pages(app: Sphinx, exception: Exception | None) -> None:
    """Write a page for each module."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir) / FOLDER
    folder.mkdir(exist_ok=True)
    for file in sorted(PACKAGE.rglob("*.py")):
        title = file.relative_to(PACKAGE.parent).as_posix()
        style = HtmlFormatter(full=True, title=title, linenos="inline", lineanchors="line")
        page = highlight(file.read_text(), PythonLexer(), style)
        (folder / _page(file)).write_text(page)


def _page(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) + ".html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the build."""
    app.config.linkcode_resolve = linkcode_resolve
    app.connect("build-finished", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
