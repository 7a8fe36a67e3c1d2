"""Neighbours, search and details of a run agree with what can be computed otherwise."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import Table

import equiclust
from equiclust.app.run_view import RunView
from equiclust.exceptions import InputError
from equiclust.io.catalogue import write_table
from tests.app.conftest import HOSTILE_IDS
from tests.report.folders import make_run

N = len(HOSTILE_IDS)


@pytest.mark.parametrize("row", [0, 8, N - 1])
@pytest.mark.parametrize("n", [1, 5, 100])
def test_nearest_agrees_with_brute_force(plain_view: RunView, row: int, n: int) -> None:
    latents = plain_view.run.latents.astype(float)
    distances = np.linalg.norm(latents - latents[row], axis=1)
    order = [int(k) for k in np.argsort(distances) if k != row][:n]
    found = plain_view.nearest(row, n)
    assert [other for other, _ in found] == order
    np.testing.assert_allclose([d for _, d in found], distances[order], rtol=1e-5)


def test_equal_images_are_each_others_nearest(tmp_path: Path) -> None:
    latents = np.repeat(np.random.default_rng(0).normal(size=(7, 5)), 2, axis=0)
    view = RunView(equiclust.open_run(make_run(tmp_path / "run", latents=latents).path))
    for row in range(14):
        assert view.nearest(row, 1) == [(row ^ 1, 0.0)]


@pytest.fixture
def sky_view(tmp_path: Path) -> RunView:
    """Around the pole, over the meridian, and two of unknown place."""
    folder = make_run(tmp_path / "run")
    table = Table(equiclust.open_run(folder.path).catalogue)
    rng = np.random.default_rng(3)
    table["ra"], table["dec"] = rng.uniform(-2, 362, 14) % 360, 90 - rng.exponential(20, 14)
    table["ra"][:4], table["dec"][:4] = [359.99, 0.01, 0.0, 180.0], [0, 0, -0.01, 0]
    table["ra"][12:] = np.nan
    table["dec"][13] = np.nan
    write_table(table, folder.catalogue_ecsv)
    return RunView(equiclust.open_run(folder.path))


@pytest.mark.parametrize("row", range(12))
def test_sky_neighbours_agree_with_astropy(sky_view: RunView, row: int) -> None:
    catalogue = sky_view.run.catalogue
    known = np.flatnonzero(np.isfinite(catalogue["ra"]) & np.isfinite(catalogue["dec"]))
    places = SkyCoord(catalogue["ra"][known], catalogue["dec"][known], unit="deg")
    here = places[int(np.flatnonzero(known == row)[0])]
    angles = dict(zip(known.tolist(), here.separation(places).to_value(units.deg), strict=True))
    found = sky_view.sky_neighbours(row, 20)
    assert {other for other, _ in found} == set(angles) - {row}
    np.testing.assert_allclose([a for _, a in found], [angles[k] for k, _ in found], atol=1e-9)
    assert [a for _, a in found] == sorted(a for _, a in found)
    assert sky_view.sky_neighbours(row, 3) == found[:3]


def test_images_of_unknown_place_have_no_neighbours(sky_view: RunView, plain_view: RunView) -> None:
    assert sky_view.sky_neighbours(12) == []
    assert sky_view.sky_neighbours(13) == []
    assert plain_view.sky_neighbours(0) == []


def test_find_looks_into_ids_and_files(plain_view: RunView, view: RunView) -> None:
    assert plain_view.find("SCRIPT") == [0]
    assert plain_view.find("Ü ∂") == [11]
    assert plain_view.find("no such image") == []
    assert plain_view.find("") == list(range(N))
    assert view.find("disc_00003.fits") == [3]
    assert view.find("00003") == [3]


def test_find_gives_at_most_500(tmp_path: Path) -> None:
    view = RunView(equiclust.open_run(make_run(tmp_path / "run", labels=[0, 1] * 300).path))
    assert view.find("") == list(range(500))


def test_records_and_details_say_what_the_catalogue_says(view: RunView) -> None:
    first, second = view.records([3, 0])
    catalogue = view.run.catalogue
    assert (first["row"], second["row"]) == (3, 0)
    assert first["id"] == catalogue["id"][3]
    assert first["path"] == catalogue["path"][3]
    assert first["label"] == catalogue["label"][3]
    assert first["stability"] == pytest.approx(catalogue["stability"][3])
    details = view.details(3)
    assert details["id"] == catalogue["id"][3]
    assert details["file"] == catalogue["path"][3]
    assert details["stability"] == f"{catalogue['stability'][3]:.5g}"


def test_an_image_in_no_cluster_is_in_none(plain_view: RunView) -> None:
    row = plain_view.run.labels.tolist().index(-1)
    assert plain_view.details(row)["cluster"] == "none"
    assert plain_view.details(row)["file"] == "none: it came from memory"


@pytest.mark.parametrize("row", [-1, N, 1e30, True, "1", None, 2.0])
def test_rows_that_are_not_there_are_refused(plain_view: RunView, row: Any) -> None:
    for method in (plain_view.details, plain_view.nearest, plain_view.sky_neighbours):
        with pytest.raises(InputError, match=f"rows must be 0 to {N - 1}, got "):
            method(row)
    for several in (plain_view.records, plain_view.table, plain_view.check_rows):
        with pytest.raises(InputError, match=f"rows must be 0 to {N - 1}, got "):
            several([0, row])


def test_what_is_not_offered_is_refused(plain_view: RunView) -> None:
    with pytest.raises(InputError, match="name must be one of label"):
        plain_view.column("no such column")
    with pytest.raises(InputError, match="no such map"):
        plain_view.projection("no such map")


def test_a_table_of_rows_is_in_their_order(plain_view: RunView) -> None:
    table = plain_view.table([5, 1, 5])
    ids = plain_view.run.catalogue["id"]
    assert table["id"].tolist() == [ids[5], ids[1], ids[5]]
    assert len(plain_view.table()) == N


def test_four_threads_see_the_same(view: RunView) -> None:
    """As the workers of the server use it: everything at once, for the first time."""
    view.labels.set([0, 1], "ring", who="me")
    view.labels.set([2, 3], "bar", who="me")
    found: list[Any] = []

    def work() -> None:
        taught = view.teacher.update()
        assert taught.kinds is not None
        found.append(
            (
                taught.kinds.labels.tolist(),
                view.projection("pca").positions.tolist(),
                view.nearest(0),
                [view.thumbnails.png(row, 64) for row in range(4)],
                view.pictures.reconstruct(view.pictures.preprocessed(1)).tolist(),
                view.pictures.original(2).pixels.tolist(),
                [one.row for one in view.teacher.suggest(2)],
            )
        )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(one == found[0] for one in found)
