"""The manifest of a folder: which parts it has, and the SHA-256 of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json, write_json
from equiclust.io.moving_journal import is_plain
from equiclust.io.staging import PREFIX, content_digest, digest_of, recover, staged_together
from equiclust.typing import PathLike

__all__ = [
    "DAMAGE",
    "MANIFEST",
    "check_manifest",
    "file_digest",
    "read_manifest",
    "saved_together",
    "write_digests",
    "write_manifest",
]

MANIFEST = "manifest.json"
"""Name of the manifest in its folder."""

DAMAGE = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError),
    *(RuntimeError, TypeError, ValueError),
)
"""What restoring an estimator from values that do not belong to it may raise."""


def write_manifest(
    folder: PathLike, parts: Iterable[str] | None = None, *, command: str | None = None
) -> None:
    """Write the manifest of a folder over an older one.

    Parameters
    ----------
    folder : path-like
    parts : iterable of str, optional
        Paths in the folder; default all files in it.
    command : str, optional
        What wrote them, see `equiclust.io.outputs.Outputs`.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    place = Path(folder)
    names = _names(place) if parts is None else sorted(parts)
    digests = {name: digest_of(place / name) for name in names}
    write_digests(place / MANIFEST, digests, command=command)


def write_digests(
    path: PathLike, digests: Mapping[str, str], *, command: str | None = None
) -> None:
    """Write a manifest of parts whose digests are known.

    Parameters
    ----------
    path : path-like
        The file; an older one is replaced.
    digests : mapping of str to str
        SHA-256 of the parts by their paths beside the file.
    command : str, optional
        What wrote them, see `equiclust.io.outputs.Outputs`.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    said = {} if command is None else {"command": command}
    write_json(path, {"format": 1, **said, "parts": dict(digests)})


@contextmanager
def saved_together(folder: PathLike, *, manifest: bool = True) -> Iterator[Path]:
    """Folder whose files take their places in `folder` together when the block ends.

    Whatever fails, the files in `folder` are all the old ones or all the new ones. Old ones that
    an older manifest names, and that are not written anew, are removed; other files are kept.

    Parameters
    ----------
    folder : path-like
        Made when missing.
    manifest : bool, default True
        Whether a manifest of the files is written.

    Yields
    ------
    Path
        The folder to write them to.

    Raises
    ------
    OutputError
        When the folder cannot be written.
    """
    place = Path(folder)
    recover(place)
    with staged_together(place, None, obsolete=_unchanged(place) if manifest else ()) as draft:
        yield draft
        if manifest:
            write_manifest(draft)


def _unchanged(folder: Path) -> list[str]:
    """Files that a manifest names and nobody has changed."""
    try:
        parts = read_manifest(folder / MANIFEST)
        return [
            name
            for name, digest in parts.items()
            if (folder / name).is_file() and digest_of(folder / name) == digest
        ]
    except (InputError, OSError):
        return []


def read_manifest(path: PathLike) -> dict[str, str]:
    """Parts and digests by a manifest.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict of str to str

    Raises
    ------
    InputError
        When the file is missing, or is no manifest.
    """
    parts = read_json(path).get("parts")
    if not isinstance(parts, dict) or not all(isinstance(one, str) for one in parts.values()):
        raise InputError(f"{str(path)!r} is no manifest of parts and digests; restore the file")
    for name in parts:
        if not is_plain(name):
            raise InputError(f"{str(path)!r} names {name!r}, which lies outside of its folder")
    return parts


def check_manifest(
    folder: PathLike, *, whole: bool = True, required: bool = False
) -> dict[Path, str]:
    """Check that the parts of a folder are those that were saved together.

    Folders of version 0.1 have no manifest; of these only links out of the folder are refused.

    Parameters
    ----------
    folder : path-like
    whole : bool, default True
        Whether files that the manifest does not name are refused.
    required : bool, default False
        Whether a folder without a manifest is refused.

    Returns
    -------
    dict of Path to str
        SHA-256 of the parts by their paths, so that nobody need hash them again; empty without a
        manifest.

    Raises
    ------
    InputError
        When a part is missing, has changed, is one too many, or is a link out of the folder; the
        message names it.
    """
    place = Path(folder)
    found = set(_names(place))
    for name in sorted(found):
        _check_inside(place, name)
    if not os.path.lexists(place / MANIFEST):
        if required:
            raise InputError(f"{str(place / MANIFEST)!r} is missing; restore the file")
        return {}
    _check_inside(place, MANIFEST)
    parts = read_manifest(place / MANIFEST)
    for name, digest in parts.items():
        if not (place / name).is_file():
            raise InputError(f"{str(place / name)!r} is missing; restore the file")
        _check_inside(place, name)
        if file_digest(place / name) != digest:
            raise InputError(
                f"{str(place / name)!r} is not the file that was saved with the others in "
                f"{str(place)!r}; restore it"
            )
    extra = sorted(found - set(parts))
    if whole and extra:
        raise InputError(
            f"{str(place / extra[0])!r} does not belong to what was saved in {str(place)!r}; "
            "move it away"
        )
    return {place / name: digest for name, digest in parts.items()}


def file_digest(path: Path) -> str:
    """SHA-256 of a part as a reader gets it, also through a link.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    try:
        return content_digest(path)
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error


def _check_inside(folder: Path, name: str) -> None:
    path = folder / name
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{str(path)!r} is a link out of {str(folder)!r}; put the file itself there"
        )


def _names(folder: Path) -> list[str]:
    """Paths of all files and links below, but for the manifest and unfinished writes."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(PREFIX)]
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in (*files, *links):
            found.append(Path(place, name).relative_to(folder).as_posix())
    return sorted(name for name in found if name != MANIFEST)
