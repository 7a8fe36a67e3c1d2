"""Encoders that are not trained on a map, in the place of networks that are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_adapters.sky.sky_map import open_sky_map
from equiclust import EquivariantAutoencoder
from equiclust.encoders import GroupAveraged, LatentTable, ModuleEncoder, OnnxEncoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import InputError
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.pairs import Pairs, Stretch
from equiclust.segmentation.segment import Segmentation, segment_sky_map
from equiclust.segmentation.segment_map import MASKED
from equiclust.segmentation.texture_networks import TextureNetworks
from equiclust.segmentation.tile_encoder import as_images, tile_encoder
from tests.encoders.networks import small_module
from tests.segmentation.conftest import SIDE, two_textures, write

OPTIONS = SegmentOptions(
    tile=16, step=8, n_clusters=2, n_pairs=200, encoder="network.onnx", pooling="mean+max"
)
# A model has its own encoder.
OF_MODEL = SegmentOptions(tile=16, step=8, n_clusters=2)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> SegmentOptions:
    """A convolution in an ONNX file, averaged over D4."""
    from tests.encoders.onnx_files import write_onnx

    path = write_onnx(tmp_path_factory.mktemp("onnx") / "network.onnx")
    return replace(OPTIONS, encoder=str(path))


@pytest.fixture(scope="module")
def known(options: SegmentOptions, tmp_path_factory: pytest.TempPathFactory) -> Segmentation:
    folder = tmp_path_factory.mktemp("known")
    return segment_sky_map(
        open_sky_map(write(folder / "sky.fits", two_textures())), options, folder
    )


def segmented(
    folder: Path, plane: np.ndarray, options: SegmentOptions, known: Segmentation | None = None
) -> np.ndarray:
    folder.mkdir(exist_ok=True)
    sky = open_sky_map(write(folder / "sky.fits", plane))
    model = None if known is None else known.model
    return segment_sky_map(sky, options, folder, model=model).segment_map.labels


def share_told_apart(labels: np.ndarray) -> float:
    left, right = labels[:, : SIDE // 2 - 8], labels[:, SIDE // 2 + 8 :]
    found = round(float(left.mean()))
    return float(np.mean([np.mean(left == found), np.mean(right == 1 - found)]))


def test_an_encoder_tells_textures_apart_and_the_result_says_so(known: Segmentation) -> None:
    assert share_told_apart(known.segment_map.labels) > 0.95
    assert known.histories == []
    assert known.encoder is not None
    assert known.encoder["kind"] == "GroupAveraged"
    assert known.encoder["group"] == "D4"
    assert known.encoder["axes"].startswith("sha256:")


@pytest.mark.parametrize("turns", [1, 2])
def test_a_turned_map_has_the_turned_labels_by_the_saved_encoder(
    turns: int, tmp_path: Path, known: Segmentation
) -> None:
    def moved(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(array[:, ::-1], turns))

    labels = segmented(tmp_path, moved(two_textures()), OF_MODEL, known)
    np.testing.assert_array_equal(labels, moved(known.segment_map.labels))


def test_hidden_pixels_do_not_reach_the_encoder(tmp_path: Path, known: Segmentation) -> None:
    plane, other = two_textures(), two_textures()
    mask = np.zeros(plane.shape, dtype=bool)
    mask[40:60, 10:30] = True
    other[mask] = 1e6
    found = []
    for name, values in {"a": plane, "b": other}.items():
        (tmp_path / name).mkdir()
        sky = open_sky_map(write(tmp_path / name / "sky.fits", values))
        found.append(segment_sky_map(sky, OF_MODEL, tmp_path / name, mask=mask, model=known.model))
    first, second = (one.segment_map for one in found)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.membership, second.membership)
    np.testing.assert_array_equal(first.labels == MASKED, mask)


def module() -> GroupAveraged:
    return GroupAveraged(ModuleEncoder(small_module(), pooling="mean+max"), "D4")


def test_a_stopped_call_goes_on_also_with_a_module_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("equiclust.segmentation.labelling._ENCODER_TILES_AT_ONCE", 32)
    options = replace(OPTIONS, encoder=module(), pooling="auto")
    whole = segmented(tmp_path / "whole", two_textures(), options)
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    sky = open_sky_map(write(stopped / "sky.fits", two_textures()))
    rows: list[int] = []

    def stopping(stage: str, done: int, total: int | None, remark: str) -> None:
        if stage == "encoding" and total is not None:
            rows.append(done)
            if done > total // 2 and len(rows) < 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_sky_map(sky, options, stopped, on_progress=stopping)
    found = segment_sky_map(sky, options, stopped, on_progress=stopping)
    assert sorted(set(rows)) == rows
    np.testing.assert_array_equal(found.segment_map.labels, whole)


def test_a_module_labels_another_map_only_when_it_is_handed_over_as_it_was_fitted(
    tmp_path: Path,
) -> None:
    tiles = as_images(tile_encoder(module()), np.random.default_rng(0).normal(size=(40, 16, 16)))
    encoder = WhitenedEncoder(module(), latent_dim=6).fit(tiles)
    axes = encoder.components_.copy()
    options = replace(OPTIONS, encoder=encoder, pooling="auto")
    labels = segmented(tmp_path / "first", two_textures(), options)
    np.testing.assert_array_equal(encoder.components_, axes)
    model = tmp_path / "first" / "model"
    again = TextureNetworks.load(model, encoder=encoder)
    assert again.shape == (1, 6)
    sky = open_sky_map(write(tmp_path / "sky.fits", two_textures()[::-1]))
    found = segment_sky_map(sky, options, tmp_path, model=model).segment_map.labels
    np.testing.assert_array_equal(found, labels[::-1])
    with pytest.raises(InputError, match="the encoder was a module in memory"):
        TextureNetworks.load(model)
    other = WhitenedEncoder(module(), latent_dim=6).fit(tiles[:20])
    with pytest.raises(InputError, match=r"encoder must be the one that .* describes"):
        TextureNetworks.load(model, encoder=other)


def test_tiles_are_seen_in_0_to_1_and_hidden_pixels_as_their_mean() -> None:
    patches = np.random.default_rng(0).normal(5.0, 2.0, (3, 16, 16)).astype(np.float32)
    patches[0, 6:9, 6:9] = np.nan
    patches[1, 7, 7] = 1e4
    images = as_images(tile_encoder(module()), patches)
    assert images.shape == (3, 1, 16, 16)
    assert images.min() >= 0.0
    assert images.max() == 1.0
    assert np.all(images[0, 0, 6:9, 6:9] == 0.5)
    assert images[2].mean() == pytest.approx(0.5, abs=1e-3)


def test_a_trained_autoencoder_of_the_user_sees_tiles_at_its_own_size(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((12, 32, 32), np.float32)
    autoencoder = EquivariantAutoencoder(
        "D4", size=32, latent_dim=4, fields=(2, 2, 2), map_fields=2, max_epochs=1,
        preprocess=False, pretrained=False, perceptual=None,
    ).fit(images)  # fmt: skip
    options = replace(OPTIONS, encoder=autoencoder, pooling="auto")
    labels = segmented(tmp_path, two_textures(), options)
    loaded = TextureNetworks.load(tmp_path / "model")
    assert not loaded.trained
    assert loaded.shape == (1, 4)
    assert labels.max() == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"encoder": "own,alexnet"}, "encoder must be one encoder"),
        ({"layer": "features.2"}, "layer must be left out unless encoder names"),
        ({"encoder": module(), "encoder_group": "none"}, "encoder_group must be left out"),
        ({"encoder": "lenet"}, "encoder must be one of alexnet"),
        ({"encoder": "latents.npy"}, "encoder must look at the pixels of tiles"),
        ({"encoder": LatentTable("latents.npy")}, "encoder must look at the pixels of tiles"),
        ({"encoder": EquivariantAutoencoder()}, "encoder must be fitted"),
        ({"encoder": 3}, "encoder must be a name, a file or an encoder, got 3"),
        ({"encoder": "missing.onnx"}, "missing.onnx"),
    ],
)
def test_encoders_that_cannot_be_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        SegmentOptions(**settings).tile_encoder()


def test_an_encoder_of_other_images_is_refused_in_a_sentence(tmp_path: Path) -> None:
    from tests.encoders.onnx_files import write_onnx

    path = write_onnx(tmp_path / "network.onnx", ["n", 4, "h", "w"])
    sky = open_sky_map(write(tmp_path / "sky.fits", two_textures()))
    with pytest.raises(InputError, match=r"must have 4 channels .* got 1"):
        segment_sky_map(sky, replace(OPTIONS, encoder=OnnxEncoder(path), pooling="auto"), tmp_path)


def test_a_network_file_that_has_changed_labels_nothing(tmp_path: Path) -> None:
    from tests.encoders.onnx_files import write_onnx

    path = write_onnx(tmp_path / "network.onnx")
    tiles = np.random.default_rng(0).normal(size=(40, 16, 16)).astype(np.float32)
    encoder = tile_encoder(OnnxEncoder(path))
    pairs = Pairs(tiles[:20], tiles[20:])
    TextureNetworks.of_encoder(encoder, pairs, Stretch(0.0, 1.0)).save(tmp_path)
    loaded = TextureNetworks.load(tmp_path)
    np.testing.assert_array_equal(
        loaded.encode(tiles)[:, 0], encoder.transform(as_images(encoder, tiles))
    )
    write_onnx(path, seed=1)
    with pytest.raises(InputError, match="the weights of the OnnxEncoder are others"):
        TextureNetworks.load(tmp_path)


def test_a_damaged_description_is_refused(tmp_path: Path, known: Segmentation) -> None:
    content = json.loads((known.model / "textures.json").read_text())
    for damage in ({"format": 3}, {"encoder": 1}, {"n_networks": 0}):
        (tmp_path / "textures.json").write_text(json.dumps(content | damage))
        with pytest.raises(InputError, match=r"textures.json"):
            TextureNetworks.load(tmp_path)
