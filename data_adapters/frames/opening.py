"""From the inputs that a user names to a series of detector frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data_adapters.discovery import discover
from data_adapters.frames.crashes import crashing_files
from data_adapters.frames.hdf5 import open_hdf5
from data_adapters.frames.single_files import open_fabio, open_fits
from data_adapters.frames.stack import FrameSeries, FrameStack
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.typing import PathLike

__all__ = ["FRAME_SUFFIXES", "OpenedFrames", "is_hdf5", "open_frames", "open_stacks"]

_HDF5 = (".h5", ".hdf5", ".hdf", ".nxs", ".nx5", ".nexus", ".cxi")
_FABIO = (".cbf", ".edf", ".tif", ".tiff", ".img", ".mar3450", ".mccd")
_FITS = (".fits", ".fit", ".fts", ".fits.gz", ".fits.fz")

FRAME_SUFFIXES = (*_HDF5, *_FABIO, *_FITS)
"""Endings of the names of files in which frames are looked for."""


class OpenedFrames(NamedTuple):
    """Frames of all inputs, as `open_frames` returns them.

    Parameters
    ----------
    series : FrameSeries
    rejected : tuple of (str, str)
        Path and reason of every file that could not be used.

    Examples
    --------
    >>> from pathlib import Path
    >>> from astropy.io import fits
    >>> from data_adapters.frames import open_frames
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(4, size=32, random_state=0)
    >>> fits.writeto("scan.fits", frames)
    >>> Path("lost.fits").touch()
    >>> opened = open_frames(["scan.fits", "lost.fits"])
    >>> len(opened.series), [path for path, reason in opened.rejected]
    (4, ['lost.fits'])
    """

    series: FrameSeries
    rejected: tuple[tuple[str, str], ...]


def open_frames(
    inputs: PathLike | Sequence[PathLike],
    *,
    dataset: str | None = None,
    find_crashes: bool = False,
) -> OpenedFrames:
    """Find the frames of files, folders and globs; no frame is read yet.

    Parameters
    ----------
    inputs : path-like or sequence of path-like
        HDF5 and NeXus files, CBF, EDF, TIFF and FITS files, folders or globs. Files of folders and
        globs are taken in the order of their names.
    dataset : str, optional
        Path of the data set within HDF5 files; see `open_hdf5`.
    find_crashes : bool, default False
        Whether HDF5 files are opened in another process first, so that one at which the HDF5
        library crashes is rejected as other damaged files are. Takes half a second.

    Returns
    -------
    OpenedFrames

    Raises
    ------
    InputError
        When an input does not exist, no file can be used, or the shapes of the frames differ.
    MissingPackageError
        When a package that reads these files is not installed.

    Examples
    --------
    >>> import h5py
    >>> from data_adapters.frames import open_frames
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(8, size=32, random_state=0)
    >>> with h5py.File("scan.nxs", "w") as file:
    ...     file["entry/data/data"] = frames
    >>> series, rejected = open_frames("*.nxs")
    >>> len(series), rejected
    (8, ())
    """
    names = [inputs] if isinstance(inputs, str) or not isinstance(inputs, Sequence) else inputs
    stacks: list[FrameStack] = []
    rejected: list[tuple[str, str]] = []
    failure: InputError | None = None
    files = discover([str(name) for name in names], FRAME_SUFFIXES)
    crashes = _crashing([one.path for one in files if not one.reason], dataset, find_crashes)
    for found in files:
        try:
            if found.reason:
                raise UnreadableFileError(f"cannot read {str(found.path)!r}: {found.reason}")
            if found.path in crashes:
                raise UnreadableFileError(crashes[found.path])
            last = stacks[-1] if stacks else None
            stacks += open_stacks(found.path, dataset=dataset, like=last)
        except InputError as error:
            failure = failure or error
            rejected.append((str(found.path), str(error)))
    if not stacks and failure is not None:
        raise failure
    return OpenedFrames(FrameSeries(tuple(stacks)), tuple(rejected))


def is_hdf5(path: Path) -> bool:
    """Whether the name of a file ends as those of HDF5 and NeXus files do.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    return path.name.lower().endswith(_HDF5)


def _crashing(paths: Sequence[Path], dataset: str | None, wanted: bool) -> dict[Path, str]:
    if not wanted:
        return {}
    return crashing_files([one for one in paths if is_hdf5(one)], dataset)


def open_stacks(
    path: PathLike, *, dataset: str | None = None, like: FrameStack | None = None
) -> list[FrameStack]:
    """Find the frames of one file, of the kind that the ending of its name says.

    Parameters
    ----------
    path : path-like
    dataset : str, optional
        Path of the data set within an HDF5 file.
    like : FrameStack, optional
        The file before; see `open_fabio`.

    Returns
    -------
    list of FrameStack

    Raises
    ------
    InputError
        When it holds none, or cannot be read.

    Examples
    --------
    >>> import h5py
    >>> from data_adapters.frames import open_stacks
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(8, size=32, random_state=0)
    >>> with h5py.File("run.h5", "w") as file:
    ...     file["scan/detector"] = frames
    >>> [stack.name for stack in open_stacks("run.h5", dataset="scan/detector")]
    ['run.h5::scan/detector']
    """
    place = Path(path)
    name = place.name.lower()
    if is_hdf5(place):
        return list[FrameStack](open_hdf5(place, dataset))
    if name.endswith(_FABIO):
        return list[FrameStack](open_fabio(place, like))
    if name.endswith(_FITS):
        return list[FrameStack](open_fits(place))
    raise InputError(
        f"cannot read {str(path)!r} as frames: its name must end in one of "
        f"{', '.join(FRAME_SUFFIXES)}"
    )
