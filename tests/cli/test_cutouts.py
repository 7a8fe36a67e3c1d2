"""`equiclust cutouts` from the command line, and stamps as the input of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from astropy.table import Table

from equiclust.cli import main
from equiclust.exceptions import InputError
from equiclust.pipeline.inputs import load_images
from equiclust.pipeline.results import Run
from equiclust.pipeline.settings import RunSettings
from tests.cutouts.surveys import make_survey


def test_stamps_are_cut_and_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    survey = make_survey(tmp_path, n=20)
    words = ["cutouts", str(survey.catalogue), *survey.images, "--size", "16"]
    assert main([*words, "--output", str(tmp_path / "stamps.zarr"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["bands"] == ["g", "r"]
    assert record["n_stamps"] + sum(record["reasons"].values()) == 20
    assert len(Table.read(record["table"])) == record["n_stamps"]
    assert main([*words, "--output", str(tmp_path / "more" / "stamps")]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{record['n_stamps']} stamps of 2 bands (g, r) of 20 sources")
    assert f"Table: {tmp_path / 'more' / 'stamps.ecsv'}" in text
    assert main([*words, "--output", str(tmp_path / "stamps.fits"), "--size", "0"]) == 2
    assert "size must be a whole number of pixels" in capsys.readouterr().err


def test_a_run_cuts_its_stamps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = make_survey(tmp_path, n=24)
    seen: list[RunSettings] = []

    def stopped(settings: RunSettings, *_: object) -> Run:
        seen.append(settings)
        raise InputError("enough")

    monkeypatch.setattr("equiclust.pipeline.execution._run", stopped)
    words = ["run", *survey.images, "--catalogue", str(survey.catalogue), "--cutout-size", "24"]
    assert main([*words, "--output", str(tmp_path / "sorted")]) == 2
    stamps = tmp_path / "sorted.stamps.fits"
    assert seen[0].inputs == [str(stamps)]
    assert seen[0].command == f"equiclust run {stamps} --output {tmp_path / 'sorted'}"
    rows = Table.read(tmp_path / "sorted.stamps.ecsv")
    images = {image.id: image for image in load_images(seen[0].inputs, {}).originals}
    assert len(rows) == len(images) > 10
    for row in rows:
        wcs = images[row["id"]].wcs
        assert wcs is not None
        place = wcs.all_world2pix([[row["ra"], row["dec"]]], 0)[0]
        assert all(abs(place - 11.5) <= 0.5 + 1e-6)
    # Again: they are taken as they are.
    before = stamps.stat().st_mtime_ns
    assert main([*words, "--output", str(tmp_path / "sorted")]) == 2
    assert stamps.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--cutout-size", "24"], "--cutout-size is of the stamps of a catalogue, got '24'"),
        (["--catalogue", "no.ecsv"], "cannot read 'no.ecsv': there is no such file"),
        (["--catalogue", "no.ecsv", "--cutout-size", "x"], "size must be a whole number"),
    ],
)
def test_a_run_refuses_what_cannot_be_cut(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_survey(tmp_path, n=4)
    words = ["run", f"{tmp_path}/*_g.fits", *flags, "--output", str(tmp_path / "out" / "sorted")]
    assert main(words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
