"""Deep clusterers keep the laws of a clusterer, whatever network they are given."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from torch import Tensor, nn

from equiclust import DeepEmbeddedClustering, SelfLabelling
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.evaluation.metrics import clustering_accuracy
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.images import ImageSet
from equiclust.nn.baselines import ConvolutionalAutoencoder, ConvolutionalConfig, DenseConfig
from tests.conftest import SLOW_SEEDS

SIZE = 32


def _marks(seed: int, sizes: tuple[int, ...] = (40, 40, 40)) -> tuple[np.ndarray, np.ndarray]:
    """A disc, a ring and a bar at the centre, upright, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    radius = np.hypot(x, y)
    kinds = np.repeat(np.arange(3), sizes)
    images = []
    for kind in kinds:
        reach = rng.uniform(7, 9)
        shape = (radius < reach, np.abs(radius - reach) < 1.5, (abs(x) < reach) & (abs(y) < 2))
        images.append(shape[kind] * rng.uniform(0.8, 1.0) + rng.normal(0, 0.03, x.shape))
    return np.array(images, dtype=np.float32), kinds


class Rows(nn.Module):
    """An encoder as a user might write it: no `encode`, no decoder."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _rows(seed: int, sizes: tuple[int, ...] = (50, 50, 50)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(len(sizes)), sizes)
    centres = 9.0 * rng.normal(size=(len(sizes), 6))
    return centres[kinds] + rng.normal(size=(len(kinds), 6)), kinds


@pytest.mark.parametrize("random_state", SLOW_SEEDS)
@pytest.mark.parametrize("method", ["dec", "idec", "dcec"])
def test_kinds_are_found_by_every_method(method: str, random_state: int) -> None:
    images, kinds = _marks(random_state)
    deep = DeepEmbeddedClustering(
        3, method=method, pretrain_epochs=30, batch_size=32, max_iter=60, random_state=random_state
    ).fit(images)
    assert clustering_accuracy(kinds, deep.labels_) > 0.95
    np.testing.assert_array_equal(deep.predict(images), deep.labels_)
    assert list(np.bincount(deep.labels_)) == sorted(np.bincount(deep.labels_), reverse=True)


def test_no_steps_are_k_means_alone() -> None:
    images, _ = _marks(7)
    config = ConvolutionalConfig(size=SIZE, embedding_dim=3, filters=(4, 8), kernel_sizes=(5, 5),
                                 strides=(4, 2))  # fmt: skip
    deep = DeepEmbeddedClustering(
        3, network=config, pretrain_epochs=5, max_iter=0, random_state=0
    ).fit(images)
    latents = deep.transform(images)
    found = KMeans(3, n_init=20, random_state=0).fit(latents)
    assert adjusted_rand_score(found.labels_, deep.labels_) == 1.0
    assert latents.shape == (120, 3)
    assert len(deep.history_) == 1


def test_foreign_encoder_is_trained_but_not_changed(random_state: int) -> None:
    rows, kinds = _rows(random_state)
    mine = Rows()
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    deep = DeepEmbeddedClustering(
        3, network=mine, pretrain_epochs=0, max_iter=80, random_state=random_state
    ).fit(rows)
    assert clustering_accuracy(kinds, deep.labels_) > 0.9
    for name, value in mine.state_dict().items():
        assert torch.equal(value, before[name])
    assert any(
        not torch.equal(value, before[name]) for name, value in deep.network_.state_dict().items()
    )


@pytest.fixture(scope="module")
def turning() -> EquivariantAutoencoder:
    images, _ = _marks(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiclustWarning)
        return EquivariantAutoencoder(
            "C8", size=SIZE, max_epochs=6, perceptual=None, preprocess=False, random_state=0
        ).fit(images)


KINDS = [DeepEmbeddedClustering, SelfLabelling]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def deep(
    request: pytest.FixtureRequest, turning: EquivariantAutoencoder
) -> DeepEmbeddedClustering | SelfLabelling:
    images, _ = _marks(1)
    given = {"pretrain_epochs": 0} if request.param is DeepEmbeddedClustering else {}
    clusterer = request.param(
        3, network=turning.network_, max_iter=20, batch_size=64, random_state=0, **given
    )
    return clusterer.fit(images)


def test_clusters_on_an_equivariant_network_do_not_see_quarter_turns(
    deep: DeepEmbeddedClustering | SelfLabelling,
) -> None:
    images, kinds = _marks(1)
    assert clustering_accuracy(kinds, deep.labels_) > 0.9
    upright = deep.predict_proba(images)
    for times in (1, 2, 3):
        around = deep.predict_proba(np.rot90(images, times, axes=(1, 2)).copy())
        np.testing.assert_allclose(around, upright, atol=1e-4)


def test_membership_does_not_depend_on_the_batch(
    deep: DeepEmbeddedClustering | SelfLabelling,
) -> None:
    images, _ = _marks(2)
    together = deep.predict_proba(images)
    alone = np.concatenate([deep.predict_proba(images[i : i + 1]) for i in range(12)])
    np.testing.assert_allclose(alone, together[:12], atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1.0)


def test_saved_is_loaded_to_the_last_bit(
    deep: DeepEmbeddedClustering | SelfLabelling, tmp_path: Path
) -> None:
    images, _ = _marks(3)
    deep.save(tmp_path)
    again = type(deep).load(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(images), deep.predict_proba(images))
    np.testing.assert_array_equal(again.labels_, deep.labels_)
    assert again.history_ == deep.history_


def test_config_and_history_with_reconstruction_come_back(tmp_path: Path) -> None:
    images, _ = _marks(4)
    config = ConvolutionalConfig(
        size=SIZE, embedding_dim=4, filters=(4, 8), kernel_sizes=(5, 5), strides=(4, 2)
    )
    deep = DeepEmbeddedClustering(
        3, network=config, method="dcec", pretrain_epochs=2, max_iter=40, random_state=0
    ).fit(images)
    deep.save(tmp_path)
    state = torch.get_rng_state()
    again = DeepEmbeddedClustering.load(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert again.network == config
    assert again.history_ == deep.history_
    np.testing.assert_array_equal(again.predict(images), deep.labels_)
    np.testing.assert_array_equal(clone(again).fit(images).labels_, deep.labels_)


def test_damaged_network_is_refused(tmp_path: Path) -> None:
    images, _ = _marks(4)
    DeepEmbeddedClustering(2, pretrain_epochs=1, max_iter=0, random_state=0).fit(images).save(
        tmp_path
    )
    file = tmp_path / "deep_clustering.json"
    content = json.loads(file.read_text())
    del content["learned"]["network"]["config"]["widths"]
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="must have size, in_channels"):
        DeepEmbeddedClustering.load(tmp_path)


def test_samples_of_another_shape_are_refused(tmp_path: Path) -> None:
    images, _ = _marks(0)
    deep = DeepEmbeddedClustering(2, pretrain_epochs=1, max_iter=0, random_state=0).fit(images)
    with pytest.raises(InputError, match=r"samples of shape \(1, 32, 32\) as in fit"):
        deep.predict(images[:, :16, :16])
    with pytest.raises(InputError, match=r"images must have shape \(n, 1, 16, 16\)"):
        DeepEmbeddedClustering(2, network=DenseConfig(size=16)).fit(images)


class InPlace(Rows):
    """It works on what it is given."""

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.mul_(0.5))


def test_what_is_handed_in_stays_as_it_is() -> None:
    rows, _ = _rows(0)
    given = rows.astype(np.float32)
    before = given.copy()
    DeepEmbeddedClustering(3, network=InPlace(), pretrain_epochs=0, max_iter=0, random_state=0).fit(
        given
    ).predict(given)
    np.testing.assert_array_equal(given, before)


def test_masked_pixels_do_not_count() -> None:
    images, _ = _marks(1, (6, 6, 6))
    mask = np.zeros(images.shape, dtype=bool)
    mask[:, :3, :3] = True
    wild = np.where(mask, np.float32(1e6), images)
    still = np.where(mask, np.float32(0.0), images)
    masked = ImageSet.from_array(wild, mask=mask)
    deep = DeepEmbeddedClustering(2, pretrain_epochs=1, max_iter=0, random_state=0).fit(still)
    np.testing.assert_array_equal(deep.predict_proba(masked), deep.predict_proba(still))


def test_what_runs_away_goes_back() -> None:
    rows, kinds = _rows(0)
    with pytest.warns(EquiclustWarning, match="initial clustering was kept"):
        deep = DeepEmbeddedClustering(
            3, network=Rows(), pretrain_epochs=0, max_iter=60, learning_rate=1e20, random_state=0
        ).fit(rows)
    assert np.all(np.isfinite(deep.predict_proba(rows)))
    assert clustering_accuracy(kinds, deep.labels_) > 0.9


def test_foreign_network_comes_back_into_one_of_its_kind(tmp_path: Path) -> None:
    rows, _ = _rows(0)
    deep = DeepEmbeddedClustering(
        3, network=Rows(), pretrain_epochs=0, max_iter=10, random_state=0
    ).fit(rows)
    deep.save(tmp_path)
    with pytest.raises(InputError, match="load it with network="):
        DeepEmbeddedClustering.load(tmp_path)
    with pytest.raises(InputError, match="another network than Linear"):
        DeepEmbeddedClustering.load(tmp_path, network=nn.Linear(6, 3))
    again = DeepEmbeddedClustering.load(tmp_path, network=Rows())
    np.testing.assert_array_equal(again.predict_proba(rows), deep.predict_proba(rows))


def test_same_seed_same_labels_and_global_state_untouched() -> None:
    images, _ = _marks(4)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = (
        DeepEmbeddedClustering(3, pretrain_epochs=2, max_iter=20, random_state=7).fit(images)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.predict_proba(images), second.predict_proba(images))
    assert torch.equal(torch.rand(3), expected)


def test_classes_are_for_scoring_alone() -> None:
    images, kinds = _marks(5)
    given = {"n_clusters": 3, "pretrain_epochs": 2, "max_iter": 20, "random_state": 0}
    without = DeepEmbeddedClustering(**given).fit(images)
    scored = DeepEmbeddedClustering(**given).fit(images, kinds)
    np.testing.assert_array_equal(without.labels_, scored.labels_)
    assert {"acc", "nmi", "ari"} <= set(scored.history_[-1])
    assert "acc" not in without.history_[-1]


def test_collapse_from_a_bad_beginning_is_undone_or_told(random_state: int) -> None:
    rows, _ = _rows(random_state, (200, 40, 10))
    everywhere_else = np.vstack([np.zeros((1, 3)), np.full((2, 3), 1e3)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        deep = DeepEmbeddedClustering(
            3,
            network=Rows(),
            pretrain_epochs=0,
            init=everywhere_else,
            learning_rate=0.05,
            max_iter=60,
            random_state=random_state,
        ).fit(rows)
    live = len(np.unique(deep.labels_))
    said = any(isinstance(one.message, EquiclustWarning) for one in caught)
    assert live == 3 or any("Only" in note for note in deep.notes_)
    # All samples began in one cluster, so there is something to say in any case.
    assert said
    assert deep.notes_


class Blurring(nn.Module):
    """Whatever is learned here brings all samples to one place."""

    def __init__(self) -> None:
        super().__init__()
        self.size = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(self.size == 1.0, x, torch.zeros_like(x)) + self.size


@pytest.mark.filterwarnings("ignore:Clusters lost their members")
def test_beginning_is_kept_when_the_end_is_worse(random_state: int) -> None:
    rows, kinds = _rows(random_state)
    with pytest.warns(EquiclustWarning, match="initial clustering was kept"):
        deep = DeepEmbeddedClustering(
            3, network=Blurring(), pretrain_epochs=0, max_iter=40, random_state=random_state
        ).fit(rows)
    assert deep.kept_initialisation_
    assert deep.network_.size.item() == 1.0
    assert clustering_accuracy(kinds, deep.labels_) > 0.9


@pytest.mark.parametrize("n_features", [2, 12])
@pytest.mark.parametrize("noise", [0.1, 30.0])
def test_unit_of_the_latents_is_the_deviation_within_clusters(
    n_features: int, noise: float
) -> None:
    rng = np.random.default_rng(n_features)
    centres = 20.0 * rng.normal(size=(3, n_features))
    rows = noise * (np.repeat(centres, 400, axis=0) + rng.normal(size=(1200, n_features)))
    deep = DeepEmbeddedClustering(
        3, network=Blurring(), pretrain_epochs=0, max_iter=0, random_state=0
    )
    assert deep.fit(rows).scale_ == pytest.approx(noise, rel=0.05)


def test_frames_show_the_same_samples_at_every_target() -> None:
    images, _ = _marks(6)
    deep = DeepEmbeddedClustering(
        3, pretrain_epochs=1, max_iter=20, batch_size=40, n_frame_samples=17, random_state=0
    ).fit(images)
    assert [frame.step for frame in deep.frames_] == [int(r["step"]) for r in deep.history_]
    assert {frame.latents.shape for frame in deep.frames_} == {(17, 10)}
    if not deep.kept_initialisation_:
        own = [tuple(row) for row in (deep.transform(images) * deep.scale_).round(4)]
        shown = [tuple(row) for row in deep.frames_[-1].latents.round(4)]
        assert [deep.labels_[own.index(row)] for row in shown] == list(deep.frames_[-1].labels)


@pytest.mark.parametrize("size", [17, 28, 32, 50])
@pytest.mark.parametrize("strides", [(2, 2, 2), (4, 4, 2), (3, 1)])
def test_plain_network_gives_back_any_size(size: int, strides: tuple[int, ...]) -> None:
    n = len(strides)
    config = ConvolutionalConfig(
        size=size, in_channels=2, embedding_dim=3, filters=(4,) * n, kernel_sizes=(5,) * n,
        strides=strides,
    )  # fmt: skip
    latents, made = ConvolutionalAutoencoder(config)(torch.zeros(2, 2, size, size))
    assert latents.shape == (2, 3)
    assert made.shape == (2, 2, size, size)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "vade"}, "method must be one of dec, idec, dcec, got 'vade'"),
        ({"n_clusters": 0}, "n_clusters must be a whole number of at least 1, got 0"),
        ({"gamma": 0.0}, "gamma must be above 0, got 0.0"),
        ({"degrees_of_freedom": -1}, "degrees_of_freedom must be above 0, got -1"),
        ({"tol": 2}, "tol must be from 0 to 1, got 2"),
        ({"tol": "a"}, "tol must be from 0 to 1, got 'a'"),
        ({"device": "gpu"}, "device must be one of auto, cpu, cuda, mps, got 'gpu'"),
        ({"augmentation": {"angle": 3}}, "augmentation angle must be from 0 to 1, got 3"),
        ({"augmentation": ["angle"]}, "augmentation must be a mapping"),
        ({"batch_size": 1}, "batch_size must be at least 2 to pretrain, got 1"),
        ({"init": "best"}, "init must be one of k-means, random, got 'best'"),
        ({"init": np.zeros((2, 2))}, r"init must be finite centres of shape \(3, 10\)"),
        ({"network": "resnet"}, "network must be a torch Module or a config, got str"),
        ({"augmentation": {"twist": 1}}, "augmentation must use the names .* got 'twist'"),
        ({"pretrain_epochs": -1}, "pretrain_epochs must be a whole number of at least 0"),
        ({"n_clusters": 500}, "n_clusters must be at most the number of distinct samples"),
        ({"network": nn.Flatten()}, "network must have parameters to train, got Flatten"),
        ({"network": nn.Linear(32, 3)}, "network must give a pair of latents and reconstructions"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    change: dict[str, object], message: str
) -> None:
    images, _ = _marks(0, (4, 4, 4))
    given = {"n_clusters": 3, "pretrain_epochs": 1, "max_iter": 2, **change}
    with pytest.raises(InputError, match=message) as caught:
        DeepEmbeddedClustering(**given).fit(images)
    assert "\n" not in str(caught.value)


def test_bad_samples_are_refused() -> None:
    deep = DeepEmbeddedClustering(2)
    images, _ = _marks(0, (2, 2, 2))
    images[3, 0, 0] = np.nan
    with pytest.raises(InputError, match="sample 3 is not"):
        deep.fit(images)
    with pytest.raises(InputError, match="without a network X must be square images"):
        deep.fit(np.random.default_rng(0).normal(size=(5, 3)))
    with pytest.raises(InputError, match="network must be a trained Module"):
        SelfLabelling(2).fit(np.random.default_rng(0).normal(size=(5, 8, 8)))


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_finds_every_record(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    images, kinds = _marks(8)
    deep = DeepEmbeddedClustering(3, pretrain_epochs=3, max_iter=10, random_state=0)
    deep.fit(images, kinds, log_folder=tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    told = events.Scalars("clustering/acc")
    assert [one.step for one in told] == [int(record["step"]) for record in deep.history_]
    np.testing.assert_allclose(
        [one.value for one in told], [record["acc"] for record in deep.history_], rtol=1e-6
    )
    assert len(events.Scalars("autoencoder/mse")) == 3
