"""`equiclust certify`: how much anyone's network changes its mind when an image is turned."""

from __future__ import annotations

from typing import Annotated, Literal

from equiclust.cli.parser import Device, Inputs
from equiclust.cli.session import Outcome, Session

__all__ = ["certify"]


def certify(
    session: Session,
    model: Annotated[str, "MODEL"],
    inputs: Inputs,
    *,
    output: Annotated[str | None, "FOLDER"] = None,
    group: Annotated[str, "none|D4|D8|D16"] = "none",
    layer: Annotated[str | None, "NODE"] = None,
    pooling: Literal["mean", "max", "mean+max", "token"] | None = None,
    statistic: Literal["mean", "mean+std", "max"] | None = None,
    normalization: Literal["none", "imagenet"] | None = None,
    weights: Annotated[str | None, "PATH"] = None,
    size: Annotated[int, "PX"] = 128,
    n_images: Annotated[int, "N"] = 16,
    seed: Annotated[int, "S"] = 0,
    device: Device | None = None,
) -> Outcome:
    """Measure how much the vectors of any network change when images are turned or mirrored.

    Quarter turns and mirrors must change nothing beyond rounding: exit status 1 when they do. Other
    angles are reported. With --group the vectors are averaged, and the network as it is is measured
    beside. For a run there is `equiclust check`.

    Parameters
    ----------
    model
        Name of a network: alexnet, vgg16, resnet18, resnet50, efficientnet_b0, efficientnet_lite0,
        convnext_tiny or vit_b_16; or an ONNX file.
    inputs
        Files, folders or globs.
    output
        Folder for the certificate (JSON) and its figure (PNG and PDF); by default none is written.
    group
        Group over which vectors are averaged: D4 is exact for quarter turns and mirrors; D8 and D16
        have further angles.
    layer
        Node of a named network whose output is taken, by default the last one with positions; or
        one of several outputs of an ONNX file.
    pooling
        What is made of a map, over its positions.
    statistic
        What is made of the vectors of the group; by default their mean.
    normalization
        What an ONNX file wants its images to be: in 0 to 1 (none), or less ImageNet's mean.
    weights
        File or folder with the weights of a named network; random draws them.
    size
        Side in pixels to which images are brought first.
    n_images
        Images that are turned.
    seed
        Seed of everything random.
    device
        Where to compute, for a named network.

    Examples
    --------
    equiclust certify alexnet images/ --group D4 --output certified
    """
    from equiclust.cli.messages import describe_encoder_certificate
    from equiclust.pipeline.encoder_certificate import (
        certify_encoder,
        check_certificate_output,
        write_certificate,
    )

    if output is not None:
        check_certificate_output(output)
    given = {
        "layer": layer,
        "pooling": pooling,
        "statistic": statistic,
        "normalization": normalization,
        "weights": weights,
        "device": device,
    }
    certified = certify_encoder(
        model,
        inputs,
        group=group,
        size=size,
        n_images=n_images,
        random_state=seed,
        on_progress=session.on_progress,
        **{name: value for name, value in given.items() if value is not None},
    )
    files = () if output is None else write_certificate(certified, output)
    return describe_encoder_certificate(certified, files)
