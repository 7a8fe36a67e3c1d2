"""Small pictures of images as PNG, kept while they are looked at."""

from __future__ import annotations

import base64
from collections import OrderedDict
from threading import Lock

from equiclust.pipeline.run_pictures import RunPictures
from equiclust.report.figures.pictures import picture

__all__ = ["Thumbnails"]

# At about 5 kB each.
_MOST = 20_000


class Thumbnails:
    """PNG of the images of a run as the networks see them; the last 20,000 are kept.

    Parameters
    ----------
    pictures : RunPictures
    """

    def __init__(self, pictures: RunPictures) -> None:
        self._pictures = pictures
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._lock = Lock()

    def png(self, row: int, side: int) -> bytes:
        """Draw an image.

        Parameters
        ----------
        row : int
        side : int
            Largest height and width in pixels.

        Returns
        -------
        bytes

        Raises
        ------
        InputError
            When the image cannot be had.
        """
        key = row, side
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        address = picture(self._pictures.preprocessed(row), side=side)
        made = base64.b64decode(address.partition(",")[2])
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return made
