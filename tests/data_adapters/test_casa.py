"""CASA images, written by casacore from FITS files, are what these files are."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from data_adapters import read
from data_adapters.sky import moment_maps, open_sky_map
from equiclust.exceptions import UnreadableFileError
from tests.data_adapters.objects.kinds_of_input import write_cube, write_image
from tests.data_adapters.objects.test_images import assert_same


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with zipfile.ZipFile(Path(__file__).with_name("casa_images.zip")) as archive:
        archive.extractall(tmp_path)
    write_image(tmp_path / "reference.fits", 0)
    write_cube(tmp_path / "reference_cube.fits", 0)
    return tmp_path


def test_an_image_is_that_of_its_fits_file(folder: Path) -> None:
    found = read(folder / "map.image").images[0]
    assert_same(found, read(folder / "reference.fits").images[0])
    assert (found.id, found.path) == ("map", str(folder / "map.image"))
    assert found.mask.sum() == 1


def test_a_cube_is_that_of_its_fits_file(folder: Path) -> None:
    found, reference = (
        open_sky_map(folder / "cube.image"),
        open_sky_map(folder / "reference_cube.fits"),
    )
    np.testing.assert_array_equal(found.read(), reference.read())
    np.testing.assert_allclose(found.beam, reference.beam, rtol=1e-6)
    # CASA keeps frequencies.
    velocities = 299792458.0 * (1.0 - found.spectral.values / 1.4e9)
    np.testing.assert_allclose(velocities, reference.spectral.values, rtol=1e-6)
    np.testing.assert_array_equal(moment_maps(found).peak, moment_maps(reference).peak)
    with pytest.raises(UnreadableFileError, match="it holds a cube"):
        raise UnreadableFileError(read(folder / "cube.image").rejected[0].reason)


def test_folders_and_globs_find_them(folder: Path) -> None:
    (folder / "holiday.image").mkdir()
    np.save(folder / "holiday.image" / "a.npy", np.random.default_rng(0).normal(size=(9, 9)))
    found = read(folder)
    # A folder that is called so and holds no table is a folder as any other.
    assert {"map", "a", "reference"} <= set(found.images.ids)
    globbed = read(str(folder / "*.image"))
    assert globbed.images.ids == ("map",)
    assert [one.reason[:14] for one in globbed.rejected] == ["it holds a cub", "it is a folder"]


@pytest.mark.parametrize("name", ["table.dat", "table.f0_TSM0", "mask0/table.f0_TSM0"])
@pytest.mark.parametrize("left", [0, 0.5])
def test_damage_is_said_in_one_sentence(folder: Path, name: str, left: float) -> None:
    file = folder / "map.image" / name
    content = file.read_bytes()
    file.write_bytes(content[: int(left * len(content))])
    found = read(folder / "map.image")
    assert not len(found.images)
    assert "\n" not in found.rejected[0].reason
    with pytest.raises(UnreadableFileError, match=r"map\.image: "):
        open_sky_map(folder / "map.image").read()


def test_other_tables_and_folders_are_refused(folder: Path) -> None:
    with pytest.raises(UnreadableFileError, match="holds no image"):
        open_sky_map(folder / "map.image" / "logtable")
    with pytest.raises(UnreadableFileError, match="no CASA image"):
        open_sky_map(folder)
    assert "has no part" in read(str(folder / "map.image") + "[1]").rejected[0].reason
