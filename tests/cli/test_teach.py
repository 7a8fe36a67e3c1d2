"""`suggest` and `teach`: thirty labels become a run that knows kinds, and nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import equiclust
from equiclust.cli import main
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.io.atomic import read_json
from equiclust.io.catalogue import read_table
from tests.cli.conftest import N_DISCS

KINDS = ("face on, é", "Id")


def kind_of(name: str) -> str:
    return KINDS[int(name[-1]) % 2]


def write_labels(path: Path, *rows: tuple[str, str]) -> Path:
    Table({"id": [name for name, _ in rows], "kind": [kind for _, kind in rows]}).write(
        path, format="ascii.csv", overwrite=True
    )
    return path


def names(*numbers: int) -> list[str]:
    return [f"disc_{number:05d}" for number in numbers]


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [(name, kind_of(name)) for name in names(0, 1, 2, 3, 4, 5)]
    return write_labels(tmp_path_factory.mktemp("labels") / "labels.csv", *rows)


@pytest.fixture(scope="module")
def taught(finished: Path, labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "taught"
    assert main(["teach", str(finished), str(labels), "--output", str(folder)]) == 0
    return folder


def test_the_catalogue_names_kinds_with_their_probabilities(taught: Path, labels: Path) -> None:
    catalogue = read_table(taught / "catalogue.ecsv")
    columns = ["id", "path", "label", "kind", "probability", "given", "novelty"]
    # Names that tables cannot hold, or that are taken, are numbered.
    assert catalogue.colnames[:10] == [*columns, "kind_00", "kind_01", "cluster"]
    assert "stability" not in catalogue.colnames
    given = {row["id"]: row["kind"] for row in read_table(labels)}
    for row in catalogue:
        assert row["given"] == given.get(row["id"], "")
        assert row["given"] in ("", row["kind"])
        assert row["kind"] == sorted(KINDS)[row["label"]]
        assert row["probability"] == row[f"kind_{row['label']:02d}"]
    np.testing.assert_allclose(catalogue["kind_00"] + catalogue["kind_01"], 1)
    again = read_table(taught / "catalogue.fits")
    assert again.colnames == catalogue.colnames
    assert again["kind"].tolist() == catalogue["kind"].tolist()


def test_kinds_that_tables_can_hold_name_their_columns(
    finished: Path, tmp_path: Path, hurried: None
) -> None:
    run = equiclust.open_run(finished)
    given = dict(zip(names(0, 1, 2), ("ring", "two arms", "RING"), strict=True))
    taught = run.teach(given, output=tmp_path / "taught")
    found = taught.catalogue
    assert found.colnames[7:10] == ["RING", "kind_01", "two arms"]
    again = taught.teach({names(3)[0]: "ring"}, output=tmp_path / "again")
    assert again.catalogue.colnames == found.colnames
    assert found["RING"].description == "probability of the kind 'RING'"


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".vot", ".csv"])
def test_predict_repeats_the_taught_catalogue(
    taught: Path, discs: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"again{suffix}"
    assert main(["predict", str(taught), str(discs), "--output", str(target)]) == 0
    again, first = read_table(target), read_table(taught / "catalogue.ecsv")
    assert again.colnames == first.colnames
    for name in ("id", "path", "label", "kind", "given", "cluster"):
        assert again[name].tolist() == first[name].tolist()
    np.testing.assert_allclose(again["probability"], first["probability"], atol=1e-3)


def test_a_taught_run_is_like_any_other(
    taught: Path, discs: Path, tmp_path: Path, hurried: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run = equiclust.open_run(taught)
    assert run.n_clusters == len(KINDS)
    assert len(run.latents) == N_DISCS
    record = run.metrics["teaching"]
    assert record["n_labels"] == 6
    assert record["accuracy"]["low"] <= record["accuracy"]["value"] <= record["accuracy"]["high"]
    assert record["accuracy"]["n_images"] == N_DISCS - 6
    image = str(discs / "disc_00003.fits")
    sheet = str(tmp_path / "sheet.png")
    assert main(["similar", str(taught), image, "-n", "2", "--output", sheet]) == 0
    assert main(["check", str(taught), "--json"]) == 0
    capsys.readouterr()


def test_the_report_says_what_labels_tell(taught: Path) -> None:
    page = (taught / "report.html").read_text(encoding="utf-8")
    for words in ("face on, é", "95 % interval", "Kinds", "Reliability", "none of these"):
        assert words in page
    for words in ("most stable", "mean stability", "don't know", 'id="stability"'):
        assert words not in page


def test_the_run_that_was_taught_is_not_changed(
    finished: Path, labels: Path, tmp_path: Path, hurried: None
) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    content = labels.read_bytes()
    words = ["teach", str(finished), str(labels), "--output", str(tmp_path / "taught")]
    assert main(words) == 0
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before
    assert labels.read_bytes() == content
    # The same again is done already.
    written = (tmp_path / "taught" / "catalogue.ecsv").stat().st_mtime_ns
    assert main(words) == 0
    assert (tmp_path / "taught" / "catalogue.ecsv").stat().st_mtime_ns == written


def test_suggestions_are_filled_in_and_taught(
    finished: Path,
    tmp_path: Path,
    refused: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    hurried: None,
) -> None:
    target = tmp_path / "labels.csv"
    words = ["suggest", str(finished), "-n", "5", "--output", str(target)]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    table = read_table(target)
    assert table.colnames == ["id", "path", "kind"]
    assert found["ids"] == table["id"].tolist()
    assert len(set(found["ids"])) == 5
    assert all(kind is np.ma.masked for kind in table["kind"])
    # Nobody has filled it in, so it may be replaced.
    assert main(words) == 0
    write_labels(target, *((name, kind_of(name)) for name in found["ids"]))
    content = target.read_bytes()
    assert "was not written by this command, or has changed" in refused(*words)
    assert target.read_bytes() == content
    further = tmp_path / "more.csv"
    again = ["suggest", str(finished), "-n", "4", "--labels", str(target)]
    assert main([*again, "--output", str(further)]) == 0
    assert not set(read_table(further)["id"]) & set(found["ids"])
    write_labels(further, *((name, kind_of(name)) for name in read_table(further)["id"]))
    both = ["teach", str(finished), str(target), str(further), "--output", str(tmp_path / "taught")]
    assert main(both) == 0
    run = equiclust.open_run(tmp_path / "taught")
    assert run.metrics["teaching"]["n_labels"] == 9
    # A taught run knows its labels.
    assert set(run.suggest(30)["id"]) == set(run.catalogue["id"]) - set(
        run.catalogue["id"][run.catalogue["given"] != ""]
    )
    more = run.teach({str(run.suggest(1)["id"][0]): "new"}, output=tmp_path / "more")
    assert more.metrics["teaching"]["n_labels"] == 10
    assert "new" in more.catalogue.colnames
    assert more.catalogue.colnames.count("cluster") == 1


def test_contradictions_and_unknown_images_are_said_and_shown(
    finished: Path, tmp_path: Path
) -> None:
    rows = [(name, kind_of(name)) for name in names(0, 1, 2, 3)]
    path = write_labels(
        tmp_path / "labels.csv",
        *rows,
        (names(2)[0], "other"),
        rows[0],
        ("nobody", "ring"),
        ("x", ""),
    )
    run = equiclust.open_run(finished)
    with pytest.warns(EquiclustWarning) as caught:
        taught = run.teach(path, output=tmp_path / "taught")
    said = [str(one.message) for one in caught]
    assert "Images that have several kinds" in said[0]
    assert "'nobody'" in said[1]
    record = taught.metrics["teaching"]
    assert record["contradictions"] == {"disc_00002": [KINDS[0], "other"]}
    assert record["unknown"] == ["nobody"]
    assert record["n_labels"] == 3
    assert record["n_empty"] == 1
    assert taught.catalogue["given"][2] == ""
    kept = {(row["id"], row["kind"]) for row in read_table(taught.folder.labels_csv)}
    assert ("disc_00002", "other") in kept
    assert "Contradictory labels" in taught.folder.report_html.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,kind\ndisc_00001,ring\n", "all labels name the kind 'ring'"),
        (b"id,kind\n", "holds no rows"),
        (b"id,kind\ndisc_00001,\xc6r\n", "must be text in UTF-8"),
        (b"id,kind\nnobody,ring\n", "names no image of the run"),
    ],
)
def test_labels_that_teach_nothing_are_one_sentence(
    finished: Path, tmp_path: Path, refused: Callable[..., str], content: bytes, said: str
) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    target = tmp_path / "taught"
    assert said in refused("teach", str(finished), str(path), "--output", str(target))
    assert not target.exists()
    assert path.read_bytes() == content


def test_places_that_are_in_use_are_refused(
    finished: Path, taught: Path, labels: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    other = write_labels(tmp_path / "other.csv", *zip(names(0, 1), ("a", "b"), strict=True))
    teach = ["teach", str(finished), str(other), "--output"]
    assert "holds another run" in refused(*teach, str(taught))
    assert "holds another run" in refused(*teach, str(finished))
    assert "must end in .csv" in refused(
        "suggest", str(finished), "--output", str(tmp_path / "a.txt")
    )
    inside = str(finished / "labels.csv")
    assert "folder of the run" in refused("suggest", str(finished), "--output", inside)


def test_a_damaged_classifier_is_refused(taught: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(taught, copy)
    path = copy / "model" / "teaching.json"
    path.write_text(json.dumps({**read_json(path), "kind": "other"}))
    with pytest.raises(InputError, match="model"):
        equiclust.open_run(copy).suggest(2)
    path.unlink()
    with pytest.raises(InputError, match="model"):
        equiclust.open_run(copy).suggest(2)
