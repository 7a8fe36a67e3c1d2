"""What equiclust itself wrote into a folder, so that it is not taken for images."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from data_adapters.packed_files import unpacked
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json
from equiclust.io.catalogue import FORMATS
from equiclust.io.locks import LOCK_NAME
from equiclust.io.manifest import MANIFEST, read_manifest
from equiclust.io.run_folder import RunFolder
from equiclust.io.staging import PREFIX, digest_of
from equiclust.io.table_parts import PARTS

__all__ = ["UNFINISHED", "is_own_folder", "is_record", "own_output"]

UNFINISHED = ".fits.partial"
"""How the name of the folder of a segmentation that is not finished ends."""

_CATALOGUES = tuple(f"{suffix}{PARTS}" for suffix in FORMATS)

_BLOCK, _CARD = 2880, 80
_MAX_BLOCKS = 1 << 10
_CREATOR = b"CREATOR = 'equiclust"
_MAP = "a label map of equiclust, or a picture of one"
_SHEET = "a contact sheet of equiclust"
_KEPT = "the result of a filter of equiclust"
_PNG = b"\x89PNG\r\n\x1a\n"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_SOFTWARE = b"Software\0equiclust"
_MAX_TEXT = 1 << 12
_MAP_SUFFIXES = (".fits", ".fit", ".fts")
_PACKINGS = ("", ".gz", ".bz2", ".fz")


def is_own_folder(folder: Path) -> bool:
    """Whether a folder is that of a run, or of a segmentation or catalogue that is not finished.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    bool
    """
    return folder.name.endswith((UNFINISHED, *_CATALOGUES)) or RunFolder(folder).is_run


def is_record(path: Path) -> bool:
    """Whether a file is a hidden lock, manifest or unfinished work of ours, by its name.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    name = path.name
    ending = name.endswith((LOCK_NAME, f".{MANIFEST}"))
    return name.startswith((PREFIX, ".equiclust-")) or (name.startswith(".") and ending)


def own_output(path: Path) -> str:
    """What a file is that equiclust wrote and that could be taken for an image.

    Label maps are known by the card `CREATOR`, packed or compressed too, and pictures by the text
    `Software` of a PNG, whatever they are called. Pictures of version 0.1 carry no such text; they
    are known by the label map or the manifest beside them.

    Parameters
    ----------
    path : Path
        A regular file; nothing else is opened without blocking.

    Returns
    -------
    str
        In words, such as ``a label map of equiclust``; empty for anything else, and when it cannot
        be read.
    """
    # A damaged file can make a library fail in any way; its reader will say so.
    try:
        with path.open("rb") as file:
            start = file.read(len(_PNG))
            if start == _PNG:
                return _picture(file, path)
        if start == _HDF5:
            return _KEPT if _is_kept_file(path) else ""
        return _MAP if _is_label_map(path) else ""
    except Exception:
        return ""


def _is_kept_file(path: Path) -> bool:
    from data_adapters.frames.hdf5 import CREATOR
    from data_adapters.hdf5_files import open_file, text_of

    with open_file(path) as file:
        return text_of(file.attrs.get("creator")) == CREATOR


def _is_label_map(path: Path) -> bool:
    with ExitStack() as stack:
        blocks = _header_blocks(unpacked(path, stack))
        return any(
            block.startswith(_CREATOR, start)
            for block in blocks
            for start in range(0, len(block), _CARD)
        )


def _header_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The first header, and where it has no data the one behind it, as of a compressed image."""
    n_headers, is_empty = 0, False
    for number in range(_MAX_BLOCKS):
        block = file.read(_BLOCK)
        cards = [block[start : start + _CARD] for start in range(0, len(block), _CARD)]
        if number == 0 and not block.startswith(b"SIMPLE  ="):
            return
        yield block
        is_empty |= any(card[:10] == b"NAXIS   = " and _value(card) == b"0" for card in cards)
        if len(block) < _BLOCK:
            return
        if any(card.rstrip() == b"END" for card in cards):
            n_headers += 1
            if n_headers == 2 or not is_empty:
                return


def _value(card: bytes) -> bytes:
    return card[10:].partition(b"/")[0].strip()


def _picture(file: IO[bytes], path: Path) -> str:
    """What a PNG is, of which the signature has been read."""
    software = _software(file)
    if software:
        return _SHEET if software.startswith(b"equiclust similar") else _MAP
    real = path.resolve()
    if _is_in_manifest(real):
        return _SHEET
    for place in (path, real):
        for suffix, packing in itertools.product(_MAP_SUFFIXES, _PACKINGS):
            beside = place.with_suffix(suffix + packing)
            if beside.is_file() and _is_label_map(beside):
                return _MAP
    return ""


def _software(file: IO[bytes]) -> bytes:
    """The program of ours that a PNG names before its pixels; empty for none."""
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind in (b"IDAT", b"IEND"):
            break
        if kind == b"tEXt" and length <= _MAX_TEXT:
            text = file.read(length)
            if text.startswith(_SOFTWARE):
                return text.partition(b"\0")[2]
            length = 0
        file.seek(length + 4, os.SEEK_CUR)
    return b""


def _is_in_manifest(path: Path) -> bool:
    """Whether a contact sheet was written with the hidden manifest beside it, and is the same."""
    manifest = path.with_name(f".{path.name}.manifest.json")
    if not manifest.is_file():
        return False
    try:
        if read_json(manifest).get("command") != "similar":
            return False
        return read_manifest(manifest).get(path.name) == digest_of(path)
    except InputError:
        return False
