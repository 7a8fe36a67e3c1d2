"""The fused encoder gives the latents of the exported one, by fewer operations."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from equiclust.autoencoder.pretrained import pretrained_weights, start_from
from equiclust.evaluation.invariance import certify
from equiclust.exceptions import InputError
from equiclust.nn.device import torch_threads
from equiclust.nn.export import export_encoder
from equiclust.nn.fused import FusedEncoder
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.simulation.discs import simulate_discs

# Fields whose channels fill no panel of weights, a residual block, rings and waves.
WIDTHS = {"fields": (2, 3), "map_fields": 2, "latent_dim": 6}
CONFIGS = {
    "D8": NetworkConfig(size=64),
    "three channels": NetworkConfig(in_channels=3, size=32),
    "residual": NetworkConfig(size=128, **WIDTHS),
    "harmonics": NetworkConfig(size=32, harmonics=2, **WIDTHS),
    "C8": NetworkConfig(group="C8", size=64, **WIDTHS),
    "D4": NetworkConfig(group="D4", size=32, **WIDTHS),
    "D2": NetworkConfig(group="D2", size=32, **WIDTHS),
    "D1": NetworkConfig(group="D1", size=32, **WIDTHS),
    "D16": NetworkConfig(group="D16", size=32, **WIDTHS),
    "trivial": NetworkConfig(group="trivial", size=32, annuli=0, fields=(9, 40), latent_dim=4),
}


def _network(config: NetworkConfig) -> AutoencoderNetwork:
    """A network whose norms have seen data."""
    network = AutoencoderNetwork(config)
    with torch.no_grad():
        for _ in range(3):
            network(_images(config, 8))
    return network.eval()


def _images(config: NetworkConfig, n: int = 3) -> Tensor:
    return torch.rand(n, config.in_channels, config.size, config.size)


def _pretrained(size: int) -> AutoencoderNetwork:
    network = AutoencoderNetwork(NetworkConfig(size=size))
    start_from(network, pretrained_weights(network.config))
    return network.eval()


def _change(found: Tensor, wanted: Tensor) -> float:
    """Largest distance in units of the norm."""
    return float(((found - wanted).norm(dim=1) / wanted.norm(dim=1)).max())


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("name", CONFIGS)
def test_latents_are_those_of_the_exported_encoder(
    name: str, average: bool, random_state: int
) -> None:
    config = CONFIGS[name]
    exported, images = export_encoder(_network(config), average=average), _images(config)
    with torch.no_grad():
        assert _change(FusedEncoder(exported)(images), exported(images)) <= 2e-6


@pytest.mark.parametrize("name", ["D8", "residual", "D4"])
def test_quarter_turns_and_mirrors_change_nothing(name: str, random_state: int) -> None:
    config = CONFIGS[name]
    fused, images = FusedEncoder(export_encoder(_network(config))), _images(config)
    latents = fused(images)
    for turns, mirrored in product(range(4), (False, True)):
        moved = (images.flip(3) if mirrored else images).rot90(turns, (2, 3))
        assert _change(fused(moved), latents) <= 1e-6


def test_what_it_computes_depends_on_neither_threads_nor_the_other_images() -> None:
    config = CONFIGS["D4"]
    fused, images = FusedEncoder(export_encoder(_network(config))), _images(config, 40)
    with torch_threads(1):
        alone = torch.cat([fused(image[None]) for image in images])
    with torch_threads(3):
        together = fused(images)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


def test_what_is_not_finite_shows_in_its_own_latent_alone() -> None:
    config = CONFIGS["D4"]
    fused, images = FusedEncoder(export_encoder(_network(config))), _images(config)
    images[1, 0, 12, 12] = torch.nan
    assert fused(images).isnan().any(dim=1).tolist() == [False, True, False]


def test_what_it_cannot_read_is_refused() -> None:
    config = CONFIGS["D4"]
    exported, images = export_encoder(_network(config)), _images(config)
    fused = FusedEncoder(exported)
    with pytest.raises(InputError, match="images must be float32 on the CPU"):
        fused(images.double())
    with pytest.raises(InputError, match=r"images must have shape \(n, 1, 32, 32\), got"):
        fused(images[..., :16])
    with pytest.raises(InputError, match="exported must be float32"):
        FusedEncoder(exported.double())


@pytest.mark.parametrize("size", [64, 128])
def test_other_angles_change_a_trained_latent_by_less_than_a_fifth_of_a_percent(size: int) -> None:
    images, _ = simulate_discs(12, size=size, max_inclination=60, random_state=12)
    fused = FusedEncoder(export_encoder(_pretrained(size)))

    def embed(pixels: np.ndarray) -> np.ndarray:
        return fused(torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32))).numpy()

    pixels = images.pixels / images.pixels.max(axis=(1, 2, 3), keepdims=True)
    found = certify(embed, pixels, n_random_angles=8, random_state=0).ours
    assert found.random.relative_to_spread.median <= 0.002
    assert found.d4.relative_to_norm.max <= 1e-6


# torch warns of its own way to ONNX, the only one that needs no further package, and that checks of
# shapes are made once.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_the_exported_encoder_gives_the_same_latents_in_onnxruntime(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    pytest.importorskip("onnx", reason="torch writes ONNX by the package onnx")
    exported, path = export_encoder(_pretrained(64)), tmp_path / "encoder.onnx"
    images = _images(exported_config := NetworkConfig(size=64), 4)
    torch.onnx.export(
        exported,
        (images,),
        path,
        input_names=["images"],
        dynamic_axes={"images": {0: "n"}},
        dynamo=False,
    )
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    more = _images(exported_config, 7)
    found = torch.from_numpy(session.run(None, {"images": more.numpy()})[0])
    assert _change(found, exported(more)) <= 1e-5
