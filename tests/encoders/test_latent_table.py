"""Vectors that were made elsewhere reach their images, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from equiclust import ImageSet
from equiclust.encoders import GroupAveraged, LatentTable, encoder_from_record, encoder_record
from equiclust.encoders.latent_files import read_latent_file, read_latents
from equiclust.exceptions import InputError, MissingPackageError
from equiclust.io import make_latents, write_table

pyarrow = pytest.importorskip("pyarrow")
IDS = ["moon.png", "b", "sun"]
LATENTS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def _images(ids: list[str]) -> ImageSet:
    return ImageSet.from_array(np.zeros((len(ids), 4, 4)), ids=ids)


def _write(folder: Path, ending: str, ids: Any = IDS, latents: Any = LATENTS) -> Path:
    path = folder / f"latents{ending}"
    if ending == ".npy":
        np.save(path, latents)
        path.with_suffix(".txt").write_text("\n".join(ids))
    elif ending == ".npz":
        np.savez(path, ids=np.array(ids), latents=latents)
    elif ending == ".parquet":
        from pyarrow import parquet

        rows = {"id": list(ids), "latent": [row.tolist() for row in latents]}
        parquet.write_table(pyarrow.table(rows), path)
    else:
        write_table(make_latents(ids, latents), path)
    return path


@pytest.mark.parametrize("ending", [".npy", ".npz", ".parquet", ".fits", ".ecsv"])
def test_every_image_gets_its_own_row_whatever_the_file(tmp_path: Path, ending: str) -> None:
    table = LatentTable(_write(tmp_path, ending))
    np.testing.assert_array_equal(table.transform(_images(["sun", "moon.png"])), LATENTS[[2, 0]])
    assert table.latent_dim == 4
    again = encoder_from_record(encoder_record(table))
    np.testing.assert_array_equal(again.transform(_images(["b"])), LATENTS[[1]])


def test_columns_of_numbers_are_a_vector_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "latents.csv"
    path.write_text("index,a,filename,z9,remark,Label\n0,1,a.png,2,x,7\n1,3,b.png,4,y,8\n")
    ids, latents = read_latents(path)
    assert ids == ("a.png", "b.png")
    # Neither numbers of rows nor what is to be found are features.
    np.testing.assert_array_equal(latents, [[1, 2], [3, 4]])


def test_another_path_is_another_table_and_ids_are_part_of_its_digest(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    table = LatentTable(_write(tmp_path, ".npz"))
    digest, first = table.digest, table.transform(_images(["sun"]))
    swapped = _write(tmp_path / "other", ".npz", [*IDS[1:], IDS[0]])
    assert table.set_params(path=swapped).digest != digest
    assert not np.array_equal(table.transform(_images(["sun"])), first)


def test_rows_are_found_by_file_names_unless_two_have_the_same(tmp_path: Path) -> None:
    ids = ["far/moon.png", "near/sun.png", "near/moon.png"]
    table = LatentTable(_write(tmp_path, ".npz", ids))

    def image(name: str, path: str) -> ImageSet:
        return ImageSet((replace(_images([name])[0], path=path),))

    np.testing.assert_array_equal(table.transform(image("sun", "/data/sun.fits")), LATENTS[[1]])
    np.testing.assert_array_equal(table.transform(image("x", "near/moon.png")), LATENTS[[2]])
    with pytest.raises(InputError, match="has no row for 1 of 1 images, first for 'moon'"):
        table.transform(image("moon", "/data/moon.png"))


def test_tables_that_do_not_fit_are_refused_in_one_sentence(tmp_path: Path) -> None:
    def refused(message: str, path: Any, images: Any = None) -> None:
        with pytest.raises(InputError, match=message):
            LatentTable(path).transform(_images(["sun"]) if images is None else images)

    good = _write(tmp_path, ".npz")
    refused("has no row for 2 of 3 images, first for 'mars'", good, _images(["mars", "b", "io"]))
    refused("images must be an ImageSet to be looked up", good, np.zeros((1, 4, 4)))
    refused("'b' twice", _write(tmp_path, ".npz", ["b", "sun", "b"]))
    spoiled = np.where(np.arange(4) == 2, np.nan, LATENTS)
    refused(
        "NaN or infinity in 3 of 3 rows, first for 'moon.png'",
        _write(tmp_path, ".npy", latents=spoiled),
    )
    refused("must have an id a row, got 2 and 3", _write(tmp_path, ".npy", IDS[:2]))
    (tmp_path / "latents.txt").unlink()
    refused("has no ids: write them to", tmp_path / "latents.npy")
    refused(r"must hold vectors \(n, d\)", _write(tmp_path, ".npy", latents=LATENTS[:, 0]))
    refused("there is no such file", tmp_path / "nothing.npz")
    refused("must end in one of .npy", tmp_path / "latents.pickle")
    for ending in (".npz", ".parquet", ".fits"):
        broken = tmp_path / f"broken{ending}"
        broken.write_text("no table")
        refused("cannot read|not", broken)
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "objects.txt").write_text("a")
    refused("cannot read .*objects.npy' as an array", tmp_path / "objects.npy")
    refused("path must name a file", 3)
    for odd in ([[1.0, 2.0], [3.0]], [[1.0], None]):
        rows = pyarrow.table({"id": ["b", "sun"], "latent": odd})
        pyarrow.parquet.write_table(rows, tmp_path / "ragged.parquet")
        refused("vectors of one length, got [01], [12]", tmp_path / "ragged.parquet")


def test_turned_images_have_no_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="encoder must look at the pixels"):
        GroupAveraged(LatentTable(_write(tmp_path, ".npz"))).transform(_images(["sun"]))


def test_without_pyarrow_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path, ".parquet")
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingPackageError, match=r"pip install 'equiclust\[parquet\]'"):
        read_latents(path)


def test_places_are_read_in_their_units_and_are_no_features(tmp_path: Path) -> None:
    table = Table({"a": [1.0, 2.0], "RA": [1.0, 2.0], "DEC": [-3.0, 4.0], "b": [5.0, 6.0]})
    table["objID"], table["path"] = [7, 8], ["x.fits", "y.fits"]
    table["RA"].unit, table["DEC"].unit = "hourangle", "deg"
    table.write(tmp_path / "vectors.ecsv")
    found = read_latent_file(tmp_path / "vectors.ecsv")
    np.testing.assert_array_equal(found.latents, [[1, 5], [2, 6]])
    assert found.rows.paths == ("x.fits", "y.fits")
    assert found.rows.positions is not None
    np.testing.assert_allclose(found.rows.positions, [[15, -3], [30, 4]])
    table["RA"] = [1.0, 500.0]
    table.write(tmp_path / "wrong.ecsv")
    with pytest.raises(InputError, match="'RA' must lie within 360 degrees, got 500 in row 1"):
        read_latent_file(tmp_path / "wrong.ecsv")


def test_one_of_several_columns_of_vectors_can_be_named(tmp_path: Path) -> None:
    Table({"id_str": IDS, "embedding": LATENTS, "other": LATENTS[:, :2]}).write(tmp_path / "t.fits")
    np.testing.assert_array_equal(read_latents(tmp_path / "t.fits")[1], LATENTS)
    np.testing.assert_array_equal(read_latents(f"{tmp_path}/t.fits[other]")[1], LATENTS[:, :2])
    with pytest.raises(InputError, match="has no column 'third', only id_str, embedding, other"):
        read_latents(f"{tmp_path}/t.fits[third]")


def test_structured_arrays_are_read_as_tables(tmp_path: Path) -> None:
    rows = np.array([*zip(IDS, LATENTS, strict=True)], dtype=[("id", "U9"), ("tensor", "f4", 4)])
    np.save(tmp_path / "batch.npy", rows)
    ids, latents = read_latents(tmp_path / "batch.npy")
    assert ids == tuple(IDS)
    np.testing.assert_array_equal(latents, LATENTS)
