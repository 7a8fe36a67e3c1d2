"""Checks of outputs before the work is done."""

from __future__ import annotations

import os
from pathlib import Path

from equiclust.exceptions import InputError, OutputError
from equiclust.io.catalogue import FORMATS
from equiclust.io.outputs import Outputs
from equiclust.io.run_folder import RunFolder
from equiclust.optional import check_installed
from equiclust.typing import PathLike
from equiclust.validation import shown

__all__ = [
    "check_catalogue_output",
    "check_outside_runs",
    "check_writable",
    "output_path",
    "outputs_outside_runs",
]


def output_path(output: PathLike) -> Path:
    """Path of an output, with ``~`` expanded as in inputs.

    Parameters
    ----------
    output : str or path

    Returns
    -------
    Path

    Raises
    ------
    InputError
        When it is empty, or no path.
    """
    if not isinstance(output, str | os.PathLike) or not os.fspath(output):
        raise InputError(f"output must be the path of a file or folder, got {shown(output)}")
    return Path(output).expanduser()


def check_writable(path: Path) -> None:
    """Check that a file or folder can be made or written to.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OutputError
        When it cannot.
    """
    nearest = next(place for place in (path, *path.absolute().parents) if os.path.lexists(place))
    if nearest != path and not nearest.is_dir():
        raise _refusal(path, f"{str(nearest)!r} is not a folder")
    if not os.access(nearest, os.W_OK | (os.X_OK if nearest.is_dir() else 0)):
        raise _refusal(path, f"{str(nearest)!r} is read-only")


def check_catalogue_output(path: Path, run: Path, *, vectors: bool = False) -> None:
    """Check that a catalogue has a known format, and can be written outside of runs.

    Parameters
    ----------
    path : Path
        The catalogue.
    run : Path
        Folder of the run, which may not hold it.
    vectors : bool, default False
        Whether it has columns of vectors.

    Raises
    ------
    InputError
        When its suffix is unknown, or .csv for vectors.
    OutputError
        When it cannot be written, or lies in the folder of a run.
    MissingPackageError
        When pyarrow is missing for a Parquet file.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"output must end in one of {', '.join(FORMATS)}, got {str(path)!r}")
    if vectors and path.suffix == ".csv":
        raise InputError(f"a .csv file cannot hold latents, got {str(path)!r}; choose .parquet")
    if path.suffix == ".parquet":
        check_installed("pyarrow", extra="parquet", purpose="a Parquet file")
    check_outside_runs(path, run)


def check_outside_runs(path: Path, run: Path) -> None:
    """Check that a file can be written and does not lie in the folder of a run.

    Parameters
    ----------
    path : Path
        The file.
    run : Path
        Folder of the run that is read.

    Raises
    ------
    OutputError
        When it cannot be written, or lies in the folder of a run.
    """
    check_writable(path)
    if path.resolve().is_relative_to(run.resolve()):
        raise _refusal(path, "it lies in the folder of the run")
    if RunFolder(path.resolve().parent).is_run:
        raise _refusal(path, "it lies in the folder of another run")


def outputs_outside_runs(
    output: PathLike, run: PathLike, ending: str, *beside: str, command: str
) -> Outputs:
    """Outputs of a command that reads a run: a file, and others of the same name beside it.

    Parameters
    ----------
    output : str or path
        The file.
    run : str or path
        Folder of the run, in which none of them may lie.
    ending : str
        How its name must end, such as ".csv".
    *beside : str
        Endings of the others.
    command : str
        That writes them.

    Returns
    -------
    Outputs

    Raises
    ------
    InputError
        When the name ends otherwise.
    OutputError
        When one of them cannot be written, or lies in the folder of a run.
    """
    path = output_path(output)
    if path.suffix.lower() != ending:
        raise InputError(f"output must end in {ending}, got {str(path)!r}")
    others = [path.with_suffix(one) for one in beside]
    for one in (*others, path):
        check_outside_runs(one, Path(run))
    return Outputs.beside(path, *others, command=command)


def _refusal(path: Path, why: str) -> OutputError:
    return OutputError(f"cannot write to {str(path)!r}: {why}; choose another output")
