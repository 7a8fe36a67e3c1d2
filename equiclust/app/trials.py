"""Short runs on some of the images with other settings, beside the run that is explored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from docstring_parser import DocstringStyle, parse
from sklearn.metrics import adjusted_rand_score

from equiclust.app.run_comparison import read_labels
from equiclust.exceptions import InputError
from equiclust.io.progress_record import read_progress
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.results import Run
from equiclust.validation import shown

__all__ = ["SETTINGS", "Setting", "Trials"]

_FEWEST, _MOST_IMAGES = 20, 2000


@dataclass(frozen=True)
class Setting:
    """A setting that a trial may change.

    Parameters
    ----------
    name : str
        As `equiclust.run` calls it.
    values : tuple of str
        What can be chosen.
    default : str
        For trials, which are to be short.
    """

    name: str
    values: tuple[str, ...]
    default: str

    @property
    def meaning(self) -> str:
        """What it does, as `equiclust.run` describes it."""
        # torch takes seconds to import, and the page is there before it is needed.
        from equiclust.pipeline.execution import run as run_pipeline

        listed = parse(run_pipeline.__doc__ or "", style=DocstringStyle.NUMPYDOC).params
        text = next(one.description for one in listed if one.arg_name == self.name)
        return " ".join((text or "").split()).replace("``", "").replace("`", "")


SETTINGS = (
    Setting("encoder", ("auto", "own", "small_alexnet", "disc_views"), "auto"),
    Setting("n_clusters", ("auto", *(str(k) for k in range(2, 13))), "auto"),
    Setting("n_folds", ("2", "4", "6", "10"), "2"),
    Setting("size", ("32", "64", "128"), "64"),
    Setting("max_epochs", ("auto", "2", "5", "10", "20", "40"), "5"),
    Setting("latent_dim", ("8", "16", "32", "64"), "32"),
    Setting("method", ("manifold", "spectral", "gmm", "kmeans", "auto"), "manifold"),
    Setting("canonical", ("scale", "none", "inclination", "affine"), "scale"),
    Setting("stretch", ("linear", "sqrt", "asinh", "log"), "linear"),
    Setting("remove", ("none", "auto", "elongation", "brightness", "signal_to_noise"), "none"),
)
"""What the page offers, in its order."""


class Trials:
    """Starts short runs in ``RUN_trials`` beside the folder of a run, one at a time.

    Parameters
    ----------
    run : Run
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        path = run.path.resolve()
        self.folder = path.with_name(f"{path.name}_trials")
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._started: Path | None = None

    def start(self, settings: Mapping[str, str], n_images: int) -> Path:
        """Start a run on some of the images.

        Parameters
        ----------
        settings : mapping of str to str
            Values of `SETTINGS` by name; those that are missing are the defaults.
        n_images : int
            Number of images, drawn at random with the same seed every time.

        Returns
        -------
        Path
            Its folder.

        Raises
        ------
        InputError
            When a setting is not offered, another trial is in progress, or the images of the run
            have no files of their own.
        """
        chosen = _checked(settings)
        if not _FEWEST <= n_images <= _MOST_IMAGES:
            raise InputError(f"n_images must be {_FEWEST} to {_MOST_IMAGES}, got {n_images}")
        files = self._files(n_images)
        with self._lock:
            if self._is_running:
                raise InputError("a trial is in progress; wait until it is done")
            target = self._started = self._free_folder()
            # A list of words, which no shell reads.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "equiclust", *self._arguments(chosen, files, target)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # A folder that is called equiclust where the user happens to be is not imported.
                env={**os.environ, "PYTHONSAFEPATH": "1"},
            )
        return target

    def _arguments(
        self, settings: Mapping[str, str], files: Sequence[str], target: Path
    ) -> list[str]:
        words = ["run", f"--output={target}"]
        recipe = self._run.folder.recipe_toml
        # What is not offered is as in the run.
        words += [f"--recipe={recipe.resolve()}"] if recipe.is_file() else []
        words += [f"{_flag(name)}={value}" for name, value in settings.items()]
        words += [f"--axes={self._run.axes}"] if self._run.axes else []
        # After "--" a file is no flag whatever its name.
        return [*words, "--", *files]

    def stop(self) -> None:
        """End the trial in progress, if there is one."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                # As Ctrl-C does, so that the trial says that it was stopped.
                self._process.send_signal(signal.SIGINT)
                self._process.wait(timeout=30)

    def _files(self, n_images: int) -> list[str]:
        paths = [str(path) for path in self._run.catalogue["path"]]
        unique = list(dict.fromkeys(path for path in paths if path))
        if len(unique) < _FEWEST:
            raise InputError(
                f"a trial needs {_FEWEST} files with images of the run, which has {len(unique)}"
            )
        order = np.random.default_rng(0).permutation(len(unique))[:n_images]
        return [unique[k] for k in np.sort(order)]

    def _free_folder(self) -> Path:
        return next(path for k in count(1) if not (path := self.folder / f"trial_{k:03d}").exists())

    def records(self) -> list[dict[str, Any]]:
        """All trials, the last one first.

        Returns
        -------
        list of dict
            "name", "folder", "settings", "state" and, of finished ones, "n_clusters", "n_images"
            and "agreement" (adjusted Rand index with the clusters of the run, of the same images).
        """
        paths = sorted(self.folder.iterdir(), reverse=True) if self.folder.is_dir() else []
        found = [self._record(folder) for folder in map(RunFolder, paths) if folder.is_run]
        started = self._started
        if started is not None and self._is_running and not RunFolder(started).is_run:
            # It reads its images.
            record = {"name": started.name, "folder": str(started), "settings": {}}
            found.insert(0, record | {"state": "starting"})
        return found

    @property
    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _record(self, folder: RunFolder) -> dict[str, Any]:
        record: dict[str, Any] = {
            "name": folder.path.name,
            "folder": str(folder.path),
            "settings": _recorded_settings(folder),
            "state": _state(folder),
        }
        if not folder.is_finished:
            return record
        try:
            return record | self._results(Run(folder))
        except InputError as error:
            return record | {"state": f"damaged: {error}"}

    def _results(self, trial: Run) -> dict[str, Any]:
        here, there = read_labels(self._run.folder), read_labels(trial.folder)
        common = [name for name in there if name in here]
        agreement = adjusted_rand_score([here[k] for k in common], [there[k] for k in common])
        return {
            "n_clusters": trial.n_clusters,
            "n_images": len(there),
            "agreement": float(agreement) if common else None,
        }


def _checked(settings: Mapping[str, str]) -> dict[str, str]:
    known = {one.name: one for one in SETTINGS}
    for name, value in settings.items():
        if name not in known:
            raise InputError(f"settings must be of {', '.join(known)}, got {shown(name)}")
        if value not in known[name].values:
            listed = ", ".join(known[name].values)
            raise InputError(f"{name} must be one of {listed}, got {shown(value)}")
    return {name: settings.get(name, one.default) for name, one in known.items()}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _recorded_settings(folder: RunFolder) -> dict[str, str]:
    """What a trial was given, by the command that it wrote down."""
    words = read_progress(folder.path).command
    given = dict(pairwise(words))
    return {one.name: given[_flag(one.name)] for one in SETTINGS if _flag(one.name) in given}


def _state(folder: RunFolder) -> str:
    if folder.is_finished:
        return "finished"
    progress = read_progress(folder.path)
    if progress.is_running:
        total = f"/{progress.total}" if progress.total else ""
        return f"{progress.stage} {progress.done}{total}"
    return f"failed: {progress.error}" if progress.error else "stopped"
