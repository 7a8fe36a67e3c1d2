"""Builds the archives: setuptools, on a copy of the tracked files with the version of the git tag.

`equiclust/_version.py` says which version comes next; a folder, a checkout and an editable
installation go by it. An archive goes by the last tag `vX.Y.Z` that git knows: on the tag it is
that version, N commits behind it `NEXT.devN+gCOMMIT`. Without git, without tags, and from an
unpacked sdist, it is what the file says. Two builds of one commit have the same bytes.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
)

__all__ = [
    "archive_version",
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

VERSION_FILE = Path("equiclust", "_version.py")
"""Names the next version."""

CITATION_FILE = Path("CITATION.cff")

_ASSIGNED = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
_CITED = re.compile(r"^version: .*$", re.MULTILINE)
_DESCRIBED = re.compile(r"v(\d+)\.(\d+)\.(\d+)-(\d+)-g([0-9a-f]+)(-dirty)?")

Settings = Mapping[str, Any] | None


def archive_version(described: str, planned: str) -> str:
    """Version of an archive.

    Parameters
    ----------
    described : str
        What `git describe --tags --long --dirty` prints; anything else if there is no tag `vX.Y.Z`.
    planned : str
        The next version, from `equiclust/_version.py`, such as "0.2.0.dev0".

    Returns
    -------
    str
        That of the tag, if it is on this very commit and no file was changed; with commits behind
        the tag the planned one, or the one after the tag if the plan is not later, as a
        development version that counts the commits; the planned one if there is no tag.
    """
    found = _DESCRIBED.fullmatch(described)
    if found is None:
        return planned
    *released, distance = map(int, found.groups()[:4])
    commit, dirty = found.groups()[4:]
    if distance == 0 and not dirty:
        return ".".join(map(str, released))
    after_it = [*released[:2], released[2] + 1]
    coming = max(after_it, list(map(int, planned.split(".")[:3])))
    return f"{'.'.join(map(str, coming))}.dev{distance}+g{commit}{'.dirty' if dirty else ''}"


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build a wheel whose bytes follow from the commit."""
    with _tree():
        return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: Settings = None
) -> str:
    """Write the metadata that the wheel will have."""
    with _tree():
        return build_meta.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Build an sdist whose bytes follow from the commit."""
    with _tree():
        name: str = build_meta.build_sdist(sdist_directory, config_settings)
        _make_reproducible(Path(sdist_directory, name), int(os.environ["SOURCE_DATE_EPOCH"]))
        return name


@contextmanager
def _tree() -> Iterator[None]:
    """Work on a copy of the files that git does not ignore; without git, on the folder itself."""
    os.umask(0o022)
    names = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    if not Path(".git").exists() or names == [""]:
        os.environ.setdefault("SOURCE_DATE_EPOCH", str(int(Path("pyproject.toml").stat().st_mtime)))
        yield
        return
    os.environ.setdefault("SOURCE_DATE_EPOCH", _git("log", "-1", "--format=%ct").strip())
    described = _git("describe", "--tags", "--long", "--dirty", "--match", "v[0-9]*").strip()
    with tempfile.TemporaryDirectory(prefix="equiclust-build-") as folder:
        _copy(names, Path(folder))
        _write_version(Path(folder), described)
        with chdir(folder):
            yield


def _git(*arguments: str) -> str:
    """Give what git prints, and nothing where it fails: no git, no commit, no tag."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout


def _copy(names: list[str], folder: Path) -> None:
    for name in filter(os.path.isfile, names):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, target)
        target.chmod(0o755 if os.access(name, os.X_OK) else 0o644)


def _write_version(folder: Path, described: str) -> None:
    text = (folder / VERSION_FILE).read_text(encoding="utf-8")
    (planned,) = _ASSIGNED.findall(text)
    version = archive_version(described, planned)
    _replace(folder / VERSION_FILE, _ASSIGNED, f'__version__ = "{version}"')
    _replace(folder / CITATION_FILE, _CITED, f"version: {version}")


def _replace(path: Path, pattern: re.Pattern[str], line: str) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(pattern.sub(line, text), encoding="utf-8", newline="\n")


def _make_reproducible(path: Path, seconds: int) -> None:
    """Write a gzipped tar file again: sorted, with one time, no names of users, plain modes."""
    copy = path.with_suffix(".part")
    with (
        tarfile.open(path) as source,
        open(copy, "wb") as file,
        gzip.GzipFile("", "wb", mtime=seconds, fileobj=file) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for member in sorted(source.getmembers(), key=lambda member: member.name):
            member.mtime, member.uid, member.gid = seconds, 0, 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            target.addfile(member, source.extractfile(member) if member.isfile() else None)
    os.replace(copy, path)
