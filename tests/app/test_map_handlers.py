"""What the page asks of a label map, asked as the page asks."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pytest
from astropy.io import fits

from equiclust.app.explorer import Explorer
from equiclust.io.atomic import write_json
from equiclust.io.catalogue import write_table
from equiclust.segmentation.label_maps import write_segment_map
from equiclust.segmentation.segment_table import segments
from tests.segmentation.segment_maps import blobs, cube_sky, make_map, sky

SHAPE = (5, 30, 40)


@pytest.fixture(scope="module")
def cube() -> np.ndarray:
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    values[2, 3, 4] = np.nan
    return values


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory, cube: np.ndarray) -> Iterator[Explorer]:
    folder = tmp_path_factory.mktemp("sky")
    fits.writeto(folder / "cube.fits", cube, cube_sky(BUNIT="K"))
    labelled = make_map(blobs(SHAPE[1:]), sky(), unit="K m s-1")
    write_segment_map(labelled, folder / "kinds.fits")
    table = segments(labelled, np.zeros(SHAPE[1:]), min_pixels=4)
    write_table(table, folder / "kinds.segments.ecsv")
    job = {"files": {"map": {"path": str(folder / "cube.fits")}}, "options": {"cube": "peak"}}
    write_json(folder / "kinds.json", {"job": job})
    started = Explorer(folder / "kinds.fits").start()
    yield started
    started.stop()


def asked(explorer: Explorer, path: str, **query: Any) -> bytes:
    with urlopen(f"{explorer.url}{path}?{urlencode(query)}", timeout=60) as found:
        content: bytes = found.read()
    return content


def read_json(explorer: Explorer, path: str, **query: Any) -> Any:
    return json.loads(asked(explorer, path, **query))


def arrays_of(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    (length,) = struct.unpack_from("<I", content)
    head = json.loads(content[4 : 4 + length])
    arrays, offset = {}, 4 + length
    for one in head["arrays"]:
        count = int(np.prod(one["shape"]))
        array = np.frombuffer(content, one["type"], count, offset)
        arrays[one["name"]] = array.reshape(one["shape"])
        offset += -(-array.nbytes // 8) * 8
    return head["header"], arrays


def test_a_region_comes_as_arrays(explorer: Explorer, cube: np.ndarray) -> None:
    box = {"y0": 1, "y1": 20, "x0": 2, "x1": 33}
    header, arrays = arrays_of(asked(explorer, "api/map/region", plane=2, **box))
    assert header["step"] == 1
    np.testing.assert_array_equal(arrays["data"], cube[2, 1:20, 2:33])
    np.testing.assert_array_equal(arrays["labels"], blobs(SHAPE[1:])[1:20, 2:33])
    assert arrays["segments"].dtype == np.int32
    # Northward is up, eastward to the left.
    assert header["orientation"]["north"][1] > 0
    assert header["orientation"]["east"][0] < 0
    header, arrays = arrays_of(asked(explorer, "api/map/region", plane=-1, **box, max_side=10))
    assert header["step"] == 4
    assert arrays["data"].shape == (5, 8)


def test_numbers_come_as_json_with_null_for_what_is_blank(
    explorer: Explorer, cube: np.ndarray
) -> None:
    info = read_json(explorer, "api/map/info")
    assert (info["moment"], info["n_planes"], info["shape"]) == ("peak", 5, [30, 40])
    found = read_json(explorer, "api/map/at", plane=2, x=4, y=3)
    assert found["value"] is None
    spectrum = read_json(explorer, "api/map/spectrum", x=4, y=3)
    expected = [None if np.isnan(value) else float(value) for value in cube[:, 3, 4]]
    assert spectrum["values"] == expected
    assert read_json(explorer, "api/map/axis")["unit"] == "km/s"
    levels = read_json(explorer, "api/map/levels", plane=-1)
    assert levels["values"][-1] == pytest.approx(float(np.nanmax(cube)))


def test_segments_are_paged_and_found(explorer: Explorer) -> None:
    page = read_json(explorer, "api/map/segments", count=2, sort="n_pixels", descending=1)
    names = [column["name"] for column in page["columns"]]
    first, second = (row[names.index("n_pixels")] for row in page["rows"])
    assert first >= second
    number = page["rows"][1][names.index("id")]
    order = {"sort": "n_pixels", "descending": 1}
    assert read_json(explorer, "api/map/segment", number=number, **order)["position"] == 1


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("region", {"plane": 0, "y0": 0, "y1": 31, "x0": 0, "x1": 1}),
        ("region", {"plane": 0}),
        ("at", {"plane": "a", "x": 0, "y": 0}),
        ("at", {"plane": 0, "x": 1e9, "y": 0}),
        ("at", {"plane": 0, "x": "9" * 400, "y": 0}),
        ("spectrum", {"x": 40, "y": 0}),
        ("segments", {"sort": "<script>"}),
        ("segments", {"descending": 2}),
        ("segment", {"number": 0}),
        ("levels", {"plane": -2}),
        ("tiles", {"plane": 0}),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    explorer: Explorer, path: str, query: dict[str, Any]
) -> None:
    with pytest.raises(HTTPError) as caught:
        asked(explorer, f"api/map/{path}", **query)
    with caught.value as error:
        assert error.code == 400
        assert json.loads(error.read())["error"]


def test_without_a_label_map_there_is_nothing_to_ask(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorer, "map", None)
    with pytest.raises(HTTPError) as caught:
        asked(explorer, "api/map/info")
    with caught.value as error:
        assert "no label map is open" in json.loads(error.read())["error"]


def test_nothing_is_written(explorer: Explorer) -> None:
    names = {path.name for path in Path(explorer.path).parent.iterdir()}
    assert names == {"cube.fits", "kinds.fits", "kinds.segments.ecsv", "kinds.json"}
