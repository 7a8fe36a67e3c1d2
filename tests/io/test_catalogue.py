"""Tables come back as they went, in every format; files appear whole or not at all."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equiclust.exceptions import InputError, OutputError
from equiclust.images import Image, ImageSet
from equiclust.io.catalogue import (
    make_catalogue,
    make_latents,
    make_rejected,
    read_table,
    write_table,
)
from equiclust.simulation.discs import simulate_discs

SUFFIXES = (".ecsv", ".fits", ".vot", ".xml", ".csv", ".parquet")
every_suffix = pytest.mark.parametrize("suffix", SUFFIXES)

NAMES = ["plain", "00012", "Kübelwagen 星", 'a "quoted", name', "nan", "--", "1e5"]


def sky(ctype: tuple[str, str] = ("RA---TAN", "DEC--TAN")) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = list(ctype)
    wcs.wcs.crval = [68.0, 24.0]
    wcs.wcs.crpix = [5.0, 3.0]
    wcs.wcs.cdelt = [-0.001, 0.001]
    return wcs


def images(names: list[str], *, wcs: WCS | None = None) -> ImageSet:
    pixels = np.zeros((5, 9))
    return ImageSet(
        tuple(
            Image.from_values(pixels, name, path=f"{name}.fits", wcs=wcs if k % 2 == 0 else None)
            for k, name in enumerate(names)
        )
    )


def catalogue(names: list[str], *, n_folds: int = 2, wcs: WCS | None = None) -> Table:
    n = len(names)
    return make_catalogue(
        images(names, wcs=wcs),
        np.arange(n) % 3 - 1,
        np.linspace(0.0, 1.0, n),
        fold_labels=np.arange(n_folds * n).reshape(n_folds, n),
        outlier_score=np.where(np.arange(n) == 1, np.nan, 0.5),
    )


def assert_same(back: Table, table: Table, *, units_kept: bool = True) -> None:
    assert back.colnames == table.colnames
    for name in table.colnames:
        assert not hasattr(back[name], "mask"), name
        np.testing.assert_array_equal(np.asarray(back[name]), np.asarray(table[name]), name)
        if len(table):
            assert back[name].dtype.kind == table[name].dtype.kind
        assert back[name].dtype.isnative
        if units_kept:
            assert back[name].unit == table[name].unit
            assert back[name].description == table[name].description


@every_suffix
@pytest.mark.parametrize("names", [NAMES, []], ids=["full", "empty"])
@pytest.mark.parametrize("wcs", [None, sky()], ids=["nowhere", "sky"])
def test_a_catalogue_comes_back(
    tmp_path: Path, suffix: str, names: list[str], wcs: WCS | None
) -> None:
    table = catalogue(names, wcs=wcs)
    path = tmp_path / f"new folder/cat{suffix}"
    write_table(table, path)
    assert_same(read_table(path), table, units_kept=suffix != ".csv")
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    if suffix in (".ecsv", ".fits"):
        assert read_table(path).meta == table.meta


@every_suffix
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("a/b.fits", "truncated after\n 12 of 80 bytes")],
        [(Path("ü.fits"), ""), ("c", "it has 3 axes, 2 are needed")],
    ],
    ids=len,
)
def test_what_was_rejected_comes_back(
    tmp_path: Path, suffix: str, rows: list[tuple[str | Path, str]]
) -> None:
    table = make_rejected(rows)
    assert table.colnames == ["path", "reason"]
    assert [column.dtype.kind for column in table.columns.values()] == ["U", "U"]
    assert "\n" not in "".join(table["reason"])
    write_table(table, tmp_path / f"x{suffix}")
    back = read_table(tmp_path / f"x{suffix}")
    assert_same(back, table, units_kept=suffix != ".csv")
    assert [column.dtype.kind for column in back.columns.values()] == ["U", "U"]


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".vot"])
@pytest.mark.parametrize("shape", [(4, 3), (1, 64), (3, 1)])
def test_latents_come_back_as_vectors(
    tmp_path: Path, suffix: str, shape: tuple[int, int], random_state: int
) -> None:
    values = np.random.default_rng(random_state).standard_normal(shape)
    values[0, 0] = np.nan
    table = make_latents([f"ü{i}" for i in range(shape[0])], values)
    write_table(table, tmp_path / f"x{suffix}")
    back = read_table(tmp_path / f"x{suffix}")
    assert list(back["id"]) == list(table["id"])
    assert back["latent"].shape == shape
    assert back["latent"].dtype == np.float32
    np.testing.assert_array_equal(back["latent"], values.astype(np.float32))


def test_no_latents_at_all_come_back_too(tmp_path: Path) -> None:
    table = make_latents([], np.zeros((0, 5)))
    write_table(table, tmp_path / "x.fits")
    assert read_table(tmp_path / "x.fits")["latent"].shape == (0, 5)


def test_vectors_are_refused_where_the_format_cannot_hold_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.csv.*'latent'.*\.fits"):
        write_table(make_latents(["a"], np.ones((1, 2))), tmp_path / "x.csv")
    with pytest.raises(InputError, match=r"x\.ecsv.*'latent'.*0 rows.*\.fits"):
        write_table(make_latents([], np.ones((0, 2))), tmp_path / "x.ecsv")
    assert not list(tmp_path.iterdir())


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_any_text_can_be_stored_and_read(tmp_path: Path, names: list[str]) -> None:
    table = make_rejected((name, name) for name in names)
    for suffix in SUFFIXES:
        write_table(table, tmp_path / f"x{suffix}")
        back = read_table(tmp_path / f"x{suffix}")
        # FITS and CSV do not keep blanks at the end, and CSV none at the start.
        for name in table.colnames:
            assert [t.strip() for t in back[name]] == [t.strip() for t in table[name]], suffix


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".vot"])
def test_the_truth_of_simulated_discs_comes_back(tmp_path: Path, suffix: str) -> None:
    _, truth = simulate_discs(7, size=16, random_state=0)
    write_table(truth, tmp_path / f"truth{suffix}")
    assert_same(read_table(tmp_path / f"truth{suffix}"), truth)


def test_the_catalogue_names_what_it_holds() -> None:
    table = catalogue(["a", "b", "c"], n_folds=11)
    folds = [f"label_fold_{k:02d}" for k in range(11)]
    assert table.colnames == ["id", "path", "label", "stability", *folds, "outlier_score"]
    assert all(table[name].description for name in table.colnames)
    assert list(table["label"]) == [-1, 0, 1]
    assert list(table["label_fold_10"]) == [30, 31, 32]
    assert list(table["path"]) == ["a.fits", "b.fits", "c.fits"]


def test_positions_are_those_of_the_image_centres() -> None:
    table = catalogue(["a", "b"], wcs=sky())
    # Of a 9 x 5 image the centre is the reference pixel.
    assert (table["ra"][0], table["dec"][0]) == pytest.approx((68.0, 24.0))
    assert np.isnan([table["ra"][1], table["dec"][1]]).all()
    assert table["ra"].unit == table["dec"].unit == units.deg


def test_galactic_maps_get_equatorial_positions() -> None:
    table = catalogue(["a"], wcs=sky(("GLON-CAR", "GLAT-CAR")))
    expected = SkyCoord(68.0 * units.deg, 24.0 * units.deg, frame="galactic").icrs
    assert table["ra"][0] == pytest.approx(expected.ra.deg)
    assert table["dec"][0] == pytest.approx(expected.dec.deg)


def test_a_wcs_without_a_sky_gives_no_position() -> None:
    table = catalogue(["a"], wcs=WCS(naxis=2))
    assert np.isnan(table["ra"][0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": [0]}, "labels must be 2 whole numbers, got shape .1,."),
        ({"labels": [0.5, 1.0]}, "labels must be 2 whole numbers.*float64"),
        ({"stability": ["a", "b"]}, "stability must be 2 real numbers"),
        ({"fold_labels": [0, 1]}, "fold_labels must have shape"),
        ({"fold_labels": [[0, 1], [0.5, 1]]}, r"fold_labels\[0\] must be 2 whole numbers"),
        ({"outlier_score": [[0.0, 1.0]]}, "outlier_score must be 2 real numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_named(change: dict[str, Any], words: str) -> None:
    good: dict[str, Any] = {
        "labels": [0, 1],
        "stability": [1.0, 1.0],
        "fold_labels": [[0, 1]],
        "outlier_score": [0.0, 0.0],
    }
    arguments = {**good, **change}
    with pytest.raises(InputError, match=words):
        make_catalogue(
            images(["a", "b"]), arguments.pop("labels"), arguments.pop("stability"), **arguments
        )


@pytest.mark.parametrize("shape", [(3,), (2, 4), (3, 0), (3, 2, 2)])
def test_latents_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"latents must have shape \(3, d\)"):
        make_latents(["a", "b", "c"], np.zeros(shape))


@every_suffix
def test_a_writer_that_fails_halfway_leaves_the_old_table(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"x{suffix}"
    old = make_rejected([("old", "old")])
    write_table(old, path)

    def half(self: Table, draft: Path | io.StringIO, **_: object) -> None:
        write = draft.write_text if isinstance(draft, Path) else draft.write
        write("half")
        raise OSError("disk full")

    monkeypatch.setattr(Table, "write", half)
    for name in ("write_parquet", "write_votable"):
        monkeypatch.setattr(f"equiclust.io.catalogue.{name}", lambda rows, path: half(rows, path))
    with pytest.raises(OutputError, match="disk full"):
        write_table(make_rejected([("new", "new")]), path)
    monkeypatch.undo()
    assert_same(read_table(path), old, units_kept=suffix != ".csv")
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@every_suffix
def test_a_table_is_overwritten_and_not_changed(tmp_path: Path, suffix: str) -> None:
    table = make_rejected([("é", "why")])
    before = table.copy()
    for rows in ([("a", "b")] * 5, [("é", "why")]):
        write_table(make_rejected(rows), tmp_path / f"x{suffix}")
    write_table(table, tmp_path / f"x{suffix}")
    assert len(read_table(tmp_path / f"x{suffix}")) == 1
    assert_same(table, before)


@pytest.mark.parametrize("name", ["x.txt", "x", "x.fits.gz"])
@pytest.mark.parametrize("act", [lambda path: write_table(make_rejected([]), path), read_table])
def test_an_unknown_suffix_is_refused_with_those_that_are_known(
    tmp_path: Path, name: str, act: Callable[[Path], object]
) -> None:
    with pytest.raises(InputError, match=rf"{name}'.*\.ecsv, \.fits, \.vot, \.xml, \.csv"):
        act(tmp_path / name)


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        *itertools.product((".ecsv", ".fits", ".vot"), (b"", b"just text\n", b"\x80\x04\x95")),
        (".csv", b""),
    ],
)
def test_what_is_no_table_is_refused_with_its_name(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    path = tmp_path / f"odd{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"cannot read .*odd\{suffix}"):
        read_table(path)


def test_a_missing_table_and_an_unwritable_place_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.ecsv.*no such file"):
        read_table(tmp_path / "gone.ecsv")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_table(make_rejected([]), tmp_path / "file" / "x.ecsv")
    (tmp_path / "folder.ecsv").mkdir()
    with pytest.raises(OutputError, match=r"folder\.ecsv"):
        write_table(make_rejected([]), tmp_path / "folder.ecsv")
