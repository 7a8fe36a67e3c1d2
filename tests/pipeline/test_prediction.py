"""Labels of a stream: the same however it is read, stopped, stored or written."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from equiclust.exceptions import EquiclustWarning, InputError, OutputError
from equiclust.images import ImageSet
from equiclust.io.catalogue import read_table, write_table
from equiclust.memory import used_memory
from equiclust.pipeline import block_prediction, prediction, reading_limits
from equiclust.pipeline.inputs import load_images
from equiclust.pipeline.prediction import predict_catalogue
from equiclust.pipeline.results import Run, open_run
from equiclust.simulation.discs import simulate_discs

N = 150


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    images, _ = simulate_discs(N, size=24, random_state=3)
    values = images.pixels[:, 0] / images.pixels[:, 0].max(axis=(1, 2), keepdims=True)
    noise = np.random.default_rng(0).normal(scale=3.0, size=values.shape)
    return np.clip(200.0 * values + noise + 20.0, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def run(finished: Path) -> Run:
    return open_run(finished)


@pytest.fixture
def stack(tmp_path: Path, pixels: np.ndarray) -> Path:
    np.save(tmp_path / "s.npy", pixels)
    return tmp_path / "s.npy"


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one batch, 64 images."""
    monkeypatch.setattr(block_prediction, "BATCHES", 1)


def test_labelling_needs_nothing_that_trains() -> None:
    names = "equiclust.pipeline.prediction, equiclust.pipeline.model, sys"
    code = f"import {names}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"lightning", "torchmetrics", "umap"} & set(done.stdout.split())


@pytest.mark.parametrize("suffix", ["ecsv", "fits", "vot", "parquet"])
def test_latents_are_those_of_the_model(
    run: Run, stack: Path, tmp_path: Path, suffix: str, small_blocks: None
) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    output = tmp_path / f"with.{suffix}"
    predict_catalogue(run, str(stack), output=output, latents=True)
    loaded = load_images(str(stack), run.model.preprocessor.get_params())
    expected = run.model.latents(loaded.images, lambda *_: None)
    found = read_table(output)
    assert found.colnames[-1] == "latent"
    np.testing.assert_array_equal(np.asarray(found["latent"], np.float32), expected)


def test_a_cluster_of_machines_gives_the_same(
    run: Run, stack: Path, tmp_path: Path, small_blocks: None
) -> None:
    distributed = pytest.importorskip("distributed")
    here, there = tmp_path / "here.fits", tmp_path / "there.fits"
    predict_catalogue(run, str(stack), output=here)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        predict_catalogue(run, str(stack), output=there, scheduler=address)
    one, other = read_table(here), read_table(there)
    assert one["label"].tolist() == other["label"].tolist()
    np.testing.assert_allclose(one["stability"], other["stability"], rtol=1e-5)


def test_a_scheduler_that_does_not_answer(run: Run, stack: Path) -> None:
    with pytest.raises(InputError, match="cannot reach the Dask scheduler"):
        run.predict(str(stack), scheduler="tcp://127.0.0.1:9")


def test_csv_cannot_hold_latents(run: Run, stack: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"parquet"):
        predict_catalogue(run, str(stack), output=tmp_path / "with.csv", latents=True)
    assert not list(tmp_path.glob("with*"))


def whole(run: Run, inputs: Any, **options: Any) -> Table:
    """The catalogue without any stream: everything is loaded, encoded and labelled at once."""
    loaded = load_images(inputs, run.model.preprocessor.get_params(), **options)
    facts = run.model.facts(loaded.originals, loaded.images, loaded.originals.ids)
    parts = [loaded.images[start : start + 64] for start in range(0, len(loaded.images), 64)]
    latents = np.concatenate([run.model.ensemble.encode(part) for part in parts], axis=1)
    return run.model.predict_catalogue(facts, latents)


def assert_equal(one: Table, other: Table, *, but: tuple[str, ...] = ()) -> None:
    assert one.colnames == other.colnames
    for name in set(one.colnames) - set(but):
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(other[name]), name)
        assert one[name].description == other[name].description
        assert one[name].unit == other[name].unit


@pytest.mark.parametrize("most_bytes", [1, 1 << 14, 1 << 30])
def test_parts_of_any_size_give_what_all_at_once_give(
    run: Run, stack: Path, most_bytes: int, monkeypatch: pytest.MonkeyPatch, small_blocks: None
) -> None:
    monkeypatch.setattr(reading_limits.ReadingLimits, "most_bytes", most_bytes)
    limits = reading_limits.ReadingLimits(most_bytes)
    monkeypatch.setattr(reading_limits.ReadingLimits, "of", lambda _: limits)
    assert_equal(run.predict(stack), whole(run, stack))


def test_zarr_numpy_and_fits_give_the_same_labels(
    run: Run, stack: Path, pixels: np.ndarray, tmp_path: Path
) -> None:
    zarr = pytest.importorskip("zarr")
    first = run.predict(stack)
    for version in (2, 3):
        store = tmp_path / f"s{version}.zarr"
        chunks = (7, *pixels.shape[1:])
        array = zarr.create_array(
            store, shape=pixels.shape, chunks=chunks, dtype="u1", zarr_format=version
        )
        array[:] = pixels
        assert_equal(run.predict(store), first, but=("id", "path"))
    fits.writeto(tmp_path / "s.fits", pixels)
    of_fits = run.predict(tmp_path / "s.fits", axes="nhw")
    assert_equal(of_fits, first, but=("path",))
    assert_equal(run.predict(ImageSet.from_array(pixels)), first, but=("id", "path"))


def test_every_format_holds_what_the_table_holds(
    run: Run, stack: Path, tmp_path: Path, small_blocks: None
) -> None:
    pytest.importorskip("pyarrow")
    table = run.predict(stack)
    for suffix in (".ecsv", ".fits", ".csv", ".vot", ".parquet"):
        written = tmp_path / f"blocks{suffix}"
        assert_equal(run.predict(stack, output=written), table)
        at_once = tmp_path / f"once{suffix}"
        write_table(table, at_once)
        if suffix == ".parquet":
            assert_equal(read_table(written), read_table(at_once))
        else:
            assert written.read_bytes() == at_once.read_bytes()


class Killed(BaseException):
    """As if the process had been killed."""


def killed_after(n: int) -> Callable[..., None]:
    def on_progress(stage: str, done: int, total: int | None, remark: str) -> None:
        if stage == "encoding" and done >= n:
            raise Killed

    return on_progress


@pytest.mark.usefixtures("small_blocks")
def test_killed_and_resumed_is_as_if_uninterrupted(
    run: Run, pixels: np.ndarray, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(5):
        values = pixels[30 * k : 30 * (k + 1)].copy()
        values[3] = 0
        np.save(folder / f"{k}.npy", values)
    (folder / "2b.fits").write_text("no image")
    target, other = tmp_path / "again.ecsv", tmp_path / "once.ecsv"
    with pytest.raises(Killed):
        predict_catalogue(run, folder, output=target, on_progress=killed_after(100))
    assert not target.exists()
    parts = sorted(path.name for path in (tmp_path / "again.ecsv.partial").iterdir())
    assert parts == ["000000.part", "job.json"]
    steps: list[int] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiclustWarning)
        again = predict_catalogue(
            run, folder, output=target, on_progress=lambda _, done, *__: steps.append(done)
        )
        once = predict_catalogue(run, folder, output=other)
    assert min(step for step in steps if step) > 64
    assert_equal(again.catalogue, once.catalogue)
    assert target.read_bytes() == other.read_bytes()
    assert again.rejected == once.rejected
    assert next(Path(path).name for path, _ in once.rejected) == "2b.fits"
    assert len(once.rejected) == 6
    assert not (tmp_path / "again.ecsv.partial").exists()


@pytest.mark.usefixtures("small_blocks")
def test_the_work_of_another_call_is_not_taken_up(run: Run, stack: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "a.ecsv"
    with pytest.raises(Killed):
        predict_catalogue(run, stack, output=target, on_progress=killed_after(100))
    os.utime(stack, ns=(1, 1))
    with pytest.raises(OutputError, match=r"another job \(inputs changed\)"):
        predict_catalogue(run, stack, output=target)
    assert (tmp_path / "out" / "a.ecsv.partial" / "000000.part").exists()


def test_what_is_not_ours_is_left_alone(run: Run, stack: Path, tmp_path: Path) -> None:
    place = tmp_path / "a.ecsv.partial"
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="it holds something else"):
        predict_catalogue(run, stack, output=tmp_path / "a.ecsv")
    assert (place / "mine.txt").read_text() == "mine"


def test_a_bad_file_in_the_middle_is_listed_and_the_rest_go_on(
    run: Run, pixels: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", pixels[:70])
    (tmp_path / "b.npy").write_bytes(b"\x93NUMPY and then nothing")
    np.save(tmp_path / "c.npy", pixels[70:])
    with pytest.warns(EquiclustWarning, match="1 of 151 inputs rejected"):
        found = predict_catalogue(run, tmp_path)
    assert [Path(path).name for path, _ in found.rejected] == ["b.npy"]
    np.save(tmp_path / "all.npy", pixels)
    together = run.predict(tmp_path / "all.npy")
    assert_equal(found.catalogue, together, but=("id", "path"))


def test_a_damaged_chunk_is_listed_and_the_rest_go_on(
    run: Run, pixels: np.ndarray, tmp_path: Path
) -> None:
    zarr = pytest.importorskip("zarr")
    store = tmp_path / "s.zarr"
    array = zarr.create_array(store, shape=pixels.shape, chunks=(10, 24, 24), dtype="u1")
    array[:] = pixels
    (store / "c" / "4" / "0" / "0").write_bytes(b"damage")
    with pytest.warns(EquiclustWarning, match="1 of"):
        found = predict_catalogue(run, store)
    [(path, reason)] = found.rejected
    assert path == str(store)
    assert reason.startswith("images 40 to 49 of 150: it is damaged")
    kept = [*range(40), *range(50, N)]
    assert found.catalogue["id"].tolist() == [f"s_{number:03d}" for number in kept]
    np.save(tmp_path / "k.npy", pixels[kept])
    assert_equal(found.catalogue, run.predict(tmp_path / "k.npy"), but=("id", "path"))


@pytest.mark.usefixtures("small_blocks")
def test_equal_names_are_told_apart_across_blocks(
    run: Run, pixels: np.ndarray, tmp_path: Path
) -> None:
    for folder in ("north", "south"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "m.npy", pixels[:75])
    np.save(tmp_path / "other.npy", pixels[:2])
    table = run.predict(tmp_path)
    assert_equal(table, whole(run, tmp_path))
    assert table["id"][2] == "north/m_00"
    assert len(set(table["id"])) == len(table)


def test_no_image_at_all_is_an_error_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((5, 24, 24)))
    with pytest.raises(InputError, match="no image can be used"):
        predict_catalogue(run, tmp_path / "flat.npy", output=tmp_path / "a.ecsv")
    assert [path.name for path in tmp_path.iterdir()] == ["flat.npy"]


def test_a_list_names_files_and_what_is_missing_is_told(
    run: Run, pixels: np.ndarray, tmp_path: Path
) -> None:
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", pixels[number])
    names = ["2.npy", "gone.npy", "", "0.npy"]
    (tmp_path / "list.txt").write_text("\n".join(names))
    with pytest.warns(EquiclustWarning, match="1 of 3 inputs rejected"):
        found = predict_catalogue(run, f"@{tmp_path}/list.txt")
    assert found.catalogue["id"].tolist() == ["2", "0"]
    assert "does not exist" in found.rejected[0][1]


def test_counts_are_those_of_the_table_that_is_not_kept(
    run: Run, stack: Path, tmp_path: Path
) -> None:
    found = predict_catalogue(run, stack, output=tmp_path / "a.fits", keep_table=False)
    table = read_table(tmp_path / "a.fits")
    assert len(found.catalogue) == 0
    labels, counts = np.unique(np.asarray(table["label"]), return_counts=True)
    assert found.labels == dict(zip(labels.tolist(), counts.tolist(), strict=True))
    assert found.kinds == {}


def test_too_little_memory_is_said_before_anything_is_read(run: Run, stack: Path) -> None:
    with pytest.raises(InputError, match=r"max_memory is 50MB, but .* need"):
        run.predict(stack, max_memory="50MB")
    with pytest.raises(InputError, match="max_memory must be a size like 2GB"):
        run.predict(stack, max_memory="much")


def test_a_file_that_must_be_read_whole_must_fit(
    run: Run, pixels: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "small.npy", pixels[:5])
    np.savez(tmp_path / "large.npz", images=np.ones((60_000, 24, 24), np.uint8))
    room = (used_memory() or 0) + 500_000_000
    with pytest.warns(EquiclustWarning, match="1 of 6"):
        found = predict_catalogue(run, tmp_path, max_memory=str(room))
    assert "max_memory leaves for one file" in found.rejected[0][1]
    assert len(found.catalogue) == 5


def test_memory_does_not_grow_with_the_number_of_images(run: Run, tmp_path: Path) -> None:
    """The pixels alone would take 576 MB as float32."""
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 99, (600, 600)).astype(np.uint8)
    np.save(tmp_path / "big.npy", np.broadcast_to(frame, (400, 600, 600)))
    np.save(tmp_path / "warm.npy", np.broadcast_to(frame, (70, 600, 600)))
    run.predict(tmp_path / "warm.npy")
    most = before = used_memory() or 0

    def watched(*_: object) -> None:
        nonlocal most
        most = max(most, used_memory() or 0)

    limit = before + 400_000_000
    table = run.predict(tmp_path / "big.npy", max_memory=str(limit), on_progress=watched)
    assert len(table) == 400
    assert most <= limit


def test_prediction_says_which_stage_it_is_at(run: Run, stack: Path) -> None:
    stages: list[tuple[str, int, int | None]] = []
    run.predict(
        stack, on_progress=lambda stage, done, total, _: stages.append((stage, done, total))
    )
    assert list(dict.fromkeys(stage for stage, _, _ in stages)) == [
        "reading",
        "encoding",
    ]
    assert stages[-1] == ("encoding", N, N)
    assert prediction.PARTS == ".partial"
