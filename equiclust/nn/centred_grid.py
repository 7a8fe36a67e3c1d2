"""The law of exactness: a layer that samples must keep the pixel grid centred."""

from __future__ import annotations

from equiclust.exceptions import InputError

__all__ = ["centred_padding", "check_centred", "output_size"]


def centred_padding(kernel_size: int) -> int:
    """Padding that keeps the size for odd kernels and the half for even kernels with stride 2."""
    return (kernel_size - 1) // 2


def output_size(size: int, *, kernel_size: int, stride: int) -> int:
    """Side of the output for an input of side `size`, with centred padding."""
    return (size + 2 * centred_padding(kernel_size) - kernel_size) // stride + 1


def check_centred(height: int, width: int, *, kernel_size: int, stride: int) -> None:
    """Refuse sizes on which the sampling grid would not be centred.

    A quarter turn of the input turns the output exactly only if the first and the last sample lie
    equally far from the rim, that is, if `size + 2 padding - kernel_size` is a multiple of the
    stride. With stride 2, even kernels need even sizes and odd kernels odd ones.

    Raises
    ------
    InputError
        With the size and the nearest legal ones.
    """
    for name, size in (("height", height), ("width", width)):
        smallest = kernel_size - 2 * centred_padding(kernel_size)
        excess = (size - smallest) % stride
        if size < smallest or excess:
            legal = [n for n in (size - excess, size - excess + stride) if n >= smallest]
            raise InputError(
                f"{name} must be {smallest} plus a multiple of {stride} for a kernel of "
                f"{kernel_size} with stride {stride} to keep the grid centred, got {size} in "
                f"{height} x {width}; nearest legal: {', '.join(map(str, legal or [smallest]))}"
            )
