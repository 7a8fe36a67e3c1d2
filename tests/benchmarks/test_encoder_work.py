"""Operations of the encoder against torch's own count."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.encoder_work import fused_work, layer_work
from equiclust.nn.export import export_encoder
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig

# Numbers behind the activations of the default network.
ACTIVATED = {64: 64 * 32**2 + 128 * 16**2 + 192 * 8**2, 32: 64 * 16**2 + 128 * 8**2}


@pytest.mark.parametrize("size", ACTIVATED)
def test_operations_of_the_layers_are_those_that_torch_counts(size: int) -> None:
    exported = export_encoder(AutoencoderNetwork(NetworkConfig(size=size)), average=False)
    with FlopCounterMode(display=False) as counter:
        exported.encoder(torch.rand(1, 1, size, size))
    counted = counter.get_total_flops() + 27 * ACTIVATED[size]
    assert layer_work(exported, size).operations == counted


def test_fused_views_take_fewer_operations_and_a_rotation_adds_some() -> None:
    network = AutoencoderNetwork(NetworkConfig(size=64))
    single, averaged = (export_encoder(network, average=average) for average in (False, True))
    layers, one, four = layer_work(single, 64), fused_work(single, 64), fused_work(averaged, 64)
    assert layers.operations / 2 < one.operations < layers.operations
    assert one.bytes < layers.bytes / 2
    assert 4.0 < four.operations / one.operations < 4.1 + 4 * 64**3 / one.operations
