"""The files of a segmentation: where they lie, and the proof that a job may write them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_adapters.own_outputs import UNFINISHED
from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import read_json, write_json
from equiclust.io.staging import digest_of, recover, refused, staged_together

__all__ = ["SegmentFiles", "WorkingFolder"]

_OURS = (
    "it was not written by this job, or has changed since; move it away or choose another output"
)


@dataclass(frozen=True)
class SegmentFiles:
    """Paths of everything that one segmentation writes, named after its label map.

    Parameters
    ----------
    labels : Path
        Label map; ends in ``.fits``.
    with_model : bool, default True
        Whether a model is written.
    """

    labels: Path
    with_model: bool = True

    def __post_init__(self) -> None:
        if self.labels.suffix != ".fits":
            raise InputError(f"output must end in .fits, got {str(self.labels)!r}")

    @property
    def segments(self) -> Path:
        """Table of the segments, ``.segments.ecsv``."""
        return self.labels.with_suffix(".segments.ecsv")

    @property
    def regions(self) -> Path:
        """Outlines of the segments for DS9, ``.reg``."""
        return self.labels.with_suffix(".reg")

    @property
    def picture(self) -> Path:
        """Picture of the labels, ``.png``."""
        return self.labels.with_suffix(".png")

    @property
    def record(self) -> Path:
        """Figures of the result and the job that wrote it, ``.json``."""
        return self.labels.with_suffix(".json")

    @property
    def model(self) -> Path:
        """Folder of networks and clusters, ``.model``."""
        return self.labels.with_suffix(".model")

    @property
    def working(self) -> Path:
        """Folder of unfinished work, ``.fits.partial``."""
        return self.labels.with_suffix(UNFINISHED)

    @property
    def results(self) -> tuple[Path, ...]:
        """What a finished job leaves, in the order of writing: the label map last."""
        model = (self.model,) if self.with_model else ()
        return (*model, self.segments, self.regions, self.picture, self.record, self.labels)

    def check_inputs(self, inputs: Mapping[str, Iterable[Path]]) -> None:
        """Refuse outputs that are inputs too, under whatever name or link.

        Parameters
        ----------
        inputs : mapping of str to iterable of Path
            Files and folders by the argument that names them.

        Raises
        ------
        OutputError
            When writing would overwrite or remove an input.
        """
        for argument, paths in inputs.items():
            for path in paths:
                for output in (*self.results, self.working):
                    if _is_same_or_inside(path, output):
                        raise OutputError(
                            f"cannot write to {str(output)!r}: it is an input of this job "
                            f"({argument}); choose another output"
                        )

    def read_result(self, job: Mapping[str, Any]) -> dict[str, Any] | None:
        """Record of the finished job, None if anything is missing.

        Parameters
        ----------
        job : mapping
            What decides the result, as JSON returns it.

        Returns
        -------
        dict or None
            Content of `record`.

        Raises
        ------
        OutputError
            When a file is in the way that this very job did not write.
        """
        record = self._read_record()
        if record is not None and record["job"] != job:
            raise OutputError(
                f"cannot write to {str(self.labels)!r}: it is the result of another job "
                f"({_difference(record['job'], job)}); choose another output"
            )
        self._check_free({} if record is None else record["outputs"], trusted=record is not None)
        if record is None or not all(path.exists() for path in self.results):
            return None
        return record if self._hashes() == record["outputs"] else None

    @contextmanager
    def published(self, record: Mapping[str, Any], job: Mapping[str, Any]) -> Iterator[Path]:
        """Folder whose files take their places together at the end, with a record of what they are.

        Parameters
        ----------
        record : mapping
            Figures of the result; the block may still fill them in.
        job : mapping
            As for `read_result`.

        Yields
        ------
        Path
            The folder for all of `results` but `record`.

        Raises
        ------
        OutputError
            When a file is in the way that this very job did not write.
        """
        names = [path.name for path in self.results]
        with staged_together(self.labels.parent, names) as drafts:
            yield drafts
            draft = SegmentFiles(drafts / self.labels.name, self.with_model)
            write_json(draft.record, {**record, "job": dict(job), "outputs": draft._hashes()})
            write_json(draft.record, _sealed(read_json(draft.record)))
            old = self._read_record()
            known = {} if old is None else old["outputs"]
            self._check_free(known, trusted=old is not None and old["job"] == job)

    def _read_record(self) -> dict[str, Any] | None:
        """Record that a job wrote and nobody has changed."""
        try:
            record = read_json(self.record)
        except InputError:
            return None
        if record != _sealed(record) or "outputs" not in record:
            return None
        return {**record, "job": _by_present_names(record["job"])}

    def _check_free(self, known: Mapping[str, str], *, trusted: bool) -> None:
        """Refuse files that are not among the known ones; `trusted` is the record."""
        others = [path for path in self.results if path != self.record]
        if os.path.lexists(self.record) and (not trusted or self.record.is_symlink()):
            raise OutputError(f"cannot write to {str(self.record)!r}: {_OURS}")
        for path in others:
            if os.path.lexists(path) and not self._is_known(path, known):
                raise OutputError(f"cannot write to {str(path)!r}: {_OURS}")

    def _is_known(self, path: Path, known: Mapping[str, str]) -> bool:
        parts = [path, *path.rglob("*")]
        if any(part.is_symlink() for part in parts) or path.is_dir() != (path == self.model):
            return False
        hashes = _hashes_of(path)
        return all(known.get(name) == value for name, value in hashes.items())

    def _hashes(self) -> dict[str, str]:
        """Hashes of all files of the result but the record."""
        found: dict[str, str] = {}
        for path in self.results:
            if path != self.record:
                found |= _hashes_of(path)
        return dict(sorted(found.items()))


_CONFIG, _LOG = "config.json", "segment.log"
_WORK = ("moments.npz", "latents.bin", "latents.done", "model", "checkpoints")


class WorkingFolder:
    """Folder of the unfinished work of one job.

    Parameters
    ----------
    path : Path
        The folder; `open` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._adopted = False

    @property
    def log(self) -> Path:
        """Log of the job."""
        return self.path / _LOG

    @property
    def has_work(self) -> bool:
        """Whether there is anything that a resumed call would use."""
        return any((self.path / name).exists() for name in _WORK)

    def adopt(self, job: Mapping[str, Any]) -> bool:
        """Take up what a stopped call has left, if it was of the same job.

        Parameters
        ----------
        job : mapping
            What decides the result, as JSON returns it.

        Returns
        -------
        bool
            Whether there was such a folder.
        """
        config = self.path / _CONFIG
        self._adopted = config.is_file() and _by_present_names(read_json(config)) == job
        return self._adopted

    def open(self, job: Mapping[str, Any]) -> None:
        """Make the folder, or take up what a stopped call of the same job has left.

        Parameters
        ----------
        job : mapping
            What decides the result, as JSON returns it.

        Raises
        ------
        OutputError
            When the folder holds something else, or the work of another job.
        """
        config = self.path / _CONFIG
        recover(self.path, below=True)
        if self.adopt(job):
            return
        if os.path.lexists(self.path) and not self.path.is_dir():
            raise self._refusal("it is not a folder")
        if config.is_file():
            difference = _difference(_by_present_names(read_json(config)), job)
            raise self._refusal(f"it holds the unfinished work of another job ({difference})")
        if self.path.is_dir() and any(not _is_ours(name) for name in os.listdir(self.path)):
            raise self._refusal("it holds something else")
        with refused(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        write_json(config, job)
        self._adopted = True

    def _refusal(self, why: str) -> OutputError:
        return OutputError(
            f"cannot work in {str(self.path)!r}: {why}; remove it or choose another output"
        )

    def remove(self) -> None:
        """Remove the work of this job, and the folder unless it holds anything else."""
        names = os.listdir(self.path) if self._adopted else []
        # The configuration last: what is left of a stopped removal is known as ours.
        for name in sorted(filter(_is_ours, names), key=_CONFIG.__eq__):
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if self._adopted:
            with suppress(OSError):
                self.path.rmdir()


def _is_ours(name: str) -> bool:
    return name in (*_WORK, _CONFIG, _LOG)


def _is_same_or_inside(path: Path, output: Path) -> bool:
    here, there = Path(os.path.realpath(path)), Path(os.path.realpath(output))
    if here.is_relative_to(there):
        return True
    return path.exists() and output.exists() and path.samefile(output)


def _hashes_of(path: Path) -> dict[str, str]:
    """SHA-256 of a file, or of the files in a folder, by their path beside the label map."""
    files = [part for part in path.rglob("*") if part.is_file()] if path.is_dir() else [path]
    return {file.relative_to(path.parent).as_posix(): digest_of(file) for file in files}


def _sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with a digest of its content, by which a later change shows."""
    content = {name: value for name, value in record.items() if name != "digest"}
    text = json.dumps(content, sort_keys=True)
    return {**content, "digest": hashlib.sha256(text.encode()).hexdigest()}


def _by_present_names(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job as it would be recorded today; earlier versions had another name for an option."""
    options = {
        "min_membership" if name == "min_confidence" else name: value
        for name, value in job.get("options", {}).items()
    }
    return {**job, "options": options} if options else dict(job)


def _difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """First setting in which two jobs differ."""
    old, new = _flat(there), _flat(here)
    for name in {**new, **old}:
        before, now = old.get(name), new.get(name)
        if before == now:
            continue
        *_, group, part = ("", *name.split("."))
        if part in ("size", "modified"):
            return f"the file of {group} has changed"
        if part == "digest":
            return "the weights of the encoder have changed"
        subject = f"the {part} of {group}" if part in ("path", "extension") else part
        return f"{subject} is {before!r} there and {now!r} here"
    return "it is of another version"


def _flat(content: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = value
    return flat
