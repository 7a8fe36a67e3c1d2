"""What equiclust wrote is known by its content, whatever it is called and wherever it lies."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import logging
import lzma
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from astropy.io import fits
from PIL.PngImagePlugin import PngInfo

from data_adapters import read
from equiclust.io.atomic import write_json
from equiclust.report.contact_sheet import SheetTile, write_contact_sheet
from equiclust.segmentation.figure import draw_segment_map
from equiclust.segmentation.label_maps import write_segment_map
from equiclust.segmentation.segment_map import SegmentMap
from tests.data_adapters.test_reading import put

FRAME = np.arange(64, dtype=np.uint8).reshape(8, 8)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A label map, its picture and a contact sheet, as the commands write them."""
    folder = tmp_path_factory.mktemp("written")
    labels = (np.arange(64).reshape(8, 8) % 2).astype(np.int16)
    ones = np.ones((8, 8), np.float32)
    segment_map = SegmentMap(labels, ones, ones, fits.Header())
    write_segment_map(segment_map, folder / "k.fits")
    draw_segment_map(segment_map, ones, folder / "k.png")
    write_contact_sheet(folder / "sheet.png", [[SheetTile(ones[None], "x", "query")]])
    return folder


def compressed(content: bytes, path: Path) -> None:
    with fits.open(io.BytesIO(content)) as hdus:
        image = fits.CompImageHDU(hdus[0].data, hdus[0].header)
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)


KEPT: dict[str, Callable[[bytes, Path], object]] = {
    "c.fit": lambda content, path: path.write_bytes(content),
    "C.FTS": lambda content, path: path.write_bytes(content),
    "c.png": lambda content, path: path.write_bytes(content),
    "c.fits.gz": lambda content, path: path.write_bytes(gzip.compress(content)),
    "c.fits": lambda content, path: path.write_bytes(lzma.compress(content)),
    "c.fit.bz2": lambda content, path: path.write_bytes(bz2.compress(content)),
    "c.fits.fz": compressed,
}


@pytest.mark.parametrize("name", KEPT)
def test_a_label_map_is_known_under_any_name_and_packing(
    tmp_path: Path, written: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "m42.fits")
    KEPT[name]((written / "k.fits").read_bytes(), tmp_path / name)
    with caplog.at_level(logging.WARNING):
        result = read(tmp_path)
    assert result.images.ids == ("m42",)
    assert result.rejected == ()
    assert f"passed over outputs of equiclust in {tmp_path}: {tmp_path / name}" in caplog.text
    (refused,) = read(tmp_path / name).rejected
    assert refused.reason == "it is a label map of equiclust, or a picture of one"


@pytest.mark.parametrize("kept", [shutil.copy, lambda old, new: new.symlink_to(old)])
@pytest.mark.parametrize("name", ["other.png", "other.jpg"])
def test_pictures_are_known_far_from_what_they_show(
    tmp_path: Path, written: Path, kept: Callable[[Path, Path], object], name: str
) -> None:
    for picture, what in (("k.png", "a label map"), ("sheet.png", "a contact sheet")):
        folder = tmp_path / picture
        put(folder / "m42.fits")
        kept(written / picture, folder / name)
        result = read(folder)
        assert result.images.ids == ("m42",)
        assert result.rejected == ()
        assert what in read(folder / name).rejected[0].reason


@pytest.mark.parametrize("name", ["k.fits", "k.fit", "k.fts.gz"])
def test_a_picture_that_says_nothing_is_known_by_the_map_beside_it(
    tmp_path: Path, written: Path, name: str
) -> None:
    content = (written / "k.fits").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    PIL.Image.fromarray(FRAME).save(tmp_path / "k.png")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "link.png").symlink_to(tmp_path / "k.png")
    put(tmp_path / "images" / "m42.fits")
    assert read(tmp_path / "images").images.ids == ("m42",)


def test_a_sheet_that_says_nothing_is_known_by_its_manifest(tmp_path: Path) -> None:
    put(tmp_path / "m42.fits")
    PIL.Image.fromarray(FRAME).save(tmp_path / "sheet.png")
    digest = hashlib.sha256((tmp_path / "sheet.png").read_bytes()).hexdigest()
    content = {"format": 1, "command": "similar", "parts": {"sheet.png": digest}}
    write_json(tmp_path / ".sheet.png.manifest.json", content)
    assert read(tmp_path).images.ids == ("m42",)
    # One that was put in its place is the user's.
    PIL.Image.fromarray(FRAME.T).save(tmp_path / "sheet.png")
    assert read(tmp_path).images.ids == ("m42", "sheet")


def test_pictures_and_maps_of_others_are_read(tmp_path: Path) -> None:
    text = PngInfo()
    text.add_text("Software", "GIMP, not equiclust")
    text.add_text("Comment", "Software\0equiclust")
    PIL.Image.fromarray(FRAME).save(tmp_path / "a.png", pnginfo=text)
    header = fits.Header([("OBJECT", "CREATOR = 'equiclust"), ("CREATOR", "other")])
    fits.writeto(tmp_path / "b.fits", FRAME, header)
    (tmp_path / "c.fits.gz").write_bytes(b"\x1f\x8bdamaged")
    result = read(tmp_path)
    assert result.images.ids == ("a", "b")
    assert [Path(one.path).name for one in result.rejected] == ["c.fits.gz"]


def test_locks_and_manifests_are_not_worth_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "m42.fits")
    names = (".m42.fits.lock", ".lock", ".k.png.manifest.json", ".partial-abcdefgh")
    for name in (*names, "notes.lock", ".hidden"):
        (tmp_path / name).touch()
    with caplog.at_level(logging.WARNING):
        assert read(tmp_path).images.ids == ("m42",)
    (line,) = caplog.messages
    assert line.endswith(f"no images: {tmp_path}/.hidden, {tmp_path}/notes.lock")
