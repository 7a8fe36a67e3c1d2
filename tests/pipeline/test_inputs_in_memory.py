"""A run and its predictions are the same whether images are files or objects in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from astropy.nddata import CCDData

import equiclust
from data_adapters import read
from equiclust.exceptions import EquiclustWarning, InputError, OutputError
from tests.pipeline.test_execution import SMALL

LAZY: dict[str, Callable[[np.ndarray], Any]] = {
    "array": np.asarray,
    "dask": lambda values: da.from_array(values, chunks=(7, 24, 24)),
    "Zarr": lambda values: zarr.array(values, chunks=(7, 24, 24)),
}


@pytest.fixture(autouse=True)
def _perceptual_term_is_off() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the perceptual term is off", EquiclustWarning)
        yield


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return equiclust.simulate_discs(40, size=24, random_state=3)[0].pixels[:, 0]


@pytest.mark.parametrize("kind", LAZY)
def test_predictions(kind: str, pixels: np.ndarray, finished: Path, tmp_path: Path) -> None:
    run = equiclust.open_run(finished)
    np.save(tmp_path / "s.npy", pixels)
    reference = run.predict(tmp_path / "s.npy")
    held = LAZY[kind](pixels)
    found = run.predict(held, output=tmp_path / "c.ecsv")
    np.testing.assert_array_equal(found["label"], reference["label"])
    np.testing.assert_array_equal(found["stability"], reference["stability"])
    assert found["id"].tolist() == [f"{number:05d}" for number in range(40)]
    # What is written is recognised, and replaced.
    again = run.predict(LAZY[kind](pixels), output=tmp_path / "c.ecsv")
    assert again["label"].tolist() == found["label"].tolist()


def test_predictions_of_several_objects(discs: Path, finished: Path) -> None:
    run = equiclust.open_run(finished)
    images = read(discs).images
    held = [CCDData(one.pixels[0], unit="adu", mask=one.mask, wcs=one.wcs) for one in images]
    reference = run.predict(discs)
    assert run.predict(held)["label"].tolist() == reference["label"].tolist()
    mixed = run.predict([held[0], str(discs / f"{images[1].id}.fits")])
    assert mixed["label"].tolist() == reference["label"].tolist()[:2]
    assert mixed["id"].tolist() == ["00000", images[1].id]
    assert len(run.similar(held[0], n=3)) == 3


@pytest.mark.usefixtures("hurried")
def test_a_run_of_a_lazy_array_is_resumed_by_the_same_one(
    pixels: np.ndarray, tmp_path: Path
) -> None:
    lazy = LAZY["dask"]
    run = equiclust.run(lazy(pixels), tmp_path / "run", **SMALL, max_samples=30)
    assert len(run.labels) == 30
    assert len(run.all_images) == 40
    labels = run.labels.tolist()
    again = equiclust.run(lazy(pixels.copy()), tmp_path / "run", **SMALL, max_samples=30)
    assert again.labels.tolist() == labels
    with pytest.raises(OutputError, match="inputs is"):
        equiclust.run(lazy(pixels + 1), tmp_path / "run", **SMALL, max_samples=30)
    with pytest.raises(InputError, match="give them as inputs"):
        run.check()
    assert run.check(lazy(pixels)).certificate is not None


def test_what_cannot_be_read_is_listed_and_the_others_go_on(
    finished: Path, pixels: np.ndarray
) -> None:
    def broken(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info and block_info[0]["chunk-location"][0] == 2:
            raise RuntimeError("the disk is gone")
        return block

    lazy = da.from_array(pixels, chunks=(8, 24, 24)).map_blocks(broken, dtype=pixels.dtype)
    with pytest.warns(EquiclustWarning, match="images 16 to 23 of 40 cannot be read"):
        found = equiclust.open_run(finished).predict(lazy)
    assert found["id"].tolist() == [f"{n:05d}" for n in (*range(16), *range(24, 40))]
