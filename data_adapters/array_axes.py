"""Which axis of an array holds what: images, channels, rows, columns."""

from __future__ import annotations

import logging
from pathlib import Path

from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.typing import Array

__all__ = ["axes_of", "check_axes", "guessed_axes", "in_order"]

logger = logging.getLogger(__name__)

ORDER = "nchw"
COLOURS = (1, 3, 4)
# Sides below these are taken for channels, or for neither.
NARROWEST, NARROW = 5, 8
STRIP = 4


def check_axes(axes: str) -> str:
    """Letters for the axes of arrays, as a user may write them.

    Parameters
    ----------
    axes : str
        `n` for images, `c` for channels, `h` for rows and `w` for columns, in the order of the
        array's axes; empty to guess.

    Returns
    -------
    str
        In lower case.

    Raises
    ------
    InputError
        When a letter is another one, occurs twice, or `h` or `w` is missing.
    """
    letters = axes.lower() if isinstance(axes, str) else ""
    legal = set(letters) <= set(ORDER) and len(set(letters)) == len(letters)
    if (isinstance(axes, str) and not axes) or (legal and {"h", "w"} <= set(letters)):
        return letters
    raise InputError(
        "axes must hold h and w, and may hold n and c, each once, in the order of the array's "
        f"axes, such as nhwc, got {axes!r}"
    )


def axes_of(shape: tuple[int, ...], axes: str, path: Path) -> str:
    """One letter for each axis of an array.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    axes : str
        From `check_axes`; empty to guess. Its `n` or `c` may be missing in the array.
    path : Path
        The file, named in messages.

    Returns
    -------
    str
        As many of the letters `nchw` as the array has axes.

    Raises
    ------
    UnreadableFileError
        When the letters do not fit, or none are given and the shape can be read in two ways.
    """
    if not axes:
        return guessed_axes(shape, path)
    for dropped in ("", "n", "c", "nc"):
        letters = "".join(letter for letter in axes if letter not in dropped)
        if len(letters) == len(shape):
            return letters
    raise UnreadableFileError(
        f"{path}: its array has shape {shape}, which the letters of axes do not fit: {axes!r}"
    )


def guessed_axes(shape: tuple[int, ...], path: Path) -> str:
    """Letters of an array of which nothing but its shape is known.

    Without doubt it is `(h, w)`, `(n, h, w)` or `(n, c, h, w)`. A last axis of 1, 3 or 4 behind two
    of at least 5 holds channels.

    Parameters
    ----------
    shape : tuple of int
    path : Path
        The file, named in messages.

    Returns
    -------
    str

    Raises
    ------
    UnreadableFileError
        When there are fewer than two or more than four axes, or a shape such as `(10, 64, 64, 2)`
        or `(64, 64, 5)` can be read in two ways.
    """
    if not 2 <= len(shape) <= 4:
        raise UnreadableFileError(
            f"{path}: its array of shape {shape} must have two to four axes: (h, w), (n, h, w) or "
            "(n, c, h, w)"
        )
    if len(shape) == 2:
        return "hw"
    *_, first, height, width = shape
    if width in COLOURS and min(first, height) >= NARROWEST:
        logger.warning("%s: of its shape %s the last axis is taken for channels", path, shape)
        return "nhwc"[-len(shape) :]
    many_channels = len(shape) == 4 and first >= NARROWEST
    if _is_strip(height, width) or (many_channels and width < first):
        choices = "nhw, hwc or chw" if len(shape) == 3 else "nhwc or nchw"
        raise UnreadableFileError(
            f"{path}: its shape {shape} does not show which axis holds channels; say so by axes, "
            f"such as {choices} (on the command line --axes)"
        )
    if len(shape) == 3 and first in COLOURS[1:]:
        logger.warning(
            "%s: of its shape %s the first axis is taken for images; if it holds channels, say so "
            "by axes, chw (on the command line --axes)",
            path,
            shape,
        )
    return "nhw" if len(shape) == 3 else "nchw"


def _is_strip(height: int, width: int) -> bool:
    narrow, wide = sorted((height, width))
    return narrow < NARROW and wide >= STRIP * narrow and wide >= NARROWEST


def in_order(array: Array, letters: str, *, order: str = ORDER) -> Array:
    """Array with its axes in the order `(n, c, h, w)`, of length 1 where it has none.

    Parameters
    ----------
    array : ndarray
    letters : str
        One for each axis of the array.
    order : str, default "nchw"
        Of the result.

    Returns
    -------
    ndarray
        A view.
    """
    found = array.transpose([letters.index(letter) for letter in order if letter in letters])
    return found[tuple(slice(None) if letter in letters else None for letter in order)]
