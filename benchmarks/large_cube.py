"""Cubes of 0.2, 2 and 20 GB: time, memory, and what a kill half-way costs.

`python -m benchmarks.large_cube [--sizes GB ...] [--place FOLDER]`
"""

from __future__ import annotations

import argparse
import resource
import signal
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

from benchmarks.disk import forget, seconds_to_read
from benchmarks.tables import Table
from equiclust.io.atomic import read_json
from equiclust.simulation.cloud_maps import simulate_cloud_map

__all__ = ["large_cube_table", "write_large_cube"]

_CHANNELS = 800
_SIDES = {0.2: 250, 2.0: 792, 20.0: 2500}
_BOUND = "2GB"
# Of neighbouring tiles, in pixels.
_STEP = 8


class _Ran(NamedTuple):
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    stages: dict[str, float]


def large_cube_table(place: str | None = None, sizes: Sequence[float] = tuple(_SIDES)) -> Table:
    """One row a size. The cube is segmented, and then once more by the model that this leaves.

    The second time nothing is trained. That job is also killed while tiles are encoded, and
    resumed.

    Parameters
    ----------
    place : str, optional
        Folder with room for the largest cube; a temporary one by default.
    sizes : sequence of float, default (0.2, 2.0, 20.0)
        In GB, some of the default.
    """
    rows = []
    for size in sizes:
        with TemporaryDirectory(dir=place) as folder:
            rows.append(_measured(Path(folder), size, _SIDES[size]))
            print(rows[-1], flush=True)
    return Table("large_cube", f"Cubes segmented with --max-memory {_BOUND}", rows)


def _measured(folder: Path, size: float, side: int) -> dict[str, Any]:
    cube = folder / "cube.fits"
    write_large_cube(cube, side)
    mega = cube.stat().st_size / 1e6
    reading = seconds_to_read(cube)
    whole = _segment(cube, folder / "whole.fits")
    model = ["--run", str(folder / "whole.fits")]
    again = _segment(cube, folder / "again.fits", *model)
    # Networks are trained, statistics combined.
    learning = whole.stages.get("training", 0.0) + whole.stages.get("whitening", 0.0)
    untrained = whole.seconds - learning
    return {
        "GB": size,
        "pixels": f"{_CHANNELS} x {side} x {side}",
        "seconds": whole.seconds,
        "of it training": learning,
        "without training": untrained,
        "MB/s without training": mega / untrained,
        "by a trained model": again.seconds,
        "its CPU seconds": again.cpu_seconds,
        "MB/s by a trained model": mega / again.seconds,
        "moments, MB/s": mega / again.stages["reading"],
        "merely reading, MB/s": mega / reading,
        "peak memory / GB": max(whole.peak_bytes, again.peak_bytes) / 1e9,
        "stages by a trained model": again.stages,
        "the same labels": _same(folder / "whole.fits", folder / "again.fits"),
        "killed and resumed": _killed_and_resumed(cube, folder, model, side),
    }


def _killed_and_resumed(cube: Path, folder: Path, model: Sequence[str], side: int) -> str:
    output = folder / "killed.fits"
    stopped = _killed(cube, output, model, n_rows=side // _STEP // 2)
    resumed = _segment(cube, output, *model)
    labels = "the same" if _same(folder / "whole.fits", output) else "other"
    return f"killed at {stopped:.0f} s, {resumed.seconds:.0f} s more, {labels} labels"


def _same(one: Path, other: Path) -> bool:
    return bool(np.array_equal(fits.getdata(one), fits.getdata(other)))


def write_large_cube(path: Path, side: int, *, n_channels: int = _CHANNELS) -> None:
    """Lines of 800 channels behind a cloud of four textures, with noise, written by channel."""
    image, _ = simulate_cloud_map((side, side), random_state=0)
    cloud = image.pixels[0]
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 3)])
    for axis, length in enumerate((side, side, n_channels), start=1):
        header[f"NAXIS{axis}"] = length
    header["CTYPE3"], header["CUNIT3"], header["CDELT3"] = "VRAD", "km/s", 0.1
    header["BUNIT"] = "K"
    noise = np.random.default_rng(0).normal(size=cloud.shape).astype(np.float32)
    noise *= np.float32(0.02 * cloud.mean())
    with path.open("wb") as file:
        file.write(header.tostring().encode("ascii"))
        for channel in range(n_channels):
            offset = (channel - n_channels / 2) / (0.075 * n_channels)
            profile = np.float32(np.exp(-0.5 * offset**2))
            file.write((profile * cloud + np.roll(noise, 7 * channel)).astype(">f4").tobytes())
        file.write(bytes(-file.tell() % 2880))


def _segment(cube: Path, output: Path, *more: str) -> _Ran:
    before = _cpu_seconds()
    started = time.perf_counter()
    process = _started(cube, output, more)
    peak = 0
    for family in _family(process):
        peak = max(peak, sum(_resident(one) for one in family))
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise RuntimeError(f"segmenting ended with {process.returncode}")
    stages = read_json(output.with_suffix(".json"))["seconds"]
    return _Ran(seconds, _cpu_seconds() - before, peak, stages)


def _killed(cube: Path, output: Path, more: Sequence[str], *, n_rows: int) -> float:
    """Kill the command and its children once `n_rows` rows are encoded; seconds until then."""
    started = time.perf_counter()
    process = _started(cube, output, more)
    done = Path(f"{output}.partial") / "latents.done"
    for family in _family(process):
        if done.exists() and int(done.read_text() or 0) >= n_rows:
            for one in reversed(family):
                one.send_signal(signal.SIGKILL)
            process.wait()
            return time.perf_counter() - started
    raise RuntimeError("segmenting ended before it was killed")


def _started(cube: Path, output: Path, more: Sequence[str]) -> psutil.Popen:
    forget(cube)
    words = ["segment", str(cube), "--output", str(output), "--n-clusters", "4"]
    program = str(Path(sys.executable).with_name("equiclust"))
    command = [program, *words, "--max-memory", _BOUND, *more]
    return psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _cpu_seconds() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _family(process: psutil.Popen) -> Iterator[list[psutil.Process]]:
    """The process and its children, again and again until it ends."""
    while process.poll() is None:
        try:
            yield [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        time.sleep(0.1)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", choices=list(_SIDES), default=[*_SIDES])
    parser.add_argument("--place", help="folder with room for the largest cube")
    parser.add_argument("--output", type=Path, default=Path("benchmark_results"))
    given = parser.parse_args()
    table = large_cube_table(given.place, given.sizes)
    print(table.to_markdown())
    print(table.write(given.output))


if __name__ == "__main__":
    _main()
