"""`ImageStream`: the images that inputs name, some at a time, so that they need not fit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from data_adapters.adapter import ImagePart, PartAdapter
from data_adapters.array_axes import check_axes
from data_adapters.discovery import Found
from data_adapters.objects.inputs import HeldInput, listed_inputs
from data_adapters.reading import (
    Rejected,
    errors_of_one_file,
    found_inputs,
    read_file,
    rejection,
    with_printable_names,
)
from data_adapters.registry import adapter_of, adapters_by_suffix
from data_adapters.size_claims import limited_memory
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image
from equiclust.images_like import ImagesLike

__all__ = ["START", "ImageStream", "Place", "StreamPart"]


class Place(NamedTuple):
    """A place between two images of a stream.

    Attributes
    ----------
    file : int
        Number of the file of the next image.
    image : int
        Number of the next image in it.
    """

    file: int
    image: int


START = Place(0, 0)
"""Before the first image."""


class StreamPart(NamedTuple):
    """Images that follow one another in one file, or a reason why they do not.

    Attributes
    ----------
    first : Place
        Before the first of them.
    images : tuple of Image
        With ids that other files may have too.
    rejected : Rejected or None
        What cannot be read; then there are no images.
    last : Place
        Behind the last of them.
    share_before, share : float
        Part of the inputs that is read before and after them, 0 to 1; every file counts the same.
    """

    first: Place
    images: tuple[Image, ...]
    rejected: Rejected | None
    last: Place
    share_before: float
    share: float


class ImageStream:
    """The images that inputs name, in the order in which `read` gives them.

    Parameters
    ----------
    inputs : object
        As for `read`.
    axes : str, default ""
        As for `read`.

    Raises
    ------
    InputError
        As `read`.
    """

    def __init__(self, inputs: ImagesLike, *, axes: str = "") -> None:
        self._axes = check_axes(axes)
        self._adapters = adapters_by_suffix()
        self._found = found_inputs(listed_inputs(inputs), self._adapters)

    @property
    def n_files(self) -> int:
        """Files that the inputs name."""
        return len(self._found)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names, sizes and times of all files: equal for the same stream.

        Objects in memory are read whole for it.
        """
        found = hashlib.sha256(self._axes.encode())
        for item in self._found:
            if isinstance(item, HeldInput):
                text = item.digest
            else:
                text = f"{item.part}\0{_sizes_of(item.name)}"
            text = f"{item.name}\0{text}\n"
            found.update(text.encode("utf-8", "surrogateescape"))
        return found.hexdigest()

    def parts(
        self, first: Place = START, *, most_bytes: int = 1 << 26, most_whole: int | None = None
    ) -> Iterator[StreamPart]:
        """The images from a place on.

        Parameters
        ----------
        first : Place, default START
        most_bytes : int, default 1 << 26
            About how many bytes the pixels of one part may take, where a file need not be read
            whole.
        most_whole : int, optional
            Bytes that the pixels of a file may take that is read whole.

        Yields
        ------
        StreamPart
        """
        n_files = len(self._found)
        for number in range(first.file, n_files):
            item = self._found[number]
            at = first.image if number == first.file else 0
            share = number / n_files
            try:
                for part in self._parts_of(item, at, most_bytes, most_whole):
                    rejected = None
                    if part.reason:
                        rejected = rejection(item, f"{item.name}: {part.reason}")
                    images = tuple(map(with_printable_names, part.images))
                    places = Place(number, at), Place(number, at + part.n)
                    before, share = share, (number + (at + part.n) / part.of) / n_files
                    yield StreamPart(places[0], images, rejected, places[1], before, share)
                    at += part.n
            except UnreadableFileError as error:
                places = Place(number, at), Place(number + 1, 0)
                rejected = rejection(item, str(error))
                yield StreamPart(places[0], (), rejected, places[1], share, (number + 1) / n_files)

    def _parts_of(
        self, item: Found | HeldInput, first: int, most_bytes: int, most_whole: int | None
    ) -> Iterator[ImagePart]:
        """Parts of one file or object, each read within a limit of time of its own."""
        if isinstance(item, HeldInput):
            parts = item.parts(self._axes, first, most_bytes)
        else:
            adapter = None if item.reason else adapter_of(item.path, self._adapters)
            if not isinstance(adapter, PartAdapter):
                with limited_memory(most_whole):
                    images = read_file(item, self._adapters, self._axes)
                if images[first:]:
                    yield ImagePart(len(images) - first, len(images), images[first:])
                return
            with limited_memory(most_whole):
                parts = adapter.read_parts(
                    item.path, item.part, axes=self._axes, first=first, most_bytes=most_bytes
                )
        is_empty = first == 0
        while True:
            with errors_of_one_file(item), limited_memory(most_whole):
                part = next(parts, None)
            if part is None:
                break
            is_empty = False
            yield part
        if is_empty:
            raise UnreadableFileError(f"{item.path}: it holds no image")


def _sizes_of(name: str) -> str:
    """Size and time of a file, or of all files below a folder; empty where there is none."""
    try:
        if not os.path.isdir(name):
            status = os.stat(name)
            return f"{status.st_size} {status.st_mtime_ns}"
        places = (os.path.join(top, one) for top, _, files in os.walk(name) for one in files)
        every = [os.stat(place) for place in places]
    except OSError:
        return ""
    latest = max((status.st_mtime_ns for status in every), default=0)
    return f"{len(every)} {sum(status.st_size for status in every)} {latest}"
