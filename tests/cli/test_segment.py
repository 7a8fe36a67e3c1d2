"""`equiclust segment`: a map in, a label map on the same sky out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import gaussian_filter

from equiclust.cli import main
from equiclust.io.catalogue import read_table
from equiclust.segmentation.label_maps import read_segment_map
from equiclust.segmentation.segment_map import MASKED

HEIGHT, WIDTH = 70, 90


def sky_header() -> fits.Header:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [83.8, -5.4], [40.0, 33.0]
    wcs.wcs.cd = [[-0.002, 0.0003], [0.0003, 0.002]]
    header: fits.Header = wcs.to_header()
    header["BUNIT"] = "K km/s"
    return header


def plane() -> np.ndarray:
    grain = np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH))
    fine, coarse = gaussian_filter(grain[0], 0.7), gaussian_filter(grain[1], 3.0)
    values = np.where(np.arange(WIDTH) < WIDTH // 2, fine / fine.std(), coarse / coarse.std())
    values[20:24, 50:60] = np.nan
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sky") / "sky.fits"
    fits.writeto(path, plane(), sky_header())
    return path


def arguments(sky: Path, output: Path, *more: str) -> list[str]:
    few = ["--n-pairs", "256", "--max-epochs", "2", "--tile", "16", "--step", "8", "--n-jobs", "1"]
    return ["segment", str(sky), "--output", str(output), "--n-clusters", "2", *few, *more]


@pytest.fixture(scope="module")
def labels(sky: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.fits"
    assert main(arguments(sky, path)) == 0
    return path


def test_everything_is_written_and_nothing_else(labels: Path) -> None:
    endings = ("fits", "json", "model", "png", "reg", "segments.ecsv")
    assert sorted(path.name for path in labels.parent.iterdir()) == [f"labels.{e}" for e in endings]
    record = json.loads(labels.with_suffix(".json").read_text())
    found = read_segment_map(labels)
    assert record["sizes"] == found.sizes.tolist()
    assert record["n_masked"] == 40
    assert sum(record["sizes"]) + record["n_unsure"] + 40 == HEIGHT * WIDTH


def test_the_sky_is_that_of_the_input(sky: Path, labels: Path) -> None:
    corners = np.array([[0, 0], [WIDTH - 1, 0], [0, HEIGHT - 1], [WIDTH - 1, HEIGHT - 1]])
    for number in range(3):
        world = WCS(fits.getheader(labels, number)).all_pix2world(corners, 0)
        expected = WCS(fits.getheader(sky)).all_pix2world(corners, 0)
        np.testing.assert_allclose(world, expected, rtol=0, atol=1e-9)


def test_masked_pixels_and_no_others_are_labelled_so(labels: Path) -> None:
    np.testing.assert_array_equal(fits.getdata(labels) == MASKED, np.isnan(plane()))


def test_the_table_has_the_segments(labels: Path) -> None:
    table = read_table(labels.with_suffix(".segments.ecsv"))
    assert {"label", "n_pixels", "area", "ra", "dec", "flux"} <= set(table.colnames)
    assert np.all(np.hypot(table["ra"] - 83.8, table["dec"] + 5.4) < 0.3)
    text = labels.with_suffix(".reg").read_text()
    assert text.count("polygon(") == len(table)


def test_a_known_run_labels_another_map_alike(sky: Path, labels: Path, tmp_path: Path) -> None:
    rotated = tmp_path / "turned.fits"
    fits.writeto(rotated, np.ascontiguousarray(np.rot90(plane())))
    output = tmp_path / "labels.fits"
    assert main(arguments(rotated, output, "--run", str(labels))) == 0
    np.testing.assert_array_equal(fits.getdata(output), np.rot90(fits.getdata(labels)))
    assert not output.with_suffix(".model").exists()


def test_an_encoder_from_a_file_labels_this_map_and_others(
    sky: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Callable[..., str]
) -> None:
    from tests.encoders.onnx_files import write_onnx

    network = write_onnx(tmp_path / "network.onnx")
    encoder = ["--encoder", str(network), "--pooling", "mean+max", "--step", "8"]
    known = tmp_path / "labels.fits"
    capsys.readouterr()
    assert main(arguments(sky, known, *encoder)) == 0
    assert f"Encoder: {network}, invariant under D4" in capsys.readouterr().out
    record = json.loads(known.with_suffix(".json").read_text())
    assert record["encoder"]["parameters"]["encoder"]["parameters"]["pooling"] == "mean+max"
    turned = tmp_path / "turned.fits"
    fits.writeto(turned, np.ascontiguousarray(np.rot90(plane())))
    words = arguments(turned, tmp_path / "more.fits", "--run", str(known), "--step", "8")
    assert main(words) == 0
    assert "invariant under D4" in capsys.readouterr().out
    np.testing.assert_array_equal(
        fits.getdata(tmp_path / "more.fits"), np.rot90(fits.getdata(known))
    )
    assert "there and 'own' here" in refused(*arguments(sky, known, "--step", "8"))
    assert "--encoder must be left out with run" in refused(*words, "--encoder", "alexnet")
    assert "--layer must be left out" in refused(*words, "--layer", "features.2")
    write_onnx(network, seed=1)
    assert "the weights of the encoder have changed" in refused(*arguments(sky, known, *encoder))


def test_masks_are_joined(sky: Path, labels: Path, tmp_path: Path) -> None:
    values = plane()
    mask = np.zeros(values.shape, dtype=np.uint8)
    mask[:5] = 1
    weights = np.ones(values.shape, dtype=np.float32)
    weights[:, :7] = 0.1
    region = tmp_path / "inside.reg"
    region.write_text("image\nbox(45.5,35.5,90,60,0)\n")
    fits.writeto(tmp_path / "mask.fits", mask)
    fits.writeto(tmp_path / "weights.fits", weights)
    output = tmp_path / "labels.fits"
    masks = ["--mask", str(tmp_path / "mask.fits"), "--region", str(region)]
    masks += ["--weights", str(tmp_path / "weights.fits"), "--min-weight", "0.5"]
    assert main(arguments(sky, output, "--run", str(labels), *masks)) == 0
    expected = np.isnan(values) | (mask > 0) | (weights < 0.5)
    expected[65:] = True
    np.testing.assert_array_equal(fits.getdata(output) == MASKED, expected)


def test_the_result_as_json(
    sky: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main([*arguments(sky, tmp_path / "l.fits", "--run", str(labels)), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n_tiles"] > 0
    assert record["labels"] == str(tmp_path / "l.fits")


def test_mistakes_are_told_in_one_sentence(
    sky: Path, labels: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    output = tmp_path / "new.fits"
    (tmp_path / "text.fits").write_text("no FITS")
    cases = {
        "--output must end in .fits": arguments(sky, tmp_path / "labels.txt"),
        "is an input": arguments(sky, sky),
        "--tile must be from 8 to 256": arguments(sky, output, "--tile", "4"),
        "--step must be from 1": arguments(sky, output, "--step", "20"),
        "--n-clusters must be a whole number of at least 1": arguments(
            sky, output, "--n-clusters", "0"
        ),
        "--seed must be from 0": arguments(sky, output, "--seed", "-1"),
        "--min-membership must be": arguments(sky, output, "--min-membership", "1.5"),
        "--min-weight must be given together with weights": arguments(
            sky, output, "--min-weight", "1"
        ),
        "--run must be a label map": arguments(sky, output, "--run", str(sky)),
        "--max-memory must be a size": arguments(sky, output, "--max-memory", "much"),
        "but the map needs": arguments(sky, output, "--max-memory", "10MB"),
        "text.fits": arguments(tmp_path / "text.fits", output),
        "missing.fits": arguments(tmp_path / "missing.fits", output),
    }
    for said, words in cases.items():
        assert said in refused(*words)
    assert not output.exists()
    assert not Path(f"{output}.partial").exists()


def test_a_map_without_anything_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"nan": np.nan, "flat": 3.0}.items():
        path = tmp_path / f"{name}.fits"
        fits.writeto(path, np.full((40, 40), value, dtype=np.float32))
        capsys.readouterr()
        assert main(arguments(path, tmp_path / "labels.fits")) == 2
        said = capsys.readouterr().err
        assert "equiclust: error: the map" in said
        assert "Traceback" not in said


MAIN = "import sys; from equiclust.cli import main; sys.exit(main(sys.argv[1:]))"


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    "name",
    [
        "l.fits",
        "l.reg",
        "l.png",
        "l.json",
        "l.segments.ecsv",
        "l.model/notes.txt",
        "l.fits.partial",
    ],
)
def test_a_file_of_the_user_is_never_overwritten(
    sky: Path, labels: Path, tmp_path: Path, refused: Callable[..., str], name: str
) -> None:
    theirs = tmp_path / name
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("mine")
    before = snapshot(tmp_path)
    said = refused(*arguments(sky, tmp_path / "l.fits"))
    assert name.split("/")[0] in said
    assert "choose another output" in said
    assert snapshot(tmp_path) == before


def test_links_in_the_place_of_an_output_are_kept(
    sky: Path, labels: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "elsewhere.png").write_bytes(labels.with_suffix(".png").read_bytes())
    (tmp_path / "l.png").symlink_to("elsewhere.png")
    (tmp_path / "l.reg").symlink_to("nowhere.reg")
    said = refused(*arguments(sky, tmp_path / "l.fits", "--run", str(labels)))
    assert "l.reg" in said or "l.png" in said
    assert (tmp_path / "l.png").is_symlink()
    assert (tmp_path / "l.reg").is_symlink()


def test_inputs_are_never_outputs(
    sky: Path,
    labels: Path,
    tmp_path: Path,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    region = tmp_path / "kinds.reg"
    region.write_text("image\nbox(45.5,35.5,90,60,0)\n")
    (tmp_path / "hard.reg").hardlink_to(region)
    (tmp_path / "soft.reg").symlink_to(region)
    (tmp_path / "link").symlink_to(tmp_path)
    weights = tmp_path / "w.model" / "w.fits"
    weights.parent.mkdir()
    fits.writeto(weights, np.ones((HEIGHT, WIDTH), dtype=np.float32))
    (tmp_path / "map.fits").write_bytes(sky.read_bytes())
    known = ("--run", str(labels))
    cases = [
        arguments(sky, Path("kinds.fits"), "--region", str(region), *known),
        arguments(sky, Path("link/kinds.fits"), "--region", "kinds.reg", *known),
        arguments(sky, Path("hard.fits"), "--region", "kinds.reg", *known),
        arguments(sky, Path("kinds.fits"), "--region", "soft.reg", *known),
        arguments(sky, Path("w.fits"), "--weights", str(weights), "--min-weight", "0.5"),
        arguments(tmp_path / "map.fits", Path("link/map.fits")),
        arguments(Path("map.fits[0]"), tmp_path / "map.fits"),
        arguments(sky, labels, "--run", str(labels)),
    ]
    before, run = snapshot(tmp_path), snapshot(labels.parent)
    for words in cases:
        said = refused(*words)
        assert "is an input" in said, said
    assert "another job" in refused(
        *arguments(sky, labels, "--run", str(labels.with_suffix(".model")))
    )
    assert snapshot(tmp_path) == before
    assert snapshot(labels.parent) == run


@pytest.fixture(scope="module")
def labelled(sky: Path, labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished job that learned nothing; its files have the name `l`."""
    folder = tmp_path_factory.mktemp("labelled")
    assert main(arguments(sky, folder / "l.fits", "--run", str(labels))) == 0
    return folder


@pytest.fixture
def done(sky: Path, labels: Path, labelled: Path, tmp_path: Path) -> list[str]:
    """The arguments of a job that is finished. A record does not say where it lies."""
    shutil.copytree(labelled, tmp_path, dirs_exist_ok=True)
    return arguments(sky, tmp_path / "l.fits", "--run", str(labels))


def test_the_same_job_again_gives_the_same_result(
    done: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(tmp_path)
    capsys.readouterr()
    assert main([*done, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["sizes"] == json.loads((tmp_path / "l.json").read_text())["sizes"]
    assert snapshot(tmp_path) == before


def test_what_was_removed_is_written_again(done: list[str], tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    (tmp_path / "l.png").unlink()
    (tmp_path / "l.fits").unlink()
    assert main(done) == 0
    after = snapshot(tmp_path)
    assert after.keys() == before.keys()
    assert after["l.png"] == before["l.png"]
    np.testing.assert_array_equal(
        fits.getdata(tmp_path / "l.fits"), fits.HDUList.fromstring(before["l.fits"])[0].data
    )


@pytest.mark.parametrize("name", ["l.fits", "l.reg", "l.png", "l.json", "l.segments.ecsv"])
def test_what_the_user_changed_since_is_theirs(
    done: list[str], tmp_path: Path, refused: Callable[..., str], name: str
) -> None:
    path = tmp_path / name
    if name == "l.json":
        path.write_text(path.read_text().replace('"n_masked": 40', '"n_masked": 41'))
    else:
        path.write_bytes(path.read_bytes() + b"\n")
    before = snapshot(tmp_path)
    said = refused(*done)
    assert name in said
    assert snapshot(tmp_path) == before


def test_another_job_does_not_overwrite(
    done: list[str], tmp_path: Path, refused: Callable[..., str]
) -> None:
    before = snapshot(tmp_path)
    assert "seed is 0 there and 7 here" in refused(*done, "--seed", "7")
    assert snapshot(tmp_path) == before


def test_a_result_without_a_record_is_kept(
    done: list[str], tmp_path: Path, refused: Callable[..., str]
) -> None:
    """Version 0.1 wrote down no outputs."""
    record = json.loads((tmp_path / "l.json").read_text())
    for name in ("outputs", "job", "digest"):
        record.pop(name, None)
    (tmp_path / "l.json").write_text(json.dumps(record))
    before = snapshot(tmp_path)
    assert "choose another output" in refused(*done)
    assert snapshot(tmp_path) == before


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_the_unfinished_work_of_another_job_is_kept(
    sky: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "l.fits"
    with monkeypatch.context() as patch:
        patch.setattr("equiclust.segmentation.segment.label_planes", stop)
        assert main(arguments(sky, output)) == 130
    before = snapshot(tmp_path)
    assert "seed is 0 there and 7 here" in refused(*arguments(sky, output, "--seed", "7"))
    assert snapshot(tmp_path) == before
    assert main(arguments(sky, output)) == 0
    assert not Path(f"{output}.partial").exists()


@pytest.mark.parametrize("name", ["night[1]/sky.fits", "sky[new].fits"])
def test_a_map_that_changed_is_another_job_also_with_brackets_in_its_path(
    labels: Path,
    tmp_path: Path,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    fits.writeto(path, plane())
    words = arguments(path, tmp_path / "l.fits", "--run", str(labels))
    with monkeypatch.context() as patch:
        patch.setattr("equiclust.segmentation.segment.label_planes", stop)
        assert main(words) == 130
    fits.writeto(path, plane()[::-1] * 2 + 1, overwrite=True)
    assert "another job" in refused(*words)


def test_a_job_stopped_while_it_writes_goes_on(
    sky: Path, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = arguments(sky, tmp_path / "l.fits", "--run", str(labels))
    moves = 0
    replace = os.replace

    def stumble(source: Path, target: Path) -> None:
        nonlocal moves
        if Path(target).parent == tmp_path:
            moves += 1
            if moves == 3:
                raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", stumble)
        assert main(words) == 130
    # What was in place already has gone back.
    assert [path.name for path in tmp_path.iterdir()] == ["l.fits.partial"]
    assert main(words) == 0
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [
        ".ecsv",
        ".fits",
        ".json",
        ".png",
        ".reg",
    ]


def test_a_second_process_is_refused_and_removes_nothing(
    sky: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    output = tmp_path / "l.fits"
    command = [sys.executable, "-c", MAIN, *arguments(sky, output)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 120
        while not Path(f"{output}.partial").is_dir() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "another process" in refused(*arguments(sky, output, "--seed", "7"))
        assert "another process" in refused(*arguments(sky, output))
        assert first.wait(timeout=300) == 0
    assert json.loads(output.with_suffix(".json").read_text())["options"]["seed"] == 0
