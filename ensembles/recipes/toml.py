"""Plain values as TOML; the standard library only reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["to_toml"]


def to_toml(content: Mapping[str, Any]) -> str:
    """Text of a TOML file.

    Parameters
    ----------
    content : mapping
        Of names, made of ASCII letters, digits, "_" and "-", to bool, int, float, str or lists of
        these, and last to mappings of such names to such values, which become tables.

    Raises
    ------
    TypeError
        When a value is of another type.

    Examples
    --------
    >>> print(to_toml({"about": "rings", "images": {"size": 32, "percentiles": [1.0, 99.5]}}))
    about = "rings"
    <BLANKLINE>
    [images]
    size = 32
    percentiles = [1.0, 99.5]
    <BLANKLINE>
    """
    lines = []
    for name, value in content.items():
        if isinstance(value, Mapping):
            lines += [
                "",
                f"[{name}]",
                *(f"{key} = {_value(entry)}" for key, entry in value.items()),
            ]
        else:
            lines.append(f"{name} = {_value(value)}")
    return "\n".join([*lines, ""])


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        # JSON escapes as TOML does, all but one control character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise TypeError(f"{type(value).__name__} has no place in a recipe")
