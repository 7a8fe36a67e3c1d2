"""What belongs together takes its place together, and what a killed process leaves is cleared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from equiclust.exceptions import OutputError
from equiclust.io.staging import recover, staged, staged_together

NAMES = ["a", "folder", "main"]


def fill(folder: Path, text: str) -> None:
    (folder / "folder").mkdir(exist_ok=True)
    for name in ("a", "folder/b", "main"):
        (folder / name).write_text(text)


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def killed_at_rename(folder: Path, step: int) -> None:
    """Replace what is there in another process, which is killed at its n-th rename."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    rename, calls = os.replace, []

    def killed(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == step:
            os._exit(137)
        rename(source, target)

    os.replace = killed
    try:
        with staged_together(folder, NAMES) as drafts:
            fill(drafts, "new")
    finally:
        os._exit(0)


def test_a_killed_process_leaves_the_main_file_out_or_all_and_recovery_brings_the_old(
    tmp_path: Path,
) -> None:
    """Six renames: three away, the main file first; three into place, the main file last."""
    old = {"a": "old", "folder/b": "old", "main": "old"}
    for step in (1, 3, 5, 6, 7):
        folder = tmp_path / str(step)
        folder.mkdir()
        fill(folder, "old")
        killed_at_rename(folder, step)
        seen = {name: text for name, text in texts(folder).items() if not name.startswith(".")}
        assert "main" not in seen or len(set(seen.values())) == 1
        recover(folder)
        assert texts(folder) == (old if step < 7 else dict.fromkeys(old, "new"))


@pytest.mark.parametrize("step", range(1, 7))
def test_any_rename_that_fails_leaves_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    fill(tmp_path, "old")
    rename, calls = os.replace, []

    def fails(source: str, target: str) -> None:
        calls.append(source)
        if len(calls) == step:
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "replace", fails)
    refused = pytest.raises(OutputError, match=r"main': No space left")
    with refused, staged_together(tmp_path, NAMES) as drafts:
        fill(drafts, "new")
    assert texts(tmp_path) == {"a": "old", "folder/b": "old", "main": "old"}
    assert not list(tmp_path.glob(".partial-*"))


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    def user() -> None:
        (tmp_path / "main").write_text("mine")

    refused = pytest.raises(OutputError, match="made by something else")
    with pytest.MonkeyPatch.context() as patch, refused:
        rename = os.replace

        def slow(source: Path, target: Path) -> None:
            rename(source, target)
            if Path(target).name == "folder":
                user()

        patch.setattr(os, "replace", slow)
        with staged_together(tmp_path, NAMES) as drafts:
            fill(drafts, "new")
    assert texts(tmp_path) == {"main": "mine"}


def test_only_what_is_provably_ours_and_not_in_use_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".partial-mine").mkdir()
    (tmp_path / ".partial-abcdefgh").mkdir()
    (tmp_path / ".partial-abcdefgh" / "notes.txt").write_text("mine")
    (tmp_path / ".partial-empty_00").mkdir()
    (tmp_path / ".partial-linked00").symlink_to(tmp_path / ".partial-mine")
    with staged(tmp_path / "file") as drafts:
        (drafts / "file").write_text("half")
        recover(tmp_path)
        assert (drafts / "file").read_text() == "half"
    recover(tmp_path)
    recover(tmp_path / "missing")
    assert {path.name for path in tmp_path.iterdir()} == {
        ".partial-mine",
        ".partial-abcdefgh",
        ".partial-linked00",
    }


def test_a_full_disk_is_a_sentence_that_names_the_output(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"file': No space left.*has space"),
        staged(tmp_path / "file"),
    ):
        raise OSError(28, "No space left on device")
