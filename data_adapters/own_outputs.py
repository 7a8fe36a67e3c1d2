"""What equiclust itself wrote into a folder, so that it is not taken for images."""

from __future__ import annotations

from pathlib import Path

from equiclust.io.run_folder import RunFolder

__all__ = ["UNFINISHED", "is_label_map", "is_own_folder", "is_segmentation"]

UNFINISHED = ".fits.partial"
"""How the name of the folder of a segmentation that is not finished ends."""

_BLOCK, _CARD = 2880, 80
_MAX_BLOCKS = 32
_CREATOR = b"CREATOR = 'equiclust"


def is_own_folder(folder: Path) -> bool:
    """Whether a folder is that of a run, or of a segmentation that is not finished.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    bool
    """
    return folder.name.endswith(UNFINISHED) or RunFolder(folder).is_run


def is_label_map(path: Path) -> bool:
    """Whether a FITS file is a label map, by the card `CREATOR` of its first header.

    Parameters
    ----------
    path : Path
        A regular file; nothing else is opened without blocking.

    Returns
    -------
    bool
        False when it cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            for _ in range(_MAX_BLOCKS):
                block = file.read(_BLOCK)
                cards = [block[start : start + _CARD] for start in range(0, len(block), _CARD)]
                if any(card.startswith(_CREATOR) for card in cards):
                    return True
                if len(block) < _BLOCK or any(card.rstrip() == b"END" for card in cards):
                    return False
    except OSError:
        return False
    return False


def is_segmentation(path: Path) -> bool:
    """Whether a file is a label map, or the picture that was drawn of the one beside it.

    Parameters
    ----------
    path : Path
        A regular file.

    Returns
    -------
    bool
    """
    if path.suffix == ".png":
        path = path.with_suffix(".fits")
        return path.is_file() and is_label_map(path)
    return path.suffix == ".fits" and is_label_map(path)
