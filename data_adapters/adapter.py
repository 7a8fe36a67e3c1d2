"""`Adapter`: the protocol of a reader of one family of file formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

__all__ = ["Adapter", "ImagePart", "PartAdapter", "joined", "reason_of"]


class ImagePart(NamedTuple):
    """Some of the images of a file, one after the other, or why they cannot be read.

    Attributes
    ----------
    n : int
        Images that it stands for.
    of : int
        Images of the whole file.
    images : tuple of Image, default ()
        `n` of them, or none.
    reason : str, default ""
        Why there are none, without the path; else empty.
    """

    n: int
    of: int
    images: tuple[Image, ...] = ()
    reason: str = ""


@runtime_checkable
class Adapter(Protocol):
    """Reader of one family of file formats. The class is called without arguments.

    To publish one, name the class in the entry point group ``equiclust.adapters``. It is preferred
    to the adapters of this package where both read a suffix.

    An adapter of arrays, whose axes a user may have to explain, has the attribute
    ``takes_axes = True``, and its `read` the keyword ``axes``: letters of `data_adapters.read`.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from data_adapters import Adapter
    >>> from equiclust import Image
    >>> class TextAdapter:
    ...     suffixes = (".dat",)
    ...
    ...     def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
    ...         return (Image.from_values(np.loadtxt(path), path.stem, path=str(path)),)
    >>> isinstance(TextAdapter(), Adapter)
    True
    >>> np.savetxt("ramp.dat", [[1.0, 2.0], [3.0, 4.0]])
    >>> TextAdapter().read(Path("ramp.dat"))[0].shape
    (1, 2, 2)
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


@runtime_checkable
class PartAdapter(Protocol):
    """What an adapter has besides where the files need not be read whole."""

    def read_parts(
        self,
        path: Path,
        part: str = "",
        *,
        axes: str = "",
        first: int = 0,
        most_bytes: int = 1 << 26,
    ) -> Iterator[ImagePart]:
        """The images of a file in order, some at a time.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Text in brackets behind the name.
        axes : str, default ""
            Letters of `data_adapters.read`.
        first : int, default 0
            Number of the first image that is read.
        most_bytes : int, default 1 << 26
            About how many bytes the pixels of one part may take; a part has one image at least.

        Yields
        ------
        ImagePart

        Raises
        ------
        UnreadableFileError
            When the file cannot be read, or not further; the message is the path and the reason.
        """
        ...


def joined(parts: Iterator[ImagePart], path: Path) -> tuple[Image, ...]:
    """All images of a file.

    Parameters
    ----------
    parts : iterator of ImagePart
    path : Path
        The file, named in the message.

    Returns
    -------
    tuple of Image

    Raises
    ------
    UnreadableFileError
        When one of the parts cannot be read.
    """
    images: list[Image] = []
    for one in parts:
        if one.reason:
            raise UnreadableFileError(f"{path}: {one.reason}")
        images += one.images
    return tuple(images)


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
    if not path.exists():
        # An object in memory.
        return f"it cannot be read ({' '.join(str(error).split()) or type(error).__name__})"
    if path.stat().st_size == 0:
        return "it is empty"
    text = " ".join(str(error).split()).replace(str(path), path.name)
    return f"it is damaged or truncated ({text or type(error).__name__})"
