"""Files as found in the wild; skipped where there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_adapters import ReadResult, read
from equiclust.preprocessing import Preprocessor


def read_all(folder: Path) -> ReadResult:
    if not folder.exists():
        pytest.skip(f"{folder.name} is not there")
    return read(folder)


def test_all_simulated_discs_are_read(data_folder: Path) -> None:
    images, rejected = read_all(data_folder / "exxa_discs")
    assert len(images) == 55
    assert rejected == ()
    assert images.shapes == {(1, 256, 256)}
    assert {image.unit for image in images} == {"rel"}


def test_all_observed_discs_are_read(data_folder: Path) -> None:
    images, rejected = read_all(data_folder / "alma_discs")
    assert len(images) == 125
    assert rejected == ()
    assert images.shapes == {(1, 64, 64)}


def test_all_maps_are_read_but_the_cube(data_folder: Path) -> None:
    images, rejected = read_all(data_folder / "gas_maps")
    assert len(images) == 7
    assert [Path(path).name for path, _ in rejected] == ["l1448_13co.fits"]
    assert "(53, 105, 105)" in rejected[0].reason
    assert all(image.wcs is not None for image in images)
    hidden = {image.id: int(image.mask.sum()) for image in images}
    assert hidden["gc_bolocam_gps"] == 20399
    assert hidden["spitzer_example_image"] == 3
    assert not hidden["HorseHead"]


@pytest.mark.parametrize("folder", ["exxa_discs", "alma_discs", "gas_maps"])
def test_all_of_it_can_be_processed_turned_or_not(data_folder: Path, folder: str) -> None:
    images = read_all(data_folder / folder).images[:20]
    preprocessor = Preprocessor(size=64, center="centroid")
    straight = preprocessor.process(images)
    assert straight.unusable == ()
    for image, processed in zip(images, straight.images, strict=True):
        rotated = image.with_pixels(np.rot90(image.pixels, 1, (1, 2)), np.rot90(image.mask))
        [there] = preprocessor.transform(type(images)((rotated,)))
        np.testing.assert_allclose(
            there.pixels, np.rot90(processed.pixels, 1, (1, 2)), rtol=1e-6, atol=1e-7
        )
