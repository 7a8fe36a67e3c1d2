"""Segment maps: their parts fit together, and nobody changes them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from equiclust.exceptions import InputError
from equiclust.segmentation.segment_map import MASKED, UNSURE, SegmentMap

LABELS = np.array([[0, 2, 2], [UNSURE, MASKED, 0]], dtype=np.int16)


def make_map(labels: Any = LABELS, **changes: Any) -> SegmentMap:
    labels = np.array(labels)
    parts: dict[str, Any] = {
        "membership": np.where(labels == MASKED, np.nan, 0.5).astype(np.float32),
        "coverage": np.full(labels.shape, 4, dtype=np.int32),
        "header": fits.Header(),
    }
    return SegmentMap(labels, **(parts | changes))


def test_clusters_are_counted_without_unsure_and_masked_pixels() -> None:
    segment_map = make_map()
    assert segment_map.n_clusters == 3
    assert segment_map.sizes.tolist() == [2, 0, 2]
    np.testing.assert_array_equal(segment_map.mask, LABELS == MASKED)


@pytest.mark.parametrize("label", [UNSURE, MASKED])
def test_a_map_without_clusters_has_none(label: int) -> None:
    segment_map = make_map(np.full((2, 3, 4), label, dtype=np.int16))
    assert segment_map.n_clusters == 0
    assert segment_map.sizes.shape == (0,)


def test_nothing_can_be_changed() -> None:
    header = fits.Header({"CTYPE1": "RA---TAN"})
    segment_map = make_map(header=header)
    header["CTYPE1"] = "GLON-TAN"
    assert segment_map.header["CTYPE1"] == "RA---TAN"
    for array in (segment_map.labels, segment_map.membership, segment_map.coverage):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


RIGHT = np.zeros((2, 3), dtype=np.float32)


@pytest.mark.parametrize(
    ("labels", "changes", "reason"),
    [
        (LABELS.astype(int), {}, "labels must be int16, got int64"),
        (LABELS[0], {}, r"labels must have shape.*\(3,\)"),
        (LABELS[:0], {}, r"at least one pixel.*\(0, 3\)"),
        (LABELS - np.int16(1), {}, "got -3"),
        (LABELS, {"membership": RIGHT[:1]}, r"membership must have shape \(2, 3\)"),
        (LABELS, {"membership": RIGHT.astype(float)}, "dtype float32, got .* float64"),
        (LABELS, {"membership": RIGHT}, "membership must be NaN where labels are -2"),
        (LABELS, {"coverage": RIGHT.astype(np.int64)}, "coverage must have .* float32 or int32"),
        (LABELS, {"velocity_low": RIGHT}, "must be given together"),
        (LABELS, {"velocity_low": RIGHT, "velocity_high": RIGHT[:1]}, "velocity_high must have"),
        (LABELS[None], {"velocity_low": RIGHT, "velocity_high": RIGHT}, "must be left out"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    labels: Any, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        make_map(labels, **changes)


def test_importing_it_imports_neither_astropy_nor_torch() -> None:
    code = (
        "import sys, equiclust.segmentation.segment_map; "
        "print({'astropy', 'torch'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
