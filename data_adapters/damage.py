"""Why a file cannot be read, in words for the user."""

from __future__ import annotations

from pathlib import Path

__all__ = ["reason_of"]


def reason_of(path: Path, error: BaseException) -> str:
    """One phrase on what is wrong with the file that caused the error."""
    if path.is_dir():
        return "it is a folder, not a file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if path.stat().st_size == 0:
        return "it is empty"
    text = " ".join(str(error).split()).replace(str(path), path.name)
    return f"it is damaged or truncated ({text or type(error).__name__})"
