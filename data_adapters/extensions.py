"""Which extension of a FITS file is the image: one of science, not of flags, weights or errors."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from astropy.io import fits

from data_adapters.extension_names import Content, content_named
from data_adapters.fits_headers import card
from equiclust.exceptions import UnreadableFileError

__all__ = ["chosen_hdu", "long_axes", "parts_of"]

logger = logging.getLogger(__name__)

# Of the coordinates, and read with them.
_TABLES = ("WCSDVARR", "D2IMARR")
# HDUCLAS2 of extensions that are no data, by the convention of HEASARC and ESO.
_AUXILIARY_CLASSES = ("ERROR", "QUALITY", "MASK", "WEIGHT")


def chosen_hdu(hdus: fits.HDUList, part: str, path: Path) -> Any:
    """Extension that `part` names, or the one that is the image of science, of two axes.

    That is the first with a name such as ``SCI``, or else the first of any other name. Flags,
    weights, errors, coverage, distortion tables and aperture masks, known by their names, are only
    read when they are named; backgrounds, models, calibrations and the like where there is no
    other image. See `data_adapters.extension_names`.

    Parameters
    ----------
    hdus : astropy.io.fits.HDUList
    part : str
        Number or name of an extension, or name and version as in ``SCI,2``; empty for that
        of science.
    path : Path
        The file, named in messages.

    Returns
    -------
    astropy HDU
        Of an image with at least two axes longer than one pixel.

    Raises
    ------
    UnreadableFileError
        When there is no such extension, or it is no such image.
    """
    if part:
        return _named(hdus, part, path)
    images = [hdu for hdu in hdus if _is_image(hdu)]
    of_science = _of_science(images)
    if not of_science:
        first = f"{path.name}[{_part_of(images[0], hdus)}]" if images else ""
        hint = f"; name one to read it, as in {first}" if images else ""
        raise UnreadableFileError(
            f"{path}: it holds no image of two axes, only {_listed(hdus)}{hint}"
        )
    # The first of those that are called so, or else the first.
    chosen = min(of_science, key=_content)
    taken, *others = [
        _part_of(hdu, hdus)
        for hdu in (chosen, *(hdu for hdu in images if hdu is not chosen))
        if hdu.name not in _TABLES
    ]
    if others:
        shown = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if others[5:] else "")
        logger.warning("%s: [%s] is read, and not its other images: %s", path, taken, shown)
    return chosen


def parts_of(hdus: fits.HDUList, part: str, path: Path) -> list[str]:
    """Parts that `part` stands for: with ``*`` for the version all of one name, or all of science.

    Parameters
    ----------
    hdus : astropy.io.fits.HDUList
    part : str
        As in `chosen_hdu`, or ``SCI,*`` for every version of a name, or ``*`` for every image that
        is neither flags nor weights and so on.
    path : Path
        The file, named in messages.

    Returns
    -------
    list of str
        At least one.

    Raises
    ------
    UnreadableFileError
        When there is none.
    """
    name, _, version = (text.strip() for text in part.partition(","))
    if "*" not in (name, version):
        return [part]
    images = [hdu for hdu in hdus if _is_image(hdu)]
    named = [hdu for hdu in images if hdu.name.upper() == name.upper()]
    found = [_part_of(hdu, hdus) for hdu in (_of_science(images) if name == "*" else named)]
    if not found:
        raise UnreadableFileError(
            f"{path}: no image answers to [{part}], it holds only {_listed(hdus)}"
        )
    return found


def _part_of(hdu: Any, hdus: fits.HDUList) -> str:
    """What names an extension in brackets: its name and version, or else its number."""
    if hdu.name and hdu.name != "PRIMARY":
        return f"{hdu.name},{hdu.ver}"
    return str(next(number for number, other in enumerate(hdus) if other is hdu))


def _named(hdus: fits.HDUList, part: str, path: Path) -> Any:
    name, _, version = part.partition(",")
    key: Any = int(name) if name.strip().isdigit() else name.strip()
    if version.strip().isdigit():
        key = (key, int(version))
    try:
        hdu = hdus[key]
    except (KeyError, IndexError) as error:
        raise UnreadableFileError(
            f"{path}: it has no extension {part!r}, only {_listed(hdus)}"
        ) from error
    if not _is_image(hdu):
        raise UnreadableFileError(
            f"{path}: extension {part!r} is no image of two axes but {_described(hdu)}"
        )
    return hdu


def _is_image(hdu: Any) -> bool:
    return bool(hdu.is_image and len(long_axes(hdu)) >= 2 and 0 not in hdu.shape)


def _of_science(images: list[Any]) -> list[Any]:
    """Those that are no flags and so on; backgrounds, models and so on where there is no other."""
    known = [(hdu, _content(hdu)) for hdu in images]
    found = [hdu for hdu, content in known if content < Content.BESIDE]
    return found or [hdu for hdu, content in known if content == Content.BESIDE]


def _content(hdu: Any) -> Content:
    if hdu.name in _TABLES or card(hdu.header, "HDUCLAS2").upper() in _AUXILIARY_CLASSES:
        return Content.AUXILIARY
    content = content_named(hdu.name)
    # BTYPE is of no fixed words, so that it only tells images that may be passed over.
    is_beside = content_named(card(hdu.header, "BTYPE")) >= Content.BESIDE
    return max(content, Content.BESIDE) if is_beside else content


def long_axes(hdu: Any) -> tuple[int, ...]:
    """Axes of the array that are longer than one pixel.

    Parameters
    ----------
    hdu : astropy HDU

    Returns
    -------
    tuple of int
        Counted from 0, slowest first, as in `hdu.shape`.
    """
    return tuple(axis for axis, length in enumerate(hdu.shape) if length > 1)


def _listed(hdus: fits.HDUList) -> str:
    return ", ".join(_described(hdu) for hdu in hdus)


def _described(hdu: Any) -> str:
    name = hdu.name or "an unnamed extension"
    if not hdu.is_image:
        return f"{name} (a table)" if hasattr(hdu, "columns") else f"{name} (no image)"
    return f"{name} (shape {hdu.shape})" if hdu.shape else f"{name} (empty)"
