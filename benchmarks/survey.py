"""Image sets larger than memory: time, memory and reading speed of `equiclust predict`.

``python -m benchmarks survey`` takes 100 to 10,000 images; ``python -m benchmarks.survey 1000000``
any number.
"""

from __future__ import annotations

import argparse
import os
import shutil
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

import equiclust
from benchmarks.tables import Table
from data_adapters.streaming import ImageStream
from equiclust.io.catalogue import read_table
from equiclust.nn.allocator import keep_freed_memory
from equiclust.simulation.discs import simulate_discs

__all__ = ["BOUND", "FORMATS", "Ran", "exponents", "survey_tables", "timed_command", "write_survey"]

FORMATS = ("zarr", "fits")

_SIZE, _PER_FILE = 64, 1000
_N_DISCS, _N_NOISES = 2000, 499
BOUND = "3GB"
# The number of images of which the job is killed half-way, and resumed.
_KILLED = 10_000
_BYTES = 1 << 24


class Ran(NamedTuple):
    """What a command took, with all processes that it started."""

    seconds: float
    peak_bytes: int


def survey_tables(
    numbers: Sequence[int] = (100, 1000, 10_000),
    formats: Sequence[str] = FORMATS,
    *,
    results: Path,
    place: str | None = None,
    encoder: str = "own",
) -> Iterator[Table]:
    """One row a number and format, then the exponent of the time against the number.

    Parameters
    ----------
    numbers : sequence of int
        Of images.
    formats : sequence of {"zarr", "fits"}
        One Zarr store, or FITS files of 1,000 planes each.
    results : Path
        Folder in which the run is kept whose model labels the images.
    place : str, optional
        Folder with room for the images, 4 kB each; a temporary one by default.
    encoder : str, default "own"
        Of the run.
    """
    run = _trained(results / encoder, encoder)
    rows = []
    for number in numbers:
        for form in formats:
            with TemporaryDirectory(dir=place) as folder:
                rows.append(_measured(run, Path(folder), number, form, encoder))
            print(rows[-1], flush=True)
    name = "survey" if encoder == "own" else f"survey_{encoder}"
    yield Table(name, f"`equiclust predict --max-memory {BOUND}`, 64 px, {encoder}", rows)
    if len(numbers) > 1:
        yield Table(f"{name}_exponents", "Time against number", exponents(rows))


def _trained(folder: Path, encoder: str) -> Path:
    """A run of 180 simulated discs and two folds, trained once."""
    if not (folder / "metrics.json").exists():
        images, _ = simulate_discs(180, size=_SIZE, random_state=0)
        equiclust.run(
            images,
            output=folder,
            encoder=encoder,
            n_clusters=6,
            n_folds=2,
            size=_SIZE,
            max_epochs=10,
        )
    return folder


def write_survey(folder: Path, number: int, form: str) -> tuple[Path, tuple[str, ...]]:
    """Write simulated discs with noise, each turned and noisy in another way.

    Parameters
    ----------
    folder : Path
    number : int
    form : {"zarr", "fits"}

    Returns
    -------
    path : Path
    options : tuple of str
        Further options of the command.
    """
    if form == "fits":
        place = folder / "fits"
        place.mkdir()
        for first, values in _blocks(number):
            fits.writeto(place / f"field_{first // _PER_FILE:05d}.fits", values)
        return place, ("--axes", "nhw")
    import zarr

    place = folder / "survey.zarr"
    shape = (number, _SIZE, _SIZE)
    array = zarr.create_array(
        place, shape=shape, chunks=(min(_PER_FILE, number), _SIZE, _SIZE), dtype="uint8"
    )
    for first, values in _blocks(number):
        array[first : first + len(values)] = values
    return place, ()


def _blocks(number: int) -> Iterator[tuple[int, np.ndarray]]:
    """Images `(1000, 64, 64)` of 8 bits, with the number of the first."""
    n_discs = min(_N_DISCS, number)
    images, _ = simulate_discs(n_discs, size=_SIZE, random_state=1)
    discs = images.pixels[:, 0]
    discs = (180.0 * discs / discs.max(axis=(1, 2), keepdims=True)).astype(np.int16)
    noise = np.random.default_rng(1).normal(scale=4.0, size=(_N_NOISES, _SIZE, _SIZE))
    # Whole numbers that go round in other steps than the discs.
    noise = np.rint(noise).astype(np.int16)
    for first in range(0, number, _PER_FILE):
        rows = np.arange(first, min(first + _PER_FILE, number))
        values = discs[rows % n_discs] + noise[rows % _N_NOISES] + np.int16(25)
        turned = np.rot90(values, (first // _N_DISCS) % 4, axes=(1, 2))
        yield first, np.clip(turned, 0, 255).astype(np.uint8)


def _measured(run: Path, folder: Path, number: int, form: str, encoder: str) -> dict[str, Any]:
    started = time.perf_counter()
    source, options = write_survey(folder, number, form)
    writing = time.perf_counter() - started
    files = [path for path in source.rglob("*") if path.is_file()]
    mega = sum(path.stat().st_size for path in files) / 1e6
    disk = _seconds_to_read(files)
    stream = _seconds_to_stream(source, options)
    words = ["predict", str(run), str(source), *options, "--max-memory", BOUND, "--output"]
    target = folder / "once.parquet"
    ran = timed_command([*words, str(target)], files)
    row = {
        "images": number,
        "format": form,
        "encoder": encoder,
        "MB": mega,
        "seconds": ran.seconds,
        "images/s": number / ran.seconds,
        "merely reading, images/s": number / disk,
        "reading into images, images/s": number / stream,
        "share of reading into images": stream / ran.seconds,
        "peak memory / GB": ran.peak_bytes / 1e9,
        "seconds to write": writing,
        "killed and resumed": "not tried",
    }
    if number == _KILLED:
        again = folder / "again.parquet"
        stopped = timed_command([*words, str(again)], files, kill=True)
        resumed = timed_command([*words, str(again)], files)
        one, other = read_table(target), read_table(again)
        same = all(np.array_equal(one[name], other[name]) for name in one.colnames)
        row["killed and resumed"] = (
            f"killed at {stopped.seconds:.0f} s, {resumed.seconds:.0f} s more, "
            f"{'the same' if same else 'another'} catalogue"
        )
    return row


def exponents(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the seconds against the number of images, by format, for all and for the last two."""
    found = []
    for form in dict.fromkeys(row["format"] for row in rows):
        own = [row for row in rows if row["format"] == form]
        numbers = np.log([row["images"] for row in own])
        line = np.polyfit(numbers, np.log([row["seconds"] for row in own]), 1)
        last = np.diff(np.log([row["seconds"] for row in own[-2:]])) / np.diff(numbers[-2:])
        found.append(
            {"format": form, "exponent": float(line[0]), "of the last two": float(last[0])}
        )
    return found


def _seconds_to_read(files: Sequence[Path]) -> float:
    _forget(files)
    started = time.perf_counter()
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.read(_BYTES):
                pass
    return time.perf_counter() - started


def _seconds_to_stream(source: Path, options: Sequence[str]) -> float:
    """Time to make images of the files, as `predict` does before it does anything else."""
    _forget([path for path in source.rglob("*") if path.is_file()])
    started = time.perf_counter()
    stream = ImageStream([str(source)], axes=options[-1] if options else "")
    for _ in stream.parts():
        pass
    return time.perf_counter() - started


def _forget(files: Sequence[Path]) -> None:
    """Ask the system to drop the files from its cache, so that every reading starts cold."""
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed_command(words: list[str], files: Sequence[Path], *, kill: bool = False) -> Ran:
    """Run ``equiclust``; with `kill`, kill it and its children once it has kept its first part."""
    _forget(files)
    program = str(Path(sys.executable).with_name("equiclust"))
    started = time.perf_counter()
    log = Path(words[-1]).with_suffix(".log")
    with log.open("w") as said:
        process = psutil.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=said)
    peak, killed = 0, False
    while process.poll() is None:
        try:
            family = [process, *process.children(recursive=True)]
            peak = max(peak, sum(one.memory_info().rss for one in family))
        except psutil.NoSuchProcess:
            break
        if kill and not killed and Path(f"{words[-1]}.partial", "000000.part").exists():
            for one in reversed(family):
                one.send_signal(signal.SIGKILL)
            killed = True
        time.sleep(0.1)
    process.wait()
    assert killed or process.returncode == 0, f"{words[0]} ended with {log.read_text()}"
    return Ran(time.perf_counter() - started, peak)


def main() -> int:
    """Measure any numbers of images."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.survey", description=main.__doc__)
    parser.add_argument("numbers", nargs="+", type=int, metavar="N")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--encoder", default="own")
    parser.add_argument("--place", help="folder with room for 4 kB an image")
    parser.add_argument("--output", type=Path, default=Path("benchmark_results"))
    chosen = parser.parse_args()
    if shutil.disk_usage(chosen.place or "/tmp").free < 6000 * max(chosen.numbers):
        parser.error("place must have 6 kB an image free")
    keep_freed_memory()
    tables = survey_tables(
        chosen.numbers,
        chosen.formats,
        results=chosen.output / "survey",
        place=chosen.place,
        encoder=chosen.encoder,
    )
    for table in tables:
        print(f"\n{table.to_markdown()}\n\n-> {table.write(chosen.output)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
