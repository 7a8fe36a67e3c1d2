"""One image of a file is the one that `read` finds there, under the id of the catalogue."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from astropy.io import fits

from data_adapters import read
from data_adapters import single_images as tested
from data_adapters.single_images import chosen, read_image
from equiclust.exceptions import InputError
from equiclust.images import Image, ImageSet

STACK = np.random.default_rng(0).random((12, 9, 10)).astype(np.float32)
STACK[3, 0, 0] = np.nan


def write_fits(path: Path) -> None:
    units = [fits.PrimaryHDU(STACK[0])]
    units += [fits.ImageHDU(plane, name=f"PLANE{k}") for k, plane in enumerate(STACK[1:4])]
    fits.HDUList(units).writeto(path)


def write_png(path: Path) -> None:
    PIL.Image.fromarray((STACK[0] * 200).astype(np.uint8)).save(path)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "stack.npy": lambda path: np.save(path, STACK),
    "fortran.npy": lambda path: np.save(path, np.asfortranarray(STACK)),
    "integers.npy": lambda path: np.save(path, (STACK[4:] * 999).astype(">i2")),
    "booleans.npy": lambda path: np.save(path, STACK > 0.5),
    "channels.npy": lambda path: np.save(path, STACK.reshape(4, 3, 9, 10)),
    "last.npy": lambda path: np.save(path, np.moveaxis(STACK.reshape(4, 3, 9, 10), 1, 3)),
    "one.npy": lambda path: np.save(path, STACK[0]),
    "stack.npz": lambda path: np.savez(path, images=STACK, mask=STACK > 0.9),
    "ids.npz": lambda path: np.savez(path, images=STACK[:3], ids=["b", "a", "a/b"]),
    "pages.tif": lambda path: tifffile.imwrite(path, STACK[:3], photometric="minisblack"),
    "units.fits": write_fits,
    "one.png": write_png,
}


def assert_same(found: Image, expected: Image) -> None:
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    np.testing.assert_array_equal(found.mask, expected.mask)
    assert found.pixels.dtype == expected.pixels.dtype
    assert (found.path, found.unit) == (expected.path, expected.unit)
    assert (found.wcs is None) == (expected.wcs is None)


@pytest.mark.parametrize("name", WRITERS)
def test_every_image_of_every_format_is_that_of_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    # Of a FITS file the first image is read, and others by their extensions.
    inputs = [f"{path}[{k}]" for k in range(4)] if path.suffix == ".fits" else [str(path)]
    images = read(inputs).images
    for image in images:
        found = read_image(str(image.path), image.id)
        assert path.suffix == ".fits" or found.id == image.id
        assert_same(found, image)
    assert len(images) > 1 or "one" in name


@pytest.mark.parametrize("axes", ["hwn", "nhw", "hnw"])
def test_axes_are_those_of_the_run(axes: str, tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", STACK[:9, :, :9])
    for image in read(tmp_path / "s.npy", axes=axes).images:
        assert_same(read_image(tmp_path / "s.npy", image.id, axes=axes), image)


@pytest.mark.parametrize("name", ["stack.npy", "stack.npz", "units.fits", "one.png"])
def test_ids_that_were_made_unique_are_found(name: str, tmp_path: Path) -> None:
    for folder in ("a/x", "b/x", "c"):
        (tmp_path / folder).mkdir(parents=True)
        WRITERS[name](tmp_path / folder / name)
    images = read(tmp_path).images
    assert len({image.id for image in images}) == len(images)
    for image in images:
        found = read_image(str(image.path), image.id)
        assert_same(found, image)


def test_of_an_array_only_one_plane_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = np.zeros((200, 128, 128))
    big[137] = 3
    np.save(tmp_path / "big.npy", big)
    size = big.nbytes
    del big

    def whole(*args: Any, **options: Any) -> Any:
        raise AssertionError("the whole file was read")

    monkeypatch.setattr(tested, "read", whole)
    tracemalloc.start()
    try:
        found = read_image(tmp_path / "big.npy", "big_137")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.all(found.pixels == 3)
    assert peak < size / 20


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", STACK)
    for name in ("s_12", "s_99999999999999999999", "t_01", "s", "s_-1", "s_\u0663\u0663", ""):
        with pytest.raises(InputError, match=r"s\.npy' has no image"):
            read_image(tmp_path / "s.npy", name)
    with pytest.raises(InputError, match=r"gone\.npy"):
        read_image(tmp_path / "gone.npy", "gone_1")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"not an array", b"\x80\x04."])
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "s.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"s\.npy") as caught:
        read_image(tmp_path / "s.npy", "s_1")
    assert "\n" not in str(caught.value)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"s\.npy"):
        read_image(tmp_path / "s.npy", "s_1")


def test_the_only_image_of_a_file_is_meant_whatever_its_id() -> None:
    assert chosen("folder/x", {"x": 1}) == 1
    assert chosen("x", {"x": 1, "y": 2}) == 1
    assert chosen("folder/x", {"x": 1, "y": 2}) == 1
    assert chosen("x-2", {"x": 1, "x-2": 2}) == 2
    assert chosen("x-3", {"x": 1, "x-2": 2}) == 1
    assert chosen("z", {"x": 1, "y": 2}) is None
    assert chosen("z", {}) is None


def test_a_mask_and_sky_come_along(tmp_path: Path) -> None:
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": -0.1})
    header.update({"CDELT2": 0.1, "CRVAL1": 10.0, "CRVAL2": 20.0, "BUNIT": "Jy"})
    units = [fits.PrimaryHDU(), *(fits.ImageHDU(plane, header) for plane in STACK[2:5])]
    fits.HDUList(units).writeto(tmp_path / "s.fits")
    images: ImageSet = read([tmp_path / f"s.fits[{k}]" for k in (1, 2, 3)]).images
    assert len(images) == 3
    for image in images:
        found = read_image(str(image.path), image.id)
        assert_same(found, image)
        assert found.unit == "Jy"
        assert found.wcs is not None
