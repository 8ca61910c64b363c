"""How Sphinx builds the documentation."""

import skdam

project = "skdam"
author = "The skdam developers"
project_copyright = "2026, The skdam developers"
release = version = skdam.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["_build", "examples/*.py.md5"]
html_theme = "furo"
html_title = "skdam"
numpydoc_show_class_members = True
numpydoc_show_inherited_class_members = True
numpydoc_class_members_toctree = False
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": "demo",
    "download_all_examples": False,
}
