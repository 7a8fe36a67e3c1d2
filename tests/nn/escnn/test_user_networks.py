"""Networks that users wrote with escnn: read, run without it, trained further, exported."""

from __future__ import annotations

import io
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.steerable_cnn import SteerableCNN, trained_steerable_cnn
from equiclust import certify
from equiclust.encoders import ModuleEncoder, OnnxEncoder
from equiclust.exceptions import InputError
from equiclust.nn import GroupConv2d, export_network, from_escnn
from equiclust.nn.escnn import import_escnn
from equiclust.nn.escnn.plain import FieldMax
from tests.nn.layers import relative_error

escnn = import_escnn()
enn = escnn.nn
SPACE = escnn.gspaces.flipRot2dOnR2(4)
IMAGE = enn.FieldType(SPACE, [SPACE.trivial_repr])
FIELDS = enn.FieldType(SPACE, [SPACE.regular_repr] * 2)
MIXED = enn.FieldType(SPACE, [SPACE.regular_repr, SPACE.trivial_repr, SPACE.regular_repr])


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(8, 1, 29, 29, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def steerable(images: Tensor) -> SteerableCNN:
    """The D8 example of escnn's documentation, made narrow, after two steps of training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        classes = torch.arange(8)
        return trained_steerable_cnn([1, 1, 2, 2, 2, 4], images, classes, hidden=8, steps=2)


@torch.no_grad()
def test_the_example_of_the_documentation_runs_without_escnn(
    steerable: SteerableCNN, images: Tensor
) -> None:
    network = from_escnn(steerable, images=images)
    assert relative_error(network(images), steerable(images)) <= 1e-5
    assert relative_error(network(images[:3]), steerable(images[:3])) <= 1e-5
    assert not any(type(part).__module__.startswith("escnn") for part in network.modules())
    assert not network.training
    # What has our filters can be trained further here.
    assert sum(isinstance(part, GroupConv2d) for part in network.modules()) == 4


def test_it_is_certified(steerable: SteerableCNN, images: Tensor) -> None:
    network = from_escnn(steerable, images=images)
    certificate = certify(network, images.numpy(), n_random_angles=1, random_state=0)
    assert certificate.passed
    assert certificate.ours.d4.relative_to_norm.max <= 1e-6
    # Rounding is all that is left, and double precision takes it away; its weights are buffers.
    mask, lift, fields = *steerable.block1[:2], steerable.block1.out_type
    pools = enn.PointwiseAdaptiveAvgPool(fields, 1), enn.GroupPooling(fields)
    fixed = from_escnn(nn.Sequential(mask, lift, *pools, nn.Flatten())).double()
    assert not list(fixed.parameters())
    found = certify(fixed, images.numpy(), n_random_angles=1, random_state=0)
    assert found.ours.d4.relative_to_norm.max <= 1e-13


@torch.no_grad()
def test_it_is_exported_to_plain_torch(steerable: SteerableCNN, images: Tensor) -> None:
    network = from_escnn(steerable, images=images)
    exported = export_network(network)
    wanted = steerable(images)
    assert relative_error(exported(images), wanted) <= 1e-5
    assert not any(isinstance(p, (nn.BatchNorm2d, GroupConv2d)) for p in exported.modules())
    file, n = io.BytesIO(), torch.export.Dim("n")
    torch.export.save(torch.export.export(exported, (images,), dynamic_shapes=({0: n},)), file)
    file.seek(0)
    program = torch.export.load(file).module()
    assert relative_error(program(images[:5]), wanted[:5]) <= 1e-5
    # The network itself is left as it was.
    assert relative_error(network(images), wanted) <= 1e-5


# torch warns of its own way to ONNX, the only one that needs no further package.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@torch.no_grad()
def test_it_is_an_encoder_as_module_and_as_onnx_file(
    steerable: SteerableCNN, images: Tensor, tmp_path: Path
) -> None:
    network = from_escnn(steerable, images=images)
    path, axes = tmp_path / "network.onnx", {"images": {0: "n"}}
    torch.onnx.export(
        export_network(network),
        (images,),
        path,
        input_names=["images"],
        dynamic_axes=axes,
        dynamo=False,
    )
    wanted = steerable(images[:3])
    for encoder in (ModuleEncoder(network), OnnxEncoder(path)):
        assert relative_error(torch.tensor(encoder.transform(images[:3].numpy())), wanted) <= 1e-5


def test_further_training_here_keeps_the_invariance(
    steerable: SteerableCNN, images: Tensor
) -> None:
    network = from_escnn(steerable, images=images).train()
    with torch.no_grad():
        before = network(images)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        network(images).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        after, turned = (network.eval()(x) for x in (images, images.rot90(1, (2, 3)).flip(3)))
    assert relative_error(after, before) > 1e-2
    assert relative_error(turned, after) <= 1e-5


MODULES = {
    "ReLU": enn.ReLU(FIELDS),
    "ELU": enn.ELU(FIELDS, alpha=0.7),
    "LeakyReLU": enn.LeakyReLU(FIELDS, negative_slope=0.2),
    **{p: enn.PointwiseNonLinearity(FIELDS, p) for p in ("p_relu", "p_elu", "p_sigmoid", "p_tanh")},
    "max": enn.PointwiseMaxPool(FIELDS, 3, stride=2, padding=1),
    "max of every second": enn.PointwiseMaxPool(FIELDS, 2, dilation=2),
    "max ceil": enn.PointwiseMaxPool(FIELDS, 2, ceil_mode=True),
    "antialiased max": enn.PointwiseMaxPoolAntialiased(FIELDS, 3, stride=2, padding=1, sigma=0.8),
    "mean": enn.PointwiseAvgPool(FIELDS, 2, ceil_mode=True),
    "mean of a rectangle": enn.PointwiseAvgPool(FIELDS, (3, 2), stride=(1, 2), padding=(1, 0)),
    "antialiased mean": enn.PointwiseAvgPoolAntialiased(FIELDS, sigma=0.66, stride=2),
    "adaptive mean": enn.PointwiseAdaptiveAvgPool(FIELDS, 3),
    "adaptive max": enn.PointwiseAdaptiveMaxPool(FIELDS, (2, 3)),
    "mask": enn.MaskModule(FIELDS, 9, margin=10.0),
    "group pooling": enn.GroupPooling(FIELDS),
    "mixed group pooling": enn.GroupPooling(MIXED),
    "dropout": enn.PointwiseDropout(FIELDS, 0.3),
    "field dropout": enn.FieldDropout(FIELDS, 0.3),
    "upsampling": enn.R2Upsampling(FIELDS, scale_factor=2),
    "reshuffle": enn.ReshuffleModule(MIXED, [2, 0, 1]),
    "identity": enn.IdentityModule(FIELDS),
    "restriction": enn.RestrictionModule(FIELDS, (None, 2)),
}


@pytest.mark.parametrize("name", MODULES)
@torch.no_grad()
def test_every_module_that_the_documentation_names_is_read(name: str) -> None:
    module = MODULES[name].eval()
    x = torch.randn(2, module.in_type.size, 9, 9)
    network = from_escnn(enn.SequentialModule(module))
    wanted = module(module.in_type(x)).tensor
    assert relative_error(network(x), wanted) <= 1e-6
    assert relative_error(export_network(network)(x), wanted) <= 1e-6


@pytest.mark.parametrize("name", ["mean", "group pooling", "antialiased max"])
@torch.no_grad()
def test_double_precision_stays(name: str) -> None:
    module = deepcopy(MODULES[name]).double().eval()
    x = torch.randn(2, module.in_type.size, 9, 9, dtype=torch.float64)
    found = from_escnn(module)(x)
    assert found.dtype == torch.float64
    # GroupPooling of escnn rounds to single precision.
    assert relative_error(found, module(module.in_type(x)).tensor.double()) <= 1e-6


@torch.no_grad()
def test_parts_may_be_given_in_their_order(steerable: SteerableCNN, images: Tensor) -> None:
    parts = nn.Sequential(*list(steerable.children())[:-1], nn.Flatten())
    encoder = from_escnn(parts.eval(), images=images)
    assert relative_error(steerable.head(encoder(images)), steerable(images)) <= 1e-5


class Own(nn.Module):
    """A network with a forward of its own."""

    def __init__(self, forward: Any) -> None:
        super().__init__()
        self.lift, self.act = enn.R2Conv(IMAGE, FIELDS, 3, padding=1), enn.ReLU(FIELDS)
        self.within = nn.ModuleDict({"conv": enn.R2Conv(FIELDS, FIELDS, 3, padding=1)})
        self.function = forward
        self.eval()

    def forward(self, images: Tensor) -> Any:
        return self.function(self, images)


@torch.no_grad()
def test_a_forward_may_call_a_part_twice_and_return_fields(images: Tensor) -> None:
    def forward(net: Own, x: Tensor) -> Any:
        conv = net.within["conv"]
        return conv(net.act(conv(net.act(net.lift(IMAGE(x))))))

    own = Own(forward)
    network = from_escnn(own, images=images)
    assert relative_error(network(images), own(images).tensor) <= 1e-5
    assert sum(isinstance(part, GroupConv2d) for part in network.modules()) == 1


@pytest.mark.parametrize(
    ("forward", "where"),
    [
        (lambda net, x: net.lift(IMAGE(x - 0.5)), "between the images and 'lift'"),
        (lambda net, x: net.lift(IMAGE(x)).tensor.mean((2, 3)), "between 'lift' and the output"),
        (lambda net, x: net.lift(IMAGE(x.flip(2))), "between the images and 'lift'"),
        (
            lambda net, x: net.within["conv"](FIELDS(net.lift(IMAGE(x)).tensor.relu_())),
            "between 'lift' and 'within.conv'",
        ),
        (
            lambda net, x: net.lift(IMAGE(x)).tensor + net.act(net.lift(IMAGE(x))).tensor,
            "between 'lift' and 'lift'",
        ),
        (lambda net, x: net.lift(IMAGE(x)).tensor.transpose(2, 3), "between 'lift' and the output"),
        # Nothing is changed in this example, but might be in another.
        (lambda net, x: net.lift(IMAGE(x)).tensor.clamp(max=1e9), "between 'lift' and the output"),
    ],
)
def test_what_a_forward_does_between_its_parts_is_refused(
    forward: Any, where: str, images: Tensor
) -> None:
    own = Own(forward)
    with pytest.raises(InputError, match=f"more to its features than its modules do, {where}"):
        from_escnn(own, images=images)


def test_a_forward_needs_an_example_and_evaluation_mode(images: Tensor) -> None:
    own = Own(lambda net, x: net.lift(IMAGE(x)))
    with pytest.raises(InputError, match=r"images must be an example .* forward of the Own"):
        from_escnn(own)
    with pytest.raises(InputError, match=r"call its eval\(\) first"):
        from_escnn(own.train(), images=images)
    with pytest.raises(InputError, match=r"module must be a torch.nn.Module, got"):
        from_escnn("own")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"images must be a torch.Tensor, got"):
        from_escnn(own, images=images.numpy())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the Linear has no part made of modules of escnn"):
        from_escnn(nn.Linear(2, 2).eval(), images=torch.ones(1, 2))
    with pytest.raises(InputError, match="the Own at '0' cannot be converted: it has modules of"):
        from_escnn(nn.Sequential(own))


def test_a_class_derived_from_one_of_escnn_is_not_taken_for_it(images: Tensor) -> None:
    class Scaled(enn.R2Conv):
        def forward(self, x: Any) -> Any:
            return self.out_type(2 * super().forward(x).tensor)

    class Louder(enn.PointwiseAvgPool2D):
        def forward(self, x: Any) -> Any:
            return self.out_type(2 * super().forward(x).tensor)

    with pytest.raises(InputError, match=r"the Scaled at '0' cannot .* gives another output"):
        from_escnn(enn.SequentialModule(Scaled(IMAGE, FIELDS, 3, padding=1)).eval())
    with pytest.raises(InputError, match=r"the Louder at '0' cannot .* no layer corresponds"):
        from_escnn(enn.SequentialModule(Louder(FIELDS, 2)).eval())


@torch.no_grad()
def test_an_output_that_differs_is_noticed(images: Tensor) -> None:
    sequence = enn.SequentialModule(enn.R2Conv(IMAGE, FIELDS, 3, padding=1)).eval()
    # Filters that are not of the weights: escnn computes with them until the next train().
    sequence[0].filter.mul_(2.0)
    with pytest.raises(InputError, match="its output differs by"):
        from_escnn(sequence, images=images)


@torch.no_grad()
def test_fields_of_several_sizes_are_pooled_one_by_one() -> None:
    pool = FieldMax([2, 1, 3])
    x = torch.tensor([-2.0, -1.0, -5.0, 3.0, 1.0, 2.0]).view(1, 6, 1, 1)
    assert pool(x).flatten().tolist() == [-1.0, -5.0, 3.0]


@torch.no_grad()
def test_norms_are_exported_behind_a_convolution_and_without_one() -> None:
    alone, behind = enn.InnerBatchNorm(FIELDS), enn.InnerBatchNorm(FIELDS)
    convolution = enn.R2Conv(FIELDS, FIELDS, 1)
    convolution.bias.normal_()
    module = enn.SequentialModule(enn.ReLU(FIELDS), alone, convolution, behind)
    x = 2 + torch.randn(4, FIELDS.size, 5, 5)
    module(FIELDS(x))
    network = from_escnn(module)
    exported = export_network(network)
    assert relative_error(exported(x), module.eval()(FIELDS(x)).tensor) <= 1e-5
    assert not any(isinstance(part, nn.BatchNorm1d) for part in exported.modules())
    with pytest.raises(InputError, match=r"must be a torch.nn.Sequential.* got ModuleList"):
        export_network(nn.ModuleList(network))
