"""Images and rows of other tables of one place: as all pairs would tell, at poles and at 0 h."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, QTable, Table
from astropy.time import Time

from equiclust.exceptions import EquiclustWarning, InputError, OutputError
from equiclust.io.catalogue import read_table
from equiclust.pipeline.matching import match_run
from equiclust.pipeline.results import Run
from tests.pipeline.run_folders import catalogue_of, run_of

CENTRES = {"a field": (150.0, 2.0), "at 0 h": (0.0, -30.0), "a pole": (77.0, 89.999)}
RADIUS = 3.0


def unit_vectors(positions: np.ndarray) -> np.ndarray:
    ra, dec = np.radians(positions.T)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def arcsec_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """All separations, by chords: exact where they are small."""
    chords = unit_vectors(first)[:, None] - unit_vectors(second)[None]
    return np.degrees(2.0 * np.arcsin(0.5 * np.linalg.norm(chords, axis=-1))) * 3600.0


def scattered(centre: tuple[float, float], n: int, seed: int, arcsec: float = 60.0) -> np.ndarray:
    """Positions about a centre, whatever its declination."""
    rng = np.random.default_rng(seed)
    pole = unit_vectors(np.array([centre]))[0]
    east = np.cross([0.3, 0.1, 0.9], pole)
    east /= np.linalg.norm(east)
    steps = np.radians(rng.uniform(-arcsec, arcsec, (n, 2)) / 3600.0)
    points = pole + steps @ np.stack([east, np.cross(pole, east)])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    ra = np.degrees(np.arctan2(points[:, 1], points[:, 0])) % 360.0
    return np.stack([ra, np.degrees(np.arcsin(points[:, 2]))], axis=1)


def table_of(positions: np.ndarray, **columns: Any) -> Table:
    return Table({"RAJ2000": positions[:, 0], "DEJ2000": positions[:, 1], **columns})


@pytest.fixture(params=CENTRES)
def fields(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    centre = CENTRES[request.param]
    return scattered(centre, 150, 0), scattered(centre, 200, 1)


def test_the_nearest_is_found(fields: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    images, others = fields
    found = run_of(catalogue_of(images), tmp_path / "run").match(
        table_of(others), radius=RADIUS * u.arcsec
    )
    distances = arcsec_between(images, others)
    near = distances.min(axis=1) <= RADIUS
    assert 10 < near.sum() < 140
    assert found["id"].tolist() == [f"image_{k:04d}" for k in np.flatnonzero(near)]
    assert found["match_row"].tolist() == distances.argmin(axis=1)[near].tolist()
    np.testing.assert_allclose(found["separation"], distances.min(axis=1)[near], atol=1e-6)
    assert found["n_within"].tolist() == (distances <= RADIUS).sum(axis=1)[near].tolist()
    assert found["separation"].unit == "arcsec"
    assert found.meta["NMATCHED"] == near.sum()


def test_one_to_one_takes_the_nearest_pairs_first(
    fields: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    images, others = fields
    run = run_of(catalogue_of(images), tmp_path / "run")
    found = run.match(table_of(others), radius="20 arcsec", one_to_one=True, all_images=True)
    distances = arcsec_between(images, others)
    expected = np.full(len(images), -1)
    while distances.min() <= 20.0:
        image, row = np.unravel_index(distances.argmin(), distances.shape)
        expected[image] = row
        distances[image], distances[:, row] = np.inf, np.inf
    assert found["match_row"].tolist() == expected.tolist()


def test_matches_by_chance_are_counted(tmp_path: Path) -> None:
    images = scattered((10.0, 0.0), 800, 0, arcsec=600.0)
    others = scattered((10.0, 0.0), 1500, 1, arcsec=700.0)
    others[:200] = images[:200]
    run = run_of(catalogue_of(images), tmp_path / "run")
    meta = run.match(table_of(others), radius="5 arcsec").meta
    expected = 800 * -np.expm1(-1500 * np.pi * 25.0 / 1400.0**2)
    assert meta["NCHANCE"] == pytest.approx(expected, rel=0.25)
    assert meta["NMATCHED"] == pytest.approx(200 + 0.75 * expected, rel=0.1)


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".vot", ".parquet", ".csv"])
def test_images_without_a_match_are_masked_in_every_format(suffix: str, tmp_path: Path) -> None:
    images = np.array([[10.0, 0.0], [20.0, 0.0], [np.nan, np.nan]])
    run = run_of(catalogue_of(images), tmp_path / "run")
    other = table_of(
        images[1:2],
        z=Column([0.5], description="redshift", unit=""),
        n=np.array([7], dtype=np.int16),
        name=["spiral"],
        star=[True],
    )
    path = tmp_path / f"matched{suffix}"
    run.match(other, radius="1arcsec", all_images=True, output=path)
    found = read_table(path)
    assert len(found) == 3
    assert found["match_row"].tolist() == [-1, 0, -1]
    assert np.isnan(np.ma.filled(found["z"], np.nan)).tolist() == [True, False, True]
    assert np.ma.getmaskarray(np.ma.asarray(found["n"])).tolist() == [True, False, True]
    assert found["n"][1] == 7
    assert [str(name) for name in np.ma.filled(found["name"], "")] == ["", "spiral", ""]
    assert str(found["star"][1]) in ("True", "1")


def test_no_match_is_an_empty_table_with_all_columns(tmp_path: Path) -> None:
    run = run_of(catalogue_of(np.array([[10.0, 0.0]])), tmp_path / "run")
    for other in (table_of(np.array([[11.0, 0.0]]), kind=["a"]), table_of(np.zeros((0, 2)))):
        found = run.match(other, radius="1arcsec")
        assert len(found) == 0
        assert {"id", "separation", "RAJ2000"} <= set(found.colnames)
        assert found.meta["NMATCHED"] == 0
        assert len(run.match(other, radius="1arcsec", all_images=True)) == 1


def test_columns_of_the_same_name_are_both_there(tmp_path: Path) -> None:
    images = np.array([[10.0, 0.0]])
    run = run_of(catalogue_of(images), tmp_path / "run")
    other = Table({"ID": ["x"], "Label": [5], "ra": images[:, 0], "dec": images[:, 1]})
    other["id"], other["o"] = ["y"], np.array([{}], dtype=object)
    found = run.match(other, radius="1arcsec")
    assert found["id"].tolist() == ["image_0000"]
    assert found["ID_matched"].tolist() == ["x"]
    assert found["id_matched_matched"].tolist() == ["y"]
    assert found["Label_matched"].tolist() == [5]
    assert found["o"].tolist() == ["{}"]


def test_what_is_no_plain_column_is_left_out_with_a_warning(tmp_path: Path) -> None:
    images = np.array([[10.0, 0.0]])
    run = run_of(catalogue_of(images), tmp_path / "run")
    other = QTable({"ra": images[:, 0] * u.deg, "dec": images[:, 1] * u.deg})
    other["when"] = Time([2000.0], format="jyear")
    with pytest.warns(EquiclustWarning, match="'when' of the other table is left out"):
        found = run.match(other, radius="1arcsec")
    assert found["ra_matched"].unit == "deg"
    assert "when" not in found.colnames


def test_ids_match_as_text(tmp_path: Path) -> None:
    run = run_of(catalogue_of(None, 4), tmp_path / "run")
    other = Table({"ID": ["image_0002 ", "image_0000", "else", "image_0002"], "n": [1, 2, 3, 4]})
    found = run.match(other, by="id", all_images=True)
    assert found["match_row"].tolist() == [1, -1, 0, -1]
    assert found["n_within"].tolist() == [1, 0, 2, 0]
    assert "separation" not in found.colnames
    with pytest.raises(InputError, match="one column 'id' where no radius is given, got n"):
        run.match(other[["n"]], by="id")


def test_what_cannot_be_matched_is_refused(tmp_path: Path) -> None:
    run = run_of(catalogue_of(None, 4), tmp_path / "run")
    other = table_of(np.zeros((3, 2)))
    with pytest.raises(InputError, match="none of the 4 images has a place on the sky"):
        run.match(other, radius="1arcsec")
    with pytest.raises(InputError, match="radius must be an angle with its unit"):
        run.match(other)
    with pytest.raises(InputError, match="table must be a table or the path"):
        match_run(run, 3, radius="1arcsec")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such file"):
        run.match(tmp_path / "none.fits", radius="1arcsec")


def test_nothing_of_the_user_is_replaced(tmp_path: Path) -> None:
    images = np.array([[10.0, 0.0]])
    run: Run = run_of(catalogue_of(images), tmp_path / "run")
    mine = tmp_path / "mine.ecsv"
    mine.write_text("mine")
    for path in (mine, tmp_path / "run" / "x.ecsv"):
        with pytest.raises(OutputError):
            run.match(table_of(images), radius="1arcsec", output=path)
    assert mine.read_text() == "mine"
    again = tmp_path / "again.ecsv"
    for _ in range(2):
        run.match(table_of(images), radius="1arcsec", output=again)
    assert len(read_table(again)) == 1
