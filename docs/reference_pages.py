"""Write the pages of the reference: one for each public package, one for the command line."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path

from public_api import PACKAGES, is_explained, public_names

from equiclust.cli.commands import COMMANDS
from equiclust.cli.parser import parse_arguments

_INDEX = """# Reference

What these pages list is public: its names and meaning change only with a notice in the
[changelog](../changelog.md), and an old import path goes on working with a warning for a while.
Everything else may change without notice. Every name has an example, and the tests run them all.

```{{toctree}}
:maxdepth: 1

command_line
{pages}
```
"""

_PACKAGE = """# {title}

```{{eval-rst}}
.. currentmodule:: {package}

.. automodule:: {package}
   :no-members:

.. autosummary::
   :toctree: names
   :nosignatures:

{names}
```
"""

_COMMANDS = """# Command line

Every command is a thin shell of one Python function with the same parameters, and
`equiclust COMMAND --help` shows what is below.

"""


def write_pages(folder: Path) -> None:
    """Write all pages of the reference into a folder, which is made anew when names have changed.

    Parameters
    ----------
    folder : Path
        Of the pages.
    """
    folder.mkdir(exist_ok=True)
    _remove_former_names(folder / "names")
    pages = {package.replace(".", "_"): _package_page(package) for package in PACKAGES}
    pages["index"] = _INDEX.format(pages="\n".join(pages))
    pages["command_line"] = _command_page()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        # Sphinx makes a page again when its file is newer.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _remove_former_names(folder: Path) -> None:
    """Remove pages of names that are public no more, which autosummary leaves."""
    present = {f"{package}.{name}" for package in PACKAGES for name in public_names(package)}
    for path in folder.glob("*.rst"):
        if path.stem not in present:
            path.unlink()


def _package_page(package: str) -> str:
    home = import_module(package)
    names = [name for name in public_names(package) if is_explained(getattr(home, name))]
    listed = "\n".join(f"   {name}" for name in sorted(names, key=str.lower))
    return _PACKAGE.format(title=f"{PACKAGES[package]}: `{package}`", package=package, names=listed)


def _command_page() -> str:
    sections = (
        f"## `equiclust {command.name}`\n\n```text\n{_help_of(command.name)}```\n"
        for command in COMMANDS
    )
    return _COMMANDS + "\n".join(sections)


def _help_of(command: str) -> str:
    """What `equiclust COMMAND --help` prints on a terminal of 100 columns."""
    printed = io.StringIO()
    os.environ["COLUMNS"] = "100"
    with redirect_stdout(printed), suppress(SystemExit):
        parse_arguments(COMMANDS, [command, "--help"])
    return printed.getvalue()
