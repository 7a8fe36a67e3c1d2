"""Small valid files of every kind that the package reads."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from astropy.io import fits
from astropy.table import Table
from PIL import Image

from ensembles import KFoldEnsemble
from equiclust.autoencoder import EquivariantAutoencoder
from equiclust.pipeline.model import Model
from equiclust.preprocessing import Preprocessor
from equiclust.simulation import simulate_shapes
from equiclust.typing import Array

__all__ = ["MODEL", "SEEDS", "model_parts"]

Files = dict[str, tuple[str, bytes]]

_REGIONS = """# Region file format: DS9
global color=green
fk5
circle(10.0,2.0,3.5")
-ellipse(10.001,2.001,4",2",30)
polygon(10.0,2.0,10.01,2.0,10.01,2.01)
image
box(5,6,4,3,20)
"""


def _pixels(shape: tuple[int, ...] = (12, 14)) -> Array:
    return np.random.default_rng(0).normal(100.0, 10.0, shape)


def _sky(depth: int = 0) -> fits.Header:
    header = fits.Header()
    for axis, (name, value, step) in enumerate(
        (("RA---TAN", 10.0, -1e-3), ("DEC--TAN", 2.0, 1e-3), ("VRAD", 4e3, -500.0)), start=1
    ):
        if axis <= 2 or depth:
            header[f"CTYPE{axis}"], header[f"CRVAL{axis}"] = name, value
            header[f"CRPIX{axis}"], header[f"CDELT{axis}"] = 4.0, step
            header[f"CUNIT{axis}"] = "deg" if axis <= 2 else "m/s"
    header["BUNIT"], header["BMAJ"], header["BMIN"], header["BPA"] = "Jy/beam", 3e-3, 2e-3, 30.0
    return header


def _fits(*hdus: object) -> bytes:
    stream = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(stream)
    return stream.getvalue()


def _image() -> bytes:
    return _fits(fits.PrimaryHDU(_pixels().astype("f4"), _sky()))


def _scaled() -> bytes:
    scaled = fits.PrimaryHDU(_pixels().astype("i2"), _sky())
    scaled.header["BLANK"], scaled.header["BSCALE"], scaled.header["BZERO"] = 100, 0.5, 32768.0
    return _fits(scaled, fits.ImageHDU(_pixels((9, 9)), name="SCI"))


def _cube() -> bytes:
    return _fits(fits.PrimaryHDU(_pixels((5, 12, 14)).astype("f4"), _sky(3)))


def _compressed(kind: str) -> bytes:
    pixels = _pixels((16, 16)).astype("i2")
    return _fits(fits.PrimaryHDU(), fits.CompImageHDU(pixels, _sky(), compression_type=kind))


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def _picture(form: str, mode: str, **options: object) -> bytes:
    picture = Image.fromarray(np.clip(_pixels(), 0, 255).astype("u1")).convert(mode)
    return _written(lambda stream: picture.save(stream, form, **options))


def _tiff(array: Array, **options: object) -> bytes:
    return _written(
        lambda stream: tifffile.imwrite(stream, array, photometric="minisblack", **options)
    )


def _catalogue() -> bytes:
    table = Table({"id": ["a", "b"], "path": ["a.fits", ""], "label": [0, -1]})
    table["confidence"] = [0.5, np.nan]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.ecsv"
        table.write(path, format="ascii.ecsv")
        return path.read_bytes()


def _make_seeds() -> dict[str, Files]:
    """By reader, files by their names: what kind of content they have, and the content."""
    pixels = _pixels()
    u16 = np.clip(pixels, 0, 255).astype("u2") * 200
    return {
        "FITS": {"a.fits": ("fits", _image()), "b.fits": ("fits", _scaled())},
        "compressed FITS": {
            "a.fits": ("fits", _compressed("RICE_1")),
            "b.fits": ("fits", _compressed("GZIP_1")),
        },
        "FITS in gzip": {
            "a.fits.gz": ("gzip", gzip.compress(_image())),
            "b.fits.gz": ("gzip", gzip.compress(_scaled())),
        },
        "npy": {
            "a.npy": ("npy", _written(lambda s: np.save(s, pixels))),
            "b.npy": ("npy", _written(lambda s: np.save(s, _pixels((2, 6, 7)).astype(">i2")))),
        },
        "npz": {
            "a.npz": ("npz", _written(lambda s: np.savez(s, a=pixels, b=pixels[:5]))),
            "b.npz": ("npz", _written(lambda s: np.savez_compressed(s, c=u16))),
        },
        "TIFF": {
            "a.tif": ("tiff", _tiff(u16)),
            "b.tif": ("tiff", _tiff(_pixels((3, 8, 9)).astype("f4"), byteorder=">")),
            "c.tif": ("tiff", _tiff(u16.astype("u1"), compression="zlib")),
        },
        "PNG": {
            "a.png": ("png", _picture("PNG", "L")),
            "b.png": ("png", _picture("PNG", "P")),
            "c.png": ("png", _picture("PNG", "RGBA")),
        },
        "JPEG": {
            "a.jpg": ("jpeg", _picture("JPEG", "L")),
            "b.jpg": ("jpeg", _picture("JPEG", "RGB", progressive=True)),
        },
        "folder": {
            "a.fits": ("fits", _image()),
            "b.npy": ("npy", _written(lambda s: np.save(s, pixels))),
            "c.png": ("png", _picture("PNG", "L")),
        },
        "sky map": {"a.fits": ("fits", _image()), "b.fits": ("fits", _cube())},
        "regions": {"a.reg": ("text", _REGIONS.encode())},
        "catalogue": {"a.ecsv": ("text", _catalogue())},
    }


SEEDS = _make_seeds()
MODEL = "model folder"


def model_parts() -> Files:
    """Files of a small model by their paths in its folder, fitted in a second.

    Returns
    -------
    dict of str to tuple
        What kind of content every file has, and the content.
    """
    images = Preprocessor(size=32).transform(simulate_shapes(12, size=32, random_state=0)[0])
    member = EquivariantAutoencoder(
        "C4", latent_dim=2, size=32, fields=(1, 1, 1, 1), map_fields=1, annuli=1, perceptual=None,
        pretrained=False, preprocess=False, max_epochs=1, device="cpu",
    )  # fmt: skip
    ensemble = KFoldEnsemble(
        member, n_clusters=2, method="kmeans", n_folds=2, n_jobs=1, random_state=0
    ).fit(images)
    with tempfile.TemporaryDirectory() as folder:
        Model(Preprocessor(size=32), ensemble).save(Path(folder) / "model")
        root = Path(folder) / "model"
        return {
            str(path.relative_to(root)): (_kind_of(path), path.read_bytes())
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }


def _kind_of(path: Path) -> str:
    return {".json": "json", ".safetensors": "safetensors"}.get(path.suffix, "bytes")
