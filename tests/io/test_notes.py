"""What reading leaves out is said once a kind, and counted."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from equiclust.exceptions import EquiclustWarning
from equiclust.io.notes import collected_notes, note_text
from equiclust.pipeline.inputs import load_images

READER = logging.getLogger("data_adapters.somewhere")


def test_messages_of_one_kind_are_one_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with collected_notes() as notes:
            for name in "abc":
                READER.warning("%s: its beam is ignored", name)
            READER.info("%s: nothing to speak of", "a")
            READER.warning("passed over %d files", 3)
        READER.warning("outside of the block")
    expected = ["a: its beam is ignored (and 2 more like it, see the log)", "passed over 3 files"]
    assert [str(warning.message) for warning in caught] == expected
    assert all(warning.category is EquiclustWarning for warning in caught)
    assert [note["count"] for note in notes.record] == [3, 1]
    assert [note_text(note) for note in notes.record] == expected


def test_what_an_error_hides_is_said_too() -> None:
    def fail() -> None:
        with collected_notes():
            READER.warning("%s: it is odd", "x.fits")
            raise ValueError("boom")

    with pytest.warns(EquiclustWarning, match="it is odd"), pytest.raises(ValueError, match="boom"):
        fail()


def test_images_come_with_the_notes_on_their_files(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).normal(size=(4, 16, 16))
    for number in range(3):
        header = fits.Header({"CTYPE3": "STOKES", "CRVAL3": 1.0, "CRPIX3": 1.0, "CDELT3": 1.0})
        fits.writeto(tmp_path / f"{number}.fits", pixels, header)
    (tmp_path / "notes.txt").write_text("seeing was bad")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = load_images(tmp_path, {"size": 16})
    assert len(loaded.images) == 3
    assert {note["count"] for note in loaded.notes} == {1, 3}
    shown = " | ".join(str(warning.message) for warning in caught)
    assert "of its Stokes parameters I is read" in shown
    assert "that are no images" in shown
