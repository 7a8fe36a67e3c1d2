"""A random part of the images: which are kept, what they are called, what stays in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data_adapters import read
from data_adapters.sampling import read_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images: a stack of 28, ten files, and two of the same name in other folders."""
    top = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    np.save(top / "stack.npy", generator.normal(size=(28, 8, 9)).astype(np.float32))
    for number in range(10):
        values = generator.normal(size=(8, 9)).astype(np.float32)
        fits.writeto(top / f"one_{number}.fits", values)
    for name in ("a", "b"):
        (top / name).mkdir()
        fits.writeto(top / name / "same.fits", generator.normal(size=(8, 9)).astype(np.float32))
    (top / "cut.fits").write_bytes(b"SIMPLE  = T")
    return top


def test_all_are_kept_where_they_fit(folder: Path) -> None:
    whole = read(str(folder))
    sample = read_sample([str(folder)], max_images=40)
    assert sample.images.ids == whole.images.ids
    np.testing.assert_array_equal(sample.images.pixels, whole.images.pixels)
    assert sample.rejected == whole.rejected
    assert sample.n_images == 40


def test_a_part_is_what_it_is_in_the_whole(folder: Path) -> None:
    whole = {image.id: image for image in read(str(folder)).images}
    sample = read_sample([str(folder)], max_images=17, random_state=3)
    assert (len(sample.images), sample.n_images) == (17, 40)
    assert [name for name in whole if name in sample.images.ids] == list(sample.images.ids)
    for image in sample.images:
        np.testing.assert_array_equal(image.pixels, whole[image.id].pixels)
        assert image.path == whole[image.id].path


def test_every_image_is_as_likely(folder: Path) -> None:
    names = read(str(folder)).images.ids
    counts = dict.fromkeys(names, 0)
    for seed in range(150):
        for name in read_sample([str(folder)], max_images=10, random_state=seed).images.ids:
            counts[name] += 1
    # Binomial of 150 draws with probability 1/4: five standard deviations are 27.
    assert all(abs(count - 37.5) < 27 for count in counts.values())
    assert sum(counts.values()) == 1500


def test_images_of_any_size_are_as_likely(tmp_path: Path) -> None:
    """A large image that was given up is not replaced by the next small one."""
    for number in range(12):
        side = 32 if number % 2 else 8
        fits.writeto(tmp_path / f"{number:02d}.fits", np.ones((side, side), np.float32) * number)
    limit = 3 * 32 * 32 * 5
    n_large = [
        sum(image.shape[1] == 32 for image in sample.images) / len(sample.images)
        for sample in (
            read_sample([str(tmp_path)], max_images=12, max_bytes=limit, random_state=seed)
            for seed in range(60)
        )
    ]
    assert 0.3 < np.mean(n_large) < 0.6


def test_bytes_are_kept_to(folder: Path) -> None:
    each = 8 * 9 * 5
    sample = read_sample([str(folder)], max_images=40, max_bytes=7 * each)
    assert len(sample.images) == 7


def test_no_image_keeps_its_file_in_memory(folder: Path) -> None:
    for image in read_sample([str(folder / "stack.npy")], max_images=5).images:
        owner = image.pixels if image.pixels.base is None else image.pixels.base
        assert isinstance(owner, np.ndarray)
        assert owner.nbytes == image.pixels.nbytes


def test_progress_ends_with_all(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    read_sample([str(folder)], max_images=4, progress=lambda *done: seen.append(done))
    assert seen[-1] == (40, 40)
    assert all(done <= total for done, total in seen)
