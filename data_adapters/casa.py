"""CASA images: folders that are read as if each were one file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from data_adapters.adapter import ImagePart, PartAdapter, joined
from data_adapters.map_images import check_is_image, images_of_map, is_stack_of_planes
from data_adapters.size_claims import check_claim
from data_adapters.sky.sky_map import open_sky_map
from data_adapters.stacks import file_id
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

__all__ = ["CasaAdapter"]


class CasaAdapter(PartAdapter):
    """Reads one image from the folder of a CASA image, with its mask, unit, beam and coordinates.

    Axes of one pixel are dropped, and of several Stokes parameters I is read, as of FITS files. A
    cube is no image: make a moment map of it first, or segment it.
    """

    suffixes = (".image", ".im", ".image.pbcor", ".image.tt0", ".image.tt0.pbcor")
    takes_axes = True

    def read(self, path: Path, part: str = "", *, axes: str = "") -> tuple[Image, ...]:
        """The image of a folder.

        Parameters
        ----------
        path : Path
            The folder.
        part : str, default ""
            Must be empty: a CASA image has no parts.
        axes : str, default ""
            ``nhw`` for a cube without spectral axis whose planes are images.

        Returns
        -------
        tuple of Image
            The first row of pixels is the lowest one.

        Raises
        ------
        UnreadableFileError
            When the folder cannot be read; the message is one sentence.
        """
        return joined(self.read_parts(path, part, axes=axes), Path(path))

    def read_parts(
        self,
        path: Path,
        part: str = "",
        *,
        axes: str = "",
        first: int = 0,
        most_bytes: int = 1 << 26,
    ) -> Iterator[ImagePart]:
        """The images of a folder in order, some at a time."""
        path = Path(path)
        if part:
            raise UnreadableFileError(f"{path}: a CASA image has no part {part!r}")
        sky = open_sky_map(path)
        check_is_image(sky, axes)
        n = sky.shape[0] if is_stack_of_planes(sky, axes) else 1
        check_claim(path, math.prod(sky.shape), whole=n == 1, size=sky.n_bytes)
        for images in images_of_map(sky, file_id(path, "", self.suffixes), axes, first, most_bytes):
            yield ImagePart(len(images), n, images)
