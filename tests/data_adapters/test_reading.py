"""What the user names is found, once, in order; what cannot be read is listed; the rest goes on."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from data_adapters import read
from data_adapters.discovery import split_part
from data_adapters.reading import _with_unique_ids
from equiclust.exceptions import InputError
from equiclust.images import Image


def put(path: Path, value: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = np.arange(12.0).reshape(3, 4) * value
    if path.suffix == ".npy":
        np.save(path, frame)
    else:
        fits.PrimaryHDU(frame).writeto(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images on two floors among other things."""
    for name in ("b.fits", "a.npy", "deep/c.fits", "deep/er/d.fits", ".hidden.fits", ".git/e.fits"):
        put(tmp_path / "data" / name)
    (tmp_path / "data" / "notes.txt").write_text("")
    (tmp_path / "data" / ".fits").write_text("")
    return tmp_path / "data"


def test_a_folder_is_searched_to_the_bottom_in_order(folder: Path) -> None:
    result = read(folder)
    assert result.images.ids == ("a", "b", "c", "d")
    assert result.rejected == ()
    assert read([str(folder)]).images.ids == result.images.ids


def test_inputs_keep_their_order_and_files_come_once(folder: Path) -> None:
    os.symlink(folder / "b.fits", folder / "link.fits")
    named = [folder / "deep" / "c.fits", folder, folder / "b.fits"]
    assert read(named).images.ids == ("c", "a", "b", "d")


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [("*.fits", "b"), ("**/*.fits", "bcd"), ("[ab].*", "ab"), ("d*p", "cd"), ("?.npy", "a")],
)
def test_globs_are_expanded(folder: Path, pattern: str, ids: str) -> None:
    assert read(str(folder / pattern)).images.ids == tuple(ids)


def test_brackets_choose_an_extension_unless_they_are_part_of_the_name(tmp_path: Path) -> None:
    planes = [fits.PrimaryHDU(np.eye(3)), fits.ImageHDU(np.eye(3) * 5, name="SCI")]
    fits.HDUList(planes).writeto(tmp_path / "x.fits")
    result = read([tmp_path / "x.fits[SCI]", tmp_path / "x.fits", tmp_path / "x.fits[1]"])
    assert result.images.ids == ("x[SCI]", "x", "x[1]")
    assert [image.pixels.max() for image in result.images] == [5, 1, 5]
    put(tmp_path / "y[1].fits")
    assert read(tmp_path / "y[1].fits").images.ids == ("y[1]",)
    missing = read(tmp_path / "x.fits[ERR]")
    assert "no extension 'ERR'" in missing.rejected[0].reason


def test_a_home_folder_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert read("~/b.fits").images.ids == ("b",)


def test_what_cannot_be_read_is_listed_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "text.fits").write_text("hello")
    (folder / "gone.fits").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.fits")
    result = read([folder, folder / "notes.txt"])
    assert result.images.ids == ("a", "b", "c", "d")
    reasons = {Path(path).name: reason for path, reason in result.rejected}
    assert list(reasons) == ["gone.fits", "pipe.fits", "text.fits", "notes.txt"]
    assert "does not exist" in reasons["gone.fits"]
    assert "not a regular file" in reasons["pipe.fits"]
    assert reasons["text.fits"] == "it is not a FITS file"
    assert ".fits.gz" in reasons["notes.txt"]


def test_a_folder_named_like_an_image_is_a_folder(folder: Path) -> None:
    put(folder / "odd.fits" / "z.fits")
    assert read(folder / "odd.fits").images.ids == ("z",)
    assert "z" in read(folder).images.ids
    assert "folder" in read(str(folder / "*.fits")).rejected[0].reason


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_forbidden_folder_is_listed(folder: Path) -> None:
    (folder / "deep").chmod(0)
    try:
        result = read(folder)
    finally:
        (folder / "deep").chmod(0o700)
    assert result.images.ids == ("a", "b")
    assert result.rejected == ((str(folder / "deep"), "Permission denied"),)


@pytest.mark.parametrize("name", ["nowhere", "nowhere.fits", "*.xyz", "nowhere.fits[1]", ""])
def test_an_input_that_is_not_there_is_named(folder: Path, name: str) -> None:
    missing = str(folder / name) if name else ""
    with pytest.raises(InputError, match=r"does not exist|matches no file") as caught:
        read([folder, missing])
    assert repr(missing) in str(caught.value)


def test_a_folder_without_images_and_no_input_at_all_are_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"holds no file that can be read \(.*\.fits"):
        read(tmp_path)
    with pytest.raises(InputError, match="no input was given"):
        read([])


def test_progress_counts_every_file(folder: Path) -> None:
    (folder / "text.fits").write_text("hello")
    steps: list[tuple[int, int]] = []
    read(folder, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(i, 5) for i in range(1, 6)]


def test_equal_names_are_told_apart_by_folder_and_then_by_number(tmp_path: Path) -> None:
    for name in ("north/m42.fits", "south/m42.fits", "south/m42.npy", "south/m43.npy"):
        put(tmp_path / name)
    ids = read(tmp_path).images.ids
    assert ids == ("north/m42", "south/m42", "south/m42-2", "m43")


@given(st.lists(st.sampled_from(["a", "a-2", "a-3", "x/a", "x/a-2", "b"]), max_size=12))
def test_ids_always_differ_and_the_unique_ones_stay(names: list[str]) -> None:
    images = [Image.from_values(np.eye(2), name, path="/data/x/f.npy") for name in names]
    ids = [image.id for image in _with_unique_ids(images)]
    assert len(set(ids)) == len(ids)
    for name, id in zip(names, ids, strict=True):
        if names.count(name) == 1 and name in ("a-2", "a-3", "b"):
            assert id == name
        assert name in id


def test_the_result_does_not_depend_on_the_order_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("c", "a", "b"):
        put(tmp_path / f"{name}.fits")
    walk = os.walk

    def shuffled(top: Path, **options: object):  # type: ignore[no-untyped-def]
        for place, folders, files in walk(top):
            random.shuffle(files)
            yield place, folders, files

    monkeypatch.setattr(os, "walk", shuffled)
    assert read(tmp_path).images.ids == ("a", "b", "c")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.fits", ("a.fits", "")),
        ("a.fits[1]", ("a.fits", "1")),
        ("x[1]/a.fits[ SCI,2 ]", ("x[1]/a.fits", "SCI,2")),
        ("a.fits[]", ("a.fits[]", "")),
        ("[1]", ("[1]", "")),
        ("a[1].fits", ("a[1].fits", "")),
    ],
)
def test_the_part_of_a_file_stands_in_brackets_behind_it(
    name: str, expected: tuple[str, str]
) -> None:
    assert split_part(name) == expected
    assert split_part(Path(name)) == expected


def test_a_file_whose_own_name_ends_in_brackets_has_no_part(tmp_path: Path) -> None:
    (tmp_path / "a[1]").touch()
    assert split_part(tmp_path / "a[1]") == (str(tmp_path / "a[1]"), "")
    assert split_part("~/a.npz[b]") == (os.path.expanduser("~/a.npz"), "b")


def test_a_file_that_cannot_be_looked_at_is_rejected(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = os.stat

    def forbidding(path: Path, **options: bool) -> os.stat_result:
        if os.path.basename(path) == "c.fits":
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", forbidding)
    result = read(folder)
    assert result.images.ids == ("a", "b", "d")
    assert [rejected.reason for rejected in result.rejected] == ["Permission denied"]
