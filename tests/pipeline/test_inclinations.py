"""A run says how many discs are too inclined to be shown face-on, or have no inclination."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from astropy.table import Table

from equiclust.pipeline.inclinations import inclination_findings
from equiclust.preprocessing.inclination import measure_inclinations
from equiclust.simulation.disc_model import render
from equiclust.simulation.discs import draw_disc


def test_discs_that_cannot_be_shown_face_on_are_counted() -> None:
    table = Table(
        {
            "inclination": [10.0, 76.0, np.nan, np.nan, np.nan],
            "inclination_note": ["", "", "edge-on: at least 70 deg", "not resolved", "no object"],
        }
    )
    too_inclined, unknown = inclination_findings(table)
    assert "2 of 5 images" in too_inclined
    assert "2 of 5 images" in unknown


def test_other_catalogues_say_nothing_and_neither_do_round_discs() -> None:
    assert inclination_findings(Table({"id": ["a"]})) == []
    table = Table({"inclination": [10.0, 60.0], "inclination_note": ["", "beam not known"]})
    assert inclination_findings(table) == []


def test_the_note_of_a_disc_seen_edge_on_is_known() -> None:
    disc = draw_disc("smooth", random_state=0)
    pictures = [
        render(replace(disc, inclination=inclination), 96, beam_fwhm=0.02)
        for inclination in (20.0, 87.0)
    ]
    found = inclination_findings(measure_inclinations(np.stack(pictures)))
    assert [sentence.split(":")[0] for sentence in found] == [
        "Too inclined to tell how they look face-on, by more than 75 degrees or edge-on"
    ]
    assert "1 of 2 images" in found[0]
