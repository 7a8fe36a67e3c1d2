"""What is done to an image on the bench changes its latent as much as it must, and no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from equiclust.app.bench import Change
from equiclust.app.run_view import RunView
from equiclust.exceptions import InputError

PIXELS = np.random.default_rng(1).random((2, 20, 20), dtype=np.float32)
ROW = 3


@pytest.mark.parametrize("angle", [0.0, 90.0, 180.0, 270.0, -90.0, 360.0])
@pytest.mark.parametrize("mirror", [False, True])
def test_quarter_turns_and_mirrors_leave_the_latent(
    view: RunView, angle: float, mirror: bool
) -> None:
    tried = view.bench.try_change(ROW, Change(mirror=mirror, angle=angle))
    change = np.linalg.norm(tried.latent - tried.latent_before)
    assert change <= 1e-5 * np.linalg.norm(tried.latent_before)
    assert tried.record["change"] == pytest.approx(change)
    assert tried.record["label"] == tried.record["label_before"]


def test_no_change_is_none(view: RunView) -> None:
    tried = view.bench.try_change(ROW, Change())
    assert tried.latent.tolist() == tried.latent_before.tolist()
    assert (tried.record["change"], tried.record["share"]) == (0.0, 0.0)
    assert tried.record["position"] == tried.record["position_before"]


def test_a_real_change_changes_the_latent(view: RunView) -> None:
    plain = view.bench.try_change(ROW, Change())
    for change in (Change(scale=0.6), Change(blur=3.0), Change(noise=0.3)):
        tried = view.bench.try_change(ROW, change)
        assert tried.record["change"] > 1e-3 * np.linalg.norm(plain.latent)
        assert tried.latent_before.tolist() == plain.latent.tolist()
        assert tried.record["share"] > 0


def test_the_latent_and_place_are_nearly_those_of_the_run(view: RunView) -> None:
    """Nearly, since the corners are faded out."""
    tried = view.bench.try_change(ROW, Change())
    latents = view.run.latents
    distances = np.linalg.norm(latents - tried.latent, axis=1)
    assert np.argmin(distances) == ROW
    centre = view.projection("pca").positions
    np.testing.assert_allclose(
        view.bench._place(latents[ROW]), centre[ROW], atol=1e-3 * np.abs(centre).max()
    )


def test_images_are_not_confused(view: RunView) -> None:
    first = view.bench.try_change(0, Change())
    other = view.bench.try_change(1, Change(angle=90.0))
    again = view.bench.try_change(0, Change())
    assert first.latent.tolist() == again.latent.tolist()
    assert first.latent_before.tolist() != other.latent_before.tolist()


def test_kinds_come_from_the_labels(view: RunView) -> None:
    assert "kind" not in view.bench.try_change(0, Change()).record
    view.labels.set([0, 1], "ring", who="me")
    view.labels.set([2, 3], "bar", who="me")
    kinds = view.teacher.update().kinds
    assert kinds is not None
    record = view.bench.try_change(5, Change(angle=180.0)).record
    assert record["kind"] in (*kinds.names, "none of these")
    assert 0 <= record["probability"] <= 1


def test_noise_is_the_same_every_time() -> None:
    change = Change(noise=0.2)
    noisy = change.apply(PIXELS)
    np.testing.assert_array_equal(noisy, change.apply(PIXELS))
    assert noisy.dtype == np.float32
    assert 0 <= noisy.min() <= noisy.max() <= 1
    grey = Change(noise=0.05).apply(np.full((1, 100, 100), 0.5, dtype=np.float32))
    assert np.std(grey) == pytest.approx(0.05, rel=0.05)


def test_identity_keeps_every_pixel() -> None:
    np.testing.assert_array_equal(Change().apply(PIXELS), PIXELS)


def test_quarter_turns_and_mirrors_only_move_pixels() -> None:
    for angle in (90.0, 180.0, 270.0):
        for mirror in (False, True):
            found = Change(angle=angle, mirror=mirror).apply(PIXELS)
            np.testing.assert_array_equal(np.sort(found, axis=None), np.sort(PIXELS, axis=None))
    mirrored = Change(mirror=True).apply(PIXELS)
    np.testing.assert_array_equal(mirrored, PIXELS[..., ::-1])


def test_turns_go_the_same_way_whether_exact_or_not() -> None:
    y, x = np.mgrid[:41, :41] - 20.0
    spot = np.exp(-((x - 8) ** 2 + (y - 3) ** 2) / 8)[None].astype(np.float32)
    exact = Change(angle=90.0).apply(spot)
    near = Change(angle=89.0).apply(spot)
    assert np.abs(exact - near).max() < 0.1
    two_steps = Change(angle=60.0).apply(Change(angle=30.0).apply(spot))
    assert np.abs(exact - two_steps).max() < 0.02


def test_blur_keeps_the_light_and_scale_the_middle() -> None:
    y, x = np.mgrid[:41, :41] - 20.0
    spot = np.exp(-(x**2 + y**2) / 8)[None].astype(np.float32)
    assert Change(blur=2.0).apply(spot).sum() == pytest.approx(spot.sum(), rel=1e-3)
    for scale in (0.5, 2.0):
        scaled = Change(scale=scale).apply(spot)
        assert scaled[0, 20, 20] == pytest.approx(1.0, abs=1e-3)
        assert scaled.sum() == pytest.approx(spot.sum() * scale**2, rel=0.05)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", 0.49), ("scale", 2.01), ("scale", float("nan")), ("blur", -0.1), ("blur", 11.0),
        ("noise", 0.6), ("noise", float("inf")), ("angle", 361.0), ("angle", float("nan")),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} must be "):
        Change(**{name: value})


@pytest.mark.parametrize("row", [-1, 12, True, None])
def test_rows_that_are_not_there_are_refused(view: RunView, row: Any) -> None:
    with pytest.raises(InputError, match="rows must be 0 to 11"):
        view.bench.try_change(row, Change())


def test_reconstructions_are_pictures(view: RunView) -> None:
    tried = view.bench.try_change(ROW, Change(angle=45.0))
    found = view.bench.reconstruction(tried.pixels)
    assert found.shape == tried.pixels.shape
    assert 0 <= found.min() <= found.max() <= 1
