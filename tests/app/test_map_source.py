"""The map under the labels is found, or it is said why it is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from equiclust.app.map_view import MapView
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.io.atomic import write_json
from tests.app.label_map_files import Made, flat_map


@pytest.fixture
def flat(tmp_path: Path) -> Made:
    return flat_map(tmp_path)


def test_a_map_that_moved_is_found_beside_the_labels_or_where_it_is_said_to_be(
    flat: Made, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in tmp_path.glob("*.*"):
        shutil.move(path, moved)
    with MapView(moved / "kinds.fits") as view:
        assert view.info()["data_path"] == str(moved / "sky.fits")
        assert view.info()["notes"] == []
    other = tmp_path / "elsewhere.fits"
    shutil.move(moved / "sky.fits", other)
    with MapView(moved / "kinds.fits") as view:
        info, part = view.info(), view.overview(0)
        assert info["data_path"] is None
        assert part.data is None
        np.testing.assert_array_equal(part.labels, flat[1].labels)
        assert "is not there any more" in info["notes"][0]
        assert view.at(0, 1, 1)["value"] is None
        assert view.levels(0) == {"percentiles": [], "values": []}
    with MapView(moved / "kinds.fits", data=other) as view:
        np.testing.assert_array_equal(view.overview(0).data, flat[2])


def test_a_map_that_changed_or_does_not_fit_is_said(
    flat: Made,
) -> None:
    path, _, data = flat
    source = path.with_name("sky.fits")
    stat = source.stat()
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
    with MapView(path) as view:
        assert "was written again" in view.info()["notes"][0]
        assert view.overview(0).data is not None
    fits.writeto(source, np.concatenate([data] * 9)[:, :-1], overwrite=True)
    with MapView(path) as view:
        said = " ".join(view.info()["notes"])
        assert "has changed" in said
        assert "does not fit" in said
        assert view.overview(0).data is None
    with pytest.raises(InputError, match="does not fit labels of shape"):
        MapView(path, data=source)
    with pytest.raises(InputError, match=r"nothing\.fits"):
        MapView(path, data=path.with_name("nothing.fits"))


def test_labels_without_record_or_table_are_shown_alone(
    flat: Made,
) -> None:
    path = flat[0]
    path.with_suffix(".json").unlink()
    path.with_suffix(".segments.ecsv").unlink()
    with MapView(path) as view:
        info = view.info()
        assert (info["n_segments"], info["has_tiles"], info["data_path"]) == (0, False, None)
        assert any("Segments are not listed" in note for note in info["notes"])
        assert view.overview(0).segments is None
        assert view.segments()["rows"] == []
        with pytest.raises(InputError, match="tiles cannot be encoded"):
            view.tile_latents(0)


def test_hostile_records_are_survived(flat: Made) -> None:
    path = flat[0]
    jobs: list[Any] = [
        [],
        {"files": []},
        {"files": {"map": {"path": 7}}},
        {"options": {"cube": {}}},
    ]
    for job in jobs:
        write_json(path.with_suffix(".json"), {"job": job})
        with MapView(path) as view:
            assert view.info()["data_path"] is None
            assert view.info()["notes"]


def test_other_files_are_no_label_maps(tmp_path: Path) -> None:
    for name, content in {"a.fits": b"", "b.fits": b"SIMPLE  =  T", "c.txt": b"hello"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            MapView(tmp_path / name)
    fits.writeto(tmp_path / "map.fits", np.zeros((4, 5), np.float32))
    with pytest.raises(UnreadableFileError, match="no label map"):
        MapView(tmp_path / "map.fits")
    with pytest.raises(UnreadableFileError):
        MapView(tmp_path / "missing.fits")
