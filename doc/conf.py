"""How Sphinx builds the documentation."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import skdam  # noqa: E402

project = "skdam"
author = "The skdam developers"
project_copyright = "2026, The skdam developers"
release = version = skdam.__version__

extensions = [
    "elsewhere",
    "mathml",
    "myst_parser",
    "numpydoc",
    "source_pages",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.linkcode",
    "sphinx_codeautolink",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "examples/*.py.md5"]

templates_path = ["_templates"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"

#: Examples of the gallery have links of their own.
suppress_warnings = ["codeautolink.match_name"]
toc_object_entries_show_parents = "hide"

numpydoc_show_class_members = True
numpydoc_show_inherited_class_members = True
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": "demo",
    "download_all_examples": False,
    "doc_module": ("skdam",),
    "backreferences_dir": "generated/backreferences",
    "reference_url": {"skdam": None},
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "skdam"
html_static_path = ["_static"]
html_css_files = ["skdam.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skdam"},
    "show_toc_level": 2,
    "navigation_depth": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "pygments_light_style": "tango",
}
#: Pages without pages below them.
ALONE = ["index", "start", "which_memory", "theory", "exactness", "glossary", "bibliography"]
ALONE += ["performance", "mutants", "benchmarks", "changes", "contributing"]
html_sidebars = {page: [] for page in ALONE}
