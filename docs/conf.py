"""How Sphinx builds these pages: `make docs`. Nothing is fetched from the network."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS), str(ROOT)]

import reference_pages  # noqa: E402

import equiclust  # noqa: E402

# Kernels start the `equiclust` of this environment, and no weights of one machine change a page.
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
os.environ.pop("EQUICLUST_WEIGHTS", None)
os.environ["EQUICLUST_OFFLINE"] = "1"
os.environ["TERM"] = "dumb"  # no progress bars
# Shells read no profile of the user, which may put another Python first.
HOME = DOCS / "_build" / "home"
HOME.mkdir(parents=True, exist_ok=True)
os.environ["HOME"] = str(HOME)
# Nor do kernels, and these say nothing but errors.
PROFILE = DOCS / "_build" / "ipython" / "profile_default"
PROFILE.mkdir(parents=True, exist_ok=True)
(PROFILE / "ipython_kernel_config.py").write_text("get_config().IPKernelApp.log_level = 40\n")
os.environ["IPYTHONDIR"] = str(PROFILE.parent)

# The notebooks are tutorials of the site; sources of pages lie below this folder.
NOTEBOOKS = DOCS / "tutorials" / "notebooks"
shutil.rmtree(NOTEBOOKS, ignore_errors=True)
shutil.copytree(ROOT / "notebooks", NOTEBOOKS, ignore=shutil.ignore_patterns("*.py", "__*", ".*"))
reference_pages.write_pages(DOCS / "reference")

project = "equiclust"
author = "equiclust developers"
copyright = author
version = release = equiclust.__version__

extensions = [
    "numpydoc",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]
templates_path = ["_templates"]
nitpicky = False

# Pages
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 3

# Code in pages: run at every build unless it is unchanged, each page in an empty folder.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 900
nb_execution_show_tb = True
nb_merge_streams = True

# Docstrings
HOMES = ("equiclust", "data_adapters", "ensembles", "None")
default_role = "code"
autosummary_generate = True
autodoc_typehints = "none"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# Appearance
html_theme = "pydata_sphinx_theme"
html_title = f"equiclust {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
html_sidebars = {"index": [], "start": [], "results": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def skip_member(
    app: Any, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what other packages define, and fields of named tuples, which their class lists."""
    function = getattr(member, "fget", None) or getattr(member, "func", None) or member
    home = str(getattr(function, "__module__", None)).split(".")[0]
    is_request = name.startswith("set_") and name.endswith("_request")
    is_field = type(member).__name__ == "_tuplegetter"
    return True if home not in HOMES or is_field or is_request else None


def setup(app: Any) -> None:
    """Connect the hook above."""
    app.connect("autodoc-skip-member", skip_member)
