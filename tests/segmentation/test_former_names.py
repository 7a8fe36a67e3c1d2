"""Label maps and jobs of earlier versions, which called the membership confidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from equiclust.io.atomic import write_json
from equiclust.segmentation.label_maps import read_segment_map, write_segment_map
from equiclust.segmentation.outputs import SegmentFiles, WorkingFolder, _sealed
from tests.segmentation.segment_maps import blobs, make_map

JOB: dict[str, Any] = {"version": "1", "options": {"tile": 16, "min_membership": 0.5}}
FORMER: dict[str, Any] = {"version": "1", "options": {"tile": 16, "min_confidence": 0.5}}


def test_a_former_label_map_is_read(tmp_path: Path) -> None:
    segment_map = make_map(blobs((20, 30)))
    path = tmp_path / "labels.fits"
    write_segment_map(segment_map, path)
    with fits.open(path, mode="update") as hdus:
        hdus["MEMBERSHIP"].name = "CONFIDENCE"
    np.testing.assert_array_equal(read_segment_map(path).membership, segment_map.membership)


def test_former_work_is_taken_up(tmp_path: Path) -> None:
    working = WorkingFolder(tmp_path)
    write_json(tmp_path / "config.json", FORMER)
    assert working.adopt(JOB)
    assert not working.adopt({**JOB, "version": "2"})


def test_a_former_result_is_that_of_this_job(tmp_path: Path) -> None:
    files = SegmentFiles(tmp_path / "labels.fits", with_model=False)
    with files.published({"sizes": [1]}, JOB) as drafts:
        for path in files.results:
            if path != files.record:
                (drafts / path.name).write_text(path.name)
    record = json.loads(files.record.read_text())
    write_json(files.record, _sealed({**record, "job": FORMER}))
    found = files.read_result(JOB)
    assert found is not None
    assert found["sizes"] == [1]


def test_the_former_attribute_warns() -> None:
    segment_map = make_map(blobs((20, 30)))
    with pytest.warns(DeprecationWarning, match="SegmentMap.confidence is now membership"):
        assert segment_map.confidence is segment_map.membership
