"""Loops over the rows of maps, compiled for the processor at hand when they are first called."""

from __future__ import annotations

from typing import Any

import numpy as np

from equiclust.nn.fused.vectors import (
    DEPTHWISE_PIXELS,
    LANES,
    PANEL,
    PIXELS,
    compiled,
    depthwise_tile,
    inlined,
    larger,
    load,
    matrix_tile,
    repeat,
    smaller,
    store,
)
from equiclust.typing import Float32Array, Float64Array, IntArray

__all__ = ["PAD", "STEM_KERNEL", "encode_block", "encode_stem", "field_statistics"]

PAD = 2
"""Pixels of zeros around every map."""
STEM_KERNEL = 8
"""Side of the filters of the first convolution in pixels."""

# erf(x / sqrt(2)) / 2 = x P(x^2) / Q(x^2) to 5e-8, fitted for |x| <= 5.5, where it is one half.
_LIMIT = np.float32(5.5)
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = (
    np.float32(coefficient)
    for coefficient in (
        0.3989422616254841,
        0.03486634968343893,
        0.004438943131326129,
        0.000158862578906935,
        3.092015621409826e-06,
        -2.172581562521349e-08,
        1.120028573882235e-10,
    )
)
_Q0, _Q1, _Q2, _Q3, _Q4 = (
    np.float32(coefficient)
    for coefficient in (
        1.0,
        0.2540628745243632,
        0.02847264941238122,
        0.0017661158144639368,
        5.8263433843908967e-05,
    )
)
_HALF = np.float32(0.5)
# Binomial coefficients of six taps, of sum one.
_OUTER, _MIDDLE, _INNER = np.float32(1 / 32), np.float32(5 / 32), np.float32(10 / 32)
_ALMOST_ZERO = np.finfo(np.float64).tiny


@inlined
def _multiply(
    inputs: Float32Array, step: int, places: IntArray, packed: Float32Array, products: Float32Array
) -> None:
    """Products `(halves, w, panels * PANEL)` with packed matrices `(halves, panels, k, PANEL)`.

    Input `k` of pixel `x` is entry `step * x + places[k]` of each half of the inputs.
    """
    halves, width, n = products.shape
    given, weights, made = inputs.reshape(-1), packed.reshape(-1), products.reshape(-1)
    k, apart = len(places), len(given) // halves
    for half in range(halves):
        for x in range(0, width, PIXELS):
            start = half * apart + step * x
            for c in range(0, n, PANEL):
                panel, to = (half * n + c) * k, (half * width + x) * n + c
                matrix_tile(given, start, step, places, weights, panel, made, to, n)


@inlined
def _gelu(x: Any) -> Any:
    """GELU of the numbers in a vector."""
    z = larger(smaller(x, repeat(_LIMIT)), repeat(-_LIMIT))
    t = z * z
    p = repeat(_P5) + t * repeat(_P6)
    p = repeat(_P3) + t * (repeat(_P4) + t * p)
    p = repeat(_P0) + t * (repeat(_P1) + t * (repeat(_P2) + t * p))
    q = repeat(_Q2) + t * (repeat(_Q3) + t * repeat(_Q4))
    q = repeat(_Q0) + t * (repeat(_Q1) + t * q)
    # What is not a number passes through the last product.
    return x * (repeat(_HALF) + z * p / q)


@inlined
def _activate(products: Float32Array, bias: Float32Array, row: Float32Array) -> None:
    """GELU of sum and difference of the products `(halves, w, n)` to a row `(w + 2 PAD, ...)`."""
    halves, width, n = products.shape
    given, made = products.reshape(-1), row.reshape(-1)
    for x in range(width):
        for c in range(0, n, LANES):
            at, to = x * n + c, (x + PAD) * halves * n + c
            even = load(given, at) + load(bias, c)
            if halves == 1:
                store(made, to, _gelu(even))
            else:
                odd = load(given, width * n + at)
                store(made, to, _gelu(even + odd))
                store(made, to + n, _gelu(even - odd))


@inlined
def _blur(row: Float32Array, y: int, narrow: Float32Array, out: Float32Array) -> None:
    """Halve row `y` of a map along itself, and add it to the rows `out` that it is part of."""
    width = out.shape[1] - 2 * PAD
    n = row.shape[1]
    flat = row.reshape(-1)
    for x in range(width):
        for c in range(0, n, LANES):
            at = 2 * x * n + c
            outer = load(flat, at) + load(flat, at + 5 * n)
            middle = load(flat, at + n) + load(flat, at + 4 * n)
            inner = load(flat, at + 2 * n) + load(flat, at + 3 * n)
            total = inner * repeat(_INNER) + middle * repeat(_MIDDLE) + outer * repeat(_OUTER)
            store(narrow, x * n + c, total)
    target = out.reshape(-1)
    for line in range(max(y // 2 - 1, 0), min(y // 2 + 2, width)):
        tap = y - 2 * line + PAD
        weight = _OUTER if tap in (0, 5) else (_MIDDLE if tap in (1, 4) else _INNER)
        start = ((line + PAD) * (width + 2 * PAD) + PAD) * n
        for i in range(0, width * n, LANES):
            added = load(target, start + i) + repeat(weight) * load(narrow, i)
            store(target, start + i, added)


@inlined
def _fold(image: Float32Array, y: int, inputs: Float32Array) -> None:
    """Lines under the filters of output row `y`, `(halves, c * 8 / halves, w)`.

    With two halves they are the sums and the differences of lines that lie opposite.
    """
    halves = len(inputs)
    lines = STEM_KERNEL // halves
    width = image.shape[2]
    for channel in range(len(image)):
        for i in range(lines):
            near = image[channel, 2 * y + i]
            even = inputs[0, channel * lines + i]
            if halves == 1:
                for x in range(width):
                    even[x] = near[x]
            else:
                far = image[channel, 2 * y + STEM_KERNEL - 1 - i]
                odd = inputs[1, channel * lines + i]
                for x in range(width):
                    even[x] = near[x] + far[x]
                    odd[x] = near[x] - far[x]


@inlined
def _filter_row(
    fields: Float32Array, y: int, taps: Float32Array, row: Float32Array, inputs: Float32Array
) -> None:
    """Depthwise filters along output row `y`, and the sums and differences of the halves."""
    halves, width, n = inputs.shape
    _, padded, channels = fields.shape
    flat, filters, made = fields.reshape(-1), taps.reshape(-1), row.reshape(-1)
    for x in range(0, width, DEPTHWISE_PIXELS):
        for c in range(0, channels, LANES):
            at, to = (y * padded + x) * channels + c, x * channels + c
            depthwise_tile(flat, at, padded * channels, channels, filters, c, made, to)
    wanted = inputs.reshape(-1)
    for x in range(width):
        for c in range(0, n, LANES):
            at, to = x * channels + c, x * n + c
            first = load(made, at)
            if halves == 1:
                store(wanted, to, first)
            else:
                second = load(made, at + n)
                store(wanted, to, first + second)
                store(wanted, width * n + to, first - second)


@inlined
def _clear(maps: Float32Array) -> None:
    flat = maps.reshape(-1)
    for i in range(len(flat)):
        flat[i] = 0.0


@inlined
def _add_line(fields: Float32Array, line: int, row: Float32Array) -> None:
    """Add the line of a map to a row, but for what is around it."""
    given, made = fields.reshape(-1), row.reshape(-1)
    around = PAD * row.shape[1]
    for i in range(around, len(made) - around, LANES):
        store(made, i, load(made, i) + load(given, line * len(made) + i))


@inlined
def _copy_inner(row: Float32Array, out: Float32Array, line: int) -> None:
    """Copy a row, without what is around it, to the line of a map that has nothing around."""
    given, made = row.reshape(-1), out.reshape(-1)
    around = PAD * row.shape[1]
    length = len(given) - 2 * around
    for i in range(0, length, LANES):
        store(made, line * length + i, load(given, around + i))


@compiled
def encode_stem(
    images: Float32Array, packed: Float32Array, bias: Float32Array, out: Float32Array
) -> None:
    """Lifting convolution, norm, GELU and blur.

    Parameters
    ----------
    images : ndarray (n, c, s + 6, s + 6)
        With three pixels of zeros around.
    packed : ndarray (halves, panels, k, PANEL)
    bias : ndarray (channels / halves,)
    out : ndarray (n, s / 4 + 2 PAD, s / 4 + 2 PAD, channels)
        Filled.
    """
    halves, panels, k, _ = packed.shape
    n = panels * PANEL
    line = images.shape[3]
    width = (line - STEM_KERNEL) // 2 + 1
    inputs = np.empty((halves, k // STEM_KERNEL, line), np.float32)
    places = np.empty(k, np.int64)
    for i in range(k):
        places[i] = i // STEM_KERNEL * line + i % STEM_KERNEL
    products = np.empty((halves, width, n), np.float32)
    row = np.zeros((width + 2 * PAD, halves * n), np.float32)
    narrow = np.empty(width // 2 * halves * n, np.float32)
    _clear(out)
    for index in range(len(images)):
        for y in range(width):
            _fold(images[index], y, inputs)
            _multiply(inputs, 2, places, packed, products)
            _activate(products, bias, row)
            _blur(row, y, narrow, out[index])


@compiled
def encode_block(
    maps: Float32Array,
    taps: Float32Array,
    packed: Float32Array,
    bias: Float32Array,
    residual: bool,
    out: Float32Array,
) -> None:
    """Separable block, and the blur behind it unless `out` is as large as the map.

    Parameters
    ----------
    maps : ndarray (n, s + 2 PAD, s + 2 PAD, k * halves)
        With zeros around.
    taps : ndarray (TAPS^2, k * halves)
    packed : ndarray (halves, panels, k, PANEL)
    bias : ndarray (channels / halves,)
    residual : bool
        Whether the maps are added to the result.
    out : ndarray (n, s / 2 + 2 PAD, s / 2 + 2 PAD, channels) or (n, s, s, channels)
        Filled.
    """
    halves, panels, k, _ = packed.shape
    n = panels * PANEL
    width = maps.shape[2] - 2 * PAD
    inputs = np.empty((halves, width, k), np.float32)
    places = np.empty(k, np.int64)
    for i in range(k):
        places[i] = i
    filtered = np.empty((width, halves * k), np.float32)
    products = np.empty((halves, width, n), np.float32)
    row = np.zeros((width + 2 * PAD, halves * n), np.float32)
    narrow = np.empty(width // 2 * halves * n, np.float32)
    blurred = out.shape[2] != width
    _clear(out)
    for index in range(len(maps)):
        for y in range(width):
            _filter_row(maps[index], y, taps, filtered, inputs)
            _multiply(inputs, k, places, packed, products)
            _activate(products, bias, row)
            if residual:
                _add_line(maps[index], y + PAD, row)
            if blurred:
                _blur(row, y, narrow, out[index])
            else:
                _copy_inner(row, out[index], y)


@inlined
def _average(sums: Float64Array, order: int, elements: int, means: Float64Array) -> None:
    """Average of the numbers of every field, which are the sums over halves of the group."""
    for field in range(len(means)):
        total = 0.0
        for element in range(elements):
            total += sums[field * elements + element]
        means[field] = total / order


@compiled
def field_statistics(
    maps: Float32Array, halves: int, elements: int, spread: bool, out: Float64Array
) -> None:
    """Mean, and standard deviation, over the elements of the group at every pixel.

    Parameters
    ----------
    maps : ndarray (n, s, s, channels)
    halves, elements : int
        Halves of the channels, and elements of the group in each of them.
    spread : bool
        Whether the standard deviation is wanted.
    out : ndarray (n, fields or 2 * fields, s * s)
        Filled: first the means.
    """
    n, size, _, channels = maps.shape
    fields = out.shape[1] // 2 if spread else out.shape[1]
    apart, known = channels // halves, fields * elements
    order = halves * elements
    sums, means, squares = np.empty(known), np.empty(fields), np.empty(fields)
    for index in range(n):
        for pixel in range(size * size):
            values = maps[index, pixel // size, pixel % size]
            sums[:] = 0.0
            for half in range(halves):
                part = values[half * apart : half * apart + known]
                for i in range(known):
                    sums[i] += part[i]
            _average(sums, order, elements, means)
            for field in range(fields):
                out[index, field, pixel] = means[field]
            if not spread:
                continue
            sums[:] = 0.0
            for half in range(halves):
                part = values[half * apart : half * apart + known]
                for field in range(fields):
                    mean = means[field]
                    for element in range(elements):
                        i = field * elements + element
                        sums[i] += (part[i] - mean) ** 2
            _average(sums, order, elements, squares)
            for field in range(fields):
                out[index, fields + field, pixel] = np.sqrt(max(squares[field], _ALMOST_ZERO))
