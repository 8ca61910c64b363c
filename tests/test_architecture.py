"""The house: imports point down, heavy plotting and Dask stay out, names are what they say."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skdam"
#: From the ground up. A module may import what stands on its own floor or below, without circles.
FLOORS = [
    {"_active", "_callbacks", "_masks", "_math", "_nearest", "_saved", "_threads", "_turns"}
    | {"_validation", "_version"},
    {"kernels", "potentials", "metrics", "_relative_error"},
    {"_patterns", "_sums", "_sum_energy", "_log_sums", "_flow", "_conditional", "_marginals"}
    | {"energies"}
    | {"_feature_energy", "feature_maps", "datasets"},
    {"dynamics"},
    {"bandwidths", "learning", "_spreading"},
    {"memories"},
    {"minima"},
    {"sequential", "analysis", "tasks", "scorers"},
    {"displays", "distributed"},
    {"__init__"},
]
#: Who may import a heavy library, and only inside functions.
GUESTS = {"matplotlib": "displays", "dask": "distributed", "distributed": "distributed"}
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> tuple[str, ...]:
    return path.relative_to(PACKAGE).with_suffix("").parts


def imports(path: Path) -> Iterator[tuple[ast.stmt, str, bool]]:
    """Yield (statement, absolute dotted name, whether at the top of the module)."""
    tree = ast.parse(path.read_text())
    here = ("skdam", *name_of(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, node in tree.body
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level] if node.level else ()
            base += tuple((node.module or "").split(".")) if node.module else ()
            names = [".".join((*base, alias.name)) for alias in node.names]
            for name in names:
                yield node, name, node in tree.body


def floor(part: str) -> int:
    (height,) = (i for i, names in enumerate(FLOORS) if part in names)
    return height


def rooms(path: Path) -> set[str]:
    """Return the top-level parts of skdam that a file imports, its own left out."""
    parts = {name.split(".")[1] for _, name, _ in imports(path) if name.startswith("skdam.")}
    return parts - {name_of(path)[0]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: ".".join(name_of(path)))
def test_imports_point_down(path):
    too_high = {part for part in rooms(path) if floor(part) > floor(name_of(path)[0])}
    assert not too_high


def test_imports_make_no_circle():
    above = {}
    for path in FILES:
        above.setdefault(name_of(path)[0], set()).update(rooms(path))
    while above:
        ground = {part for part, needs in above.items() if not needs & above.keys()}
        assert ground, f"a circle among {sorted(above)}"
        above = {part: needs for part, needs in above.items() if part not in ground}


@pytest.mark.parametrize("path", FILES, ids=lambda path: ".".join(name_of(path)))
def test_heavy_libraries_stay_in_their_room(path):
    for _, name, at_top in imports(path):
        library = name.split(".")[0]
        if library in GUESTS:
            assert name_of(path)[0] == GUESTS[library]
            assert not at_top


@pytest.mark.parametrize("path", FILES, ids=lambda path: ".".join(name_of(path)))
def test_all_lists_what_a_public_module_defines(path):
    if name_of(path)[-1].startswith("_"):
        return
    body = ast.parse(path.read_text()).body
    assigned = {t.id: n.value for n in body if isinstance(n, ast.Assign) for t in n.targets}
    assigned |= {n.target.id: n.value for n in body if isinstance(n, ast.AnnAssign)}
    defined = {n.name for n in body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    public = {name for name in defined if not name.startswith("_")}
    listed = set(ast.literal_eval(assigned["__all__"]))
    assert public <= listed <= defined | assigned.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: ".".join(name_of(path)))
def test_a_file_holds_one_idea(path):
    assert len(path.read_text().splitlines()) <= 400


def test_every_module_stands_on_a_floor():
    assert {name_of(path)[0] for path in FILES} <= set.union(*FLOORS)
