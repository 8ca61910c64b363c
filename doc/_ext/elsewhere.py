"""Links into the documentation of other projects, without asking these while the site is built.

Sphinx takes an inventory of each project; `elsewhere.txt` lists what this documentation refers to.
"""

import tempfile
import zlib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

LIST = Path(__file__).with_suffix(".txt")
HEADER = "# Sphinx inventory version 2\n# Project: {}\n# Version: \n"
HEADER += "# The remainder of this file is compressed using zlib.\n"


def mapping(folder: Path) -> dict[str, tuple[str, str]]:
    """Write an inventory for each project of the list, and return where all are."""
    found = {}
    for block in LIST.read_text().strip().split("\n\n"):
        (name, address), *entries = (line.split() for line in block.splitlines())
        lines = (f"{what} {kind} 1 {page} -\n" for what, kind, page in entries)
        packed = zlib.compress("".join(lines).encode())
        file = folder / f"{name}.inv"
        file.write_bytes(HEADER.format(name).encode() + packed)
        found[name] = (address, str(file))
    return found


def add_mapping(app: Sphinx, config: Config) -> None:
    """Tell Sphinx of the inventories."""
    config.intersphinx_mapping = mapping(Path(tempfile.mkdtemp()))


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the build, before the extension that reads the inventories."""
    app.connect("config-inited", add_mapping, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
