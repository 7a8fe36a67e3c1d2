"""float32 in the vector registers of the processor, for functions that numba compiles."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from equiclust import compiled as compilation

__all__ = [
    "DEPTHWISE_PIXELS",
    "LANES",
    "PANEL",
    "PIXELS",
    "TAPS",
    "compiled",
    "depthwise_tile",
    "inlined",
    "larger",
    "load",
    "matrix_tile",
    "repeat",
    "smaller",
    "store",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _has_avx512() -> bool:
    try:
        return bool(binding.get_host_cpu_features().get("avx512f", False))
    except RuntimeError:  # LLVM does not know the features of every processor.
        return False


LANES = 16 if _has_avx512() else 8
"""Numbers in a vector: those of AVX-512, or what all others have or make of two."""
PIXELS = 8 if LANES == 16 else 4
"""Rows of `matrix_tile`, whose sums are held in registers at once, two vectors each."""
PANEL = 2 * LANES
"""Columns of `matrix_tile`."""
TAPS = 5
"""Side of the filters of `depthwise_tile` in pixels."""
DEPTHWISE_PIXELS = 4
"""Pixels side by side of `depthwise_tile`."""

_OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}
_CONTRACT = ("contract",)
_WORD = ir.IntType(64)
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


def inlined(function: _Function) -> _Function:
    """`equiclust.compiled.inlined` for functions of vectors.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
        Products and sums may be one operation.
    """
    return compilation.inlined(function, **_OPTIONS)


def compiled(function: _Function) -> _Function:
    """`equiclust.compiled.compiled` for functions of vectors.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
        Products and sums may be one operation.
    """
    return compilation.compiled(function, **_OPTIONS)


class _Vector(types.Type):  # type: ignore[misc]
    """Type of a vector of `LANES` float32."""

    def __init__(self) -> None:
        super().__init__(name=f"vector of {LANES} float32")


_vector = _Vector()


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _element(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    """Pointer to an element of a flat array."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [place])


def _loaded(builder: Any, pointer: Any, place: Any) -> Any:
    at = builder.gep(pointer, [place])
    return builder.load(builder.bitcast(at, _VECTOR.as_pointer()), align=4)


def _stored(builder: Any, vector: Any, pointer: Any, place: Any) -> None:
    at = builder.gep(pointer, [place])
    builder.store(vector, builder.bitcast(at, _VECTOR.as_pointer()), align=4)


def _repeated(builder: Any, number: Any) -> Any:
    empty = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(empty, number, ir.IntType(32)(0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, empty, places)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), c, flags=_CONTRACT)


@intrinsic  # type: ignore[untyped-decorator]
def load(context: Any, array: Any, place: Any) -> Any:
    """The vector that begins at a place of a flat array."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _loaded(builder, _element(context, builder, signature.args[0], *given), _WORD(0))

    return _vector(array, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(context: Any, array: Any, place: Any, vector: Any) -> Any:
    """Write a vector into a flat array, beginning at a place."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        *target, value = given
        _stored(builder, value, _element(context, builder, signature.args[0], *target), _WORD(0))
        return context.get_dummy_value()

    return types.void(array, types.intp, _vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def repeat(context: Any, number: Any) -> Any:
    """A vector of one number, float32."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _repeated(builder, given[0])

    return _vector(types.float32), generate


def _chosen(comparison: str) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def choose(context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.select(builder.fcmp_ordered(comparison, *given), *given)

        return _vector(_vector, _vector), generate

    return choose


smaller = _chosen("<")
"""The smaller numbers of two vectors; those of the second where one is none."""
larger = _chosen(">")
"""The larger numbers of two vectors; those of the second where one is none."""


def _overload(operation: Callable[[Any, Any], Any], instruction: str) -> None:
    @intrinsic  # type: ignore[untyped-decorator]
    def compute(context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return getattr(builder, instruction)(*given, flags=_CONTRACT)

        return _vector(_vector, _vector), generate

    @overload(operation)  # type: ignore[untyped-decorator]
    def of_vectors(a: Any, b: Any) -> Any:
        def apply(a: Any, b: Any) -> Any:
            return compute(a, b)

        return apply if isinstance(a, _Vector) and isinstance(b, _Vector) else None


for _operation, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _overload(_operation, _instruction)


@intrinsic  # type: ignore[untyped-decorator]
def matrix_tile(
    context: Any,
    a: Any,
    start: Any,
    step: Any,
    places: Any,
    b: Any,
    panel: Any,
    out: Any,
    to: Any,
    stride: Any,
) -> Any:
    """Sum over `k` of `a[start + step * row + places[k]] * b[panel + PANEL * k + column]`.

    For `PIXELS` rows and `PANEL` columns of `out[to + stride * row + column]`; all arrays are flat.
    """
    word = types.intp
    signature = types.void(a, word, word, places, b, word, out, word, word)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        a, start, step, places, b, panel, out, to, stride = given
        kinds = signature.args
        rows = _element(context, builder, kinds[0], a, start)
        table = context.make_array(kinds[3])(context, builder, places)
        columns = _element(context, builder, kinds[4], b, panel)
        made = _element(context, builder, kinds[6], out, to)
        tiles = [(row, half) for row in range(PIXELS) for half in range(2)]
        sums = {tile: cgutils.alloca_once(builder, _VECTOR) for tile in tiles}
        for tile in tiles:
            builder.store(ir.Constant(_VECTOR, [0.0] * LANES), sums[tile])
        length = builder.extract_value(table.shape, 0)
        with cgutils.for_range(builder, length) as loop:
            place = builder.load(builder.gep(table.data, [loop.index]))
            first = builder.mul(loop.index, _WORD(PANEL))
            weights = [
                _loaded(builder, columns, builder.add(first, _WORD(half * LANES)))
                for half in range(2)
            ]
            for row in range(PIXELS):
                at = builder.add(builder.mul(_WORD(row), step), place)
                number = _repeated(builder, builder.load(builder.gep(rows, [at])))
                for half in range(2):
                    total = sums[row, half]
                    added = _multiply_add(builder, number, weights[half], builder.load(total))
                    builder.store(added, total)
        for row, half in tiles:
            at = builder.add(builder.mul(_WORD(row), stride), _WORD(half * LANES))
            _stored(builder, builder.load(sums[row, half]), made, at)
        return context.get_dummy_value()

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def depthwise_tile(
    context: Any,
    maps: Any,
    at: Any,
    row: Any,
    channels: Any,
    taps: Any,
    first: Any,
    out: Any,
    to: Any,
) -> Any:
    """Filter a vector of channels at four pixels side by side, all flat arrays."""
    word = types.intp
    signature = types.void(maps, word, word, word, taps, word, out, word)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        maps, at, row, channels, taps, first, out, to = given
        kinds = signature.args
        corner = _element(context, builder, kinds[0], maps, at)
        filters = _element(context, builder, kinds[4], taps, first)
        made = _element(context, builder, kinds[6], out, to)
        sums = [ir.Constant(_VECTOR, [0.0] * LANES)] * DEPTHWISE_PIXELS
        for i in range(TAPS):
            line = builder.mul(row, _WORD(i))
            pixels = [
                _loaded(builder, corner, builder.add(line, builder.mul(channels, _WORD(j))))
                for j in range(DEPTHWISE_PIXELS + TAPS - 1)
            ]
            for j in range(TAPS):
                tap = _loaded(builder, filters, builder.mul(channels, _WORD(i * TAPS + j)))
                sums = [
                    _multiply_add(builder, tap, pixels[x + j], total)
                    for x, total in enumerate(sums)
                ]
        for x, total in enumerate(sums):
            _stored(builder, total, made, builder.mul(channels, _WORD(x)))
        return context.get_dummy_value()

    return signature, generate
