"""The README as an index of packages shows it; all else stands in pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from setuptools import setup

_IMAGE = re.compile(r"^!\[[^]]*\]\((?!https?://)[^)]*\)\n+", re.MULTILINE)
_LINK = re.compile(r"(!?)\[([^]]*)\]\((?!https?://|#)([^)]*)\)")


def index_page(readme: str, repository: str | None) -> str:
    """README without the relative links and images, which lead nowhere away from its folder.

    Parameters
    ----------
    readme : str
        Markdown.
    repository : str or None
        Address of the public repository, to which they then lead. Without one images are left out,
        and of links the text stays.

    Returns
    -------
    str
    """
    if repository is None:
        return _LINK.sub(r"\2", _IMAGE.sub("", readme))
    root = repository.rstrip("/")
    kinds = {"!": "raw", "": "blob"}
    return _LINK.sub(
        lambda link: f"{link[1]}[{link[2]}]({root}/{kinds[link[1]]}/HEAD/{link[3]})", readme
    )


if __name__ == "__main__":
    folder = Path(__file__).parent
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=index_page(
            (folder / "README.md").read_text(encoding="utf-8"),
            project.get("urls", {}).get("Repository"),
        ),
        long_description_content_type="text/markdown",
    )
