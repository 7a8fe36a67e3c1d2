"""glue reads runs and label maps as they are: every value, every label a subset, the same sky."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from equiclust.exceptions import InputError
from equiclust.segmentation.label_maps import read_segment_map
from tests.app.label_map_files import cube_map, flat_map
from tests.pipeline.run_folders import catalogue_of, run_of

pytest.importorskip("glue")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def _plugin() -> None:
    """As glue itself finds it: by its entry point."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["glue.plugins"]["equiclust"].partition(":")
    for _ in range(2):
        getattr(import_module(module), name)()


def load(path: Path) -> Any:
    from glue.core.data_factories import load_data

    return load_data(str(path))


@pytest.mark.parametrize("name", [".", "catalogue.ecsv"])
def test_a_run_is_a_table_with_a_subset_for_every_cluster(name: str, tmp_path: Path) -> None:
    run = run_of(catalogue_of(np.array([[0.0, 1.0], [2.0, 3.0], [np.nan, np.nan]])), tmp_path / "r")
    data = load(run.path / name)
    assert data.label == "r"
    assert data["ra"].tolist()[:2] == [0.0, 2.0]
    assert np.isnan(data["ra"][2])
    assert data.get_component("ra").units == "deg"
    assert data.get_component("label").categorical
    assert list(data["id"]) == run.catalogue["id"].tolist()
    assert list(data["label"]) == ["don't know", "cluster 0", "cluster 1"]
    found = {subset.label: subset.to_mask().tolist() for subset in data.subsets}
    assert found == {"cluster 0": [False, True, False], "cluster 1": [False, False, True]}
    assert len({subset.style.color for subset in data.subsets}) == 2


def test_kinds_are_subsets_by_their_names(tmp_path: Path) -> None:
    table = catalogue_of(None, 4)
    table["kind"] = ["ring", "01", "", "ring"]
    data = load(run_of(table, tmp_path / "taught").path)
    found = {subset.label: np.flatnonzero(subset.to_mask()).tolist() for subset in data.subsets}
    assert found == {"01": [1], "ring": [0, 3]}


def test_a_label_map_lies_over_its_data(tmp_path: Path) -> None:
    path, segment_map, pixels = flat_map(tmp_path)
    data = load(path)
    assert np.array_equal(data["label"], segment_map.labels)
    assert np.array_equal(data["membership"], segment_map.membership, equal_nan=True)
    assert np.array_equal(data["data"], pixels, equal_nan=True)
    assert data.get_component("data").units == "K"
    assert [subset.label for subset in data.subsets] == [f"cluster {k}" for k in range(3)]
    for label, subset in enumerate(data.subsets):
        assert np.array_equal(subset.to_mask(), segment_map.labels == label)
        assert np.array_equal(subset["data"], pixels[segment_map.labels == label], equal_nan=True)
    y, x = np.indices(segment_map.labels.shape)
    expected = WCS(segment_map.header).pixel_to_world_values(x, y)
    found = [data[name] for name in ("Right Ascension", "Declination")]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_labels_without_their_map_are_shown_alone(tmp_path: Path) -> None:
    path = flat_map(tmp_path)[0]
    (tmp_path / "sky.fits").unlink()
    assert [str(name) for name in load(path).main_components] == ["label", "membership", "coverage"]


def test_labels_of_a_cube_have_three_axes(tmp_path: Path) -> None:
    data = load(cube_map(tmp_path)[0])
    segment_map = read_segment_map(tmp_path / "kinds.fits")
    assert data.shape == segment_map.labels.shape
    assert np.array_equal(data.subsets[1].to_mask(), segment_map.labels == 1)


def test_other_files_are_left_to_other_readers(tmp_path: Path) -> None:
    fits.writeto(tmp_path / "map.fits", np.ones((4, 5)))
    assert load(tmp_path / "map.fits").shape == (4, 5)
    from equiclust.app.glue_plugin import read_run

    with pytest.raises(InputError, match="is not the folder of a run"):
        read_run(tmp_path)
