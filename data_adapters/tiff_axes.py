"""Images of the pages of a TIFF file, where its pages are not images but slices of an array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_adapters.array_axes import axes_of, in_order
from data_adapters.pictures import Page

__all__ = ["rearranged"]


def rearranged(
    pages: Sequence[Page], stacked: tuple[int, ...], axes: str, path: Path
) -> list[Page]:
    """Pages of an array of which a user or its shape says what the axes hold.

    Parameters
    ----------
    pages : sequence of Page
        In the order of the file.
    stacked : tuple of int
        Axes of the array along which its pages lie.
    axes : str
        Letters of all axes, from `data_adapters.array_axes.check_axes`; empty to guess, unless the
        pages have several channels each.
    path : Path
        The file, named in messages.

    Returns
    -------
    list of Page
        One per image.

    Raises
    ------
    UnreadableFileError
        See `data_adapters.array_axes.axes_of`.
    """
    if not axes and pages[0].samples.shape[-1] > 1:
        return list(pages)
    if len({page.samples.shape for page in pages}) > 1:
        return [one for page in pages for one in rearranged([page], (1,), axes, path)]
    height, width, channels = pages[0].samples.shape
    before = () if len(pages) == 1 else stacked
    behind = () if channels == 1 else (channels,)
    shape = (*before, height, width, *behind)
    if axes[:1] == "n" and len(shape) > len(axes) and len(before) > 1:
        # Whatever else pages differ by, each is an image.
        shape = (len(pages), height, width, *behind)
    letters = axes_of(shape, axes, path)
    samples = np.stack([page.samples for page in pages]).reshape(shape)
    hidden = np.stack([page.hidden for page in pages])[..., None].repeat(channels, axis=-1)
    images = np.moveaxis(in_order(samples, letters), 1, -1)
    masks = np.asarray(in_order(hidden.reshape(shape), letters).any(axis=1))
    return [Page(image, mask) for image, mask in zip(images, masks, strict=True)]
