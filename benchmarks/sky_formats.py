"""A catalogue and a label map through every format of other programs: what is kept, how fast."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits, votable
from astropy.table import MaskedColumn
from astropy.table import Table as AstropyTable

from benchmarks.tables import Table
from data_adapters.sky.geometry import celestial_wcs, pixel_solid_angles
from equiclust.io.atomic import write_json
from equiclust.io.catalogue import make_catalogue, read_table, write_table
from equiclust.io.catalogue_rows import CatalogueRows
from equiclust.io.run_folder import RunFolder
from equiclust.io.ucds import ucd_of
from equiclust.pipeline.results import Run
from equiclust.segmentation.label_maps import read_segment_map, write_segment_map
from equiclust.segmentation.map_export import export_label_map, pixel_table
from equiclust.segmentation.segment_map import SegmentMap
from equiclust.simulation import simulate_cloud_map

__all__ = ["sky_formats_tables"]

_TABLES = (".vot", ".parquet", ".fits", ".ecsv", ".csv")
_RADIUS = "2 arcsec"


def sky_formats_tables(n: int = 100_000, side: int = 320) -> Iterator[Table]:
    """What is kept of a catalogue and of a label map, sizes and seconds; coverage; matches.

    Parameters
    ----------
    n : int, default 100000
        Images of the catalogue.
    side : int, default 320
        Of the label map in pixels; it has about as many.

    Yields
    ------
    Table
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run = _run(folder / "run", n)
        rows = [_of_run(run, folder / f"images{end}") for end in _TABLES]
        rows.append(_regions_of_run(run, folder / "images.reg"))
        labels = _label_map(folder / "kinds.fits", side)
        rows += [_of_map(labels, folder / f"pixels{end}") for end in _TABLES]
        yield Table("sky_formats", f"A catalogue of {n:,} images and a label map, and back", rows)
        yield Table("sky_coverage", "Coverage maps of labels", _coverage(run, labels, folder))
        yield Table("sky_matches", f"{n:,} images matched with as many rows", [_matched(run, n)])


def _run(folder: Path, n: int) -> Run:
    """A run of images all over the sky, with names in Greek and a column that is partly empty."""
    random = np.random.default_rng(0)
    ra, sine = random.uniform(0.0, 360.0, n), random.uniform(-1.0, 1.0, n)
    positions = np.stack([ra, np.degrees(np.arcsin(sine))], axis=1)
    positions[::100] = np.nan
    ids = tuple(f"\u03b1_{k:06d}" for k in range(n))
    labels = random.integers(-1, 6, n)
    more = AstropyTable({"id": list(ids)})
    more["n_visits"] = MaskedColumn(random.integers(0, 99, n), mask=random.random(n) < 0.1)
    rows = CatalogueRows(ids, tuple(f"stamps/{name}.fits" for name in ids), positions)
    table = make_catalogue(
        rows, labels, random.random(n), fold_labels=labels[None], outlier_score=random.random(n),
        more=more,
    )  # fmt: skip
    folder.mkdir()
    write_table(table, folder / "catalogue.ecsv")
    write_json(folder / "config.json", {"equiclust": "0", "config": {}})
    run = Run(RunFolder(folder))
    assert len(run.catalogue) == n
    return run


def _label_map(path: Path, side: int) -> Path:
    _, labels = simulate_cloud_map((side, side), random_state=0)
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"], header["CRPIX1"], header["CRPIX2"] = 0.0, 31.2, 160.5, 160.5
    header["CDELT1"], header["CDELT2"] = -2e-3, 2e-3
    membership = np.random.default_rng(0).random(labels.shape).astype(np.float32)
    membership[labels < -1] = np.nan
    coverage = np.ones(labels.shape, dtype=np.int32)
    write_segment_map(SegmentMap(labels, membership, coverage, header), path)
    return path


def _of_run(run: Run, path: Path) -> dict[str, Any]:
    to_write = _seconds(lambda: run.export(path))
    return {"of": "catalogue", **_compared(run.catalogue, path), "write, s": to_write}


def _of_map(labels: Path, path: Path) -> dict[str, Any]:
    to_write = _seconds(lambda: export_label_map(labels, path))
    expected = pixel_table(read_segment_map(labels))
    return {"of": "label map", **_compared(expected, path), "write, s": to_write}


def _compared(expected: AstropyTable, path: Path) -> dict[str, Any]:
    found: list[AstropyTable] = []
    to_read = _seconds(lambda: found.append(read_table(path)))
    (table,) = found
    columns = expected.colnames
    return {
        "format": path.suffix,
        "columns": f"{sum(name in table.colnames for name in columns)} of {len(columns)}",
        "values": _share(table, expected, _values),
        "units": _share(table, expected, lambda column: str(column.unit or "")),
        "UCDs": _share(table, expected, ucd_of),
        "descriptions": _share(table, expected, lambda column: column.description),
        "metadata": "kept" if table.meta.get("CREATOR") == expected.meta["CREATOR"] else "lost",
        "another reader": _other_reader(path, len(expected)),
        "MB": path.stat().st_size / 1e6,
        "read, s": to_read,
    }


def _share(table: AstropyTable, expected: AstropyTable, what: Callable[[Any], Any]) -> str:
    """In how many columns something is kept, of those that have it."""
    columns = [name for name in expected.colnames if what(expected[name])]
    return f"{sum(what(table[name]) == what(expected[name]) for name in columns)} of {len(columns)}"


def _values(column: Any) -> list[Any]:
    """Values, missing ones as None."""
    values = np.ma.asarray(column)
    gone = np.ma.getmaskarray(values)
    if values.dtype.kind == "f":
        gone = gone | np.isnan(values.data)
    listed = values.data.tolist()
    return [None if lost else value for value, lost in zip(listed, gone.tolist(), strict=True)]


def _other_reader(path: Path, n: int) -> str:
    """What a program of others says of the file."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return f"pyarrow: {parquet.read_metadata(path).num_rows:,} rows"
    if path.suffix == ".vot":
        report = io.StringIO()
        valid = votable.validate(str(path), output=report)
        said = f"astropy: {'valid' if valid else 'invalid'}"
        return said + (f", votlint: {_lines('votlint', path)} messages" if _has_stilts() else "")
    if path.suffix in (".fits", ".ecsv", ".csv") and _has_stilts():
        form = path.suffix.removeprefix(".")
        command = ["stilts", "tpipe", f"in={path}", f"ifmt={form}", "omode=count"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        rows = int(done.stdout.split("rows:")[1].split()[0])
        return f"stilts: {'all' if rows == n else rows} rows"
    return "none here"


def _has_stilts() -> bool:
    return shutil.which("stilts") is not None


def _lines(task: str, path: Path) -> int:
    done = subprocess.run(
        ["stilts", task, f"votable={path}"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return len((done.stdout + done.stderr).splitlines())


def _regions_of_run(run: Run, path: Path) -> dict[str, Any]:
    """Regions hold places, names and colours, no more."""
    from regions import Regions

    to_write = _seconds(lambda: run.export(path))
    found: list[Any] = []
    to_read = _seconds(lambda: found.append(Regions.read(path, format="ds9")))
    table = run.catalogue[np.isfinite(run.catalogue["ra"])]
    ra = np.array([region.center.ra.deg for region in found[0]])
    names = [str(region.meta["text"]).split()[0] for region in found[0]]
    kept = np.abs(ra - table["ra"]).max() < 1e-9 and names == table["id"].tolist()
    return {
        "of": "catalogue",
        "format": ".reg",
        "columns": "places, names",
        "values": f"{'all' if kept else 'not all'} to 1e-9 degrees",
        "units": "degrees",
        "UCDs": "none",
        "descriptions": "none",
        "metadata": "lost",
        "another reader": f"regions: {len(names):,} points",
        "MB": path.stat().st_size / 1e6,
        "read, s": to_read,
        "write, s": to_write,
    }


def _coverage(run: Run, labels: Path, folder: Path) -> list[dict[str, Any]]:
    """Area of every coverage map over that of its label; circles of a label of the run."""
    from mocpy import MOC

    segment_map = read_segment_map(labels)
    wcs = celestial_wcs(segment_map.header)
    assert wcs is not None
    shape = (segment_map.labels.shape[-2], segment_map.labels.shape[-1])
    areas = pixel_solid_angles(wcs, shape)
    rows = []
    for label in range(segment_map.n_clusters):
        path = folder / f"label_{label}.moc.fits"
        seconds = _seconds(lambda: export_label_map(labels, path, label=label))  # noqa: B023
        area = float(areas[segment_map.labels == label].sum())
        rows.append(_cover(f"pixels of label {label}", path, area, seconds))
    path = folder / "circles.moc.fits"
    seconds = _seconds(lambda: run.export(path, radius="4 arcsec", label=0))
    chosen = (run.labels == 0) & np.isfinite(run.catalogue["ra"])
    area = 2.0 * math.pi * (1.0 - math.cos(math.radians(4.0 / 3600.0))) * int(chosen.sum())
    rows.append(_cover(f"{int(chosen.sum()):,} circles of 4 arcsec", path, area, seconds))
    moc = MOC.from_fits(str(path))
    places = run.catalogue[chosen]
    inside = moc.contains_lonlat(places["ra"].quantity, places["dec"].quantity)
    assert inside.all()
    return rows


def _cover(what: str, path: Path, area: float, seconds: float) -> dict[str, Any]:
    from mocpy import MOC

    moc = MOC.from_fits(str(path))
    return {
        "of": what,
        "order": moc.max_order,
        "area of the map / area": f"{4.0 * math.pi * moc.sky_fraction / area:.5f}",
        "cells": moc.n_cells(moc.max_order) and len(moc.uniq_hpx),
        "MB": path.stat().st_size / 1e6,
        "s": seconds,
    }


def _matched(run: Run, n: int) -> dict[str, Any]:
    """Half of the rows are images moved by up to half the radius, half are anywhere."""
    random = np.random.default_rng(1)
    table = run.catalogue[["ra", "dec"]].copy()
    half = n // 2
    table["dec"][:half] += random.uniform(-1.0, 1.0, half) / 3600.0
    table["ra"][half:] = random.uniform(0.0, 360.0, n - half)
    known = np.isfinite(table["ra"])
    rows = np.flatnonzero(known)[random.permutation(int(known.sum()))]
    found: list[AstropyTable] = []
    seconds = _seconds(lambda: found.append(run.match(table[rows], radius=_RADIUS)))
    (matched,) = found
    image = np.array([int(name.split("_")[1]) for name in matched["id"]])
    right = rows[np.asarray(matched["match_row"])] == image
    return {
        "radius": _RADIUS,
        "matched": len(matched),
        "of": int(known[:half].sum()),
        "rightly": int(right.sum()),
        "said to be by chance": matched.meta["NCHANCE"],
        "s": seconds,
    }


def _seconds(work: Callable[[], Any]) -> float:
    """Processor time, which others on the machine do not change."""
    started = time.process_time()
    work()
    return time.process_time() - started
