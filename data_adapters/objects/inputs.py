"""`HeldInput`: an object in memory among the inputs of `data_adapters.read`, besides files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from data_adapters.adapter import ImagePart
from data_adapters.array_axes import axes_of
from data_adapters.array_stack import ArrayStack
from data_adapters.discovery import split_part
from data_adapters.objects.arrays import pixels_of_array, unit_card
from data_adapters.objects.digests import digest_of
from data_adapters.objects.kinds import ARRAYS, MAPS, Kind, kind_of
from data_adapters.objects.open_files import images_of_open_file, path_of_open_file
from data_adapters.registry import adapters_by_suffix
from data_adapters.stacks import file_id
from equiclust.exceptions import InputTypeError
from equiclust.images import Image
from equiclust.validation import shown

__all__ = ["HeldInput", "listed_inputs"]

# Of an array among others, which is one image.
_ONE_IMAGE = {2: "hw", 3: "chw"}


@dataclass(frozen=True, eq=False)
class HeldInput:
    """An object that holds one image or many.

    Parameters
    ----------
    value : object
        Of one of the kinds of `data_adapters.objects.kinds`.
    number : int, default 0
        Of the input among all.
    is_alone : bool, default True
        Whether it is the only input, so that an array may be one of images.
    """

    value: Any = field(repr=False)
    number: int = 0
    is_alone: bool = True

    part = reason = ""

    @cached_property
    def kind(self) -> Kind:
        """What it is."""
        return kind_of(self.value)

    @property
    def name(self) -> str:
        """What it is, as messages call it."""
        return f"{self.kind.value} in memory, input {self.number}"

    @property
    def path(self) -> Path:
        """Its name, in the place of a file."""
        return Path(self.name)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that it holds, which is read for it part by part."""
        return digest_of(self.value, self.kind, self.name)

    @property
    def description(self) -> str:
        """What identifies it in the records of a run."""
        return f"{self.kind.value} {self.number} in memory, {self.digest}"

    def parts(self, axes: str, first: int, most_bytes: int) -> Iterator[ImagePart]:
        """Its images in order, some at a time where they need not be held together.

        Parameters
        ----------
        axes : str
            Letters of `data_adapters.read`.
        first : int
            Number of the first image that is read.
        most_bytes : int
            About how many bytes the pixels of one part may take.

        Yields
        ------
        ImagePart

        Raises
        ------
        UnreadableFileError
            When it holds no image, or cannot be read.
        """
        if self.kind in MAPS:
            yield from self._of_map(axes, first, most_bytes)
        elif self.kind in ARRAYS:
            yield from self._stack(axes).parts(first, most_bytes)
        else:
            images = self._whole(axes)
            if images[first:]:
                yield ImagePart(len(images) - first, len(images), images[first:])

    def _whole(self, axes: str) -> tuple[Image, ...]:
        if self.kind == Kind.IMAGE:
            return (self.value,)
        images = images_of_open_file(self.value, self.name, axes, stem=self._id)
        return tuple(replace(one, path=None) for one in images)

    @property
    def _id(self) -> str:
        return f"{self.number:05d}"

    def _of_map(self, axes: str, first: int, most_bytes: int) -> Iterator[ImagePart]:
        # astropy is imported for maps alone.
        from data_adapters.map_images import images_of_map, is_stack_of_planes
        from data_adapters.sky.sky_map import open_sky_map

        sky = open_sky_map(self.value)
        id = self._id
        if sky.file is not None:
            file, part = split_part(sky.file)
            id = file_id(Path(file), part, adapters_by_suffix())
        n = sky.shape[0] if is_stack_of_planes(sky, axes) else 1
        for images in images_of_map(sky, id, axes, first, most_bytes):
            yield ImagePart(len(images), n, images)

    def _stack(self, axes: str) -> ArrayStack:
        pixels, unit = pixels_of_array(self.value, self.name)
        shape = pixels.shape
        letters = axes or ("" if self.is_alone else _ONE_IMAGE.get(len(shape), ""))
        letters = axes_of(shape, letters, self.path)

        def names(start: int, last: int) -> list[str]:
            if "n" not in letters:
                return [self._id]
            numbers = (f"{number:05d}" for number in range(start, last))
            return [one if self.is_alone else f"{self._id}_{one}" for one in numbers]

        return ArrayStack(pixels, letters, self.path, names, None, unit=unit_card(unit))


def listed_inputs(inputs: Any) -> list[str | HeldInput]:
    """Paths and objects that inputs are, in order.

    Parameters
    ----------
    inputs : path, object, or iterable of them
        As for `data_adapters.read`.

    Returns
    -------
    list of str and HeldInput
        Files that are open are listed by their paths where they have one.

    Raises
    ------
    InputTypeError
        When one of them is neither.
    """
    if isinstance(inputs, str | os.PathLike | HeldInput) or kind_of(inputs) != Kind.OTHER:
        return [_input(inputs, inputs, 0, is_alone=True)]
    if not isinstance(inputs, Iterable):
        raise InputTypeError(_not_inputs(inputs))
    return [_input(one, inputs, number, is_alone=False) for number, one in zip(count(), inputs)]


def _input(value: Any, inputs: Any, number: int, *, is_alone: bool) -> str | HeldInput:
    if isinstance(value, HeldInput):
        return value
    if isinstance(value, str | os.PathLike):
        name = os.fspath(value)
        if isinstance(name, str):
            return name
    kind = kind_of(value)
    if kind == Kind.OTHER:
        raise InputTypeError(_not_inputs(inputs))
    path = path_of_open_file(value) if kind == Kind.FILE else None
    return HeldInput(value, number, is_alone) if path is None else path


def _not_inputs(inputs: object) -> str:
    return (
        "inputs must be a path, images in memory such as an ImageSet, an array, NDData or an HDU, "
        f"or a sequence of these, got {shown(inputs)}"
    )
