"""ONNX files for the tests of encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

__all__ = ["Shape", "write_onnx"]

onnx = pytest.importorskip("onnx")

Shape = list[int | str | None]


def write_onnx(
    path: Path,
    shape: Shape = ("n", 1, "h", "w"),  # type: ignore[assignment]
    *,
    domain: str = "",
    outputs: tuple[str, ...] = ("map",),
    dtype: int = 1,
    operator: str = "Conv",
    seed: int = 0,
    **saved: Any,
) -> Path:
    """A strided convolution of random weights; `shape` is that of its input."""
    channels = shape[1] if isinstance(shape[1], int) else 1
    weights = np.random.default_rng(seed).normal(size=(4, channels, 3, 3)).astype(np.float32)
    initializers = [onnx.numpy_helper.from_array(weights, "weights")]
    nodes = [
        onnx.helper.make_node(
            operator, ["images", "weights"], [outputs[0]], strides=[2, 2], domain=domain
        ),
        *(onnx.helper.make_node("Relu", [outputs[0]], [name]) for name in outputs[1:]),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "network",
        [onnx.helper.make_tensor_value_info("images", dtype, shape)],
        [onnx.helper.make_tensor_value_info(name, dtype, None) for name in outputs],
        initializers,
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    opsets += [onnx.helper.make_opsetid(domain, 1)] if domain else []
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path, **saved)
    return path
