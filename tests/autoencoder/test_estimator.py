"""The estimator's laws: invariance, repeatability, round trips, resumption, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline

from equiclust import EquivariantAutoencoder, ImageSet, simulate_discs
from equiclust.autoencoder.baseline import non_equivariant_baseline
from equiclust.evaluation.invariance import assert_invariant
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.nn.export import export_encoder
from tests.conftest import SLOW_SEEDS

SMALL: dict[str, Any] = {
    "size": 32,
    "fields": (2, 4),
    "latent_dim": 8,
    "max_epochs": 2,
    "batch_size": 8,
    "perceptual": None,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def discs() -> ImageSet:
    return simulate_discs(18, size=40, random_state=0)[0]


@pytest.fixture(scope="module")
def trained(discs: ImageSet) -> EquivariantAutoencoder:
    return EquivariantAutoencoder(**SMALL, random_state=0).fit(discs)


@pytest.mark.parametrize("random_state", SLOW_SEEDS)
@pytest.mark.parametrize("shape", [(32, 32), (48, 48), (63, 63), (65, 65), (100, 100), (50, 33)])
def test_trained_latents_ignore_quarter_turns_and_mirrors_at_any_size(
    trained: EquivariantAutoencoder, shape: tuple[int, int], random_state: int
) -> None:
    images = np.random.default_rng(random_state).random((2, *shape), dtype=np.float32)
    latents = trained.transform(images)
    for rotated in (images, images[..., ::-1]):
        for k in range(4):
            moved = trained.transform(np.rot90(rotated, k, (1, 2)).copy())
            error = np.linalg.norm(moved - latents, axis=1) / np.linalg.norm(latents, axis=1)
            assert error.max() <= 1e-6


def test_the_public_assertion_agrees(trained: EquivariantAutoencoder, discs: ImageSet) -> None:
    assert_invariant(trained.transform, discs.pixels)


def test_training_changes_the_network_and_lowers_the_error(discs: ImageSet) -> None:
    longer = EquivariantAutoencoder(**SMALL | {"max_epochs": 12}, random_state=0).fit(discs)
    assert longer.history_[-1]["mse"] < 0.7 * longer.history_[0]["mse"]
    assert [record["epoch"] for record in longer.history_] == list(range(12))


def test_the_same_seed_gives_the_same_latents_and_another_does_not(
    trained: EquivariantAutoencoder, discs: ImageSet, random_state: int
) -> None:
    again = EquivariantAutoencoder(**SMALL, random_state=random_state).fit(discs)
    same = np.array_equal(again.transform(discs), trained.transform(discs))
    assert same == (random_state == 0)


def test_what_lies_under_a_mask_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    pixels = generator.random((6, 32, 32), dtype=np.float32)
    mask = generator.random(pixels.shape) < 0.2
    wild = ImageSet.from_array(np.where(mask, np.float32(1e6), pixels), mask=mask)
    other = ImageSet.from_array(np.where(mask, np.float32(0.5), pixels), mask=mask)
    one, two = (
        EquivariantAutoencoder(**SMALL, preprocess=False, random_state=0).fit(images)
        for images in (wild, other)
    )
    np.testing.assert_array_equal(one.transform(wild), two.transform(other))
    np.testing.assert_array_equal(one.reconstruct(wild), two.reconstruct(other))


def test_latents_do_not_depend_on_the_company(
    trained: EquivariantAutoencoder, discs: ImageSet
) -> None:
    together = trained.transform(discs)
    alone = np.concatenate([trained.transform(discs[i : i + 1]) for i in range(len(discs))])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6 * np.abs(together).max())


def test_a_saved_model_gives_the_same_to_the_last_bit(
    trained: EquivariantAutoencoder, discs: ImageSet, tmp_path: Path
) -> None:
    trained.save(tmp_path)
    loaded = EquivariantAutoencoder.load(tmp_path)
    np.testing.assert_array_equal(loaded.transform(discs), trained.transform(discs))
    np.testing.assert_array_equal(loaded.reconstruct(discs), trained.reconstruct(discs))
    assert loaded.history_ == trained.history_
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_a_damaged_model_is_refused_by_name(
    trained: EquivariantAutoencoder, tmp_path: Path
) -> None:
    trained.save(tmp_path)
    weights = next(tmp_path.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(InputError, match="safetensors"):
        EquivariantAutoencoder.load(tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        EquivariantAutoencoder.load(tmp_path / "nowhere")


def test_a_stopped_training_goes_on_to_the_same_end(discs: ImageSet, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(record: Any) -> None:
        if record["epoch"] == 2:
            raise Killed

    settings = SMALL | {"max_epochs": 4}
    undisturbed = EquivariantAutoencoder(**settings, random_state=0).fit(discs)
    stopped = EquivariantAutoencoder(**settings, random_state=0)
    with pytest.raises(Killed):
        stopped.fit(discs, checkpoints=tmp_path, on_epoch=kill)
    epochs: list[float] = []
    stopped.fit(discs, checkpoints=tmp_path, on_epoch=lambda record: epochs.append(record["epoch"]))
    assert epochs[-1] == 3
    assert len(epochs) < 4
    np.testing.assert_array_equal(stopped.transform(discs), undisturbed.transform(discs))
    assert [r["mse"] for r in stopped.history_] == [r["mse"] for r in undisturbed.history_]


def test_masked_pixels_change_neither_latent_nor_training(discs: ImageSet) -> None:
    mask = np.zeros((len(discs), 40, 40), dtype=bool)
    mask[:, :9] = True
    results = []
    for filling in (0.0, 7.0):
        pixels = np.where(mask[:, None], filling, discs.pixels)
        images = ImageSet.from_array(pixels, mask=mask)
        autoencoder = EquivariantAutoencoder(**SMALL, random_state=0).fit(images)
        results.append(autoencoder.transform(images))
    np.testing.assert_array_equal(*results)


def test_it_stands_before_a_clusterer_in_a_pipeline(discs: ImageSet) -> None:
    pipeline = make_pipeline(
        EquivariantAutoencoder(**SMALL, random_state=0), KMeans(3, n_init=2, random_state=0)
    )
    labels = pipeline.fit(discs).predict(discs)
    np.testing.assert_array_equal(labels, pipeline[-1].labels_)


def test_it_can_be_cloned(trained: EquivariantAutoencoder) -> None:
    assert clone(trained).get_params() == trained.get_params()


def test_the_non_equivariant_baseline_has_as_many_channels_and_is_not_invariant(
    trained: EquivariantAutoencoder, discs: ImageSet
) -> None:
    baseline = non_equivariant_baseline(trained).fit(discs)
    ours, theirs = (
        [tuple(weights.shape) for weights in export_encoder(one.network_).encoder.parameters()]
        for one in (trained, baseline)
    )
    assert ours == theirs
    with pytest.raises(AssertionError):
        assert_invariant(baseline.transform, discs.pixels)


def test_missing_perceptual_weights_are_said_and_kept(discs: ImageSet, tmp_path: Path) -> None:
    settings = SMALL | {"perceptual": "alexnet", "perceptual_weights": str(tmp_path)}
    autoencoder = EquivariantAutoencoder(**settings, random_state=0)
    with pytest.warns(EquiclustWarning, match="perceptual term is off"):
        autoencoder.fit(discs)
    assert "perceptual term is off" in autoencoder.notes_[0]
    assert "perceptual" not in autoencoder.history_[0]


def test_identical_images_are_called_a_collapse(discs: ImageSet) -> None:
    same = ImageSet.from_array(np.repeat(discs.pixels[:1], 6, axis=0))
    with pytest.warns(EquiclustWarning, match="are the same"):
        EquivariantAutoencoder(**SMALL, random_state=0).fit(same)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group": "E8"}, "E8"),
        ({"size": 48}, "48"),
        ({"max_epochs": 0}, "max_epochs"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"device": "tpu"}, "tpu"),
        ({"objective": {"msee": 1}}, "msee"),
        ({"augmentation": {"shear": 3.0}}, "shear"),
        ({"preprocess": {"stretches": "log"}}, "stretches"),
        ({"patience": 0}, "patience"),
        ({"patience": 3, "objective": {"mse": 0, "perceptual": 0}}, "patience .* got 3"),
    ],
)
def test_impossible_parameters_are_refused_by_name(
    discs: ImageSet, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        EquivariantAutoencoder(**SMALL | change).fit(discs)


def test_impossible_images_are_refused(trained: EquivariantAutoencoder, discs: ImageSet) -> None:
    with pytest.raises(InputError, match="at least 2 images, got 1"):
        EquivariantAutoencoder(**SMALL).fit(discs[:1])
    with pytest.raises(InputError, match="at least one image"):
        trained.transform(ImageSet())
    with pytest.raises(InputError, match="1 channels as in training, got 2"):
        trained.transform(np.random.default_rng(0).random((2, 2, 32, 32)))
    with pytest.raises(InputError, match="32 x 32"):
        trained.set_params(preprocess=False).transform(discs)
    trained.set_params(preprocess=True)


_TEXTURE: dict[str, Any] = SMALL | {
    "max_epochs": 30,
    "batch_size": 32,
    "pretrained": False,
    "preprocess": False,
    "objective": {"mse": 0, "perceptual": 0, "rotation": 0, "covariance": 1},
    "augmentation": dict.fromkeys(("angle", "scale", "shear", "smoothing", "noise"), 0),
}


def _grains(n: int, seed: int) -> np.ndarray:
    """Fine grain, then coarse grain, in turns."""
    white = np.random.default_rng(seed).random((n, 32, 32))
    smooth = [gaussian_filter(one, 0.8 if k % 2 else 1.6) for k, one in enumerate(white)]
    return np.stack([(x - x.min()) / np.ptp(x) for x in smooth]).astype(np.float32)


@pytest.mark.slow
def test_positive_pairs_get_the_latents_of_their_images() -> None:
    images, positive_pairs = _grains(128, 0), _grains(128, 1)
    latents, theirs = _grains(60, 2), _grains(60, 3)

    def distance(**more: Any) -> float:
        learned = EquivariantAutoencoder(**_TEXTURE, random_state=0).fit(images, **more)
        first, second = learned.transform(latents), learned.transform(theirs)
        scale = np.linalg.norm(first - first.mean(axis=0), axis=1).mean()
        return float(np.linalg.norm(first - second, axis=1).mean() / scale)

    assert distance(positive_pairs=positive_pairs) < 0.7 * distance()


def test_positive_pairs_must_be_as_many_as_the_images(discs: ImageSet) -> None:
    with pytest.raises(InputError, match="positive_pairs must be as many"):
        EquivariantAutoencoder(**SMALL).fit(discs, positive_pairs=discs[:5])


def test_without_a_weight_nothing_is_reconstructed() -> None:
    learned = EquivariantAutoencoder(**_TEXTURE | {"max_epochs": 1}, random_state=0)
    assert "mse" not in learned.fit(_grains(64, 0)).history_[0]


def test_the_former_name_of_positive_pairs_still_works() -> None:
    images = np.random.default_rng(0).random((4, 32, 32), dtype=np.float32)
    network = EquivariantAutoencoder(
        size=32, max_epochs=1, perceptual=None, preprocess=False, random_state=0
    )
    expected = clone(network).fit(images, positive_pairs=images[::-1]).transform(images)
    with pytest.warns(DeprecationWarning, match="positive_pairs"):
        network.fit(images, partners=images[::-1])
    np.testing.assert_array_equal(network.transform(images), expected)
