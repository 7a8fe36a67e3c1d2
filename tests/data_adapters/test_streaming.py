"""A stream gives what `read` gives, whatever the size of its parts and wherever it begins."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image as Picture

from data_adapters import read
from data_adapters.streaming import START, ImageStream, StreamPart
from equiclust.exceptions import InputError
from equiclust.images import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of every kind, two of which cannot be read."""
    rng = np.random.default_rng(0)
    place = tmp_path / "in"
    place.mkdir()
    np.save(place / "a.npy", rng.random((7, 6, 6)).astype(np.float32))
    np.save(place / "b.npy", np.asfortranarray(rng.integers(0, 9, (5, 6, 6))))
    np.savez(place / "c.npz", images=rng.random((4, 6, 6)), mask=rng.random((4, 6, 6)) > 0.5)
    (place / "d.fits").write_text("no image")
    fits.writeto(place / "e.fits", rng.random((6, 6)))
    cube = rng.random((9, 6, 6)).astype(np.float32)
    cube[3, 2, 2] = np.nan
    fits.writeto(place / "f.fits", cube)
    Picture.fromarray(rng.integers(0, 255, (6, 6, 3)).astype(np.uint8)).save(place / "g.png")
    (place / "h.npy").write_bytes(b"\x93NUMPY")
    np.save(place / "i.npy", rng.random((6, 6)))
    return place


def parts(place: Path, *, most_bytes: int = 1 << 20) -> list[StreamPart]:
    return list(ImageStream([str(place)], axes="nhw").parts(most_bytes=most_bytes))


def assert_same(images: list[Image], others: list[Image]) -> None:
    assert [one.path for one in images] == [one.path for one in others]
    for one, other in zip(images, others, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.mask, other.mask)
        assert (one.unit, one.offset, one.scale) == (other.unit, other.offset, other.scale)


@pytest.mark.parametrize("most_bytes", [1, 300, 1 << 20])
def test_a_stream_gives_what_read_gives(folder: Path, most_bytes: int) -> None:
    found = parts(folder, most_bytes=most_bytes)
    images = [image for part in found for image in part.images]
    whole = read(folder, axes="nhw")
    assert_same(images, list(whole.images))
    assert [image.id for image in images] == list(whole.images.ids)
    assert [part.rejected for part in found if part.rejected] == list(whole.rejected)
    if most_bytes == 1:
        assert sum(len(part.images) for part in found[:7]) == 7


def test_it_goes_on_from_any_place(folder: Path) -> None:
    everything = [image for part in parts(folder) for image in part.images]
    for one in parts(folder, most_bytes=1):
        rest = ImageStream([str(folder)], axes="nhw").parts(one.last, most_bytes=500)
        after = [image for part in rest for image in part.images]
        before = len(everything) - len(after)
        assert_same(after, everything[before:])
        if one.images:
            assert one.images[-1].id == everything[before - 1].id


def test_places_and_shares_grow_to_the_end(folder: Path) -> None:
    found = parts(folder, most_bytes=300)
    assert found[0].first == START
    for one, following in itertools.pairwise(found):
        assert one.first < one.last <= (following.first.file, max(1, following.first.image))
        assert one.share_before < one.share <= following.share
    assert found[-1].share == pytest.approx(1.0)


def test_a_digest_is_that_of_the_files(folder: Path) -> None:
    first = ImageStream([str(folder)]).digest
    assert ImageStream([str(folder)]).digest == first
    assert ImageStream([str(folder)], axes="nhw").digest != first
    np.save(folder / "i.npy", np.ones((6, 7)))
    assert ImageStream([str(folder)]).digest != first


def test_a_file_that_must_be_read_whole_and_is_too_large_is_told(folder: Path) -> None:
    stream = ImageStream([str(folder)], axes="nhw")
    found = list(stream.parts(most_bytes=1 << 20, most_whole=300))
    reasons = {Path(one.rejected.path).name: one.rejected.reason for one in found if one.rejected}
    assert "more than the 300 bytes that max_memory leaves" in reasons["c.npz"]
    assert "f.fits" not in reasons


def test_inputs_are_checked_as_by_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        ImageStream([str(tmp_path / "gone")])
    with pytest.raises(InputError, match="axes must hold h and w"):
        ImageStream([str(tmp_path)], axes="xy")
