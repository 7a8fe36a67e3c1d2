"""Kinds of files that were read wrongly and in silence: each with others of its kind."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters import read
from data_adapters.sky import open_sky_map
from equiclust.exceptions import OutputError
from equiclust.images import Image, ImageSet
from equiclust.io.catalogue import make_catalogue
from equiclust.segmentation.job import SegmentJob, run_segment_job
from equiclust.segmentation.label_maps import read_segment_map
from tests.field.segmented import Segmented, segmented

RNG = np.random.default_rng(0)
TEXTURE = np.abs(RNG.normal(size=(24, 32))).astype(np.float32) + 1
CUBE = np.abs(RNG.normal(size=(6, 24, 32))).astype(np.float32) + 1
SIDE = 3.6 * u.arcsec


def header(*axes: tuple[str, float, float, str], **cards: Any) -> fits.Header:
    """Axes of type, reference value, increment and unit; the reference is the first pixel."""
    found = fits.Header()
    for number, (ctype, value, step, unit) in enumerate(axes, start=1):
        found[f"CTYPE{number}"], found[f"CRVAL{number}"] = ctype, value
        found[f"CDELT{number}"], found[f"CRPIX{number}"] = step, 1.0
        if unit:
            found[f"CUNIT{number}"] = unit
    found.update(cards)
    return found


SKY = (("RA---TAN", 83.8, -1e-3, "deg"), ("DEC--TAN", -5.4, 1e-3, "deg"))


def write(path: Path, values: npt.NDArray[Any], *axes: Any, more: Any = (), **cards: Any) -> Path:
    image = fits.PrimaryHDU(values, header(*axes, **cards))
    fits.HDUList([image, *more]).writeto(path)
    return path


# --- files of the user
@pytest.mark.parametrize(
    "name", ["k.model/table.dat", "k.reg", "k.png", "k.json", "k.segments.ecsv"]
)
def test_nothing_beside_the_output_is_replaced(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "map.fits", TEXTURE, *SKY)
    kept = tmp_path / name
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(b"hours of work")
    with pytest.raises(OutputError, match=kept.relative_to(tmp_path).parts[0]):
        run_segment_job(SegmentJob(str(path), str(tmp_path / "k.fits")))
    assert kept.read_bytes() == b"hours of work"
    assert not (tmp_path / "k.fits").exists()


# --- axes
@pytest.mark.parametrize(
    "axes",
    [
        (("OFFSET", 0.0, 1.0, "deg"), ("VRAD", 1000.0, 500.0, "m/s")),
        (("WAVE", 4000.0, 1.0, "Angstrom"), ("LINEAR", 0.0, 1.0, "")),
        (("LAMBDA", 4000.0, 1.0, "nm"), ("ANGLE", 0.0, 1.0, "deg")),
        (("FREQ", 1e9, 1e6, "Hz"), ("TIME", 0.0, 1.0, "s")),
        (("VELO-LSR", 0.0, 1.0, "km/s"), ("FREQ", 1e9, 1e6, "Hz")),
        (("STOKES", 1.0, 1.0, ""), ("FREQ", 1e9, 1e6, "Hz")),
        (("RA---TAN", 0.0, 1e-3, "deg"), ("VRAD", 0.0, 1.0, "m/s")),
    ],
)
def test_two_axes_are_a_map_whatever_they_are(tmp_path: Path, axes: Any) -> None:
    more = [fits.ImageHDU(np.full((64, 64), 777.0), name=f"X{i}") for i in range(3)]
    found = segmented(write(tmp_path / "pv.fits", TEXTURE, *axes, more=more), tmp_path)
    assert found.map.labels.shape == TEXTURE.shape
    assert "ra" not in found.table.colnames
    np.testing.assert_allclose(found.table["flux"].sum(), TEXTURE.sum(dtype=float), rtol=1e-6)


@pytest.mark.parametrize("asked", ["", "Q", "v"])
def test_one_stokes_parameter_is_segmented(tmp_path: Path, asked: str) -> None:
    factors = {"": 1.0, "I": 1.0, "Q": -0.9, "U": 0.1, "V": 0.2}
    planes = np.stack([factors[name] * TEXTURE for name in "IQUV"])
    path = write(tmp_path / "x.fits", planes, *SKY, ("STOKES", 1.0, 1.0, ""), BUNIT="Jy/pixel")
    found = segmented(path, tmp_path, stokes=asked)
    total = factors[asked.upper()] * TEXTURE.sum(dtype=float)
    np.testing.assert_allclose(found.table["flux"].sum(), total, rtol=1e-6)
    assert not [name for name in found.table.colnames if name.endswith(("_low", "_high"))]
    job = SegmentJob(str(path), str(tmp_path / "k.fits"), stokes=asked)
    assert job.describe(job.options).get("stokes", "") == asked.upper()


# --- physics
@pytest.mark.parametrize(
    "unit", ["Jy/beam.km/s", "Jy/beam km/s", "Jy/beam*km/s", "JY/BEAM.KM/S ", "Jy km s-1 beam-1"]
)
def test_moment_maps_have_a_flux_in_jansky_kilometres_per_second(tmp_path: Path, unit: str) -> None:
    beam = {"BMAJ": 0.003, "BMIN": 0.002, "BPA": 0.0}
    found = segmented(write(tmp_path / "x.fits", TEXTURE, *SKY, BUNIT=unit, **beam), tmp_path)
    assert found.table["flux"].unit == u.Jy * u.km / u.s
    assert found.table["mean"].unit == u.Jy * u.km / u.s / u.beam
    pixels_per_beam = np.pi / (4 * np.log(2)) * 6
    expected = TEXTURE.sum(dtype=float) / pixels_per_beam
    np.testing.assert_allclose(found.table["flux"].sum(), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("ctype", "unit", "step", "rest"),
    [
        ("FREQ", "Hz", 15.259e3, {"RESTFRQ": 345.79599e9}),
        ("FREQ", "GHz", 15.259e-6, {"RESTFREQ": 345.79599e9}),
        ("VRAD", "m/s", -13.229, {}),
        ("VELO-LSR", "km/s", -0.013229, {}),
    ],
)
def test_every_velocity_is_that_of_a_channel(
    tmp_path: Path, ctype: str, unit: str, step: float, rest: dict[str, float]
) -> None:
    first = 345.79599e9 * u.Hz.to(unit) if ctype == "FREQ" else 0.0
    path = write(tmp_path / "x.fits", CUBE, *SKY, (ctype, first, step, unit), **rest)
    found = segmented(path, tmp_path).table
    channels = -13.229e-3 * np.arange(6)
    for name in ("velocity_low", "velocity_high"):
        assert found[name].unit == u.km / u.s
        nearest = np.abs(np.asarray(found[name])[:, None] - channels).min(axis=1)
        np.testing.assert_array_less(nearest, 1e-4 * 13.229e-3 * 6)
    assert np.all(found["velocity_low"] < found["velocity_high"])


@pytest.mark.parametrize(
    ("axis", "kind", "unit"),
    [
        (("FREQ", 345.79599e9, 15.259e3, "Hz"), "frequency", u.Hz),
        (("WAVE", 6.5e-7, 1e-10, "m"), "wavelength", u.m),
        (("AWAV", 6500.0, 1.0, "Angstrom"), "wavelength", u.AA),
        (("ENER", 1000.0, 10.0, "eV"), "energy", u.eV),
        (("TIME", 0.0, 1.0, "s"), "channel", None),
        (("", 0.0, 1.0, ""), "channel", None),
    ],
)
def test_other_axes_are_called_what_they_are(
    tmp_path: Path, axis: Any, kind: str, unit: u.UnitBase | None
) -> None:
    found = segmented(write(tmp_path / "x.fits", CUBE, *SKY, axis), tmp_path)
    ends = [name for name in found.table.colnames if name.endswith(("_low", "_high"))]
    assert ends == [f"{kind}_low", f"{kind}_high"]
    assert found.table[ends[0]].unit == unit
    values = np.arange(6) if unit is None else axis[1] + axis[2] * np.arange(6)
    for name in ends:
        found_values = np.asarray(found.table[name])
        apart = np.abs(found_values[:, None] - values).min(axis=1)
        np.testing.assert_array_less(apart, 1e-3 * abs(values[1] - values[0]))
    again = read_segment_map(found.labels)
    np.testing.assert_array_equal(again.velocity_low, found.map.velocity_low)
    assert again.spectral_kind == kind


def beam_table(sides: npt.NDArray[Any], unit: str = "arcsec") -> fits.BinTableHDU:
    columns = {"BMAJ": sides, "BMIN": sides, "BPA": 0 * sides, "CHAN": np.arange(len(sides))}
    units = {"BMAJ": unit, "BMIN": unit, "BPA": "deg"}
    return fits.BinTableHDU.from_columns(
        [fits.Column(n, "1D", unit=units.get(n), array=v) for n, v in columns.items()], name="BEAMS"
    )


@pytest.mark.parametrize("cube", ["channels", "integrated"])
@pytest.mark.parametrize("unit", ["arcsec", "deg"])
def test_every_channel_is_converted_by_its_own_beam(tmp_path: Path, cube: str, unit: str) -> None:
    sides = (3.6 * np.arange(1, 7) * u.arcsec).to_value(unit)
    velocity = ("VRAD", 0.0, 2.0, "km/s")
    more = [beam_table(sides, unit)]
    cards = {"BUNIT": "Jy/beam", "CASAMBM": True}
    path = write(tmp_path / "x.fits", CUBE, *SKY, velocity, more=more, **cards)
    found = segmented(path, tmp_path, cube=cube).table
    pixels = np.pi / (4 * np.log(2)) * np.arange(1, 7) ** 2
    width = 2.0 if cube == "integrated" else 1.0
    expected = width * np.sum(CUBE.sum(axis=(1, 2), dtype=float) / pixels)
    np.testing.assert_allclose(found["flux"].sum(), expected, rtol=1e-4)


def test_the_beam_of_aips_is_read_and_an_impossible_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cards = header(*SKY, BUNIT="JY/BEAM")
    cards["HISTORY"] = "AIPS   CLEAN BMAJ=  3.0000E-03 BMIN=  2.0000E-03 BPA=  10.00"
    fits.writeto(tmp_path / "aips.fits", TEXTURE, cards)
    beam = open_sky_map(tmp_path / "aips.fits").beam
    assert beam == (0.003, 0.002, 10.0)
    for number, major in enumerate((8.0, 1e-9, np.inf)):
        path = tmp_path / f"{number}.fits"
        write(path, TEXTURE, *SKY, **({"BMAJ": major} if np.isfinite(major) else {"BMAJ": "inf"}))
        assert open_sky_map(path).beam is None
    assert caplog.text.count("it is ignored") == 2


@pytest.mark.parametrize("unit", ["mag", "mag/arcsec^2", "mag(AB)", "dex", "dB"])
def test_logarithms_are_not_summed(tmp_path: Path, unit: str) -> None:
    found = segmented(write(tmp_path / "x.fits", TEXTURE, *SKY, BUNIT=unit), tmp_path).table
    assert np.all(np.isnan(found["flux"]))
    assert np.all(np.isfinite(found["mean"]))


# --- coordinates
def whole_sky(tmp_path: Path, width: int, first: float) -> Segmented:
    values = np.ones((33, width), np.float32)
    axes = (("GLON-CAR", first, -1.0, "deg"), ("GLAT-CAR", 0.0, 1.0, "deg"))
    return segmented(write(tmp_path / "x.fits", values, *axes, CRPIX2=17.0), tmp_path)


@pytest.mark.parametrize(("width", "first"), [(361, 180.0), (360, 180.0), (360, 0.0), (90, 45.0)])
def test_maps_around_the_sky_have_their_area_and_places(
    tmp_path: Path, width: int, first: float
) -> None:
    found = whole_sky(tmp_path, width, first)
    band = 2 * np.sin(np.radians(16.5)) * np.radians(width)
    np.testing.assert_allclose(found.table["area"].sum(), band, rtol=1e-4)
    assert np.all(np.isfinite(found.table["ra"]) & np.isfinite(found.table["dec"]))
    assert found.regions.read_text().count("polygon") == len(found.table)


@pytest.mark.parametrize(
    "axes",
    [
        (("RA---TAN", 0.0, -1e-3, "deg"), ("DEC--TAN", 10.0, 1e-3, "deg")),
        (("RA---CAR", 0.0, -1e-3, "deg"), ("DEC--CAR", 0.0, 1e-3, "deg")),
        (("RA---TAN", 30.0, -1e-3, "deg"), ("DEC--TAN", 90.0, 1e-3, "deg")),
        (("GLON-SIN", 0.0, -1e-3, "deg"), ("GLAT-SIN", 0.0, 1e-3, "deg")),
        (("ELON-TAN", 0.0, -1e-3, "deg"), ("ELAT-TAN", 0.0, 1e-3, "deg")),
        (("SLON-TAN", 0.0, -1e-3, "deg"), ("SLAT-TAN", 0.0, 1e-3, "deg")),
    ],
)
def test_centroids_over_zero_and_over_a_pole_lie_within(tmp_path: Path, axes: Any) -> None:
    path = write(tmp_path / "x.fits", TEXTURE, *axes, CRPIX1=16.5, CRPIX2=12.5)
    found = segmented(path, tmp_path).table
    places = SkyCoord(found["ra"], found["dec"], unit="deg")
    apart = places[0].separation(places[1])
    np.testing.assert_allclose(apart.deg, 16e-3, rtol=1e-3)


@pytest.mark.parametrize("projection", ["AIT", "MOL", "SFL", "CEA"])
def test_segments_that_reach_beyond_the_sky_have_outlines_on_it(
    tmp_path: Path, projection: str
) -> None:
    axes = ((f"GLON-{projection}", 0.0, -6.0, "deg"), (f"GLAT-{projection}", 0.0, 6.0, "deg"))
    values = np.ones((30, 60), np.float32)
    found = segmented(write(tmp_path / "x.fits", values, *axes, CRPIX1=30.5, CRPIX2=15.5), tmp_path)
    lines = [line for line in found.regions.read_text().splitlines() if "polygon" in line]
    assert len(lines) == len(found.table) == 2
    assert "nan" not in "".join(lines)


def test_a_grid_of_latitudes_without_projection_reaches_the_poles(tmp_path: Path) -> None:
    axes = (("RA", 0.5, 1.0, "deg"), ("DEC", -89.5, 1.0, "deg"))
    found = segmented(write(tmp_path / "x.fits", np.ones((180, 360), np.float32), *axes), tmp_path)
    np.testing.assert_allclose(found.table["area"].sum(), 4 * np.pi, rtol=1e-3)
    np.testing.assert_allclose(sorted(found.table["ra"]), [90.0, 270.0], atol=1e-6)


@pytest.mark.parametrize("name", ["CRVAL1", "CRPIX2", "CDELT1", "CD1_2"])
@pytest.mark.parametrize("value", ["nan", "83.8", "unknown"])
def test_coordinates_that_are_no_numbers_are_left_out_aloud(
    tmp_path: Path, name: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "x.fits", TEXTURE, *SKY, **{name: value})
    assert open_sky_map(path).wcs is None
    assert f"{name} = {value!r} is no number" in caplog.text


@pytest.mark.parametrize(
    ("cards", "frame"),
    [
        ({"RADESYS": "J2000"}, "fk5"),
        ({"RADESYS": "fk5"}, "fk5"),
        ({"RADESYS": "FK5 (J2000.0)"}, "fk5"),
        ({"RADECSYS": "FK4"}, "fk4"),
        ({"RADESYS": "B1950"}, "fk4"),
        ({"EQUINOX": 1950.0}, "fk4"),
        ({"EQUINOX": "B1950"}, "fk4"),
        ({"EQUINOX": "J2000.0"}, "fk5"),
        ({"EPOCH": 1950.0}, "fk4"),
        ({"RADESYS": "ICRF"}, "icrs"),
        ({"RADESYS": "WGS84"}, "icrs"),
    ],
)
def test_frames_are_those_of_astropy(tmp_path: Path, cards: dict[str, Any], frame: str) -> None:
    path = write(tmp_path / "x.fits", TEXTURE, *SKY, **cards)
    found = segmented(path, tmp_path).table
    x, y = np.meshgrid(np.arange(16), np.arange(24))
    ra, dec = WCS(header(*SKY)).all_pix2world(x.ravel(), y.ravel(), 0)
    vectors = SkyCoord(ra, dec, unit="deg", frame=frame).icrs.cartesian.xyz.value.mean(axis=1)
    expected = SkyCoord(*vectors, representation_type="cartesian")
    place = SkyCoord(found["ra"][0], found["dec"][0], unit="deg")
    assert place.separation(expected).arcsec < 1e-3
    (image,) = read(path).images
    centre = SkyCoord(*WCS(header(*SKY)).all_pix2world(15.5, 11.5, 0), unit="deg", frame=frame)
    assert at_centre(image).separation(centre.icrs).arcsec < 1e-3


def at_centre(image: Image) -> SkyCoord:
    """Where the catalogue puts an image."""
    scores = np.zeros(1)
    table = make_catalogue(
        ImageSet((image,)),
        np.zeros(1, int),
        scores,
        fold_labels=np.zeros((1, 1), int),
        outlier_score=scores,
    )
    return SkyCoord(table["ra"][0], table["dec"][0], unit="deg")


def test_a_frame_that_is_not_known_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    solar = (("HPLN-TAN", 0.0, -1e-3, "deg"), ("HPLT-TAN", 0.0, 1e-3, "deg"))
    with caplog.at_level(logging.WARNING):
        (image,) = read(write(tmp_path / "x.fits", TEXTURE, *solar)).images
    assert "HPLN-TAN, HPLT-TAN is not known" in caplog.text
    assert np.isnan(at_centre(image).ra.deg)


@pytest.mark.parametrize("extra", [(), (("STOKES", 1.0, 1.0, ""),)])
@pytest.mark.parametrize("kind", ["SIP", "TPV"])
def test_distortions_are_kept_in_images_and_in_the_output(
    tmp_path: Path, kind: str, extra: Any
) -> None:
    sip = {"A_ORDER": 2, "A_2_0": 1e-4, "B_ORDER": 2, "B_0_2": 2e-4}
    tpv = {"PV1_1": 1.0, "PV1_4": 3e-2, "PV2_1": 1.0, "PV2_4": 2e-2}
    ending = "-SIP" if kind == "SIP" else ""
    projection = "TAN" if kind == "SIP" else "TPV"
    axes = [(f"{name}--{'-' * (2 - len(name) + 1)}"[:5] + projection + ending, *rest)
            for name, *rest in (("RA", *SKY[0][1:]), ("DEC", *SKY[1][1:]))]  # fmt: skip
    cards = sip if kind == "SIP" else tpv
    values = TEXTURE[(None,) * len(extra)]
    path = write(tmp_path / "x.fits", values, *axes, *extra, **cards)
    reference = WCS(header(*axes, **cards))
    corners = np.array([[0.0, 0.0], [31.0, 23.0]])
    assert (
        not np.allclose(
            reference.all_pix2world(corners, 0), reference.wcs_pix2world(corners, 0), atol=1e-7
        )
        or kind == "TPV"
    )
    found = segmented(path, tmp_path)
    with fits.open(found.labels) as hdus:
        written = WCS(hdus[0].header)
    for wcs in (open_sky_map(path).wcs, read(path).images[0].wcs, written):
        np.testing.assert_allclose(
            wcs.all_pix2world(corners, 0), reference.all_pix2world(corners, 0), rtol=0, atol=1e-10
        )


def test_what_lookup_tables_add_is_kept_in_images_and_its_loss_in_the_output_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = fits.ImageHDU(np.full((24, 32), 2.0, np.float32), name="WCSDVARR", ver=1)
    for axis in (1, 2):
        table.header.update({f"CRPIX{axis}": 1.0, f"CRVAL{axis}": 1.0, f"CDELT{axis}": 1.0})
    image = fits.PrimaryHDU(TEXTURE, header(*SKY))
    for axis in (1, 2):
        image.header[f"CPDIS{axis}"] = "LOOKUP"
        for record in ("NAXES: 2.0", "EXTVER: 1.0", "AXIS.1: 1.0", "AXIS.2: 2.0"):
            image.header.append((f"DP{axis}", record), end=True)
    fits.HDUList([image, table]).writeto(tmp_path / "x.fits")
    plain = WCS(header(*SKY)).all_pix2world([[10.0, 10.0]], 0)
    wcs = read(tmp_path / "x.fits").images[0].wcs
    assert wcs is not None
    moved = wcs.all_pix2world([[8.0, 8.0]], 0)
    np.testing.assert_allclose(moved, plain, rtol=0, atol=1e-8)
    assert "off by up to 7.2 arcsec" in caplog.text


# --- pixel values
@pytest.mark.parametrize("zero", [0, 32768])
@pytest.mark.parametrize("ending", [".fits", ".fits.gz", ".fits.fz"])
def test_blank_is_masked_in_images_and_maps(tmp_path: Path, zero: int, ending: str) -> None:
    stored = (100 * TEXTURE).astype(np.int16)
    stored[:, :5] = -32768
    cards = fits.Header({"BLANK": -32768, **({"BZERO": zero, "BSCALE": 1} if zero else {})})
    kind = fits.CompImageHDU if ending.endswith(".fz") else fits.ImageHDU
    image = kind(stored, do_not_scale_image_data=True)
    image.header.update(cards)
    path = tmp_path / f"x{ending}"
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path, output_verify="ignore")
    expected = np.where(np.arange(32) < 5, np.nan, stored.astype(float) + zero)
    np.testing.assert_array_equal(open_sky_map(path).read()[0], expected)
    (read_image,) = read(path).images
    np.testing.assert_array_equal(read_image.mask, np.isnan(expected))


# --- folders
def test_links_are_followed_once_and_names_are_any_bytes(tmp_path: Path) -> None:
    work, archive = tmp_path / "work", tmp_path / "archive"
    for folder in (work, archive):
        folder.mkdir()
        write(folder / f"{folder.name}.fits", TEXTURE)
    (work / "night").symlink_to(archive)
    (archive / "back").symlink_to(work)
    (work / "gone").symlink_to(tmp_path / "nothing")
    os.rename(os.fsencode(work / "work.fits"), os.fsencode(work) + b"/M\xfcller.fits")
    result = read(work)
    assert set(result.images.ids) == {"M\ufffdller", "archive"}
    for image in result.images:
        assert image.path is not None
        image.path.encode()
