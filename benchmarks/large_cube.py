"""Cubes of 0.2, 2 and 20 GB: time, memory, and what a kill half-way costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import psutil
from astropy.io import fits

from benchmarks.tables import Table
from equiclust.io.atomic import read_json
from equiclust.simulation.cloud_maps import simulate_cloud_map

__all__ = ["large_cube_table", "write_large_cube"]

_CHANNELS = 800
_SIDES = {0.2: 250, 2.0: 792, 20.0: 2500}
_BOUND = "2GB"
_CHUNK = 1 << 24


class _Ran(NamedTuple):
    seconds: float
    peak_bytes: int
    killed: bool


def large_cube_table(place: str | None = None) -> Table:
    """One row a size; the largest is also killed while tiles are encoded, and resumed.

    Parameters
    ----------
    place : str, optional
        Folder with room for the largest cube; a temporary one by default.
    """
    rows = []
    for size, side in _SIDES.items():
        with TemporaryDirectory(dir=place) as folder:
            rows.append(_measured(Path(folder), size, side))
            print(rows[-1], flush=True)
    return Table("large_cube", f"Cubes segmented with --max-memory {_BOUND}", rows)


def _measured(folder: Path, size: float, side: int) -> dict[str, Any]:
    cube = folder / "cube.fits"
    write_large_cube(cube, side)
    mega = cube.stat().st_size / 1e6
    reading = _seconds_to_read(cube)
    whole = _segment(cube, folder / "whole.fits")
    stages = read_json(folder / "whole.json")["seconds"]
    row = {
        "GB": size,
        "pixels": f"{_CHANNELS} x {side} x {side}",
        "seconds": whole.seconds,
        "of it training": stages["training"],
        "without training": whole.seconds - stages["training"],
        "MB/s without training": mega / (whole.seconds - stages["training"]),
        "moments, MB/s": mega / stages["reading"],
        "merely reading, MB/s": mega / reading,
        "peak memory / GB": whole.peak_bytes / 1e9,
        "killed and resumed": "not tried",
    }
    if size == max(_SIDES):
        stopped = _segment(cube, folder / "again.fits", kill=True)
        resumed = _segment(cube, folder / "again.fits")
        same = np.array_equal(
            *(fits.getdata(folder / f"{name}.fits") for name in ("whole", "again"))
        )
        row["killed and resumed"] = (
            f"killed at {stopped.seconds:.0f} s, {resumed.seconds:.0f} s more, "
            f"{'the same' if same else 'other'} labels"
        )
    return row


def write_large_cube(path: Path, side: int) -> None:
    """Lines of 800 channels behind a cloud of four textures, with noise, written by channel."""
    image, _ = simulate_cloud_map((side, side), random_state=0)
    cloud = image.pixels[0]
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 3)])
    for axis, length in enumerate((side, side, _CHANNELS), start=1):
        header[f"NAXIS{axis}"] = length
    header["CTYPE3"], header["CUNIT3"], header["CDELT3"] = "VRAD", "km/s", 0.1
    header["BUNIT"] = "K"
    noise = np.random.default_rng(0).normal(size=cloud.shape).astype(np.float32)
    noise *= np.float32(0.02 * cloud.mean())
    with path.open("wb") as file:
        file.write(header.tostring().encode("ascii"))
        for channel in range(_CHANNELS):
            profile = np.float32(np.exp(-0.5 * ((channel - 400) / 60) ** 2))
            file.write((profile * cloud + np.roll(noise, 7 * channel)).astype(">f4").tobytes())
        file.write(bytes(-file.tell() % 2880))


def _seconds_to_read(path: Path) -> float:
    _forget(path)
    started = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(_CHUNK):
            pass
    return time.perf_counter() - started


def _forget(path: Path) -> None:
    """Ask the system to drop the file from its cache, so that both readings start cold."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _segment(cube: Path, output: Path, *, kill: bool = False) -> _Ran:
    """Run the command; with `kill`, kill it and its children half-way through the tiles."""
    _forget(cube)
    words = ["segment", str(cube), "--output", str(output), "--n-clusters", "4"]
    program = str(Path(sys.executable).with_name("equiclust"))
    command = [program, *words, "--max-memory", _BOUND]
    started = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = Path(f"{output}.partial") / "latents.done"
    n_rows = 0.5 * _SIDES[20.0] / 8
    peak, killed = 0, False
    for family in _family(process):
        peak = max(peak, sum(_resident(one) for one in family))
        if kill and done.exists() and int(done.read_text() or 0) >= n_rows:
            for one in reversed(family):
                one.send_signal(signal.SIGKILL)
            killed = True
            kill = False
    assert killed or process.returncode == 0, f"segmenting ended with {process.returncode}"
    return _Ran(time.perf_counter() - started, peak, killed)


def _family(process: psutil.Popen) -> Iterator[list[psutil.Process]]:
    """The process and its children, again and again until it ends."""
    while process.poll() is None:
        try:
            yield [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        time.sleep(0.2)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
