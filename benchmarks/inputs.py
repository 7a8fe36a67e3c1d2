"""One image, and one cube larger than what is read at once, as every package holds them.

`python -m benchmarks.inputs` measures one object in a process of its own; `python -m benchmarks
inputs` prints all.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import process_time
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from benchmarks.tables import Table
from data_adapters import write_fits
from data_adapters.sky import open_sky_map
from equiclust.autoencoder import EquivariantAutoencoder
from equiclust.images import Image
from equiclust.simulation import simulate_discs

__all__ = ["inputs_tables"]

_UNIT, _SIZE, _N_DISCS = "Jy", 64, 12
# 1.57 GB of float32; chunks of 52 MB.
_CUBE, _DEPTH = (1500, 512, 512), 50
_STACK = "images.npy"
# Images of a run that learns from some of them.
_DRAWN = 50


def inputs_tables(place: str | None = None) -> Iterator[Table]:
    """Latents of one image as every package holds it, then memory for large lazy objects.

    Parameters
    ----------
    place : str, optional
        Folder with room for 5 GB; a temporary one by default.
    """
    with TemporaryDirectory(dir=place) as folder:
        yield Table(
            "inputs_latents",
            f"The same {_N_DISCS} images as other packages hold them: latents against those of "
            "their FITS files",
            list(_latents(Path(folder))),
        )
    with TemporaryDirectory(dir=place) as folder:
        _write_large(Path(folder))
        yield Table(
            "inputs_memory",
            f"An object of {4 * np.prod(_CUBE) / 1e9:.2f} GB, each in a process of its own",
            [_measured(kind, work, folder) for kind, work in _LARGE],
        )


def _wcs() -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [83.8, -5.4]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-1e-5, 1e-5], [32.5, 32.5]
    return wcs


def _latents(folder: Path) -> Iterator[dict[str, Any]]:
    images, _ = simulate_discs(_N_DISCS, size=_SIZE, random_state=0)
    named = [Image.from_values(one.values, one.id, wcs=_wcs(), unit=_UNIT) for one in images]
    paths = write_fits(named, folder)
    network = EquivariantAutoencoder(size=_SIZE, max_epochs=2, perceptual=None, random_state=0)
    network.fit(paths)
    reference = network.transform(paths)
    length = float(np.linalg.norm(reference, axis=1).mean())
    for kind, make in _KINDS.items():
        held = make(paths)
        apart = np.linalg.norm(network.transform(held) - reference, axis=1).max()
        yield {"kind": kind, "largest difference, of the latent's length": float(apart) / length}


def _values(paths: list[Path]) -> list[Any]:
    return [fits.getdata(path).astype(np.float32) for path in paths]


def _ccd(paths: list[Path]) -> Any:
    from astropy.nddata import CCDData

    return [CCDData(values, unit=_UNIT, wcs=_wcs()) for values in _values(paths)]


def _quantity(paths: list[Path]) -> Any:
    from astropy import units

    return np.stack(_values(paths)) * units.Unit(_UNIT)


def _projections(paths: list[Path]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spectral_cube import Projection

        return [Projection.from_hdu(fits.open(path)[0]) for path in paths]


def _dask(paths: list[Path]) -> Any:
    from dask import array

    return array.from_array(np.stack(_values(paths)), chunks=(5, _SIZE, _SIZE))


def _zarr(paths: list[Path]) -> Any:
    import zarr

    return zarr.array(np.stack(_values(paths)), chunks=(5, _SIZE, _SIZE))


def _hdf5(paths: list[Path]) -> Any:
    import h5py

    path = paths[0].with_name("images.h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=np.stack(_values(paths)), compression="gzip")
    return path


def _asdf(paths: list[Path]) -> Any:
    import asdf

    path = paths[0].with_name("images.asdf")
    asdf.AsdfFile({"images": np.stack(_values(paths))}).write_to(path)
    return path


_KINDS: dict[str, Callable[[list[Path]], Any]] = {
    "FITS files": list,
    "CCDData": _ccd,
    "HDU of a file": lambda paths: [fits.open(path)[0] for path in paths],
    "HDUList in memory": lambda paths: [
        fits.HDUList([fits.PrimaryHDU(values)]) for values in _values(paths)
    ],
    "(array, WCS)": lambda paths: [(values, _wcs()) for values in _values(paths)],
    "Quantity": _quantity,
    "Projection": _projections,
    "dask array": _dask,
    "Zarr array": _zarr,
    "open files": lambda paths: [path.open("rb") for path in paths],
    "files in memory": lambda paths: [io.BytesIO(path.read_bytes()) for path in paths],
    "HDF5 file": _hdf5,
    "ASDF file": _asdf,
}


def _write_large(folder: Path) -> None:
    """The cube as FITS, HDF5 and Zarr, and its planes as images of NumPy."""
    import h5py
    import zarr

    header = _wcs().to_header()
    cards = {"CTYPE3": "VRAD", "CRVAL3": 0.0, "CDELT3": 100.0, "CUNIT3": "m/s", "CRPIX3": 1.0}
    header.update({**cards, "BUNIT": "K", "WCSAXES": 3})
    hdu = fits.PrimaryHDU(header=header)
    generator = np.random.default_rng(0)
    plane = generator.normal(size=_CUBE[1:]).astype(np.float32)
    y, x = np.mgrid[: _CUBE[1], : _CUBE[2]] / _CUBE[1]
    bright = np.where(x > 0.5, np.sin(40.0 * y), np.sin(90.0 * (x + y))).astype(np.float32)
    stack = np.lib.format.open_memmap(folder / _STACK, "w+", np.float32, _CUBE)
    hdu.header["NAXIS"] = 3
    for axis, length in enumerate(reversed(_CUBE), start=1):
        hdu.header.set(f"NAXIS{axis}", length, after=f"NAXIS{axis - 1}" if axis > 1 else "NAXIS")
    hdu.header["BITPIX"] = -32
    stored = zarr.create_array(
        folder / "cube.zarr", shape=_CUBE, chunks=(_DEPTH, *_CUBE[1:]), dtype="f4", compressors=None
    )
    with (
        fits.StreamingHDU(folder / "cube.fits", hdu.header) as stream,
        h5py.File(folder / "cube.h5", "w") as file,
    ):
        held = file.create_dataset("cube", _CUBE, "f4")
        for first in range(0, _CUBE[0], _DEPTH):
            shifts = range(first, first + _DEPTH)
            block = np.stack([np.roll(plane, 7 * one) + 5.0 + 3.0 * bright for one in shifts])
            stream.write(block)
            held[first : first + _DEPTH] = stored[first : first + _DEPTH] = block
            stack[first : first + _DEPTH] = block
    stack.flush()


def _large(kind: str, folder: Path) -> Any:
    """A lazy object; nothing of it is read."""
    header = fits.getheader(folder / "cube.fits")
    if kind == "FITS file":
        return folder / "cube.fits"
    if kind == "HDUList":
        return fits.open(folder / "cube.fits")
    if kind.startswith("SpectralCube"):
        warnings.simplefilter("ignore")
        from spectral_cube import SpectralCube

        return SpectralCube.read(folder / "cube.fits", use_dask=kind.endswith("dask"))
    if kind in ("Zarr array", "dask array"):
        import zarr
        from dask import array

        values: Any = zarr.open_array(folder / "cube.zarr", mode="r")
        if kind == "dask array":
            values = 2.0 * array.from_zarr(values) / 2.0
    elif kind == "HDF5 data set":
        import h5py

        values = h5py.File(folder / "cube.h5")["cube"]
    else:
        values = np.load(folder / _STACK, mmap_mode="r")
    return values, header


_MAPS = (
    *("FITS file", "HDUList", "SpectralCube", "SpectralCube by dask"),
    *("(dask array, WCS)", "(Zarr array, WCS)", "(HDF5 data set, WCS)"),
)
_LARGE = [
    *((kind, "moments") for kind in _MAPS),
    *((kind, "draw of 50 images") for kind in ("dask array", "Zarr array", "memory map")),
]


def _measured(kind: str, work: str, folder: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.inputs", kind, work, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    return {"object": kind, "work": work, **json.loads(done.stdout)}


class _Peak(Thread):
    """The largest memory of this process while it lives, without the pages of mapped files.

    The system may drop these at any time, so that they take memory from nobody.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.start_bytes = self.most = _own_bytes()
        self.over = Event()

    def run(self) -> None:
        while not self.over.wait(0.005):
            self.most = max(self.most, _own_bytes())


def _own_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("RssAnon:")))


def _work(kind: str, work: str, folder: Path) -> float:
    """A number that is the same for every object of the same work."""
    plain = kind.removeprefix("(").removesuffix(", WCS)")
    held = _large(plain, folder)
    if work == "moments":
        from data_adapters.sky import moment_maps

        return float(np.nansum(moment_maps(held, noise=1.0).integrated))
    from data_adapters.sampling import read_sample

    drawn = read_sample(held[0], max_images=_DRAWN, axes="nhw")
    if drawn.n_images != _CUBE[0]:
        raise ValueError(f"{drawn.n_images} images were read of {_CUBE[0]}")
    return float(sum(one.pixels.sum(dtype=np.float64) for one in drawn.images))


def _main() -> None:
    kind, work, folder = sys.argv[1:]
    # What is imported, and the threads that are started, count as the baseline.
    small = np.random.default_rng(0).normal(size=(4, 64, 64)).astype(np.float32)
    open_sky_map(small).read()
    _large(kind.removeprefix("(").removesuffix(", WCS)"), Path(folder))
    peak = _Peak()
    peak.start()
    started = process_time()
    found = _work(kind, work, Path(folder))
    seconds = process_time() - started
    peak.over.set()
    record = {
        "peak above baseline, MB": round((peak.most - peak.start_bytes) / 1e6),
        "baseline, MB": round(peak.start_bytes / 1e6),
        "seconds of processor": round(seconds, 1),
        "sum": f"{found:.7g}",
    }
    print(json.dumps(record))


if __name__ == "__main__":
    _main()
