"""Parts that were saved together belong together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from equiclust.exceptions import InputError, OutputError
from equiclust.io.manifest import MANIFEST, check_manifest, saved_together, write_manifest
from equiclust.io.outputs import Outputs


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    with saved_together(folder) as draft:
        for name in ("m0", "m1"):
            (draft / name).mkdir()
            (draft / name / "weights").write_text(name)
        (draft / "scales").write_text("1 2")
    return folder


def _exchange(folder: Path) -> None:
    (folder / "m0").rename(folder / "m2")
    (folder / "m1").rename(folder / "m0")
    (folder / "m2").rename(folder / "m1")


def _link_out(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_text((folder / "scales").read_text())
    (folder / "scales").unlink()
    (folder / "scales").symlink_to(outside)


def _climb(folder: Path) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    content["parts"]["../outside"] = "0"
    (folder / MANIFEST).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_exchange, r"m0/weights' is not the file that was saved"),
        (lambda f: (f / "scales").write_text("0 0"), r"scales' is not the file"),
        (lambda f: (f / "scales").write_text(""), r"scales' is not the file"),
        (lambda f: (f / "scales").unlink(), r"scales' is missing"),
        (lambda f: (f / "m7").write_text("more"), r"m7' does not belong"),
        (lambda f: (f / MANIFEST).write_text("{}"), r"manifest\.json' is no manifest"),
        (lambda f: (f / MANIFEST).write_text("[" * 10**5), r"manifest\.json'.*nested too deep"),
        (lambda f: (f / MANIFEST).unlink(), r"manifest\.json' is missing"),
        (_link_out, r"scales' is a link out of"),
        (_climb, r"names '\.\./outside', which lies outside"),
    ],
)
def test_what_was_not_saved_so_is_refused_and_named(
    model: Path, damage: Callable[[Path], object], said: str
) -> None:
    check_manifest(model, required=True)
    damage(model)
    with pytest.raises(InputError, match=said):
        check_manifest(model, required=True)


def test_links_within_a_folder_and_folders_without_a_manifest_are_fine(model: Path) -> None:
    (model / "scales").rename(model / "kept")
    (model / "scales").symlink_to("kept")
    check_manifest(model, whole=False)
    (model / MANIFEST).unlink()
    check_manifest(model)


def test_saving_again_removes_what_no_longer_belongs_and_keeps_what_is_the_users(
    model: Path,
) -> None:
    (model / "notes").write_text("mine")
    (model / "m1" / "weights").write_text("changed")
    with saved_together(model) as draft:
        (draft / "scales").write_text("3")
    found = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    assert found == {"scales", MANIFEST, "notes", "m1/weights"}
    check_manifest(model, whole=False)


def test_a_save_that_fails_leaves_the_older_one(model: Path) -> None:
    with pytest.raises(ZeroDivisionError), saved_together(model) as draft:
        (draft / "scales").write_text("half")
        raise ZeroDivisionError
    check_manifest(model, required=True)
    assert (model / "scales").read_text() == "1 2"


def outputs(folder: Path, command: str = "predict") -> Outputs:
    return Outputs.beside(folder / "k.ecsv", folder / "k.rejected.ecsv", command=command)


def write(folder: Path, *names: str, text: str = "ours", command: str = "predict") -> None:
    ours = outputs(folder, command)
    with ours.held(), ours.replaced() as drafts:
        for name in names:
            (drafts / name).write_text(text)


def test_what_the_command_wrote_is_replaced_and_removed(tmp_path: Path) -> None:
    write(tmp_path, "k.ecsv", "k.rejected.ecsv")
    write(tmp_path, "k.ecsv", text="new")
    assert {path.name for path in tmp_path.iterdir()} == {"k.ecsv", ".k.ecsv.manifest.json"}
    assert (tmp_path / "k.ecsv").read_text() == "new"


@pytest.mark.parametrize("name", ["k.ecsv", "k.rejected.ecsv", ".k.ecsv.manifest.json"])
@pytest.mark.parametrize("how", ["file", "folder", "link", "changed", "other command"])
def test_what_is_the_users_is_kept(tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / name
    if how == "file":
        path.write_text("mine")
    elif how == "folder":
        path.mkdir()
    elif how == "link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        write(
            tmp_path,
            "k.ecsv",
            "k.rejected.ecsv",
            command="predict" if how == "changed" else "another",
        )
    if how == "changed":
        path.write_text(path.read_text() + "mine")
    before = {one: one.lstat() for one in tmp_path.iterdir()}
    with pytest.raises(OutputError, match=r"k\.(ecsv|rej).*was not written by this command"):
        write(tmp_path, "k.ecsv")
    after = {one: one.lstat() for one in tmp_path.iterdir()}
    assert {one: stat.st_mtime_ns for one, stat in after.items()} == {
        one: stat.st_mtime_ns for one, stat in before.items()
    }


def test_a_manifest_of_some_parts_leaves_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    write_manifest(tmp_path, ["a"])
    check_manifest(tmp_path, whole=False)
    with pytest.raises(InputError, match="b' does not belong"):
        check_manifest(tmp_path)
