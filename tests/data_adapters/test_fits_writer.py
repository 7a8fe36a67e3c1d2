"""What is written is what is read."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from data_adapters import read, write_fits
from equiclust.exceptions import OutputError
from equiclust.images import Beam, Image, ImageSet
from tests.data_adapters.test_fits import celestial_header

angles = st.floats(-180, 180)
# Of 0.2 to 20 pixels: one that fits no pixel is not believed.
widths = st.floats(2e-5, 2e-3)


@st.composite
def image_sets(draw: st.DrawFn) -> ImageSet:
    stems = st.text("abcXYZ019_-+.", min_size=1, max_size=12).filter(lambda s: s[0] not in ".")
    names = draw(st.lists(stems, max_size=4, unique_by=str.lower))
    return ImageSet(tuple(draw(images_called(name)) for name in names))


@st.composite
def images_called(draw: st.DrawFn, name: str) -> Image:
    channels, height, width = draw(st.integers(1, 3)), *(draw(st.integers(2, 6)) for _ in "hw")
    pixels = draw(
        arrays.arrays(np.float32, (channels, height, width), elements=st.floats(width=32))
    )
    return Image.from_values(
        pixels,
        name,
        unit=draw(st.sampled_from(["", "Jy/beam", "K km s-1", "odd unit"])),
        beam=draw(st.none() | st.builds(Beam, widths, widths, angles)),
        wcs=draw(st.sampled_from([None, WCS(celestial_header())])),
    )


@settings(max_examples=60, deadline=None)
@given(images=image_sets())
def test_written_images_are_read_back(images: ImageSet) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = write_fits(images, folder)
        result = read(paths) if paths else None
    if result is None:
        assert len(images) == 0
        return
    assert result.rejected == ()
    assert result.images.ids == images.ids
    for old, new in zip(images, result.images, strict=True):
        np.testing.assert_array_equal(new.mask, old.mask)
        np.testing.assert_array_equal(new.pixels, np.where(old.mask, np.float32(0), old.pixels))
        assert new.unit == old.unit
        assert (new.beam is None) == (old.beam is None)
        if old.beam is not None:
            np.testing.assert_allclose(new.beam, old.beam, rtol=1e-12)
        assert (new.wcs is None) == (old.wcs is None)
        if old.wcs is not None:
            corner = [[0.0, 0.0], [3.0, 1.0]]
            np.testing.assert_allclose(
                new.wcs.wcs_pix2world(corner, 0), old.wcs.wcs_pix2world(corner, 0), rtol=1e-12
            )


def test_ids_that_cannot_be_file_names_still_get_a_file_each(tmp_path: Path) -> None:
    ids = ("a/b", "a_b", "A_B", "..", "Å disc", "é" * 200, "é" * 201)
    images = ImageSet(tuple(Image.from_values(np.eye(3), id) for id in ids))
    paths = write_fits(images, tmp_path / "new")
    assert len({path.name.lower() for path in paths}) == len(ids)
    assert all(path.parent == tmp_path / "new" and path.is_file() for path in paths)
    assert fits.getheader(paths[0])["OBJECT"] == "a/b"
    assert len(read(tmp_path / "new").images) == len(ids)


def test_nothing_is_left_beside_the_files_and_old_ones_are_replaced(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        frame = np.eye(3) * value
        [path] = write_fits(ImageSet((Image.from_values(frame, "disc"),)), tmp_path)
        np.testing.assert_array_equal(fits.getdata(path), frame)
    assert [path.name for path in tmp_path.iterdir()] == ["disc.fits"]


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_fits(ImageSet((Image.from_values(np.eye(3), "x"),)), tmp_path / "file")
