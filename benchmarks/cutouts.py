"""Stamps of a simulated survey: speed, memory and rightness, beside other programs.

The mosaic is ``rows[y] * columns[x]`` of random numbers in each band, with rectangles of NaN, so
that what every stamp must hold follows from where it lies. Tiles overlap by 50 pixels. Rivals are
`astropy.nddata.Cutout2D` in a loop over the sources of each tile, which writes one FITS file a
stamp, and Cutana, where ``EQUICLUST_CUTANA`` names a Python that has it installed.

``python -m benchmarks.cutouts --tiles 5 --stamps 10000`` measures a smaller survey than
``python -m benchmarks cutouts``.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import psutil
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.table import Table as Catalogue
from astropy.wcs import WCS

from benchmarks.measuring import compared, ratios
from benchmarks.tables import Table
from data_adapters.streaming import ImageStream
from equiclust.cutouts import make_cutouts
from equiclust.images import Image
from equiclust.typing import Array, Float64Array

__all__ = ["cutouts_tables"]

_TILE, _OVERLAP, _SIZE = 1000, 50, 64
_BANDS = ("g", "r")
_SAMPLE = 300
_OUTPUTS = ("stamps.zarr", "stamps.fits", "stamps")


class _Ran(NamedTuple):
    seconds: float
    cpu: float
    peak_bytes: int


class _Survey(NamedTuple):
    folder: Path
    catalogue: Path
    pixels: Float64Array
    wcs: WCS
    side: int
    rows: Array
    columns: Array

    @property
    def images(self) -> list[str]:
        return [f"{band}={self.folder}/tile_*_{band}.fits" for band in _BANDS]

    def blank(self, y: Array, x: Array) -> Array:
        """Where the mosaic has no value."""
        outside = (y < 0) | (y >= self.side) | (x < 0) | (x >= self.side)
        return np.asarray(outside | ((y % 701 < 12) & (x % 577 < 90)))

    def values(self, band: int, y: Array, x: Array) -> Array:
        """Pixels of a band, NaN where there are none."""
        inside = np.clip(y, 0, self.side - 1), np.clip(x, 0, self.side - 1)
        found = self.rows[band][inside[0]] * self.columns[band][inside[1]]
        return np.where(self.blank(y, x), np.float32(np.nan), found)


def cutouts_tables(
    n_tiles: int = 20, n_stamps: int = 100_000, place: str | None = None
) -> Iterator[Table]:
    """Stamps of two bands by the command, checked one by one, and the same by other programs.

    Parameters
    ----------
    n_tiles : int, default 20
        Tiles of 1000 x 1000 pixels along each axis.
    n_stamps : int, default 100,000
    place : str, optional
        Folder with room for the tiles and three times the stamps; a temporary one by default.
    """
    with TemporaryDirectory(dir=place) as folder:
        survey = _simulated(Path(folder), n_tiles, n_stamps)
        title = f"{n_stamps:,} sources in {n_tiles} x {n_tiles} tiles of two bands, {_SIZE} px"
        rows = [_cut(survey, output) for output in _OUTPUTS]
        yield Table("cutouts", title, rows)
        yield Table("cutouts_rivals", f"{title}, other programs", _rivals(survey))


def _simulated(folder: Path, n_tiles: int, n_stamps: int) -> _Survey:
    rng = np.random.default_rng(0)
    step = _TILE - _OVERLAP
    side = (n_tiles - 1) * step + _TILE
    factors = rng.normal(1.0, 0.3, size=(2, len(_BANDS), side)).astype(np.float32)
    survey = _Survey(
        folder, folder / "sources.fits", np.zeros((0, 2)), WCS(_header(side, 0, 0)), side, *factors
    )
    for i in range(n_tiles):
        for j in range(n_tiles):
            y = np.arange(i * step, i * step + _TILE)[:, None]
            x = np.arange(j * step, j * step + _TILE)[None, :]
            header = _header(side, j * step, i * step)
            for k, band in enumerate(_BANDS):
                fits.writeto(
                    folder / f"tile_{i:02d}_{j:02d}_{band}.fits", survey.values(k, y, x), header
                )
    pixels = rng.uniform(-40.0, side + 40.0, size=(n_stamps, 2))
    sky = survey.wcs.all_pix2world(pixels, 0)
    table = Catalogue({"id": np.arange(n_stamps), "ra": sky[:, 0], "dec": sky[:, 1]})
    table.write(survey.catalogue)
    return survey._replace(pixels=pixels)


def _header(side: int, x0: int, y0: int) -> fits.Header:
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"] = 150.1, 2.2
    header["CRPIX1"], header["CRPIX2"] = side / 2 + 0.3 - x0, side / 2 - 0.2 - y0
    header["CD1_1"], header["CD1_2"] = -5.5e-5, 1e-7
    header["CD2_1"], header["CD2_2"] = 1e-7, 5.5e-5
    header["RADESYS"], header["BUNIT"] = "ICRS", "nJy"
    return header


def _cut(survey: _Survey, output: str) -> dict[str, Any]:
    """One output by the command, in a process of its own, and what is wrong with it."""
    path = survey.folder / "out" / output
    program = "import sys; from equiclust.cli import main; sys.exit(main())"
    words = ["cutouts", str(survey.catalogue), *survey.images, "--output", str(path)]
    ran = _run([sys.executable, "-c", program, *words, "--size", str(_SIZE)])
    found = Catalogue.read(path.parent / "stamps.ecsv")
    checked = _checked(survey, path, found)
    row = {
        "output": path.suffix or "folder",
        "stamps": len(found),
        "stamps / s": len(found) / ran.seconds,
        "CPU / s": ran.cpu,
        "peak memory / GB": ran.peak_bytes / 1e9,
        **checked,
    }
    print(row, flush=True)
    _remove(path.parent)
    return row


def _run(command: Sequence[str]) -> _Ran:
    """Time, processor time and memory of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory_of(process))
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    assert process.returncode == 0, f"{command[:6]} ended with {process.returncode}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _Ran(seconds, cpu, peak)


def _memory_of(process: psutil.Process) -> int:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    return total


def _checked(survey: _Survey, path: Path, table: Catalogue) -> dict[str, Any]:
    """How many stamps differ from the mosaic, and by how many degrees their coordinates do."""
    corners = np.ceil(survey.pixels - _SIZE / 2.0).astype(int)
    n_wrong, worst, n_seen = 0, 0.0, 0
    for part in ImageStream([str(path)]).parts():
        for image in part.images:
            corner = corners[int(image.id)]
            n_wrong += not _is_right(survey, image, corner)
            worst = max(worst, _apart(survey, image, corner))
            n_seen += 1
    expected = _expected(survey, corners)
    over_edge = (corners % (_TILE - _OVERLAP) > _TILE - _SIZE).any(axis=1)[table["row"] - 1]
    return {
        "read": n_seen,
        "other pixels": n_wrong,
        "WCS off / deg": worst,
        "missing or one too many": len(expected ^ {int(row) - 1 for row in table["row"]}),
        "over edges of their tile": int(over_edge.sum()),
        "partly without values": int(np.sum(table["coverage_g"] < 1.0)),
    }


def _expected(survey: _Survey, corners: Array) -> set[int]:
    """Sources that have a pixel with a value."""
    steps = np.arange(_SIZE)
    return {
        k
        for k, (x, y) in enumerate(corners)
        if not survey.blank(y + steps[:, None], x + steps[None, :]).all()
    }


def _is_right(survey: _Survey, image: Image, corner: Array) -> bool:
    steps = np.arange(_SIZE)
    y, x = corner[1] + steps[:, None], corner[0] + steps[None, :]
    expected = np.stack([survey.values(k, y, x) for k in range(len(_BANDS))])
    hidden = np.isnan(expected).any(axis=0)
    return np.array_equal(image.mask, hidden) and np.array_equal(
        image.pixels, np.nan_to_num(expected)
    )


def _apart(survey: _Survey, image: Image, corner: Array) -> float:
    places = np.array([[0.0, 0.0], [_SIZE - 1.0, 0.0], [0.0, _SIZE - 1.0]])
    assert image.wcs is not None
    found = image.wcs.all_pix2world(places, 0)
    return float(np.abs(found - survey.wcs.all_pix2world(places + corner, 0)).max())


def _rivals(survey: _Survey) -> list[dict[str, Any]]:
    """A loop of Cutout2D by turns with ours on one process, on the same sample; and Cutana."""
    whole = Catalogue.read(survey.catalogue)
    rng = np.random.default_rng(1)
    # Of two tiles, so that no program opens more files than it must.
    near = np.flatnonzero((survey.pixels < [2 * _TILE - 100, _TILE - 60]).all(axis=1))
    near = near[(survey.pixels[near] > 40).all(axis=1)]
    some = whole[np.sort(rng.permutation(near)[:_SAMPLE])]
    turn = iter(range(1000))

    def ours() -> None:
        output = survey.folder / f"ours_{next(turn)}"
        make_cutouts(some, _two_tiles(survey), output, size=_SIZE, n_jobs=1)

    def theirs() -> None:
        _loop(survey, some, survey.folder / f"theirs_{next(turn)}")

    times = compared({"Cutout2D": theirs, "equiclust": ours}, repeats=5)
    ratio = ratios(times["Cutout2D"], times["equiclust"])
    rows: list[dict[str, Any]] = [
        {
            "program": "Cutout2D in a loop, one FITS file a stamp, one process",
            "stamps / s": len(some) / times["Cutout2D"].median,
            "equiclust so / s": len(some) / times["equiclust"].median,
            "ratio": ratio.median,
            "from": ratio.least,
            "to": ratio.most,
        }
    ]
    if python := os.environ.get("EQUICLUST_CUTANA"):
        rows.append(_cutana(survey, whole, python))
    return rows


def _two_tiles(survey: _Survey) -> list[str]:
    return [f"{band}={survey.folder}/tile_00_0[01]_{band}.fits" for band in _BANDS]


def _loop(survey: _Survey, table: Catalogue, folder: Path) -> None:
    """What a user writes: for every tile, all sources in it, both bands in one file."""
    folder.mkdir()
    left = set(range(len(table)))
    for j in (0, 1):
        opened = [fits.open(survey.folder / f"tile_00_{j:02d}_{band}.fits") for band in _BANDS]
        wcs = WCS(opened[0][0].header)
        pixels = wcs.all_world2pix(table["ra"], table["dec"], 0)
        for k in sorted(left):
            place = float(pixels[0][k]), float(pixels[1][k])
            if not (0 <= place[0] < _TILE and 0 <= place[1] < _TILE):
                continue
            left.discard(k)
            cuts = [
                Cutout2D(one[0].data, place, _SIZE, wcs=wcs, mode="partial", fill_value=np.nan)
                for one in opened
            ]
            header = cuts[0].wcs.to_header()
            fits.writeto(
                folder / f"{table['id'][k]}.fits", np.stack([c.data for c in cuts]), header
            )
        for one in opened:
            one.close()


_CUTANA = """
import sys
from cutana import Orchestrator, get_default_config

catalogue, output, size = sys.argv[1:]
config = get_default_config()
config.source_catalogue, config.output_dir = catalogue, output
config.output_format, config.do_only_cutout_extraction = "fits", True
config.apply_flux_conversion, config.console_log_level = False, "ERROR"
config.target_resolution = int(size)
config.selected_extensions = [{"name": "PRIMARY", "ext": "PrimaryHDU"}]
config.channel_weights = {"PRIMARY": [1.0]}
config.loadbalancer.main_process_memory_reserve_gb = 0.5
config.loadbalancer.skip_memory_calibration_wait = True
config.loadbalancer.initial_workers = 2
Orchestrator(config).run()
"""


def _cutana(survey: _Survey, whole: Catalogue, python: str) -> dict[str, Any]:
    """Cutana on the sources whose stamps lie in one tile, of one band, which is what it cuts."""
    step = _TILE - _OVERLAP
    tiles = np.clip(survey.pixels // step, 0, (survey.side - _TILE) // step).astype(int)
    inside = np.abs(survey.pixels - tiles * step - _TILE / 2).max(axis=1) < (_TILE - _SIZE) / 2
    rows = np.flatnonzero(inside)
    paths = [str([f"{survey.folder}/tile_{y:02d}_{x:02d}_g.fits"]) for x, y in tiles[rows]]
    table = Catalogue(
        {
            "SourceID": [f"s{row}" for row in rows],
            "RA": whole["ra"][rows],
            "Dec": whole["dec"][rows],
            "diameter_pixel": np.full(len(rows), _SIZE),
            "fits_file_paths": paths,
        }
    )
    catalogue, output = survey.folder / "cutana.csv", survey.folder / "cutana"
    table.write(catalogue, format="ascii.csv")
    ran = _run([python, "-c", _CUTANA, str(catalogue), str(output), str(_SIZE)])
    n_files = sum(1 for _ in output.rglob("*.fits"))
    program = "import sys; from equiclust.cli import main; sys.exit(main())"
    mine = ["cutouts", str(catalogue), f"{survey.folder}/tile_*_g.fits", "--size", str(_SIZE)]
    mine += ["--id", "SourceID", "--output", str(survey.folder / "like_cutana")]
    own = _run([sys.executable, "-c", program, *mine])
    return {
        "program": f"Cutana, one band, one FITS file a stamp, {n_files} of {len(rows)} written",
        "stamps / s": n_files / ran.seconds,
        "equiclust so / s": len(rows) / own.seconds,
        "ratio": (ran.seconds / max(1, n_files)) / (own.seconds / len(rows)),
        "from": f"CPU {ran.cpu:.0f} s, {ran.peak_bytes / 1e9:.2f} GB",
        "to": f"ours {own.cpu:.0f} s, {own.peak_bytes / 1e9:.2f} GB",
    }


def _remove(path: Path) -> None:
    if path.is_dir():
        for part in path.iterdir():
            _remove(part)
        path.rmdir()
    else:
        path.unlink()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=20)
    parser.add_argument("--stamps", type=int, default=100_000)
    parser.add_argument("--place")
    parser.add_argument("--output", type=Path, default=Path("results"))
    chosen = parser.parse_args()
    for table in cutouts_tables(chosen.tiles, chosen.stamps, chosen.place):
        print(f"\n{table.to_markdown()}\n\n-> {table.write(chosen.output)}", flush=True)


if __name__ == "__main__":
    _main()
