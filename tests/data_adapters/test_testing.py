"""Every built-in adapter, and the template, keeps the contract; each broken promise is found."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import asdf
import h5py
import numpy as np
import pytest
import tifffile
import zarr
from astropy.io import fits
from PIL import Image as Picture

from data_adapters.adapter import Adapter
from data_adapters.arrays import ArrayAdapter
from data_adapters.asdf_images import AsdfAdapter
from data_adapters.casa import CasaAdapter
from data_adapters.fits import FitsAdapter
from data_adapters.hdf5_images import Hdf5Adapter
from data_adapters.pictures import PictureAdapter
from data_adapters.registry import BUILT_IN
from data_adapters.template import PgmAdapter
from data_adapters.testing import check_adapter
from data_adapters.tiff import TiffAdapter
from data_adapters.zarr_stores import ZarrAdapter
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image
from tests.data_adapters.objects.kinds_of_input import write_image

WHOLE = np.random.default_rng(0).integers(0, 255, (5, 20, 24)).astype(np.uint8)
FLOATS = WHOLE.astype(np.float32)
FLOATS[0, 3, 4] = np.nan


def _fits(folder: Path) -> tuple[Path, Any]:
    path = write_image(folder / "a.fits", 0)
    return path, fits.getdata(path)


def _picture(folder: Path) -> tuple[Path, Any]:
    Picture.fromarray(WHOLE[0]).save(folder / "a.png")
    return folder / "a.png", WHOLE[0, ::-1]


def _tiff(folder: Path) -> tuple[Path, Any]:
    tifffile.imwrite(folder / "a.tif", WHOLE[0])
    return folder / "a.tif", WHOLE[0, ::-1]


def _npy(folder: Path) -> tuple[Path, Any]:
    np.save(folder / "a.npy", FLOATS)
    return folder / "a.npy", FLOATS[0]


def _npz(folder: Path) -> tuple[Path, Any]:
    np.savez(folder / "a.npz", images=FLOATS)
    return folder / "a.npz", FLOATS[0]


def _zarr(folder: Path) -> tuple[Path, Any]:
    array = zarr.create_array(folder / "a.zarr", shape=(5, 20, 24), chunks=(1, 20, 24), dtype="f4")
    array[...] = FLOATS
    return folder / "a.zarr", FLOATS[0]


def _hdf5(folder: Path) -> tuple[Path, Any]:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("images", data=FLOATS, chunks=(1, 20, 24), compression="gzip")
    return folder / "a.h5", FLOATS[0]


def _asdf(folder: Path) -> tuple[Path, Any]:
    asdf.AsdfFile({"images": FLOATS}).write_to(folder / "a.asdf")
    return folder / "a.asdf", FLOATS[0]


def _casa(folder: Path) -> tuple[Path, Any]:
    with zipfile.ZipFile(Path(__file__).with_name("casa_images.zip")) as archive:
        archive.extractall(folder)
    return folder / "map.image", _fits(folder)[1]


def _pgm(folder: Path) -> tuple[Path, Any]:
    (folder / "a.pgm").write_bytes(b"P5\n# by hand\n24 20\n255\n" + WHOLE[0].tobytes())
    return folder / "a.pgm", WHOLE[0, ::-1]


CASES: dict[str, tuple[Adapter, Callable[[Path], tuple[Path, Any]]]] = {
    "fits": (FitsAdapter(), _fits),
    "pictures": (PictureAdapter(), _picture),
    "tiff": (TiffAdapter(), _tiff),
    "arrays": (ArrayAdapter(), _npy),
    "arrays, packed": (ArrayAdapter(), _npz),
    "zarr": (ZarrAdapter(), _zarr),
    "hdf5": (Hdf5Adapter(), _hdf5),
    "asdf": (AsdfAdapter(), _asdf),
    "casa": (CasaAdapter(), _casa),
    "template": (PgmAdapter(), _pgm),
}


def test_every_adapter_has_a_case() -> None:
    assert {point.name for point in BUILT_IN} <= set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_adapters_keep_the_contract(name: str, tmp_path: Path) -> None:
    adapter, write = CASES[name]
    path, expected = write(tmp_path)
    check_adapter(adapter, path, expected=expected)


class UpsideDown(PgmAdapter):
    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        image = super().read(path, part)[0]
        return (Image.from_values(image.values[:, ::-1], image.id, path=image.path),)


class Forgetful(PgmAdapter):
    held: ClassVar[list[Any]] = []

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        self.held.append(os.fdopen(os.open(path, os.O_RDONLY)))
        return super().read(path, part)


class Nameless(PgmAdapter):
    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        image = super().read(path, part)[0]
        return (Image(image.pixels, image.mask, image.id),)


class Talkative(PgmAdapter):
    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        try:
            return super().read(path, part)
        except UnreadableFileError as error:
            raise UnreadableFileError(f"{error}\nand more") from error


class Careless(PgmAdapter):
    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        if not path.stat().st_size:
            raise IndexError("no bytes")
        return super().read(path, part)


class Lenient(PgmAdapter):
    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        return super().read(path)


class Moody(PgmAdapter):
    calls: ClassVar[list[int]] = [0]

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        self.calls[0] += 1
        image = super().read(path, part)[0]
        return (Image.from_values(image.values + self.calls[0], image.id, path=image.path),)


@pytest.mark.parametrize(
    ("adapter", "said"),
    [
        (UpsideDown(), "upside down"),
        (Forgetful(), "left open"),
        (Nameless(), "the path of image"),
        (Talkative(), "in one line"),
        (Careless(), "got IndexError"),
        (Lenient(), "part 'no such part' must raise"),
        (Moody(), "when it is read again"),
    ],
)
def test_broken_promises_are_found(adapter: Adapter, said: str, tmp_path: Path) -> None:
    path, expected = _pgm(tmp_path)
    try:
        with pytest.raises(AssertionError, match=said):
            check_adapter(adapter, path, expected=None if said.startswith("when") else expected)
    finally:
        while Forgetful.held:
            Forgetful.held.pop().close()


def test_wrong_values_and_masks_are_found(tmp_path: Path) -> None:
    path, expected = _npy(tmp_path)
    with pytest.raises(AssertionError, match="must have the values"):
        check_adapter(ArrayAdapter(), path, expected=expected + 1.0)
    with pytest.raises(AssertionError, match="must have 0 masked pixels, got 1"):
        check_adapter(ArrayAdapter(), path, expected=np.nan_to_num(expected))
    with pytest.raises(AssertionError, match="upside down"):
        check_adapter(ArrayAdapter(), path, expected=expected[..., ::-1, :])
    with pytest.raises(AssertionError, match="must end in one of suffixes"):
        check_adapter(FitsAdapter(), path)
