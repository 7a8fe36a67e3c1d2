"""Units are those that the writer of a header means."""

from __future__ import annotations

import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st

from data_adapters.units import is_logarithmic, parse_unit, unit_product

PER_BEAM = u.Jy / u.beam
KM_S = u.km / u.s


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Jy/beam.km/s", PER_BEAM * KM_S),
        ("Jy/beam km/s", PER_BEAM * KM_S),
        ("Jy/beam*km/s  ", PER_BEAM * KM_S),
        ("JY/BEAM.KM/S", PER_BEAM * KM_S),
        ("beam-1 Jy km s-1", PER_BEAM * KM_S),
        ("K.km/s", u.K * KM_S),
        ("K KM/S", u.K * KM_S),
        ("KM/S", KM_S),
        ("M/S", u.m / u.s),
        ("MJY/SR", u.MJy / u.sr),
        ("JY/BEAM ", PER_BEAM),
        ("Kelvin", u.K),
        ("HZ", u.Hz),
        ("ELECTRONS/S", u.electron / u.s),
        ("erg/s/cm2/Angstrom", u.erg / u.s / u.cm**2 / u.AA),
        ("W/m2 sr", u.W / u.m**2 / u.sr),
        ("Mjy/sr", u.MJy / u.sr),
        ("MJy/SR", u.MJy / u.sr),
        ("mjy/BEAM", u.mJy / u.beam),
        ("MJy/sr km s-1", u.MJy / u.sr * KM_S),
        ("erg/s cm-2", u.erg / u.s / u.cm**2),
        ("1e-20 W/m2 Hz-1", 1e-20 * u.W / u.m**2 / u.Hz),
        ("10**-20 W/m2 Hz^-1", 1e-20 * u.W / u.m**2 / u.Hz),
    ],
)
def test_units_of_the_wild_are_understood(text: str, unit: u.UnitBase) -> None:
    assert parse_unit(text) == unit


@pytest.mark.parametrize("text", ["", "  ", "furlong", "Jy/Beam?", "MJY/BEAM"])
def test_what_may_mean_two_things_or_nothing_is_no_unit(text: str) -> None:
    assert parse_unit(text) is None


LOGARITHMS = (
    "mag mmag mags magnitudes ABmag MAG_AB mag(AB) mag/sqarcsec mag/arcsec2 dex log10(K) dB"
)


@pytest.mark.parametrize("text", LOGARITHMS.split())
def test_logarithms_are_known_however_they_are_written(text: str) -> None:
    assert is_logarithmic(text)


@pytest.mark.parametrize("text", ["", "K", "Mg", "cm-2", "Jy/beam", "image", "furlong"])
def test_nothing_else_is_a_logarithm(text: str) -> None:
    assert not is_logarithmic(text)


PARTS = [u.Jy, u.K, u.km, u.s, u.beam, u.sr, u.m, u.Hz, u.erg, u.W, u.deg, u.adu]


@given(
    st.lists(
        st.tuples(st.sampled_from(PARTS), st.sampled_from([-2, -1, 1, 2])), min_size=1, max_size=4
    )
)
def test_what_the_standard_writes_is_read_as_it_is(parts: list[tuple[u.UnitBase, int]]) -> None:
    unit = u.dimensionless_unscaled
    for part, power in parts:
        unit *= part**power
    text = unit.to_string("fits")
    assert (parse_unit(text) or u.dimensionless_unscaled) == unit


@pytest.mark.parametrize("first", ["K", "Jy/beam", "JY/BEAM", "MJy/sr"])
@pytest.mark.parametrize("second", ["km/s", "M/S", "Hz"])
def test_a_product_is_that_of_its_parts(first: str, second: str) -> None:
    one, other = parse_unit(first), parse_unit(second)
    assert one is not None
    assert other is not None
    assert u.Unit(unit_product(first, second), format="fits") == one * other
