"""`OnnxEncoder`: a network from a file of the open format ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from equiclust.encoders._pixels import PixelEncoder
from equiclust.encoders.onnx_file import external_files, onnx_digest
from equiclust.encoders.photographs import check_range, resize_images, standardize
from equiclust.encoders.pooling import POOLINGS, Pooling, pool_features
from equiclust.exceptions import InputError
from equiclust.optional import import_optional
from equiclust.typing import Array, Float32Array, PathLike
from equiclust.validation import check_choice, check_whole, is_auto, shown

__all__ = ["OnnxEncoder"]

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
_NORMALIZATIONS = ("none", "imagenet")
_COLOURS = (1, 3)


class _Input(NamedTuple):
    """What the file asks of its input; None where it is free."""

    name: str
    dtype: type
    batch: int | None
    channels: int | None
    height: int | None
    width: int | None
    channels_last: bool


class OnnxEncoder(PixelEncoder):
    """A network in an ONNX file, run by onnxruntime on the processor.

    The file is data: its operators are those of onnxruntime itself, libraries of further ones are
    never loaded, and weights are read from no other folder than its own.

    Parameters
    ----------
    path : path-like
        ONNX file with one input of images, `(n, c, h, w)`, or `(n, h, w, c)` with a fixed number of
        1 or 3 channels. Axes that the file fixes are respected: images are resized to its height
        and width, and one channel is repeated to its three.
    output : str, optional
        Name of the output to take; needed where there are several.
    pooling : {"mean", "max", "mean+max", "token"}, default "mean"
        Of an output that is a map or tokens; see `pool_features`.
    normalization : {"none", "imagenet"}, default "none"
        "imagenet" gives images in 0 to 1 the mean and standard deviation of ImageNet, and three
        channels, as most networks trained on photographs want it.
    input_size : int or "auto", default "auto"
        Side in pixels to which images are resized where the file leaves it free; by default they
        are seen as they are.
    batch_size : int, default 16
        Images that are encoded at a time, where the file leaves it free; fewer where they are
        larger than 256 pixels a side.

    Examples
    --------
    >>> import numpy as np
    >>> import onnx
    >>> from equiclust.encoders import OnnxEncoder
    >>> network = onnx.parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["": 17]>
    ...     network (float[n, 1, h, w] images) => (float[n, 1, k, l] map)
    ...     {map = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (images)}
    ... ''')
    >>> onnx.save(network, "network.onnx")
    >>> OnnxEncoder("network.onnx").transform(np.ones((2, 16, 16)))
    array([[1.],
           [1.]], dtype=float32)
    """

    def __init__(
        self,
        path: PathLike,
        *,
        output: str | None = None,
        pooling: Pooling = "mean",
        normalization: Literal["none", "imagenet"] = "none",
        input_size: int | Literal["auto"] = "auto",
        batch_size: int = 16,
    ) -> None:
        self.path = path
        self.output = output
        self.pooling = pooling
        self.normalization = normalization
        self.input_size = input_size
        self.batch_size = batch_size

    @property
    def digest(self) -> str:
        """SHA-256 of the file and of the files of its weights."""
        self._check_parameters()
        return onnx_digest(Path(self.path))

    def _check_parameters(self) -> None:
        if not isinstance(self.path, str | Path) or not str(self.path):
            raise InputError(f"path must name an ONNX file, got {shown(self.path)}")
        if not (self.output is None or isinstance(self.output, str)):
            raise InputError(f"output must be the name of an output, got {shown(self.output)}")
        check_choice("pooling", self.pooling, POOLINGS)
        check_choice("normalization", self.normalization, _NORMALIZATIONS)
        if not is_auto(self.input_size):
            check_whole("input_size", self.input_size, largest=4096)
        check_whole("batch_size", self.batch_size, largest=10**4)

    def _loaded(self) -> tuple[Any, _Input, str]:
        """Session, input, and name of the output."""
        wanted = (str(self.path), self.output)
        if getattr(self, "_cache", (None,))[0] != wanted:
            session = _open(Path(self.path))
            self._cache = (wanted, session, _input_of(session, self.path), self._chosen(session))
        return self._cache[1], self._cache[2], self._cache[3]

    def _chosen(self, session: Any) -> str:
        names = [one.name for one in session.get_outputs()]
        if self.output is None and len(names) == 1:
            return str(names[0])
        if self.output not in names:
            raise InputError(
                f"{str(self.path)!r} has the outputs {', '.join(map(repr, names))}: one must be "
                f"named as its layer, got {self.output!r}"
            )
        return str(self.output)

    def _encode(self, pixels: Float32Array) -> Float32Array:
        session, wanted, output = self._loaded()
        images = self._prepared(pixels, wanted)
        size = wanted.batch or len(images)
        parts = [
            _run(session, wanted, output, images[start : start + size], self.path)
            for start in range(0, len(images), size)
        ]
        features = torch.from_numpy(np.concatenate(parts).astype(np.float32))
        latents: Float32Array = pool_features(features, self.pooling).numpy()
        return latents

    def _prepared(self, pixels: Float32Array, wanted: _Input) -> Array:
        """Images as the file asks for them."""
        images = torch.from_numpy(pixels)
        side = None if is_auto(self.input_size) else int(self.input_size)
        height, width = (
            fixed or side or own
            for fixed, own in zip((wanted.height, wanted.width), images.shape[2:], strict=True)
        )
        images = resize_images(images, height, width)
        if self.normalization == "imagenet":
            check_range(pixels)
            images = standardize(images) if images.shape[1] in _COLOURS else images
        if wanted.channels == max(_COLOURS) and images.shape[1] == 1:
            images = images.expand(-1, wanted.channels, -1, -1)
        if wanted.channels not in (None, images.shape[1]):
            raise InputError(
                f"images must have {wanted.channels} channels for {str(self.path)!r}, "
                f"got {images.shape[1]}"
            )
        ready = images.movedim(1, 3) if wanted.channels_last else images
        return np.ascontiguousarray(ready.numpy(), dtype=wanted.dtype)


def _open(path: Path) -> Any:
    external_files(path)
    runtime = import_optional("onnxruntime", extra="onnx", purpose="an encoder from an ONNX file")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # Its exceptions have no common class.
        raise InputError(f"cannot use {str(path)!r} as a network: {_reason(error)}") from error


def _input_of(session: Any, path: PathLike) -> _Input:
    inputs = session.get_inputs()
    described = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _DTYPES:
        raise InputError(
            f"{str(path)!r} must have one input of images, floating-point (n, c, h, w), "
            f"got {described or 'none'}"
        )
    shape = [size if isinstance(size, int) and size > 0 else None for size in inputs[0].shape]
    last = shape[3] in _COLOURS and shape[1] not in _COLOURS
    batch, channels, height, width = [shape[0], shape[3], *shape[1:3]] if last else shape
    dtype = _DTYPES[inputs[0].type]
    return _Input(inputs[0].name, dtype, batch, channels, height, width, channels_last=last)


def _run(session: Any, wanted: _Input, output: str, images: Array, path: PathLike) -> Array:
    n = len(images)
    if wanted.batch and n < wanted.batch:
        # The file takes no fewer: the last one fills up.
        images = np.concatenate([images, np.repeat(images[-1:], wanted.batch - n, axis=0)])
    try:
        (features,) = session.run([output], {wanted.name: images})
    except Exception as error:
        raise InputError(
            f"{str(path)!r} does not take images of shape {images.shape[1:]}: {_reason(error)}"
        ) from error
    if not isinstance(features, np.ndarray) or features.dtype.kind != "f" or not features.ndim:
        raise InputError(
            f"{str(path)!r} must give floating-point numbers for every image as {output!r}, got "
            f"{getattr(features, 'dtype', type(features).__name__)} of shape {np.shape(features)}"
        )
    if len(features) != len(images):
        raise InputError(
            f"{str(path)!r} must have {len(images)} entries for as many images in {output!r}, got "
            f"shape {features.shape}"
        )
    return features[:n]


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())
