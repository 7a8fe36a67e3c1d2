"""Estimators and functions of images give the same of objects in memory as of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy.nddata import CCDData

import equiclust
from data_adapters import write_fits
from equiclust.clustering.deep.encoding import as_samples
from equiclust.encoders import GroupAveraged, LatentTable, ModuleEncoder
from equiclust.evaluation.confounders import measure_confounders, perturb
from equiclust.evaluation.morphology import measure_morphology
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.preprocessing import Preprocessor

PIXELS = equiclust.simulate_discs(4, size=32, random_state=0)[0].pixels


class _Mean:
    """An encoder that gives what it is given."""

    def transform(self, images: Any) -> np.ndarray:
        return np.asarray(images.pixels.mean(axis=(2, 3)))


def _held() -> list[CCDData]:
    return [CCDData(one[0], unit="adu") for one in PIXELS]


def test_functions_take_what_others_hold(tmp_path: Path) -> None:
    reference = ImageSet.from_array(PIXELS)
    paths = write_fits(_held(), tmp_path)
    for images in (_held(), da.from_array(PIXELS), paths, str(tmp_path / "*.fits")):
        prepared = Preprocessor(size=16).fit_transform(images)
        np.testing.assert_array_equal(
            prepared.pixels, Preprocessor(size=16).fit_transform(reference).pixels
        )
        assert len(measure_confounders(images)) == len(measure_morphology(images)) == 4
        np.testing.assert_array_equal(
            perturb(images, random_state=0).pixels, perturb(reference, random_state=0).pixels
        )
        vectors = GroupAveraged(_Mean(), "D4").transform(images)
        np.testing.assert_allclose(vectors, PIXELS.mean(axis=(2, 3)), rtol=1e-5)
        np.testing.assert_array_equal(as_samples(images).numpy(), PIXELS)
        found = equiclust.certify(lambda pixels: pixels.mean(axis=(2, 3)), images)
        assert found.passed


def test_masks_reach_the_estimators() -> None:
    spoilt = PIXELS.copy()
    spoilt[:, :, 3, 4] = 1e6
    masked = np.ma.array(spoilt, mask=spoilt == 1e6)
    for images in (masked, [CCDData(one[0], unit="adu", mask=one[0] == 1e6) for one in spoilt]):
        prepared = Preprocessor(size=32, canonical="none").fit_transform(images)
        clean = Preprocessor(size=32, canonical="none").fit_transform(spoilt)
        assert not np.allclose(prepared.pixels, clean.pixels)
        network = equiclust.EquivariantAutoencoder(size=32, preprocess=False)
        assert network.prepared(images).mask[:, 3, 4].all()
        # Not taken for an array without a mask.
        assert not network._is_ready(masked)


def test_a_table_of_vectors_needs_names(tmp_path: Path) -> None:
    table = LatentTable(tmp_path / "none.npy")
    with pytest.raises(InputError, match="which has no ids"):
        table.transform(PIXELS)


def test_module_encoders(tmp_path: Path) -> None:
    from torch import nn

    encoder = ModuleEncoder(nn.Flatten())
    reference = encoder.transform(ImageSet.from_array(PIXELS))
    np.testing.assert_array_equal(encoder.transform(da.from_array(PIXELS)), reference)
    np.testing.assert_array_equal(encoder.transform(_held()), reference)
