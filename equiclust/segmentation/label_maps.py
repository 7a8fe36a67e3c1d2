"""Segment maps out to FITS files and back."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from data_adapters.adapter import reason_of
from equiclust import __version__
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.images import Beam
from equiclust.io.atomic import atomic_path
from equiclust.io.catalogue import printable
from equiclust.segmentation.regions import write_regions
from equiclust.segmentation.segment_map import MASKED, SPECTRAL_KINDS, UNSURE, SegmentMap
from equiclust.segmentation.segment_table import segments
from equiclust.typing import PathLike

__all__ = ["read_segment_map", "segments", "write_regions", "write_segment_map"]


# About the file they stand in and not about the sky, or written by us.
NOT_OF_THE_SKY = (
    *("XTENSION", "EXTNAME", "EXTVER", "EXTLEVEL", "INHERIT", "CHECKSUM", "DATASUM"),
    *("BUNIT", "BLANK", "DATAMIN", "DATAMAX", "CASAMBM", "BMAJ", "BMIN", "BPA"),
    *("CREATOR", "UNSURE", "MASKED", "DATAUNIT"),
)


# What earlier versions called the extension of the memberships.
_FORMER = "CONFIDENCE"


def write_segment_map(segment_map: SegmentMap, path: PathLike) -> None:
    """Write a segment map to one FITS file, whole or not at all, over what was there.

    The primary image holds the labels, int16, so that DS9, CARTA and glue show them at once; it
    carries the coordinates, the beam, and as `DATAUNIT` the unit of the data. The images
    ``MEMBERSHIP``, ``COVERAGE`` and, where there are velocities, ``VELOCITY_LOW`` and
    ``VELOCITY_HIGH`` (or ``FREQUENCY_LOW`` and so on, see `SegmentMap.spectral_kind`) follow on
    the same coordinates, then the table ``LABELS`` of label, meaning
    and n_pixels.

    Parameters
    ----------
    segment_map : SegmentMap
    path : path-like

    Raises
    ------
    OutputError
        When the place cannot be written to.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from equiclust.segmentation import SegmentMap, write_segment_map
    >>> labels = np.zeros((16, 16), np.int16)
    >>> ones = np.ones(labels.shape, np.float32)
    >>> write_segment_map(SegmentMap(labels, ones, ones, fits.Header(), unit="K"), "kinds.fits")
    >>> with fits.open("kinds.fits") as hdus:
    ...     print([hdu.name for hdu in hdus], hdus[0].header["DATAUNIT"])
    ['PRIMARY', 'MEMBERSHIP', 'COVERAGE', 'LABELS'] K
    """
    sky = _sky_cards(segment_map.header)
    hdus = fits.HDUList([_primary(segment_map, sky)])
    for name, array, unit in _layers(segment_map):
        header = sky.copy()
        if unit:
            header["BUNIT"] = unit
        hdus.append(fits.ImageHDU(array, header, name=name))
    hdus.append(_label_table(segment_map))
    hdus.update_extend()
    for hdu in hdus:
        # Without the time, which would make other bytes of the same map.
        hdu.add_checksum(when="header and data of this HDU")
    with atomic_path(path) as draft:
        hdus.writeto(draft)


def _layers(segment_map: SegmentMap) -> list[tuple[str, npt.NDArray[Any], str]]:
    layers = [
        ("MEMBERSHIP", segment_map.membership, ""),
        ("COVERAGE", segment_map.coverage, ""),
    ]
    if segment_map.velocity_low is not None and segment_map.velocity_high is not None:
        unit = printable(segment_map.velocity_unit, ascii_only=True)
        kind = segment_map.spectral_kind.upper()
        layers.append((f"{kind}_LOW", segment_map.velocity_low, unit))
        layers.append((f"{kind}_HIGH", segment_map.velocity_high, unit))
    return layers


def _primary(segment_map: SegmentMap, sky: fits.Header) -> fits.PrimaryHDU:
    header = sky.copy()
    header["UNSURE"] = UNSURE, "label of pixels of unknown kind"
    header["MASKED"] = MASKED, "label of pixels masked in the input"
    if segment_map.unit:
        data_unit = printable(segment_map.unit, ascii_only=True)
        header["DATAUNIT"] = data_unit, "unit of the data that was segmented"
    if segment_map.beam is not None:
        header["BMAJ"], header["BMIN"], header["BPA"] = segment_map.beam
    header["CREATOR"] = f"equiclust {__version__}"
    return fits.PrimaryHDU(segment_map.labels, header)


def _label_table(segment_map: SegmentMap) -> fits.BinTableHDU:
    labels = np.arange(MASKED, segment_map.n_clusters)
    meanings = ["masked in the input", "don't know"]
    meanings += [f"cluster {label}" for label in range(segment_map.n_clusters)]
    few = [np.count_nonzero(segment_map.labels == label) for label in (MASKED, UNSURE)]
    columns = [
        fits.Column("label", "I", array=labels),
        fits.Column("meaning", f"{max(map(len, meanings))}A", array=meanings),
        fits.Column("n_pixels", "K", array=[*few, *segment_map.sizes]),
    ]
    return fits.BinTableHDU.from_columns(columns, name="LABELS")


def _sky_cards(header: fits.Header) -> fits.Header:
    """The cards that any image on the same sky may carry, those left out that break the rules."""
    legal = fits.Header([card for card in header.cards if _is_legal(card)])
    legal.strip()
    # `strip` leaves sizes that stand without the number of axes.
    for name in (*NOT_OF_THE_SKY, *(name for name in set(legal) if name.startswith("NAXIS"))):
        legal.remove(name, ignore_missing=True, remove_all=True)
    if "WCSAXES" in legal:
        # The standard wants it before all other cards of the coordinates.
        card = legal.cards["WCSAXES"]
        legal.remove("WCSAXES")
        legal.insert(0, card)
    return legal


def _is_legal(card: fits.Card) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            card.verify("silentfix")
            return bool(card.image)
    except (fits.VerifyError, ValueError):
        return False


@checks_types
def read_segment_map(path: PathLike) -> SegmentMap:
    """Read a segment map that `write_segment_map` or ``equiclust segment`` wrote.

    Parameters
    ----------
    path : path-like
        FITS file.

    Returns
    -------
    SegmentMap
        Equal to the one that was written.

    Raises
    ------
    UnreadableFileError
        When the file is missing, damaged, or holds something else.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from equiclust.segmentation import SegmentMap, read_segment_map, write_segment_map
    >>> labels = np.zeros((16, 16), np.int16)
    >>> labels[:4] = 1
    >>> ones = np.ones(labels.shape, np.float32)
    >>> write_segment_map(SegmentMap(labels, ones, ones, fits.Header()), "labels.fits")
    >>> again = read_segment_map("labels.fits")
    >>> bool((again.labels == labels).all()), float(again.membership.mean())
    (True, 1.0)
    """
    source = Path(path)
    try:
        with source.open("rb") as file, fits.open(file, memmap=False) as hdus:
            return _from_hdus(hdus)
    except KeyError as error:
        why = " ".join(str(error).split()).strip("\"'")
        raise UnreadableFileError(f"{source}: it is no segment map: {why}") from error
    except InputError as error:
        raise UnreadableFileError(f"{source}: it is no segment map: {error}") from error
    except Exception as error:
        # A damaged file can make a library fail in any way.
        raise UnreadableFileError(f"{source}: {reason_of(source, error)}") from error


def _from_hdus(hdus: fits.HDUList) -> SegmentMap:
    header = hdus[0].header
    beam = Beam(header["BMAJ"], header["BMIN"], header["BPA"]) if "BMAJ" in header else None
    more: dict[str, Any] = {}
    for kind in SPECTRAL_KINDS:
        if f"{kind}_LOW" in hdus:
            more = {f"velocity_{end}": _native(hdus[f"{kind}_{end}"]) for end in ("low", "high")}
            more["velocity_unit"] = hdus[f"{kind}_LOW"].header.get("BUNIT", "")
            more["spectral_kind"] = kind
    return SegmentMap(
        labels=_native(hdus[0]),
        membership=_native(hdus[_FORMER if _FORMER in hdus else "MEMBERSHIP"]),
        coverage=_native(hdus["COVERAGE"]),
        header=_sky_cards(header),
        unit=header.get("DATAUNIT", ""),
        beam=beam,
        **more,
    )


def _native(hdu: Any) -> npt.NDArray[Any]:
    """In the machine's byte order."""
    if hdu.data is None:
        raise InputError(f"labels must be an image, got an empty {hdu.name or 'file'}")
    array: npt.NDArray[Any] = hdu.data.astype(hdu.data.dtype.newbyteorder("="))
    return array
