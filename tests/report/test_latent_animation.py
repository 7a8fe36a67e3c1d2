"""The animation has a frame for each target, and refuses what it cannot show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from equiclust.clustering.deep import Frame
from equiclust.exceptions import InputError
from equiclust.report.latent_animation import write_latent_animation


def _frames(n_frames: int, n_samples: int) -> list[Frame]:
    """Two clusters that move apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(n_samples) % 2
    noise = rng.normal(size=(n_samples, 4)).astype(np.float32)
    away = 3.0 * labels[:, None].astype(np.float32)
    return [Frame(10 * k, noise + k * away, labels) for k in range(n_frames)]


def test_animation_has_all_frames_and_lingers_on_the_last(tmp_path: Path) -> None:
    write_latent_animation(_frames(3, 40), tmp_path / "latents.gif")
    with Image.open(tmp_path / "latents.gif") as animation:
        assert animation.n_frames == 3
        animation.seek(0)
        first = animation.info["duration"]
        animation.seek(2)
        assert animation.info["duration"] > first


@pytest.mark.parametrize(
    ("frames", "name", "classes", "message"),
    [
        ([], "latents.gif", None, "got 0 frames"),
        (_frames(2, 5), "latents.gif", None, "at least 20 samples"),
        (_frames(2, 40), "animation.mp4", None, "path must end in .gif"),
        (_frames(2, 40), "latents.gif", [0, 1], "classes must be 40 numbers"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    frames: list[Frame], name: str, classes: list[int] | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        write_latent_animation(frames, tmp_path / name, classes=classes)
    assert not list(tmp_path.iterdir())
