"""Features of torchvision's networks are those of torchvision itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import alexnet, get_model

from equiclust import ImageSet
from equiclust.encoders import GroupAveraged, TorchvisionEncoder
from equiclust.encoders.backbone import BACKBONES, make_backbone
from equiclust.exceptions import InputError, WeightsNotFoundError
from tests.encoders.networks import photographs, small_resnet

MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
STD = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the convolutional part of an AlexNet that has seen nothing."""
    folder = tmp_path_factory.mktemp("weights")
    part = make_backbone("alexnet", "features", "random").state_dict()
    state = {name.removeprefix("part."): value for name, value in part.items()}
    save_file(state, folder / "alexnet_features.safetensors")
    torch.save(state, folder / "alexnet.pth")
    return folder


def test_vectors_are_the_pooled_features_of_the_network_itself(weights: Path) -> None:
    images = photographs(3, 70, 90)
    with torch.device("meta"):
        network = alexnet().eval()
    with torch.no_grad():
        trunk = network.features.to_empty(device="cpu")
        state = torch.load(weights / "alexnet.pth", weights_only=True)
        trunk.load_state_dict({k.removeprefix("features."): v for k, v in state.items()})
        seen = torch.from_numpy((images.repeat(3, axis=1) - MEAN) / STD)
        features = trunk[:6](seen).numpy()
    for pooling, expected in {
        "mean": features.mean(axis=(2, 3)),
        "max": features.max(axis=(2, 3)),
        "mean+max": np.concatenate([features.mean(axis=(2, 3)), features.max(axis=(2, 3))], 1),
    }.items():
        encoder = TorchvisionEncoder(layer="features.5", pooling=pooling, weights=weights)  # type: ignore[arg-type]
        found = encoder.transform(images)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert found.shape == (3, encoder.latent_dim)


def test_weights_are_read_alike_from_either_kind_of_file(weights: Path) -> None:
    images = photographs(2, 64)
    vectors = [
        TorchvisionEncoder(layer="features.2", weights=weights / name).transform(images)
        for name in ("alexnet_features.safetensors", "alexnet.pth")
    ]
    np.testing.assert_array_equal(*vectors)


@pytest.mark.parametrize("network", [n for n in BACKBONES if n not in ("vgg16", "vit_b_16")])
def test_every_network_gives_vectors_whose_length_is_known(network: str) -> None:
    encoder = TorchvisionEncoder(network, weights="random", input_size=64)
    latents = encoder.transform(photographs(2, 32))
    assert latents.shape == (2, encoder.latent_dim)
    assert not np.allclose(latents[0], latents[1], rtol=1e-3)


def test_a_vision_transformer_has_tokens_and_one_size() -> None:
    images, layer = photographs(1, 50, 40), "encoder.layers.encoder_layer_0.add"
    encoder = TorchvisionEncoder("vit_b_16", layer=layer, pooling="token", weights="random")
    token = encoder.transform(images)
    mean = encoder.set_params(pooling="mean").transform(images)
    assert token.shape == mean.shape == (1, 768)
    assert not np.allclose(token, mean)
    assert encoder.set_params(pooling="mean+max").latent_dim == 1536
    with pytest.raises(InputError, match="input_size must be 224 or 'auto' for vit_b_16, got 256"):
        encoder.set_params(input_size=256).fit()


def test_images_of_many_sizes_are_encoded_one_by_one_in_their_order() -> None:
    shapes = [(70, 64), (64, 70), (64, 64), (70, 64), (64, 64)]
    images = [photographs(1, *shape, seed=i)[0] for i, shape in enumerate(shapes)]
    mixed = ImageSet(
        tuple(ImageSet.from_array(one[None], ids=[str(i)])[0] for i, one in enumerate(images))
    )
    encoder = small_resnet()
    expected = np.concatenate([encoder.transform(one[None]) for one in images])
    np.testing.assert_allclose(encoder.transform(mixed), expected, rtol=1e-5)


def test_small_images_are_enlarged_and_others_seen_as_they_are() -> None:
    encoder = small_resnet("conv1")
    fixed = small_resnet("conv1", input_size=64)
    np.testing.assert_array_equal(
        encoder.transform(photographs(2, 20, 30)), fixed.transform(photographs(2, 20, 30))
    )
    large = photographs(2, 80)
    assert not np.allclose(encoder.transform(large), fixed.transform(large))


def test_random_weights_follow_their_seed_and_a_new_parameter_makes_a_new_network() -> None:
    images, encoder = photographs(2, 64), small_resnet("conv1")
    first = encoder.transform(images)
    np.testing.assert_array_equal(small_resnet("conv1").transform(images), first)
    assert not np.allclose(encoder.set_params(random_state=1).transform(images), first)


def test_an_averaged_network_ignores_quarter_turns() -> None:
    encoder = GroupAveraged(small_resnet())
    images = photographs(2, 63)
    latents = encoder.transform(images)
    turned = encoder.transform(np.rot90(images, axes=(2, 3)))
    error = np.linalg.norm(turned - latents, axis=1) / np.linalg.norm(latents, axis=1)
    assert error.max() <= 1e-6


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"network": "lenet"}, "network must be one of alexnet, vgg16.*got 'lenet'"),
        ({"layer": "layer9"}, "layer must name a node of resnet18, such as .*, got 'layer9'"),
        ({"pooling": "sum"}, "pooling must be one of mean, max, mean\\+max, token, got 'sum'"),
        ({"pooling": "token"}, "pooling must fit the features of the layer.*got 'token'"),
        ({"input_size": 8}, "input_size must be a whole number of at least 64, got 8"),
        ({"weights": 3}, "weights must be a path, 'random' or None, got 3"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"device": "quantum"}, "device must be one of auto"),
    ],
)
def test_wrong_parameters_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small_resnet(**wrong).transform(photographs(2, 64))


def test_images_that_a_network_cannot_see_are_refused() -> None:
    encoder = small_resnet("conv1")
    with pytest.raises(InputError, match=r"images must be in 0 to 1 .* got 0 to 255"):
        encoder.transform(255.0 * np.indices((64, 64))[:1] / 63.0)
    with pytest.raises(InputError, match="images must have 1 or 3 channels for resnet18, got 2"):
        encoder.transform(np.zeros((1, 2, 64, 64)))
    with pytest.raises(InputError, match="images must hold at least one image"):
        encoder.transform(np.zeros((0, 1, 64, 64)))


def test_weights_that_do_not_fit_are_named_in_one_sentence(weights: Path, tmp_path: Path) -> None:
    def refused(error: type[Exception], message: str, path: Path) -> None:
        with pytest.raises(error, match=message):
            TorchvisionEncoder("alexnet", weights=path).transform(photographs(1, 64))

    state = torch.load(weights / "alexnet.pth", weights_only=True)
    missing, shape, broken = tmp_path / "missing.pth", tmp_path / "shape.pth", tmp_path / "nan.pth"
    torch.save({k: v for k, v in state.items() if k != "features.3.bias"}, missing)
    torch.save(state | {"features.3.bias": torch.zeros(2)}, shape)
    torch.save(state | {"features.3.bias": torch.full((192,), torch.nan)}, broken)
    refused(InputError, "do not fit alexnet: the array 'features.3.bias' is missing", missing)
    refused(InputError, r"'features.3.bias' must have shape \(192,\), got \(2,\)", shape)
    refused(InputError, "'features.3.bias' must hold finite values", broken)
    refused(WeightsNotFoundError, r"no alexnet\*.safetensors in", tmp_path / "nowhere")
    for name in ("text.safetensors", "text.pth"):
        (tmp_path / name).write_text("no weights at all")
        refused(InputError, "cannot read weights from", tmp_path / name)


class _Runs:
    """What would write a file if anything in the pickle ran."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_code_in_a_file_of_weights_is_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    torch.save({"features.0.weight": _Runs(trace)}, tmp_path / "alexnet.pth")
    with pytest.raises(InputError, match="cannot read weights from"):
        TorchvisionEncoder(weights=tmp_path).transform(photographs(1, 64))
    assert not trace.exists()


def test_images_have_the_mean_and_deviation_that_the_network_was_trained_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "equiclust.encoders.torchvision_encoder.make_backbone",
        lambda *_, **__: torch.nn.Identity(),
    )
    images = photographs(2, 64)
    for network, (mean, std) in {
        "resnet18": (MEAN.ravel(), STD.ravel()),
        "efficientnet_lite0": (127 / 255, 128 / 255),
    }.items():
        found = TorchvisionEncoder(network, pooling="mean", weights="random").transform(images)
        expected = (images.mean(axis=(2, 3)) - mean) / std
        np.testing.assert_allclose(found, np.broadcast_to(expected, (2, 3)), rtol=1e-4, atol=1e-5)


def test_networks_are_those_of_torchvision() -> None:
    with torch.device("meta"):
        for name in set(BACKBONES) - {"efficientnet_lite0", "small_alexnet", "disc_views"}:
            assert get_model(name, weights=None) is not None
