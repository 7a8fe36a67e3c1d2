"""`Adapter`: the protocol of a reader of one family of file formats."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from equiclust.images import Image

__all__ = ["Adapter", "reason_of"]


@runtime_checkable
class Adapter(Protocol):
    """Reader of one family of file formats. The class is called without arguments.

    To publish one, name the class in the entry point group ``equiclust.adapters``. It is preferred
    to the adapters of this package where both read a suffix.

    An adapter of arrays, whose axes a user may have to explain, has the attribute
    ``takes_axes = True``, and its `read` the keyword ``axes``: letters of `data_adapters.read`.
    """

    suffixes: tuple[str, ...]
    """Endings of file names, with the dot and in lower case: ``(".fits", ".fits.gz")``."""

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        """All images in a file.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Text in brackets behind the name, as in ``file.fits[SCI]``.

        Returns
        -------
        tuple of Image
            The first row of pixels is the lowest one, as in FITS. Ids are made unique later.

        Raises
        ------
        UnreadableFileError
            When the file cannot be read; the message is the path and the reason.
        """
        ...


def reason_of(path: Path, error: BaseException) -> str:
    """Why a file cannot be read, in one phrase for the user.

    Parameters
    ----------
    path : Path
        The file.
    error : BaseException
        What a library raised while it read the file.

    Returns
    -------
    str
        Without the path, such as ``it is empty``.
    """
    if path.is_dir():
        return "it is a folder, not a file"
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if path.stat().st_size == 0:
        return "it is empty"
    text = " ".join(str(error).split()).replace(str(path), path.name)
    return f"it is damaged or truncated ({text or type(error).__name__})"
