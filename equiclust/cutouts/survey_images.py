"""`Survey`: the images of a survey by bands, with their masks and weights, opened but not read."""

from __future__ import annotations

import logging
import math
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales
from joblib import delayed

from data_adapters.discovery import Found, discover, split_part
from data_adapters.fits import FitsAdapter
from data_adapters.fits_files import open_fits
from data_adapters.fits_headers import card, errors_named
from data_adapters.sky.sky_map import SkyMap, open_sky_map
from equiclust.exceptions import EquiclustWarning, InputError, UnreadableFileError
from equiclust.processes import make_calls
from equiclust.progress import Update
from equiclust.typing import PathLike

__all__ = ["ONE_BAND", "Images", "Survey", "Tile", "open_survey"]

logger = logging.getLogger(__name__)

Images = PathLike | Iterable[PathLike] | Mapping[str, PathLike | Iterable[PathLike]]
"""Files, folders and globs; with ``BAND=`` before a name, or by band, where there are several."""

ONE_BAND = ""
"""Name of the band of images of which nobody says one."""

_BAND = re.compile(r"([A-Za-z0-9_.+-]{1,32})=(.+)", re.DOTALL)
_FILTERS = ("FILTER", "FILTNAM", "BAND")
# Tiles that are opened by one call of another process.
_AT_ONCE = 32
# Images that cannot be read, named in a warning.
_MOST_SHOWN = 3


@dataclass(frozen=True)
class Tile:
    """One image of a survey.

    Parameters
    ----------
    number : int
        In the survey.
    band : int
        Number of its band.
    path : str
        The file, with the extension in brackets where one was named.
    sky : SkyMap
        Its pixels and coordinates.
    mask, weight : SkyMap, optional
        Images of the same size: pixels to leave out, which are not 0, and weights.
    """

    number: int
    band: int
    path: str
    sky: SkyMap
    mask: SkyMap | None = None
    weight: SkyMap | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.sky.shape[1], self.sky.shape[2]

    @property
    def scale(self) -> float:
        """Degrees of a pixel, the geometric mean of both axes; NaN without coordinates."""
        if self.sky.wcs is None:
            return math.nan
        return math.sqrt(float(np.prod(np.abs(proj_plane_pixel_scales(self.sky.wcs)))))

    def without_coordinates(self) -> Tile:
        """The tile as it is sent to another process to be read, which needs no coordinates.

        Returns
        -------
        Tile
        """
        bare = replace(self.sky, wcs=None, header=fits.Header())
        # To find it out may take a look at all pixels.
        vars(bare)["dtype"] = self.sky.dtype
        return replace(self, sky=bare)


@dataclass(frozen=True)
class Survey:
    """Images of a survey.

    Parameters
    ----------
    bands : tuple of str
        Names of the bands, in the order of the channels.
    tiles : tuple of Tile
        By bands, and within these as they were given.
    """

    bands: tuple[str, ...]
    tiles: tuple[Tile, ...]

    @property
    def has_weights(self) -> bool:
        """Whether the stamps have weights."""
        return any(tile.weight is not None for tile in self.tiles)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type that holds the values of all images: float32, or float64 where that cannot."""
        return np.result_type(*{tile.sky.dtype for tile in self.tiles})

    def of_band(self, band: int) -> list[Tile]:
        """Tiles of a band.

        Parameters
        ----------
        band : int

        Returns
        -------
        list of Tile
        """
        return [tile for tile in self.tiles if tile.band == band]


class _Unreadable(NamedTuple):
    """An image that cannot be read: its band, and its path with the reason."""

    band: str
    reason: str


def open_survey(
    images: Images,
    *,
    bands: Sequence[str] = (),
    band_keyword: str = "",
    mask: str = "",
    weight: str = "",
    update: Update | None = None,
) -> Survey:
    """Open the images of a survey; no pixel is read.

    Parameters
    ----------
    images : Images
        Files, folders and globs, each with ``BAND=`` before it or none of them, or a mapping of
        bands to these.
    bands : sequence of str, default ()
        Bands in the order of the channels; by default that of the images.
    band_keyword : str, default ""
        Card of the header that names the band, such as ``FILTER``.
    mask, weight : str, default ""
        Where the mask and the weights of an image are: ``[EXT]`` of its own file, or a path in
        which ``{stem}`` and ``{name}`` stand for the name of the image without and with its suffix,
        beside the image where it is not absolute.
    update : callable, optional
        Takes the number of images that are opened, that of all, and a remark.

    Returns
    -------
    Survey

    Raises
    ------
    InputError
        When an image does not exist, or its band cannot be told.
    UnreadableFileError
        When no image of a band can be read.

    Warns
    -----
    EquiclustWarning
        When some images cannot be read; the sources that they alone cover then have no stamp.
    """
    given = _by_band(images)
    if band_keyword and list(given) != [ONE_BAND]:
        raise InputError(
            f"band_keyword {band_keyword!r} names the bands of images that have none, got images "
            f"with {', '.join(name for name in given if name)}= before them"
        )
    found = [
        (band, item)
        for band, names in given.items()
        for item in discover(names, FitsAdapter.suffixes)
    ]
    calls = [
        delayed(_opened)(found[first : first + _AT_ONCE], band_keyword, mask, weight)
        for first in range(0, len(found), _AT_ONCE)
    ]
    tried = [one for part in make_calls(calls, side_by_side=len(calls) > 3) for one in part]
    opened = [one for one in tried if not isinstance(one, _Unreadable)]
    _tell_unreadable([one for one in tried if isinstance(one, _Unreadable)], opened)
    if update is not None:
        update(len(opened), len(opened), "")
    names = _order([band for band, _, _ in opened], bands)
    if names == (ONE_BAND,):
        _check_one_filter([(tile.path, said) for _, tile, said in opened])
    chosen = [(names.index(band), tile) for band, tile, _ in opened]
    chosen.sort(key=lambda one: one[0])
    tiles = (replace(tile, number=k, band=band) for k, (band, tile) in enumerate(chosen))
    return Survey(names, tuple(tiles))


def _by_band(images: Images) -> dict[str, list[str]]:
    if isinstance(images, Mapping):
        if not images or not all(isinstance(name, str) and name for name in images):
            raise InputError(f"images must map names of bands to files, got {list(images)!r}")
        return {name: _names(several) for name, several in images.items()}
    found: dict[str, list[str]] = {}
    for name in _names(images):
        match = _BAND.fullmatch(name)
        # A file may have the sign in its name.
        is_band = match is not None and not os.path.lexists(os.path.expanduser(name))
        band, rest = (match[1], match[2]) if match is not None and is_band else (ONE_BAND, name)
        found.setdefault(band, []).append(rest)
    if not found:
        raise InputError("no image was given; name files, folders or globs")
    if ONE_BAND in found and len(found) > 1:
        raise InputError(
            f"every image must have its band before it, as in g=tiles/*_g.fits, or none, got "
            f"{found[ONE_BAND][0]!r} beside {next(name for name in found if name)}="
        )
    return found


def _names(several: PathLike | Iterable[PathLike]) -> list[str]:
    items: Any = [several] if isinstance(several, str | os.PathLike) else several
    try:
        names = [os.fspath(name) for name in items]
    except TypeError as error:
        raise InputError(
            f"images must be paths, or a mapping of bands to paths, got {type(several).__name__}"
        ) from error
    if not all(isinstance(name, str) for name in names):
        raise InputError("images must be paths of text")
    return names


def _tell_unreadable(
    unreadable: Sequence[_Unreadable], opened: Sequence[tuple[str, Tile, str]]
) -> None:
    """Warn of images that cannot be read, or refuse where a band is left without any."""
    there = {band for band, _, _ in opened}
    for one in unreadable:
        if not opened or (one.band != ONE_BAND and one.band not in there):
            raise UnreadableFileError(one.reason)
    if unreadable:
        shown = "; ".join(one.reason for one in unreadable[:_MOST_SHOWN])
        more = len(unreadable) - _MOST_SHOWN
        warnings.warn(
            f"{len(unreadable)} of {len(unreadable) + len(opened)} images cannot be read and are "
            f"left out: {shown}" + (f"; and {more} more" if more > 0 else ""),
            EquiclustWarning,
            stacklevel=2,
        )


def _order(found: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    names = list(dict.fromkeys(found))
    if not wanted:
        return tuple(names)
    odd = [name for name in names if name not in wanted] or [
        name for name in wanted if name not in names
    ]
    if odd or len(set(wanted)) != len(wanted):
        shown = ", ".join(names) if names != [ONE_BAND] else "none named"
        raise InputError(
            f"bands must be those of the images in another order, got {','.join(wanted)} for "
            f"images of {shown}; write BAND= before the images, or name the card by --band-keyword"
        )
    return tuple(wanted)


def _opened(
    items: Sequence[tuple[str, Found]], keyword: str, mask: str, weight: str
) -> list[tuple[str, Tile, str] | _Unreadable]:
    """Band, tile and filter of its header of some images."""
    opened: list[tuple[str, Tile, str] | _Unreadable] = []
    for band, item in items:
        try:
            if item.reason:
                raise UnreadableFileError(f"{item.name}: {item.reason}")
            opened.append(_opened_image(band, item, keyword, mask, weight))
        except UnreadableFileError as error:
            opened.append(_Unreadable(band, str(error)))
    return opened


def _opened_image(
    band: str, item: Found, keyword: str, mask: str, weight: str
) -> tuple[str, Tile, str]:
    path = f"{item.name}[{item.part}]" if item.part else item.name
    sky = _sky_of(path)
    said = _cards_of(item.name, item.part, (keyword,) if keyword else _FILTERS)
    if keyword and not said:
        raise InputError(f"{path}: it has no card {keyword!r} that names its band")
    beside = [_beside(sky, path, one, what) for one, what in ((mask, "mask"), (weight, "weight"))]
    return said if keyword else band, Tile(0, 0, path, sky, *beside), said


def _sky_of(path: str) -> SkyMap:
    sky = open_sky_map(path)
    if sky.shape[0] > 1:
        raise UnreadableFileError(
            f"{path}: it is a cube of {sky.shape[0]} channels; make an image of it first, one "
            "plane or a moment map"
        )
    _check_header(sky, path)
    # It is kept, and found out here, where other processes help.
    logger.debug("%s: %s", path, sky.dtype)
    return sky


def _check_header(sky: SkyMap, path: str) -> None:
    """Refuse coordinates that cards cannot keep, as those of lookup tables: stamps have cards."""
    if sky.wcs is None:
        return
    height, width = sky.shape[1:]
    x, y = (
        np.array([0.0, width - 1.0, 0.0, width / 2]),
        np.array([0.0, 0.0, height - 1.0, 0.3 * height]),
    )
    with errors_named(Path(path)):
        own = WCS(sky.header).all_pix2world(x, y, 0)
        apart = np.abs(np.subtract(own, sky.wcs.all_pix2world(x, y, 0)))
    apart = np.minimum(apart, np.abs(360.0 - apart))
    if np.nanmax(apart, initial=0.0) > 1e-9:
        raise UnreadableFileError(
            f"{path}: its coordinates need tables that a stamp cannot keep; convert them to "
            "polynomials (SIP) first"
        )


def _cards_of(file: str, part: str, names: Sequence[str]) -> str:
    """The first of these cards that an image has, in its own header or the first of the file."""
    path = Path(file)
    with errors_named(path), open_fits(path) as hdus:
        from data_adapters.extensions import chosen_hdu

        for header in (chosen_hdu(hdus, part, path).header, hdus[0].header):
            for name in names:
                if found := card(header, name):
                    return found
    return ""


def _check_one_filter(said: Sequence[tuple[str, str]]) -> None:
    filters: dict[str, str] = {}
    for path, name in said:
        if name:
            filters.setdefault(name, path)
    if len(filters) > 1:
        shown = ", ".join(f"{name} ({Path(path).name})" for name, path in [*filters.items()][:3])
        raise InputError(
            f"the images are of several filters: {shown}; say --band-keyword FILTER for a channel "
            "each, or write the band before the images, as in g=tiles/*_g.fits"
        )


def _beside(sky: SkyMap, image: str, where: str, what: str) -> SkyMap | None:
    """Mask or weights of an image."""
    if not where:
        return None
    file, _ = split_part(image)
    name = os.path.basename(file)
    suffix = next((one for one in FitsAdapter.suffixes[::-1] if name.lower().endswith(one)), "")
    stem = name[: len(name) - len(suffix)] if suffix else name
    if where.startswith("["):
        path = file + where
    else:
        path = where.replace("{stem}", stem).replace("{name}", name)
        path = os.path.join(os.path.dirname(file), os.path.expanduser(path))
        if "{" not in where and os.path.lexists(os.path.expanduser(where)):
            path = os.path.expanduser(where)
    try:
        found = open_sky_map(path)
    except UnreadableFileError as error:
        raise InputError(f"{what} {where!r} of {name} cannot be read: {error}") from error
    if found.shape != (1, *sky.shape[1:]):
        raise InputError(
            f"{what} {path} must have the shape {sky.shape[1:]} of its image, got {found.shape[1:]}"
        )
    return found
