"""Where the results came from, without the folders of whoever made them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from equiclust.report.contents import Contents

__all__ = ["make_provenance", "shown_path", "shown_text"]

_NAMES = {
    "version": "equiclust version",
    "command": "command",
    "started": "started",
    "finished": "finished",
    "random_state": "random state (seed)",
    "python": "Python version",
    "torch": "PyTorch version",
    "platform": "platform",
    "inputs": "inputs",
    "n_images": "images read",
}
_MOST_LISTED = 20
_KEPT_PARTS = 2
_ABSOLUTE = re.compile(r"(?<![\w.~:/\\])(?:[A-Za-z]:[\\/]|[/\\]|~/)[^\s'\"]*")


def make_provenance(contents: Contents) -> tuple[tuple[str, str], ...]:
    """Rows of name and text: the known ones first, further ones by name."""
    record = contents.section("provenance")
    names = [name for name in _NAMES if name in record]
    names += sorted(name for name in record if name not in _NAMES)
    rows = [(_NAMES.get(name, name.replace("_", " ")), _text(record[name])) for name in names]
    return tuple(rows)


def shown_path(path: str) -> str:
    """A path by its last parts, enough to find the file and not to tell whose machine it was."""
    return _tail(path) if _ABSOLUTE.match(path) else path


def shown_text(text: str) -> str:
    """Text in which paths are shown by their last parts."""
    return _ABSOLUTE.sub(lambda found: _tail(found.group()), text)


def _tail(path: str) -> str:
    parts = [part for part in re.split(r"[/\\]", path) if part]
    return "/".join(["…", *parts[-_KEPT_PARTS:]]) if len(parts) > _KEPT_PARTS else path


def _text(value: Any) -> str:
    if isinstance(value, list):
        listed = [_text(entry) for entry in value[:_MOST_LISTED]]
        more = len(value) - len(listed)
        return ", ".join(listed) + (f" and {more} more" if more else "")
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_text(entry)}" for key, entry in value.items())
    if value is None:
        return "not recorded"
    return shown_text(str(value))
