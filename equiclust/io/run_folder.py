"""`RunFolder`: the paths of everything in the folder of a run, and what may be written there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from equiclust._version import __version__
from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import read_json, write_json
from equiclust.io.locks import LOCK_NAME
from equiclust.io.manifest import MANIFEST, write_manifest
from equiclust.io.outputs import Outputs
from equiclust.io.staging import PREFIX
from equiclust.typing import PathLike

__all__ = ["RunFolder"]

_TRANSIENT = (PREFIX, LOCK_NAME)


class _Entry:
    """Path of one thing in a run folder."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, folder: RunFolder, owner: type[RunFolder]) -> Path:
        return folder.path / self.name


@dataclass(frozen=True)
class RunFolder:
    """Paths in the folder of a run; made by `create` or `open`.

    Parameters
    ----------
    path : Path
        The folder.
    """

    path: Path

    catalogue_ecsv = _Entry("catalogue.ecsv")
    catalogue_fits = _Entry("catalogue.fits")
    latents_fits = _Entry("latents.fits")
    confounders_ecsv = _Entry("confounders.ecsv")
    rejected_ecsv = _Entry("rejected.ecsv")
    all_images_fits = _Entry("all_images.fits")
    labels_csv = _Entry("labels.csv")
    explore_json = _Entry("explore.json")
    metrics_json = _Entry("metrics.json")
    invariance_json = _Entry("invariance.json")
    config_json = _Entry("config.json")
    sample_json = _Entry("sample.json")
    recipe_toml = _Entry("recipe.toml")
    model = _Entry("model")
    checkpoints = _Entry("checkpoints")
    previews_npz = _Entry("previews.npz")
    report_html = _Entry("report.html")
    run_log = _Entry("run.log")
    progress_json = _Entry("progress.json")
    stop_request = _Entry("stop")
    manifest = _Entry(MANIFEST)

    @classmethod
    def create(cls, path: PathLike, config: Mapping[str, Any]) -> RunFolder:
        """Make the folder of a run, or open that of the same run to continue it.

        Parameters
        ----------
        path : path-like
            Missing, empty, or the folder of a run with the same configuration.
        config : mapping
            Everything that determines the result of the run; what `write_json` can write.

        Returns
        -------
        RunFolder

        Raises
        ------
        OutputError
            When the path is a file, holds another run or other files, or cannot be written.
        """
        folder = cls(Path(path))
        try:
            found = _entries(folder.path)
        except OSError as error:
            raise _refusal(folder.path, error.strerror or str(error)) from error
        if not found:
            write_json(
                folder.config_json,
                {"equiclust": __version__, "manifest": MANIFEST, "config": dict(config)},
            )
        elif not folder.is_run:
            raise _refusal(folder.path, f"it holds files of something else ({found[0]})")
        elif difference := _difference(folder.read_config(), _as_read(config)):
            raise _refusal(folder.path, f"it holds another run ({difference})")
        elif not os.access(folder.path, os.W_OK):
            raise _refusal(folder.path, "it is read-only")
        return folder

    @classmethod
    def open(cls, path: PathLike) -> RunFolder:
        """Open the folder of a finished run.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        RunFolder

        Raises
        ------
        InputError
            When it is not the folder of a run, or the run is not finished.
        """
        folder = cls(Path(path))
        if not folder.is_run:
            raise InputError(
                f"{str(folder.path)!r} is not the folder of a run; name one that `equiclust run` "
                "has written"
            )
        if not folder.is_finished:
            raise InputError(
                f"the run in {str(folder.path)!r} is not finished; repeat its `equiclust run` "
                "command to go on with it"
            )
        return folder

    @property
    def is_fitted(self) -> bool:
        """Whether the catalogue, which is written last of what was learned, is there."""
        return self.catalogue_ecsv.is_file()

    @property
    def is_finished(self) -> bool:
        """Whether all is there; a run that learned from some of the images labels all after it."""
        whole = self.all_images_fits.is_file() or not self.sample_json.is_file()
        return self.is_fitted and whole

    @property
    def outputs(self) -> Outputs:
        """What a run writes when it is finished, the catalogue last, and its report."""
        last = (self.catalogue_fits, self.catalogue_ecsv)
        tables = (self.labels_csv, self.latents_fits, self.confounders_ecsv, self.rejected_ecsv)
        records = (self.previews_npz, self.invariance_json, self.metrics_json)
        paths = (self.report_html, self.all_images_fits, self.model, *records, *tables, *last)
        return Outputs(self.path, tuple(path.name for path in paths), MANIFEST, "run")

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the outputs but for the report, and for the labels that come after them."""
        return self.outputs.names[2:]

    def adopt_version_0_1(self, *paths: Path) -> None:
        """Write the manifest that version 0.1 did not write; any other run has its own.

        Parameters
        ----------
        *paths : Path
            Records and report that are taken for those of the run, where they are what a run
            writes.

        Raises
        ------
        OutputError
            When the folder cannot be written.
        """
        if "manifest" not in read_json(self.config_json) and not self.manifest.exists():
            known = [path.name for path in paths if _is_whole(path)]
            write_manifest(self.path, known, command=self.outputs.command)

    def check_free(self, *paths: Path) -> None:
        """Refuse to replace files of the run that the user has made or changed.

        Parameters
        ----------
        *paths : Path
            Files that are to be written anew.

        Raises
        ------
        OutputError
            When one of them is the user's.
        """
        self.outputs.check_free([path.name for path in paths])

    @property
    def axes(self) -> str:
        """Letters that the run was given for the axes of arrays; empty when it was given none."""
        return str(self.read_config().get("axes", ""))

    def read_config(self) -> dict[str, Any]:
        """Read the configuration that `create` wrote.

        Returns
        -------
        dict
        """
        return dict(read_json(self.config_json)["config"])

    @property
    def is_run(self) -> bool:
        """Whether there is a folder of a run, finished or not."""
        try:
            content = read_json(self.config_json)
        except InputError:
            return False
        return "equiclust" in content and isinstance(content.get("config"), dict)


def _entries(path: Path) -> list[str]:
    """Names in a folder; none where there is no folder yet. Without locks and unfinished writes."""
    try:
        return sorted(name for name in os.listdir(path) if not name.startswith(_TRANSIENT))
    except FileNotFoundError:
        return []


def _is_whole(path: Path) -> bool:
    """Whether a record or a report that no manifest names is what a run writes."""
    try:
        if path.suffix == ".json":
            return bool(read_json(path))
        return "<title>equiclust report" in path.read_text(encoding="utf-8")
    except (InputError, OSError, ValueError):
        return False


def _refusal(path: Path, why: str) -> OutputError:
    return OutputError(f"cannot write a run into {str(path)!r}: {why}; choose another folder")


def _as_read(config: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration as it would be read from disk."""
    with TemporaryDirectory() as scratch:
        write_json(Path(scratch, "config.json"), config)
        return read_json(Path(scratch, "config.json"))


def _difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """First setting in which two runs differ; empty when they are the same."""
    absent = object()
    for name in {**there, **here}:
        old, new = there.get(name, absent), here.get(name, absent)
        if old != new:
            said = ["absent" if value is absent else repr(value) for value in (old, new)]
            return f"{name} is {said[0]} there and {said[1]} here"
    return ""
