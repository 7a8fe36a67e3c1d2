"""Whole autoencoders to escnn and back: outputs, latents, training, types and shapes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from equiclust import EquivariantAutoencoder, simulate_discs
from equiclust.exceptions import InputError
from equiclust.nn import AutoencoderNetwork, NetworkConfig
from equiclust.nn.escnn import from_escnn, import_escnn, to_escnn
from tests.nn.layers import relative_error

escnn = import_escnn()
CONFIGS = {
    "D8": NetworkConfig(group="D8", size=32, fields=(1, 1), map_fields=1, latent_dim=4),
    "D4": NetworkConfig(
        group="D4", in_channels=2, fields=(1, 2, 2), map_fields=2, latent_dim=4, harmonics=2
    ),
    "C4": NetworkConfig(group="C4", size=32, fields=(2, 3), latent_dim=4, detail_fields=2),
    "trivial": NetworkConfig(group="trivial", size=32, fields=(2, 3), latent_dim=4, annuli=0),
}
Pair = tuple[AutoencoderNetwork, nn.Module]


@pytest.fixture(scope="module", params=list(CONFIGS))
def trained(request: pytest.FixtureRequest) -> Pair:
    """A network with weights, statistics and a mode of its own, and its copy in escnn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = AutoencoderNetwork(CONFIGS[request.param])
        _train(network, steps=2)
        return network.eval(), to_escnn(network)


@pytest.mark.parametrize("training", [False, True])
@torch.no_grad()
def test_outputs_and_latents_are_the_same_in_both_modes(trained: Pair, training: bool) -> None:
    network, module = (part.train(training) for part in deepcopy(trained))
    images = _images(network)
    for wanted, found in zip(network(images), module(images), strict=True):
        assert relative_error(found, wanted) <= 1e-5
    assert relative_error(module.encode(images), network.encode(images)) <= 1e-5
    assert relative_error(module.reconstruct(images), network.reconstruct(images)) <= 1e-5


def test_ten_steps_of_training_lose_the_same_on_both_sides(trained: Pair) -> None:
    network, module = deepcopy(trained)
    ours, theirs = _train(network, steps=10), _train(module, steps=10)
    assert abs(ours[0] - ours[-1]) > 1e-2 * ours[0]
    torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=0)
    # What was learned in escnn is read back, statistics included.
    back = from_escnn(module.eval())
    images = _images(network)
    with torch.no_grad():
        for wanted, found in zip(module(images), back(images), strict=True):
            assert relative_error(found, wanted) <= 1e-5


def test_there_and_back_keeps_every_number_and_the_mode(trained: Pair) -> None:
    network, module = trained
    back = from_escnn(module, images=_images(network))
    assert isinstance(back, AutoencoderNetwork)
    assert not back.training
    assert back.config == network.config
    torch.testing.assert_close(back.state_dict(), network.state_dict(), rtol=0, atol=0)


@torch.no_grad()
def test_parts_are_modules_of_escnn_with_the_shapes_that_they_announce(trained: Pair) -> None:
    network, module = trained
    images = _images(network)
    x = module.encoder.in_type(images)
    encoded, code = module.encoder(x), module.detail(x)
    for part, given in (
        (module.encoder, (x,)),
        (module.narrow, (encoded,)),
        (module.detail, (x,)),
        (module.decoder, (module.narrow(encoded), code)),
        (module.pooling, (encoded,)),
    ):
        assert isinstance(part, escnn.nn.EquivariantModule)
        made = part(*given)
        assert made.type == part.out_type
        assert tuple(made.shape) == tuple(part.evaluate_output_shape(*(g.shape for g in given)))
    convolutions = (escnn.nn.R2Conv, escnn.nn.R2ConvTransposed)
    found = [part for part in module.modules() if isinstance(part, convolutions)]
    assert len(found) == sum(hasattr(layer, "basis") for layer in network.modules())


@torch.no_grad()
def test_every_part_is_equivariant_in_the_sense_of_its_types(trained: Pair) -> None:
    network, module = trained
    x = module.encoder.in_type(_images(network))
    group = module.encoder.in_type.gspace.fibergroup
    encoded, code = module.encoder(x), module.detail(x)
    narrow = module.narrow(encoded)
    exact = [g for g in group.elements if _is_exact(module.encoder.in_type.gspace, g)]
    for element in exact:
        for part, given in (
            (module.encoder, (x,)),
            (module.detail, (x,)),
            (module.decoder, (narrow, code)),
            (module.pooling, (encoded,)),
        ):
            moved = part(*(g.transform(element) for g in given)).tensor
            wanted = part(*given).transform(element).tensor
            assert relative_error(moved, wanted) <= 1e-4


@torch.no_grad()
def test_parts_are_read_alone(trained: Pair) -> None:
    network, module = trained
    images = _images(network)
    encoder, pooling = from_escnn(module.encoder), from_escnn(module.pooling)
    encoded = encoder(images)
    assert relative_error(encoded, network.encoder(images)) <= 1e-6
    assert relative_error(pooling(encoded), network.pooling(encoded)) <= 1e-6
    assert {type(layer) for layer in network.encoder.modules()} - {type(network.encoder)} <= {
        type(layer) for layer in encoder.modules()
    }


@torch.no_grad()
def test_double_precision_stays_and_leaves_other_modules_alone() -> None:
    network = AutoencoderNetwork(CONFIGS["C4"]).eval()
    before, images = to_escnn(network), _images(network)
    module = to_escnn(deepcopy(network).double())
    assert {value.dtype for value in module.parameters()} == {torch.float64}
    # escnn keeps its filters in single precision.
    for wanted, found in zip(
        network.double()(images.double()), module(images.double()), strict=True
    ):
        assert relative_error(found, wanted) <= 1e-6
    back = from_escnn(module)
    torch.testing.assert_close(back.state_dict(), network.state_dict(), rtol=0, atol=0)
    # In training the filters are expanded anew.
    assert before.train()(images)[0].dtype == torch.float32


def test_a_fitted_estimator_is_converted_and_takes_its_network_back() -> None:
    images, _ = simulate_discs(8, size=32, random_state=0)
    estimator = EquivariantAutoencoder(
        "D4", size=32, fields=(1, 2), latent_dim=4, max_epochs=1, perceptual=None, random_state=0
    )
    with pytest.raises(InputError, match=r"fitted EquivariantAutoencoder.*got EquivariantAuto"):
        to_escnn(estimator)
    estimator.fit(images)
    module = to_escnn(estimator)
    assert not module.training
    back = estimator.with_network(from_escnn(module))
    wanted = torch.tensor(estimator.transform(images))
    assert relative_error(torch.tensor(back.transform(images)), wanted) <= 1e-5


def test_foreign_weights_are_not_read_in_silence() -> None:
    network = AutoencoderNetwork(CONFIGS["C4"])
    module: Any = to_escnn(network)
    module.narrow = escnn.nn.R2Conv(module.narrow.in_type, module.narrow.out_type, 1)
    assert isinstance(from_escnn(module), AutoencoderNetwork)
    first = module.encoder.stem[0]
    module.encoder.stem._modules["0"] = escnn.nn.R2Conv(
        first.in_type, first.out_type, 8, padding=3, stride=2, bias=False, sigma=0.9
    )
    with pytest.raises(InputError, match=r"'encoder.stem.0' must have the filters of to_escnn"):
        from_escnn(module)


def _images(network: AutoencoderNetwork) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    config = network.config
    return torch.rand(4, config.in_channels, config.size, config.size, generator=generator)


def _train(network: nn.Module, *, steps: int) -> list[float]:
    """Losses of steps of Adam, with terms for reconstruction and for the spread of the latents."""
    images = _images(network)
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        latents, made = network(images)
        spread = (latents.var(dim=0) + 1e-4).sqrt()
        loss = 10 * (made - images).square().mean() + (1 - spread).relu().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def _is_exact(space: Any, element: Any) -> bool:
    matrix = torch.tensor(space.basespace_action(element))
    return bool((matrix - matrix.round()).abs().max() < 1e-9)
