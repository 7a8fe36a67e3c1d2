"""Segments, against a flood fill and sums over single pixels."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from data_adapters.sky.geometry import celestial_wcs, pixel_solid_angles
from equiclust.exceptions import InputError
from equiclust.images import Beam
from equiclust.io.catalogue import read_table, write_table
from equiclust.segmentation.segment_table import find_segments, segments
from tests.segmentation.segment_maps import blobs, cube_sky, make_map, sky

SHAPE = (30, 41)


def flooded(labels: npt.NDArray[Any]) -> list[frozenset[tuple[int, ...]]]:
    """Pieces by walking from pixel to pixel."""
    left = {tuple(place) for place in np.argwhere(labels >= 0)}
    steps = list(itertools.product((-1, 0, 1), repeat=labels.ndim))
    pieces = []
    while left:
        todo = [left.pop()]
        piece = set(todo)
        while todo:
            here = todo.pop()
            for step in steps:
                there = tuple(a + b for a, b in zip(here, step, strict=True))
                if there in left and labels[there] == labels[here]:
                    left.remove(there)
                    piece.add(there)
                    todo.append(there)
        pieces.append(frozenset(piece))
    return pieces


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([(1, 1), (9, 12), (1, 20), (4, 5, 6)]),
    st.integers(0, 99),
    st.integers(1, 3),
    st.integers(1, 5),
)
def test_segments_are_what_a_flood_fills(
    shape: tuple[int, ...], seed: int, n_clusters: int, min_pixels: int
) -> None:
    labels = np.random.default_rng(seed).integers(-2, n_clusters, shape).astype(np.int16)
    found = find_segments(labels, min_pixels=min_pixels)
    pieces = [
        frozenset(map(tuple, np.argwhere(found.ids == number)))
        for number in range(1, len(found.labels) + 1)
    ]
    assert set(pieces) == {piece for piece in flooded(labels) if len(piece) >= min_pixels}
    assert found.ids.max() == len(pieces)
    order = [(int(label), -len(piece)) for label, piece in zip(found.labels, pieces, strict=True)]
    assert order == sorted(order)
    for piece, label in zip(pieces, found.labels, strict=True):
        assert {int(labels[place]) for place in piece} == {int(label)}


def data_like(labels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    data = np.random.default_rng(3).standard_normal(labels.shape).astype(np.float32)
    data[..., 7, :] = np.nan
    return data


@pytest.mark.parametrize("shape", [SHAPE, (4, *SHAPE)])
def test_every_number_agrees_with_a_loop(shape: tuple[int, ...]) -> None:
    labels = blobs(shape)
    data = data_like(labels)
    segment_map = make_map(labels, sky() if len(shape) == 2 else cube_sky(), unit="K")
    table = segments(segment_map, data, min_pixels=2)
    ids = find_segments(labels, min_pixels=2).ids
    wcs = celestial_wcs(segment_map.header)
    assert wcs is not None
    areas = pixel_solid_angles(wcs, SHAPE)
    assert len(table) == ids.max() > 3
    for row in table:
        places = np.argwhere(ids == row["id"])
        values = np.array([data[tuple(place)] for place in places])
        membership = np.array([segment_map.membership[tuple(place)] for place in places])
        assert row["label"] == labels[tuple(places[0])]
        assert row["n_pixels"] == len(places)
        np.testing.assert_allclose(row["x"], places[:, -1].mean())
        np.testing.assert_allclose(row["y"], places[:, -2].mean())
        np.testing.assert_allclose(row["membership"], membership.mean(), rtol=1e-5)
        finite = values[np.isfinite(values)]
        if finite.size:
            np.testing.assert_allclose(row["flux"], finite.sum(), rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(row["mean"], finite.mean(), rtol=1e-4, atol=1e-5)
        else:
            assert np.isnan(row["flux"])
            assert np.isnan(row["mean"])
        footprint = {tuple(place[-2:]) for place in places}
        np.testing.assert_allclose(row["area"], sum(areas[place] for place in footprint))
        place = wcs.pixel_to_world(row["x"], row["y"]).icrs
        np.testing.assert_allclose(
            (row["ra"], row["dec"]), (place.ra.deg, place.dec.deg), atol=1e-9
        )
        if len(shape) == 3:
            low, high = places[:, 0].min(), places[:, 0].max()
            assert (row["channel_low"], row["channel_high"]) == (low, high)
            # The axis of the cube falls from 4 km/s by half a km/s a channel.
            np.testing.assert_allclose(row["velocity_low"], 4.0 - 0.5 * high)
            np.testing.assert_allclose(row["velocity_high"], 4.0 - 0.5 * low)
    assert table["area"].unit == u.sr
    assert table["flux"].unit == table["mean"].unit == u.K


def uniform(unit: str, beam: Beam | None = None, **cards: Any) -> Any:
    labels = np.zeros((20, 20), dtype=np.int16)
    header = sky(**cards) if cards.pop("has_sky", True) else None
    [row] = segments(make_map(labels, header, unit=unit, beam=beam), np.full((20, 20), 3.0))
    return row


def test_flux_per_beam_is_divided_by_the_beam() -> None:
    row = uniform("Jy/beam", Beam(0.02, 0.01, 10.0))
    beam_area = math.pi / (4.0 * math.log(2.0)) * math.radians(0.02) * math.radians(0.01)
    np.testing.assert_allclose(row["flux"], 3.0 * row["area"] / beam_area, rtol=1e-9)
    column = row.table["flux"]
    assert column.unit == u.Jy
    assert "beam" in column.description
    assert row.table["mean"].unit == u.Jy / u.beam
    for spelling in ("JY/BEAM", "Jy/Beam", "Jy beam-1"):
        assert uniform(spelling, Beam(0.02, 0.01, 10.0))["flux"] == row["flux"]


@pytest.mark.parametrize(
    ("unit", "total", "factor"),
    [("MJy/sr", u.MJy, 1.0), ("mJy / arcsec2", u.mJy, u.sr.to(u.arcsec**2))],
)
def test_flux_per_solid_angle_is_integrated(unit: str, total: u.Unit, factor: float) -> None:
    row = uniform(unit)
    np.testing.assert_allclose(row["flux"], 3.0 * row["area"] * factor, rtol=1e-9)
    assert row.table["flux"].unit == total
    assert "integral" in row.table["flux"].description


@pytest.mark.parametrize(("unit", "parsed"), [("Jy/beam", u.Jy / u.beam), ("K km s-1", None)])
def test_flux_is_a_plain_sum_where_nothing_more_is_known(unit: str, parsed: Any) -> None:
    row = uniform(unit)
    assert row["flux"] == 1200.0
    assert row.table["flux"].unit == (parsed or u.Unit(unit))
    assert row.table["flux"].description == "sum of the data"


def test_a_unit_that_nobody_knows_is_told_in_words() -> None:
    row = uniform("counts per fortnight")
    assert row.table["flux"].unit is None
    assert "counts per fortnight" in row.table["mean"].description
    assert row["flux"] == 1200.0


def test_without_coordinates_their_columns_are_absent() -> None:
    labels = blobs(SHAPE)
    table = segments(make_map(labels), data_like(labels))
    expected = ["id", "label", "n_pixels", "x", "y", "flux", "mean", "membership"]
    assert table.colnames == expected
    cube = blobs((3, *SHAPE))
    table = segments(make_map(cube), data_like(cube))
    assert table.colnames == [*expected, "channel_low", "channel_high"]


def test_galactic_maps_have_galactic_places_too() -> None:
    labels = blobs(SHAPE)
    table = segments(make_map(labels, sky("GLON-TAN", "GLAT-TAN")), data_like(labels))
    here = SkyCoord(table["glon"], table["glat"], unit="deg", frame="galactic")
    there = SkyCoord(table["ra"], table["dec"], unit="deg")
    assert here.separation(there).deg.max() < 1e-9
    assert "glon" not in segments(make_map(labels, sky()), data_like(labels)).colnames


def test_velocities_behind_a_map_span_those_of_the_pixels() -> None:
    labels = blobs(SHAPE)
    low = np.random.default_rng(5).random(SHAPE).astype(np.float32)
    low[10:] = np.nan
    high = low + 1
    segment_map = make_map(labels, velocity_low=low, velocity_high=high)
    table = segments(segment_map, data_like(labels))
    ids = find_segments(labels).ids
    for row in table:
        inside = (ids == row["id"]) & np.isfinite(low)
        if inside.any():
            assert row["velocity_low"] == low[inside].min()
            assert row["velocity_high"] == high[inside].max()
        else:
            assert np.isnan(row["velocity_low"])
    assert table["velocity_low"].unit == u.km / u.s


def test_frequencies_become_velocities_by_the_rest_frequency() -> None:
    rest = 1.15271202e11
    cards = {"CTYPE3": "FREQ", "CRVAL3": rest - 1e6, "CDELT3": -1e5, "CUNIT3": "Hz"}
    labels = np.zeros((3, 4, 4), dtype=np.int16)
    [row] = segments(make_map(labels, cube_sky(**cards, RESTFRQ=rest)), np.ones(labels.shape))
    light = 299792.458
    np.testing.assert_allclose(row["velocity_low"], light * 1e6 / rest, rtol=1e-9)
    np.testing.assert_allclose(row["velocity_high"], light * 1.2e6 / rest, rtol=1e-9)
    unknown = segments(make_map(labels, cube_sky(**cards)), np.ones(labels.shape))
    assert "velocity_low" not in unknown.colnames
    assert unknown["frequency_low"].unit == u.Hz
    np.testing.assert_allclose(unknown["frequency_high"], rest - 1e6, rtol=1e-12)


@pytest.mark.parametrize("cards", [
    {"CTYPE3": "VELOCITY", "CRVAL3": 5.0, "CDELT3": 2.0, "CUNIT3": "km/s"},
    {"CTYPE3": "AWAV", "CRVAL3": 6.5e-7, "CDELT3": 1e-10, "CUNIT3": "m", "RESTWAV": 6.5e-7},
])  # fmt: skip
def test_channels_are_called_what_the_integrated_map_calls_them(cards: dict[str, Any]) -> None:
    labels = np.zeros((3, 4, 4), dtype=np.int16)
    [row] = segments(make_map(labels, cube_sky(**cards)), np.ones(labels.shape))
    kind = "velocity" if cards["CTYPE3"] == "VELOCITY" else "wavelength"
    expected = cards["CRVAL3"] + (np.array([1.0, 3.0]) - cube_sky()["CRPIX3"]) * cards["CDELT3"]
    np.testing.assert_allclose([row[f"{kind}_low"], row[f"{kind}_high"]], expected, rtol=1e-12)


@pytest.mark.parametrize(
    "cards", [{"CTYPE3": "WAVE-TAB"}, {"CTYPE3": "FELO-HEL"}, {"CUNIT3": "A"}, {"CDELT3": 0.0}]
)
def test_an_odd_spectral_axis_costs_neither_places_nor_fluxes(cards: dict[str, Any]) -> None:
    labels = np.zeros((2, 6, 6), dtype=np.int16)
    usual, odd = (
        segments(
            make_map(labels, header, unit="Jy/beam", beam=Beam(0.02, 0.01, 10.0)),
            np.full(labels.shape, 3.0),
        )
        for header in (cube_sky(), cube_sky(**cards))
    )
    assert odd["flux"].unit == u.Jy
    for name in ("ra", "dec", "area", "flux"):
        np.testing.assert_array_equal(odd[name], usual[name])


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".vot"])
@pytest.mark.parametrize("unit", ["Jy/beam", "K km/s", "furlong"])
def test_the_table_is_written_and_read(tmp_path: Path, suffix: str, unit: str) -> None:
    labels = blobs((2, *SHAPE))
    table = segments(make_map(labels, cube_sky(), unit=unit), data_like(labels))
    write_table(table, tmp_path / f"segments{suffix}")
    back = read_table(tmp_path / f"segments{suffix}")
    assert back.colnames == table.colnames
    for name in table.colnames:
        np.testing.assert_array_equal(back[name], table[name])
        assert back[name].unit == table[name].unit


@pytest.mark.parametrize("label", [-1, -2])
def test_nothing_found_is_an_empty_table_of_the_same_columns(label: int) -> None:
    for shape, header in ((SHAPE, sky("GLON-CAR", "GLAT-CAR")), ((2, *SHAPE), cube_sky())):
        nothing = segments(make_map(np.full(shape, label, np.int16), header), np.ones(shape))
        found = segments(make_map(np.zeros(shape, np.int16), header), np.ones(shape))
        assert len(nothing) == 0
        assert nothing.colnames == found.colnames
        assert [nothing[name].dtype for name in nothing.colnames] == [
            found[name].dtype for name in found.colnames
        ]


def test_what_does_not_fit_is_refused() -> None:
    segment_map = make_map(blobs(SHAPE))
    with pytest.raises(InputError, match=r"data must have the shape.*got \(3, 3\)"):
        segments(segment_map, np.ones((3, 3)))
    with pytest.raises(InputError, match="min_pixels must be a whole number of at least 1, got 0"):
        segments(segment_map, np.ones(SHAPE), min_pixels=0)
    with pytest.raises(InputError, match="two or three axes"):
        find_segments(np.zeros(4, dtype=np.int16))


def test_a_header_with_a_nonsense_spectral_axis_gives_no_velocities() -> None:
    header = cube_sky(CUNIT3="parsnip")
    labels = np.zeros((2, 4, 4), dtype=np.int16)
    table = segments(make_map(labels, header), np.ones(labels.shape))
    assert "velocity_low" not in table.colnames
    assert WCS(cube_sky()).spectral.naxis == 1
