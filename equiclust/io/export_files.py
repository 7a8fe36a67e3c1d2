"""Files for other programs: which endings they may have, their names, and who may replace them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from equiclust.exceptions import InputError, OutputError
from equiclust.io.catalogue import FORMATS
from equiclust.io.coverage import COVERAGE_FORMATS, check_coverage_packages, is_coverage
from equiclust.io.output_checks import check_outside_runs, output_path
from equiclust.io.outputs import Outputs
from equiclust.optional import check_installed
from equiclust.typing import PathLike
from equiclust.validation import shown

__all__ = [
    "ExportedFiles",
    "check_coverage_options",
    "checked_output",
    "export_outputs",
    "names_by_label",
]


class ExportedFiles(NamedTuple):
    """What was written.

    Parameters
    ----------
    paths : tuple of Path
        One file, or one for each label.
    n_rows : int
        Images, pixels or segments in them.
    """

    paths: tuple[Path, ...]
    n_rows: int


def checked_output(output: PathLike, source: Path, *others: str) -> Path:
    """Path of a file for other programs, before the work is done.

    Parameters
    ----------
    output : str or path
    source : Path
        Folder of the run, or label map, that is exported.
    *others : str
        Endings besides those of tables and coverage maps.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        When its ending is unknown.
    OutputError
        When it cannot be written, or lies in the folder of a run.
    MissingPackageError
        When pyarrow is missing for a Parquet file, or mocpy for coverage.
    """
    path = output_path(output)
    endings = (*FORMATS, *others, *COVERAGE_FORMATS)
    if not path.name.endswith(endings):
        raise InputError(f"output must end in one of {', '.join(endings)}, got {shown(str(path))}")
    if is_coverage(path):
        check_coverage_packages()
    if path.suffix == ".parquet":
        check_installed("pyarrow", extra="parquet", purpose="a Parquet file")
    if path.resolve() == source.resolve():
        raise OutputError(f"cannot write to {str(path)!r}: it is exported; choose another output")
    check_outside_runs(path, source)
    return path


def check_coverage_options(path: Path, **options: object) -> None:
    """Refuse what only coverage maps have for other files.

    Parameters
    ----------
    path : Path
    **options : object
        By the names of their arguments; None = not given.

    Raises
    ------
    InputError
        When one is given.
    """
    for name, value in options.items():
        if value is not None and not is_coverage(path):
            ends = ", ".join(COVERAGE_FORMATS)
            raise InputError(f"{name} is for coverage maps ({ends}), got {shown(value)}")


def names_by_label(path: Path, labels: Iterable[int]) -> dict[int, str]:
    """Name of the file of each label, such as ``kinds.label_0.moc.fits``.

    Parameters
    ----------
    path : Path
        The file as the user named it.
    labels : iterable of int

    Returns
    -------
    dict of int to str
    """
    end = next((end for end in COVERAGE_FORMATS if path.name.endswith(end)), path.suffix)
    stem = path.name.removesuffix(end)
    return {label: f"{stem}.label_{label}{end}" for label in labels}


def export_outputs(path: Path, names: Iterable[str]) -> Outputs:
    """The files of one export, which may replace those of an earlier one.

    Parameters
    ----------
    path : Path
        The file as the user named it.
    names : iterable of str
        Those that are written, beside it.

    Returns
    -------
    Outputs

    Raises
    ------
    OutputError
        When anything else is there.
    """
    outputs = Outputs(path.parent, tuple(names), f".{path.name}.manifest.json", command="export")
    outputs.check_free()
    return outputs
