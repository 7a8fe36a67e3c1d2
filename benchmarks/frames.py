"""Frames of a detector filtered: rightness, memory and speed, beside the perceptron of the source.

The baseline is the chain of Phiankham (2024), "Machine Learning for Efficient Image Filtering at
PETRA-III": k-means with two clusters on the frames, labels swapped so that the first frame has
label 0, and a perceptron of 512, 256 and 128 units learned from them. There label 0 is what is
removed, since a scan begins with a closed shutter. It is scored once so, and once with the swap
that the true labels would choose, which no user knows.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import h5py
import numpy as np
import psutil
from sklearn.cluster import KMeans
from sklearn.neural_network import MLPClassifier

from benchmarks.disk import forget
from benchmarks.tables import Table
from data_adapters.frames import open_frames
from equiclust.filtering.features import N_FEATURES
from equiclust.pipeline.simulated_frames import write_frames
from equiclust.typing import Array, BoolArray

__all__ = ["frames_tables"]

_SIZE = 256
_SMALL, _LARGE = 8_000, 200_000
_FRACTIONS = (0.01, 0.1, 0.5, 0.0)
# Seeds that no choice was made on.
_SEEDS = (101, 102, 103)
_PIECE = 64
_DATA = "/entry/data/data"
_SAMPLE = 4000
_UNITS = (512, 256, 128)
_ROW_BYTES = 4 * N_FEATURES


class _Ran(NamedTuple):
    seconds: float
    peak_bytes: int
    killed: bool


def frames_tables(place: str | None = None) -> Iterator[Table]:
    """One file of 200,000 frames, also killed and resumed; and rightness on three fresh seeds.

    Parameters
    ----------
    place : str, optional
        Folder with 14 GB of room; a temporary one by default.
    """
    with TemporaryDirectory(dir=place) as folder:
        yield Table(
            "frames_large",
            f"{_LARGE:,} simulated frames of {_SIZE} x {_SIZE} in one HDF5 file, 10 % unusable",
            [_large(Path(folder))],
        )
        rows = [_scored(Path(folder), fraction, seed) for fraction in _FRACTIONS for seed in _SEEDS]
        title = f"{_SMALL:,} simulated frames of {_SIZE} x {_SIZE}, of which a part is unusable"
        yield Table("frames", title, rows)


def _scored(folder: Path, fraction: float, seed: int) -> dict[str, Any]:
    frames = folder / "frames.h5"
    write_frames(frames, _SMALL, size=_SIZE, bad_fraction=fraction, random_state=seed)
    kept = folder / "kept.h5"
    ran = _filter(frames, kept)
    usable = _truth(frames)
    keep, label = _result(kept)
    source, oracle = _source(frames, usable, seed)
    row = {
        "unusable": fraction,
        "seed": seed,
        "ACC": float(np.mean(keep == usable)),
        "unusable found": _share(~keep, ~usable),
        "usable kept": _share(keep, usable),
        "uncertain": int(np.sum(label < 0)),
        "says none unusable": not np.any(label == 0),
        "ACC, source": source,
        "ACC, source with the true swap": oracle,
        "peak memory / GB": ran.peak_bytes / 1e9,
    }
    _finish(row, folder)
    return row


def _finish(row: dict[str, Any], folder: Path) -> None:
    """Show a row, and remove its files."""
    print(row, flush=True)
    for path in folder.iterdir():
        _remove(path)


def _large(folder: Path) -> dict[str, Any]:
    frames, kept = folder / "frames.h5", folder / "kept.h5"
    started = time.perf_counter()
    write_frames(frames, _LARGE, size=_SIZE, bad_fraction=0.1, random_state=_SEEDS[0])
    simulating = time.perf_counter() - started
    reading = [_seconds_to_read(frames)]
    whole = _filter(frames, kept)
    reading.append(_seconds_to_read(frames))
    usable = _truth(frames)
    keep, label = _result(kept)
    again = folder / "again.h5"
    stopped = _filter(frames, again, kill_after=_LARGE // 2)
    resumed = _filter(frames, again)
    source, oracle = _source(frames, usable, _SEEDS[0])
    row = {
        "file / GB": frames.stat().st_size / 1e9,
        "simulated in / s": simulating,
        "merely read in / s": float(np.mean(reading)),
        "filtered in / s": whole.seconds,
        "share of the speed of reading": float(np.mean(reading)) / whole.seconds,
        "peak memory / GB": whole.peak_bytes / 1e9,
        "ACC": float(np.mean(keep == usable)),
        "unusable found": _share(~keep, ~usable),
        "uncertain": int(np.sum(label < 0)),
        "ACC, source": source,
        "ACC, source with the true swap": oracle,
        "killed at / s": stopped.seconds if stopped.killed else "not killed",
        "resumed in / s": resumed.seconds,
        "the same mask": np.array_equal(_result(again)[0], keep),
    }
    _finish(row, folder)
    return row


def _share(found: BoolArray, among: BoolArray) -> float | str:
    return float(np.mean(found[among])) if among.any() else "none"


def _truth(path: Path) -> BoolArray:
    with h5py.File(path) as file:
        usable: BoolArray = file["entry/truth/usable"][()].astype(bool)
    return usable


def _result(path: Path) -> tuple[BoolArray, Array]:
    with h5py.File(path) as file:
        return file["entry/keep"][()].astype(bool), file["entry/label"][()]


def _remove(path: Path) -> None:
    if path.is_dir():
        for part in path.iterdir():
            _remove(part)
        path.rmdir()
    else:
        path.unlink()


def _seconds_to_read(path: Path) -> float:
    """Read and decompress all frames as the filter does, and do nothing with them."""
    forget(path)
    stack = open_frames(path).series.stacks[0]
    started = time.perf_counter()
    for start in range(0, stack.n_frames, _PIECE):
        stack.read(start, min(start + _PIECE, stack.n_frames))
    seconds = time.perf_counter() - started
    stack.close()
    return seconds


def _filter(frames: Path, kept: Path, *, kill_after: int | None = None) -> _Ran:
    """Run the command in a process of its own; kill it once `kill_after` frames are measured."""
    forget(frames)
    program = "import sys; from equiclust.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "filter", str(frames), "--output", str(kept)]
    features = kept.with_name(f".{kept.name}.partial") / "features.bin"
    started = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak, killed = 0, False
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        done = features.stat().st_size // _ROW_BYTES if features.exists() else 0
        if kill_after is not None and done >= kill_after and not killed:
            process.send_signal(signal.SIGKILL)
            killed = True
        time.sleep(0.05)
    process.wait()
    assert killed or process.returncode == 0, f"filtering ended with {process.returncode}"
    return _Ran(time.perf_counter() - started, peak, killed)


def _source(path: Path, usable: BoolArray, seed: int) -> tuple[float, float]:
    """Accuracy of the source's chain with its own swap of labels, and with the better one."""
    pixels = np.concatenate(list(_thumbnails(path)))
    chosen = np.sort(np.random.default_rng(seed).choice(len(pixels), _SAMPLE, replace=False))
    labels = KMeans(2, n_init=10, random_state=seed).fit_predict(pixels[chosen])
    if labels[0] == 1:
        labels = 1 - labels
    spread = pixels[chosen].std() or 1.0
    network = MLPClassifier(_UNITS, early_stopping=True, random_state=seed)
    network.fit(pixels[chosen] / spread, labels)
    right = float(np.mean((network.predict(pixels / spread) == 1) == usable))
    return right, max(right, 1.0 - right)


def _thumbnails(path: Path) -> Iterator[Array]:
    """Frames of 16 x 16 means, gaps counted as zero, in float32."""
    stack = open_frames(path).series.stacks[0]
    for start in range(0, stack.n_frames, _PIECE):
        frames = stack.read(start, min(start + _PIECE, stack.n_frames))
        counts = np.where(frames == np.iinfo(frames.dtype).max, 0, frames)
        blocks = counts.reshape(len(frames), 16, 16, 16, 16).mean(axis=(2, 4), dtype=np.float32)
        yield blocks.reshape(len(frames), -1)
    stack.close()
