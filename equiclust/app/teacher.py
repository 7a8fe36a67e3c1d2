"""`Teacher`: kinds of all images that follow from the labels, kept up to date."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np

from equiclust.app.label_file import LabelFile
from equiclust.exceptions import InputError
from equiclust.pipeline.run_files import RunFiles
from equiclust.teaching.classifier import FewLabelClassifier
from equiclust.teaching.kinds import Kinds
from equiclust.teaching.labels import Labels, read_labels, sort_labels
from equiclust.teaching.record import teaching_record
from equiclust.teaching.selection import suggest

__all__ = ["Suggestion", "Taught", "Teacher"]

logger = logging.getLogger(__name__)

# Two kinds nearer than this in probability leave an image in doubt.
_CLEAR = 0.5


@dataclass(frozen=True, eq=False)
class Taught:
    """What the labels say of all images.

    Parameters
    ----------
    version : int
        Of the labels.
    kinds : Kinds or None
        None where the labels name no two kinds.
    classifier : FewLabelClassifier or None
    record : dict
        As `equiclust.teaching.record.teaching_record` makes it, for `metrics.json`; empty where
        there are no kinds.
    problem : str, default ""
        Why there are none.
    """

    version: int
    kinds: Kinds | None
    classifier: FewLabelClassifier | None
    record: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True)
class Suggestion:
    """An image that is worth a label.

    Parameters
    ----------
    row : int
    why : str
        Why it is.
    """

    row: int
    why: str


class Teacher:
    """Learns kinds from the labels of a run as `equiclust teach` does.

    Parameters
    ----------
    run : RunFiles
    labels : LabelFile
    """

    def __init__(self, run: RunFiles, labels: LabelFile) -> None:
        self._run, self._labels = run, labels
        self._ids = [str(name) for name in run.catalogue["id"]]
        self._lock = RLock()
        self._taught = Taught(-1, None, None, {}, "")

    @property
    def taught(self) -> Taught:
        """What was learned last."""
        return self._taught

    def warm_up(self) -> None:
        """Load what learning needs, so that the first label is answered as fast as the others."""
        try:
            self._spaces()
        except InputError:
            # Said when there is something to learn.
            logger.info("the model cannot be loaded", exc_info=True)

    def update(self) -> Taught:
        """Learn from the labels as they are now; nothing is done where nothing has changed.

        Returns
        -------
        Taught

        Raises
        ------
        InputError
            When the file of the labels cannot be read any more.
        """
        with self._lock:
            self._labels.refresh()
            version = self._labels.version
            if self._taught.version != version:
                self._taught = self._learn(version)
            return self._taught

    def _learn(self, version: int) -> Taught:
        given = self._given()
        if len(set(given.kinds.values())) < 2:
            return Taught(version, None, None, {}, _missing(given.kinds))
        names = np.array([given.kinds.get(name, "") for name in self._ids])
        try:
            classifier = FewLabelClassifier(self._spaces()).fit(self._run.latents, names)
            kinds = classifier.predict_kinds(self._run.latents)
        except InputError as error:
            return Taught(version, None, None, {}, str(error))
        record = teaching_record(classifier, kinds, given, self._ids)
        return Taught(version, kinds, classifier, record)

    def _given(self) -> Labels:
        """The labels, and those that the run was taught with before."""
        path, pairs = self._run.folder.labels_csv, self._labels.pairs
        if path.is_file() and path.resolve() != self._labels.path.resolve():
            pairs = [*read_labels(path), *pairs]
        return sort_labels(pairs, set(self._ids))

    def _spaces(self) -> dict[str, list[int]] | None:
        # torch takes seconds to import, and the page is there before it is needed.
        from equiclust.pipeline.partitions import encoder_spaces

        members = self._run.model.ensemble.members_
        return encoder_spaces(members, self._run.latents.shape[1])

    def suggest(self, n: int) -> list[Suggestion]:
        """Choose the images whose labels tell most about the others.

        Parameters
        ----------
        n : int

        Returns
        -------
        list of Suggestion
            The most useful one first.

        Raises
        ------
        InputError
            When `n` is below 1 or all images are labelled.
        """
        taught = self.update()
        given = self._given().kinds
        known = {row: given[name] for row, name in enumerate(self._ids) if name in given}
        chosen = suggest(
            self._run.latents,
            n,
            labels=known,
            spaces=self._spaces(),
            classifier=taught.classifier,
        )
        return [Suggestion(int(row), _why(taught.kinds, int(row))) for row in chosen]


def _missing(kinds: dict[str, str]) -> str:
    if not kinds:
        return "no image is labelled yet"
    return f"all labels are {next(iter(kinds.values()))!r}; label an image of another kind too"


def _why(kinds: Kinds | None, row: int) -> str:
    """Why an image is worth a label."""
    if kinds is None:
        return "typical of many images"
    if kinds.labels[row] < 0:
        return "unlike all labelled images"
    first, second = np.argsort(-kinds.probabilities[row])[:2]
    values = kinds.probabilities[row]
    if values[first] - values[second] < _CLEAR:
        return (
            f"between {kinds.names[first]} ({values[first]:.0%}) and {kinds.names[second]} "
            f"({values[second]:.0%})"
        )
    return f"typical of many images; {kinds.names[first]} with {values[first]:.0%}"
