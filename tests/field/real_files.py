"""Every FITS file below some folders, read by us and by astropy.

``python -m tests.field.real_files [FOLDER ...]`` prints a table with one row for each folder (or,
of installed packages, for each package): files read, files refused in a sentence, and files of
which a pixel or a position differs.
"""

from __future__ import annotations

import logging
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from benchmarks.astropy_reference import (
    axes_of,
    cube_of,
    degrees_apart,
    five_pixels,
    is_slit,
    sky_of,
    spectrum_of,
    wcs_of,
)
from benchmarks.tables import Table
from data_adapters import read
from data_adapters.fits import FitsAdapter
from data_adapters.registry import known_suffix
from data_adapters.sky import SkyMap, open_sky_map
from data_adapters.units import parse_unit
from equiclust.exceptions import InputError, UnreadableFileError

# Degrees; the coordinates of either side come from the same double precision.
TOLERANCE = 1e-9


@dataclass
class Outcome:
    """What became of one file."""

    path: Path
    images: int = 0
    without_sky: int = 0
    refused: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def fits_files(folder: Path) -> list[Path]:
    """Files below a folder that `read` would take for FITS, in order."""
    names = (path for path in folder.rglob("*") if known_suffix(path, FitsAdapter.suffixes))
    return sorted(path for path in names if path.is_file())


def check_file(path: Path) -> Outcome:
    """The image that is read by default and every image extension, against astropy."""
    outcome = Outcome(path)
    _check_default(path, outcome)
    for number in _image_numbers(path):
        _check_extension(path, number, outcome)
    return outcome


def check_header(path: Path, folder: Path) -> Outcome | None:
    """A header kept as text, before eight pixels by ten; None when it describes no sky."""
    outcome = Outcome(path)
    header = _header_of(path)
    if header is None:
        return None
    made = folder / "header.fits"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            count = max(2, WCS(header).naxis)
            shape = (1,) * (count - 2) + (8, 10)
            for name in ("BSCALE", "BZERO", "BLANK", "SIMPLE", "XTENSION", "EXTNAME"):
                header.remove(name, ignore_missing=True)
            values = np.arange(80.0, dtype=np.float32).reshape(shape)
            fits.PrimaryHDU(values, header).writeto(made, overwrite=True, output_verify="silentfix")
    except Exception:
        return None
    _check_extension(made, 0, outcome)
    return outcome


def _header_of(path: Path) -> fits.Header | None:
    content = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return fits.Header.fromstring(content, sep="\n" if b"\n" in content[:240] else "")
        except Exception:
            return None


def _check_default(path: Path, outcome: Outcome) -> None:
    """What `read` gives is what `open_sky_map` gives, a refusal of either is a sentence."""
    try:
        result = read(path)
    except InputError as error:
        _check_sentence(str(error), outcome)
        return
    for rejected in result.rejected:
        _check_sentence(rejected.reason, outcome)
    for image in result.images:
        expected = open_sky_map(path).read()
        values = np.where(image.mask, np.nan, image.values)
        hidden = np.any(np.isnan(expected), axis=0)
        scale = np.nanmax(np.abs(expected), initial=0.0)
        close = np.allclose(
            values, np.where(hidden, np.nan, expected), rtol=0, atol=1e-7 * scale, equal_nan=True
        )
        if values.shape != expected.shape or not close:
            outcome.wrong.append("`read` and `open_sky_map` differ")


def _check_sentence(reason: str, outcome: Outcome) -> None:
    outcome.refused.append(reason)
    is_python = any(name in reason for name in ("Error:", "Exception", "Traceback", "object at 0x"))
    if is_python or "\n" in reason or len(reason) < 15:
        outcome.wrong.append(f"no sentence: {reason!r}")


def _image_numbers(path: Path) -> list[int]:
    """Numbers of the extensions that astropy takes for images; none of a file it cannot open."""
    try:
        with warnings.catch_warnings(), fits.open(path) as hdus:
            warnings.simplefilter("ignore")
            return [number for number, hdu in enumerate(hdus) if hdu.is_image and hdu.shape]
    except Exception:
        return []


def _check_extension(path: Path, number: int, outcome: Outcome) -> None:
    with _warned() as messages:
        try:
            sky = open_sky_map(path, part=str(number))
            values = sky.read()
        except UnreadableFileError as error:
            _check_sentence(str(error), outcome)
            return
    outcome.images += 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, do_not_scale_image_data=True, memmap=False) as hdus:
            found = list(_differences(sky, values, hdus[number], hdus))
    # A warning that says why makes it no silent loss.
    if found == ["no coordinates"]:
        outcome.without_sky += 1
        found = [] if _is_said(messages) else found
    if "written header" in found and _is_said(messages):
        found.remove("written header")
    outcome.wrong += [f"[{number}] {one}" for one in found]


def _is_said(messages: Iterable[str]) -> bool:
    return any("sky" in line or "coordinates" in line for line in messages)


def _differences(sky: SkyMap, values: Any, hdu: Any, hdus: fits.HDUList) -> Iterator[str]:
    wcs = wcs_of(hdu, hdus)
    expected = cube_of(hdu, wcs).astype(values.dtype)
    expected[~np.isfinite(expected)] = np.nan
    if expected.shape != values.shape:
        yield f"shape {values.shape}, astropy {expected.shape}"
        return
    if not np.array_equal(values, expected, equal_nan=True):
        yield f"{np.sum(~((values == expected) | (np.isnan(values) & np.isnan(expected))))} pixels"
    if wcs is None or len(axes_of(wcs).sky) != 2 or is_slit(hdu.shape, axes_of(wcs)):
        return
    if sky.wcs is None:
        yield "no coordinates"
        return
    places = five_pixels(*sky.shape[1:])
    expected = sky_of(wcs, places)
    apart = degrees_apart(sky_of(sky.wcs, places), expected)
    if apart > TOLERANCE:
        yield f"{apart} degrees apart"
    if degrees_apart(sky_of(WCS(sky.header), places), expected) > TOLERANCE:
        yield "written header"
    yield from _spectral_difference(sky, wcs)


def _spectral_difference(sky: SkyMap, wcs: WCS) -> Iterator[str]:
    axis = axes_of(wcs).spectral
    if axis is None or sky.shape[0] < 2:
        return
    if sky.spectral is None:
        yield "no spectral axis"
        return
    expected = spectrum_of(wcs, sky.shape[0])
    values = sky.spectral.values * float(parse_unit(sky.spectral.unit).to(wcs.wcs.cunit[axis]))
    if not np.allclose(values, expected, rtol=1e-12, atol=0.0):
        yield f"spectral values from {values[0]} to {values[-1]}, astropy {expected[[0, -1]]}"


@contextmanager
def _warned() -> Iterator[list[str]]:
    """Messages that the block logs as warnings."""
    messages: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Handler(logging.WARNING)
    logger = logging.getLogger("data_adapters")
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)


def header_files(folder: Path) -> list[Path]:
    """Headers that are kept as text below a folder."""
    return sorted(path for path in folder.rglob("*") if path.suffix in (".hdr", ".header"))


def installed_packages(names: Sequence[str] = ()) -> dict[str, Path]:
    """Folders of installed packages that hold FITS files; by default of all."""
    place = Path(sysconfig.get_path("purelib"))
    found = [place / name for name in names] or sorted(path for path in place.iterdir())
    return {path.name: path for path in found if path.is_dir() and fits_files(path)}


def check_folders(folders: dict[str, Path]) -> Table:
    """One row a folder; what is wrong is printed."""
    rows = []
    for name, folder in folders.items():
        outcomes = [check_file(path) for path in fits_files(folder)]
        with TemporaryDirectory() as place:
            tried = [check_header(path, Path(place)) for path in header_files(folder)]
        headers = [outcome for outcome in tried if outcome is not None]
        rows.append(_row(name, outcomes, headers))
        for outcome in (*outcomes, *headers):
            for line in outcome.wrong:
                print(f"WRONG {outcome.path}: {line}", flush=True)
    rows.append({**_total(rows), "package": "all"})
    return Table("real_files", "Real FITS files, against astropy", rows)


def _row(name: str, outcomes: Sequence[Outcome], headers: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "package": name,
        "files": len(outcomes),
        "files read": sum(outcome.images > 0 for outcome in outcomes),
        "files refused": sum(not outcome.images for outcome in outcomes),
        "images read": sum(outcome.images for outcome in outcomes),
        "refusals": sum(len(outcome.refused) for outcome in outcomes),
        "headers": len(headers),
        "sky left out aloud": sum(outcome.without_sky for outcome in (*outcomes, *headers)),
        "wrong": sum(bool(outcome.wrong) for outcome in (*outcomes, *headers)),
    }


def _total(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    rows = list(rows)
    return {key: sum(row[key] for row in rows) if key != "package" else "" for key in rows[0]}


def main(arguments: Sequence[str]) -> int:
    """Exit status 1 when something is wrong."""
    logging.getLogger("data_adapters").addHandler(logging.NullHandler())
    folders = {Path(name).name: Path(name) for name in arguments} or installed_packages()
    table = check_folders(folders)
    print(table.to_markdown())
    table.write(Path("benchmark_results"))
    return int(table.rows[-1]["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
