"""From files to catalogue and report: what is written, what is left out, what is gone on with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from equiclust.cli import main, session
from equiclust.evaluation.invariance import Certificate
from equiclust.io.atomic import read_json
from equiclust.io.catalogue import read_table
from equiclust.io.output_checks import check_writable
from equiclust.io.run_folder import RunFolder
from tests.cli.conftest import N_DISCS, run_arguments


def labels_of(folder: Path) -> dict[str, int]:
    table = read_table(folder / "catalogue.ecsv")
    return dict(zip(table["id"].tolist(), table["label"].tolist(), strict=True))


def test_everything_is_there(finished: Path) -> None:
    run = RunFolder.open(finished)
    table = read_table(run.catalogue_ecsv)
    assert len(table) == N_DISCS
    assert set(table["label"]) <= {0, 1}
    assert np.all(table["label"] == table["label_fold_00"])
    assert all(Path(path).is_file() for path in table["path"])
    assert {"ra", "dec", "stability", "outlier_score"} <= set(table.colnames)
    assert read_table(run.catalogue_fits)["label"].tolist() == table["label"].tolist()
    latents = read_table(run.latents_fits)
    assert latents["id"].tolist() == table["id"].tolist()
    assert latents["latent"].shape == (N_DISCS, 8)
    assert len(read_table(run.rejected_ecsv)) == 0
    assert run.report_html.stat().st_size > 10_000
    assert not list(finished.glob(".partial-*"))


def test_metrics_tell_how_it_was_made(finished: Path) -> None:
    metrics = read_json(RunFolder.open(finished).metrics_json)
    assert [record["epoch"] for record in metrics["histories"][0]] == [0, 1, 2]
    assert set(metrics["reconstruction"]) == {"mse", "psnr", "ms_ssim"}
    assert metrics["clusters"]["n_clusters"] == 2
    assert metrics["clusters"]["chosen"] == "by hand"
    assert metrics["size"]["image"] == 32 * 32
    assert metrics["size"]["latent"] == 8
    assert metrics["perceptual"]["network"] is None
    assert "EQUICLUST_WEIGHTS" in metrics["perceptual"]["note"]
    provenance = metrics["provenance"]
    assert provenance["command"].startswith("equiclust run ")
    assert provenance["n_images"] == N_DISCS
    assert provenance["started"] <= provenance["finished"]


def test_the_certificate_passes_for_pixels_and_for_files(finished: Path) -> None:
    run = RunFolder.open(finished)
    certificate = Certificate.from_dict(read_json(run.invariance_json))
    assert certificate.passed
    assert certificate.baseline is not None
    assert certificate.baseline.d4.relative_to_norm is not None
    # A plain network is no better than it should be.
    assert certificate.baseline.d4.relative_to_norm.max > 1e-4
    assert read_json(run.metrics_json)["check"]["files_d4_error"] < 1e-5


def test_previews_are_images_of_the_run(finished: Path) -> None:
    with np.load(RunFolder.open(finished).previews_npz) as previews:
        assert sorted(previews["ids"]) == sorted(labels_of(finished))
        for name in ("images", "reconstructions"):
            assert previews[name].shape == (N_DISCS, 1, 32, 32)
            assert previews[name].min() >= 0
            assert previews[name].max() <= 1


def test_the_log_tells_what_happened(finished: Path) -> None:
    log = RunFolder.open(finished).run_log.read_text()
    assert "reading" in log
    assert "perceptual term is off" in log


def test_a_finished_run_is_not_done_again(
    finished: Path, discs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = RunFolder.open(finished).catalogue_ecsv
    before = catalogue.stat().st_mtime_ns
    assert main(run_arguments(discs, finished)) == 0
    said = capsys.readouterr()
    assert "finished already" in said.err
    assert str(finished / "report.html") in said.out
    assert catalogue.stat().st_mtime_ns == before


def test_a_missing_report_is_written_again(finished: Path, discs: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    (copy / "report.html").unlink()
    assert main(run_arguments(discs, copy)) == 0
    assert (copy / "report.html").is_file()
    (copy / "report.html").unlink()
    assert main(["report", str(copy)]) == 0
    assert (copy / "report.html").is_file()


def test_json_is_one_object(
    finished: Path,
    discs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def talkative(path: Path) -> None:
        print("a library has something to say")
        check_writable(path)

    monkeypatch.setattr("equiclust.pipeline.execution.check_writable", talkative)
    assert main(run_arguments(discs, finished, "--json")) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n_images"] == N_DISCS
    assert sum(record["sizes"]) == N_DISCS
    assert record["passed"] is True


def test_another_run_in_the_same_folder_is_refused(
    finished: Path, discs: Path, refused: Callable[..., str]
) -> None:
    words = run_arguments(discs, finished, "--n-clusters", "3")
    assert "n_clusters is 2 there and 3 here" in refused(*words)
    assert len(labels_of(finished)) == N_DISCS


def watch_epochs(monkeypatch: pytest.MonkeyPatch, *, interrupt_at: int = 0) -> list[int]:
    """Epochs of the training as they come; at one of them Ctrl-C is pressed."""
    update = session._Lines.update
    seen: list[int] = []

    def watched(lines: session._Lines, done: int, total: int | None, remark: str) -> None:
        if lines.stage == "training" and total is not None:
            seen.append(done)
            if done == interrupt_at:
                raise KeyboardInterrupt
        update(lines, done, total, remark)

    monkeypatch.setattr(session._Lines, "update", watched)
    return seen


@pytest.mark.usefixtures("hurried")
def test_a_run_that_was_stopped_ends_like_one_that_was_not(
    finished: Path,
    discs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        watch_epochs(patch, interrupt_at=2)
        assert main(run_arguments(discs, stopped)) == 130
    said = capsys.readouterr().err
    assert "interrupted" in said
    assert "Traceback" not in said
    assert (stopped / "checkpoints" / "member_00" / "last.ckpt").is_file()
    assert not (stopped / "catalogue.ecsv").exists()
    seen = watch_epochs(monkeypatch)
    assert main(run_arguments(discs, stopped)) == 0
    # The first epoch is not trained again.
    assert seen == [2, 3]
    assert "resuming" in capsys.readouterr().err
    assert labels_of(stopped) == labels_of(finished)
    ours, theirs = (read_table(folder / "latents.fits")["latent"] for folder in (stopped, finished))
    np.testing.assert_array_equal(ours, theirs)
    epochs = [record["epoch"] for record in read_json(stopped / "metrics.json")["histories"][0]]
    assert epochs == [0, 1, 2]


def test_other_images_do_not_go_on_with_the_training(
    discs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    images, stopped = tmp_path / "images", tmp_path / "stopped"
    shutil.copytree(discs, images)
    with monkeypatch.context() as patch:
        watch_epochs(patch, interrupt_at=2)
        assert main(run_arguments(images, stopped)) == 130
    (images / "disc_00003.fits").unlink()
    assert main(run_arguments(images, stopped)) == 2
    assert "its images have changed" in capsys.readouterr().err
    assert (stopped / "checkpoints" / "member_00" / "last.ckpt").is_file()


def test_weights_that_have_come_do_not_go_on_with_the_training(
    discs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        watch_epochs(patch, interrupt_at=2)
        assert main(run_arguments(discs, tmp_path / "run")) == 130
    monkeypatch.setattr("equiclust.pipeline.fitting.find_weights", lambda network: {})
    assert main(run_arguments(discs, tmp_path / "run")) == 2
    assert "started without the perceptual term" in capsys.readouterr().err


@pytest.mark.usefixtures("hurried")
def test_images_that_cannot_be_used_are_listed_and_the_rest_goes_on(
    discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    shutil.copytree(discs, images)
    (images / "text.fits").write_text("no image")
    np.save(images / "empty.npy", np.full((20, 20), np.nan))
    np.save(images / "flat.npy", np.ones((20, 20)))
    (images / "notes.txt").write_text("not looked at")
    np.save(images / "colours.npy", np.random.default_rng(0).random((1, 2, 30, 20)))
    assert main(run_arguments(images, tmp_path / "run", "--max-epochs", "1")) == 0
    assert "3 of 16 inputs rejected" in capsys.readouterr().err
    rejected = read_table(tmp_path / "run" / "rejected.ecsv")
    assert {Path(path).name for path in rejected["path"]} == {"text.fits", "empty.npy", "flat.npy"}
    assert all(rejected["reason"])
    assert len(labels_of(tmp_path / "run")) == N_DISCS + 1


@pytest.mark.usefixtures("hurried")
def test_the_number_of_clusters_can_be_left_to_the_latents(discs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = run_arguments(discs, run, "--n-clusters", "auto", "--max-epochs", "1")
    assert main(words) == 0
    clusters = read_json(run / "metrics.json")["clusters"]
    assert clusters["chosen"] == "auto"
    assert clusters["n_clusters"] in [row["n_clusters"] for row in clusters["candidates"]]
    assert len(set(labels_of(run).values())) <= clusters["n_clusters"]


def test_relative_and_absolute_inputs_are_the_same_run(
    finished: Path, discs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(discs.parent)
    relative = Path(os.path.relpath(discs))
    assert main(run_arguments(relative, finished)) == 0


def test_our_mistakes_leave_a_traceback_in_the_log(
    discs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr("equiclust.pipeline.fitting._trained", broken)
    assert main(run_arguments(discs, tmp_path / "run")) == 70
    said = capsys.readouterr().err
    log = tmp_path / "run" / "run.log"
    assert str(log) in said
    assert "nobody thought of it" in said
    assert "Traceback" not in said
    assert "Traceback" in log.read_text()


@pytest.mark.usefixtures("hurried")
def test_clusters_may_shape_the_networks(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ensembles.refinement._STEPS", 100)
    folder = tmp_path / "deep"
    assert main(run_arguments(discs, folder, "--method", "dec", "--n-jobs", "1")) == 0
    metrics = read_json(folder / "metrics.json")
    assert metrics["clusters"]["method"] == "dec"
    labels = np.asarray(read_table(folder / "catalogue.ecsv")["label"])
    assert set(labels) == {0, 1}
    assert main(["predict", str(folder), str(discs), "--output", str(tmp_path / "new.ecsv")]) == 0
    again = np.asarray(read_table(tmp_path / "new.ecsv")["label"])
    np.testing.assert_array_equal(again, labels)
