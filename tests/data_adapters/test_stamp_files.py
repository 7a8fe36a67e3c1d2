"""Files of stamps that are damaged, or were changed by others, and stores that say odd things."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data_adapters import read
from data_adapters.adapter import PartAdapter
from data_adapters.fits import FitsAdapter
from data_adapters.stamp_files import kind_of_stamps
from equiclust.cutouts import make_cutouts
from equiclust.exceptions import InputError
from tests.cutouts.surveys import make_survey


@pytest.fixture(scope="module")
def stamps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stamps")
    survey = make_survey(folder, n=12, margin=0.0)
    make_cutouts(survey.catalogue, survey.images, folder / "many.fits", size=12)
    make_cutouts(survey.catalogue, survey.images, folder / "one", size=12)
    pytest.importorskip("zarr")
    make_cutouts(survey.catalogue, survey.images, folder / "store.zarr", size=12)
    return folder


def test_kinds_of_files_are_told_apart(stamps: Path, tmp_path: Path) -> None:
    one = next((stamps / "one").iterdir())
    assert kind_of_stamps(stamps / "many.fits") == "many"
    assert kind_of_stamps(one) == "one"
    assert kind_of_stamps(next(stamps.glob("tile_*.fits"))) == ""
    assert kind_of_stamps(tmp_path / "no.fits") == ""
    values, header = fits.getdata(one, header=True)
    packed = fits.CompImageHDU(values, header)
    packed.writeto(tmp_path / "packed.fits")
    assert kind_of_stamps(tmp_path / "packed.fits") == ""
    # A program that scales pixels keeps the other cards.
    whole = fits.PrimaryHDU(np.nan_to_num(values), header)
    whole.scale("int16", bscale=0.01, bzero=0.0)
    whole.writeto(tmp_path / "scaled.fits")
    assert kind_of_stamps(tmp_path / "scaled.fits") == ""
    scaled = read(str(tmp_path / "scaled.fits")).images[0]
    np.testing.assert_allclose(scaled.pixels, np.nan_to_num(values), atol=0.006)


def test_stamps_are_read_some_at_a_time_from_any_on(stamps: Path) -> None:
    adapter = FitsAdapter()
    assert isinstance(adapter, PartAdapter)
    path = stamps / "many.fits"
    whole = [image.id for image in adapter.read(path)]
    parts = list(adapter.read_parts(path, first=3, most_bytes=2 * 12 * 12 * 4 * 2))
    assert [len(part.images) for part in parts[:-1]] == [2] * (len(parts) - 1)
    assert [image.id for part in parts for image in part.images] == whole[3:]
    assert {part.of for part in parts} == {len(whole)}
    (named,) = read(f"{path}[STAMP,3]").images
    np.testing.assert_array_equal(named.pixels, adapter.read(path)[2].pixels)


def test_damage_is_one_sentence(stamps: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for source in (stamps / "many.fits", next((stamps / "one").iterdir())):
        content = source.read_bytes()
        damaged = [content[:cut] for cut in (0, 100, 2880, 2980, 5760, len(content) - 2880)]
        for _ in range(120):
            bytes_ = bytearray(content)
            for place in rng.integers(0, min(len(content), 12000), size=6):
                bytes_[place] = rng.integers(0, 256)
            damaged.append(bytes(bytes_))
        for number, one in enumerate(damaged):
            path = tmp_path / f"{source.stem}_{number}.fits"
            path.write_bytes(one)
        found = read(f"{tmp_path}/{source.stem}_*.fits")
        assert all(reason and "\n" not in reason for _, reason in found.rejected)
        assert not any("Error: " in reason for _, reason in found.rejected)
        assert len(found.rejected) > 5


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("ids", np.zeros((2, 3), np.uint8), "its array 'ids' must hold whole numbers for"),
        ("origins", None, "and it holds only"),
        ("header_index", np.full(12, 99, np.int32), "a stamp names header 99 of"),
        ("header_index", np.full(12, -1, np.int32), "a stamp names header -1 of"),
        ("headers", np.full((9, 80), 255, np.uint8), ""),
    ],
)
def test_odd_stores_are_refused(
    stamps: Path, tmp_path: Path, name: str, values: np.ndarray | None, message: str
) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(stamps / "store.zarr", mode="r")
    other = zarr.create_group(tmp_path / "odd.zarr")
    for key, array in group.arrays():
        other.create_array(key, data=array[:])
    if values is None:
        del other[name]
    else:
        other.create_array(name, data=values, overwrite=True)
    found = read(str(tmp_path / "odd.zarr"))
    reasons = [reason for _, reason in found.rejected]
    assert (not found.images and message in reasons[0]) or not message
    if not message:
        # Cards that say nothing: images without coordinates.
        assert all(image.wcs is None for image in found.images)


def test_a_store_may_have_names_alone(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.create_group(tmp_path / "s.zarr")
    group.create_array("images", data=np.ones((3, 2, 8, 8), np.float32))
    group.create_array("ids", data=np.array([7, 5, 9]))
    assert [image.id for image in read(str(tmp_path / "s.zarr")).images] == ["7", "5", "9"]
    with pytest.raises(InputError, match="does not exist"):
        read(str(tmp_path / "t.zarr"))
