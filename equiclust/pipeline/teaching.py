"""A few labels for a run: which images to label, and the run that follows from the labels."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.exceptions import EquiclustWarning
from equiclust.io.atomic import write_json
from equiclust.io.catalogue import write_table
from equiclust.io.fit_record import array_digest
from equiclust.io.locks import exclusive
from equiclust.io.log_file import logged
from equiclust.io.output_checks import check_writable, output_path, outputs_outside_runs
from equiclust.io.outputs import Outputs
from equiclust.io.run_folder import RunFolder
from equiclust.io.staging import recover
from equiclust.pipeline.partitions import encoder_spaces, label_columns
from equiclust.pipeline.run_files import RunFiles
from equiclust.pipeline.taught_catalogue import make_taught_catalogue
from equiclust.progress import Progress, start_stage
from equiclust.teaching.classifier import FewLabelClassifier
from equiclust.teaching.kinds import Kinds
from equiclust.teaching.labels import Labels, gather_labels, read_labels, sort_labels
from equiclust.teaching.partition_choice import PartitionFit, rank_partitions
from equiclust.teaching.record import teaching_record
from equiclust.teaching.selection import suggest
from equiclust.typing import IntArray, PathLike

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["LabelInputs", "check_labels_output", "suggest_images", "teach_run"]

logger = logging.getLogger(__name__)

LabelInputs = Mapping[str, str] | PathLike | Sequence[PathLike]
"""Kinds by id, a file of labels, or several."""

# They describe the clusters, or how these were made, not the kinds.
_OF_CLUSTERS = (
    *("nuisances", "perturbation", "stability", "findings", "timing"),
    *("cluster_descriptions", "removal", "levels", "partitions", "all_images"),
)
# Logarithm of odds beyond which their number says nothing more.
_MOST_EVIDENCE = float(np.log(1000.0))
_CERTIFICATE_NOTE = (
    "The invariance certificate is that of the run that was taught: it holds for the latents, and "
    "its labels are the clusters. `equiclust check` measures it for the kinds."
)
_ALL_NOTE = (
    "The run that was taught learned from some of its images: `equiclust predict` with this folder "
    "gives the kinds of all."
)


def check_labels_output(output: PathLike, run: Path) -> Outputs:
    """Refuse a file of suggestions that is no CSV, or would replace something else.

    Parameters
    ----------
    output : str or path
        Ends in .csv.
    run : Path
        Folder of the run, in which it may not lie.

    Returns
    -------
    Outputs

    Raises
    ------
    InputError
        When the name does not end in .csv.
    OutputError
        When anything lies there but suggestions that nobody has filled in.
    """
    outputs = outputs_outside_runs(output, run, ".csv", command="suggest")
    outputs.check_free()
    return outputs


def suggest_images(
    run: RunFiles,
    n: int = 30,
    *,
    labels: LabelInputs | None = None,
    output: PathLike | None = None,
) -> Table:
    """Choose the images of a run whose labels tell most about the others.

    Parameters
    ----------
    run : RunFiles
        One that was taught has labels already.
    n : int, default 30
        Number of images.
    labels : mapping of str to str, path-like, or sequence of path-like, optional
        Labels that are there already.
    output : str or path, optional
        CSV file to write, to be filled in.

    Returns
    -------
    astropy.table.Table
        Columns `id`, `path` and `kind`, the last empty.

    Raises
    ------
    InputError
        When `n` is below 1, a file of labels cannot be used, or all images are labelled.
    OutputError
        When the output holds something else, or suggestions that were filled in.
    """
    from astropy.table import Table

    outputs = None if output is None else check_labels_output(output, run.path)
    given = _gather(run, labels)
    rows = suggest(run.latents, n, labels=_by_row(run, given), spaces=_spaces(run))
    ids, paths = run.catalogue["id"][rows], run.catalogue["path"][rows]
    table = Table({"id": ids, "path": paths, "kind": np.full(len(rows), "", dtype="U1")})
    if outputs is not None:
        with outputs.held(), outputs.replaced() as drafts:
            write_table(table, drafts / outputs.names[-1])
    return table


def teach_run(
    run: RunFiles,
    labels: LabelInputs,
    output: PathLike,
    *,
    on_progress: Progress | None = None,
) -> RunFolder:
    """Learn kinds from labels, and write a run whose catalogue has them.

    Parameters
    ----------
    run : RunFiles
        Of one that was taught, the labels count too.
    labels : mapping of str to str, path-like, or sequence of path-like
        Kinds by id, or files with the columns `id` and `kind`.
    output : str or path
        Folder to write: new, empty, or of the same labels.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    RunFolder
        Without its report.

    Raises
    ------
    InputError
        When the labels cannot be used, or name no two kinds.
    OutputError
        When the folder cannot be written, or holds something else.
    """
    target = output_path(output)
    check_writable(target)
    given = _gather(run, labels)
    for note in given.notes:
        warnings.warn(note, EquiclustWarning, stacklevel=3)
    start_stage(on_progress, "teaching")
    kinds_of = np.array([given.kinds.get(str(name), "") for name in run.catalogue["id"]])
    classifier = FewLabelClassifier(_spaces(run)).fit(run.latents, kinds_of)
    with exclusive(target), logged() as log:
        recover(target, below=True)
        folder = RunFolder.create(target, _config(run, given))
        log.write_to(folder.run_log)
        if folder.is_finished:
            logger.info("the run in %s is taught already", folder.path)
            return folder
        folder.outputs.check_free()
        if run.folder.recipe_toml.is_file():
            shutil.copyfile(run.folder.recipe_toml, folder.recipe_toml)
        kinds = classifier.predict_kinds(run.latents)
        with folder.outputs.replaced(folder.results) as drafts:
            _write(RunFolder(drafts), run, classifier, kinds, given)
    return folder


def _spaces(run: RunFiles) -> dict[str, list[int]] | None:
    return encoder_spaces(run.model.ensemble.members_, run.latents.shape[1])


def _gather(run: RunFiles, labels: LabelInputs | None) -> Labels:
    """Labels as given, and those that the run was taught with."""
    ids = [str(name) for name in run.catalogue["id"]]
    known = run.folder.labels_csv
    earlier = read_labels(known) if known.is_file() else []
    if labels is None:
        return sort_labels(earlier, set(ids))
    return gather_labels(labels, ids, earlier)


def _by_row(run: RunFiles, given: Labels) -> dict[int, str]:
    names = [str(name) for name in run.catalogue["id"]]
    return {row: given.kinds[name] for row, name in enumerate(names) if name in given.kinds}


def _config(run: RunFiles, given: Labels) -> dict[str, Any]:
    """Configuration of the run, and what it was taught with."""
    text = "\n".join(f"{name}\t{kind}" for name, kind in sorted(given.kinds.items()))
    digest = array_digest(np.frombuffer(text.encode(), dtype=np.uint8), run.latents)
    return {**run.folder.read_config(), "taught": digest}


def _write(
    drafts: RunFolder,
    run: RunFiles,
    classifier: FewLabelClassifier,
    kinds: Kinds,
    given: Labels,
) -> None:
    """Write everything but the report; the catalogue comes last."""
    replace(run.model, classifier=classifier).save(drafts.model)
    for name in (
        "previews_npz",
        "invariance_json",
        "latents_fits",
        "confounders_ecsv",
        "rejected_ecsv",
    ):
        source: Path = getattr(run.folder, name)
        if source.is_file():
            shutil.copyfile(source, getattr(drafts, name))
    write_json(drafts.metrics_json, _metrics(run, classifier, kinds, given))
    write_table(_label_table(run, given), drafts.labels_csv)
    table = make_taught_catalogue(run.catalogue, kinds)
    write_table(table, drafts.catalogue_fits)
    write_table(table, drafts.catalogue_ecsv)


def _label_table(run: RunFiles, given: Labels) -> Table:
    """All labels of images, the contradictory ones too, so that nothing is lost."""
    from astropy.table import Table

    paths = {str(row["id"]): str(row["path"]) for row in run.catalogue}
    pairs = [*given.kinds.items()]
    pairs += [(name, kind) for name, own in given.contradictions.items() for kind in own]
    names, kinds = zip(*pairs, strict=True)
    return Table({"id": names, "path": [paths[name] for name in names], "kind": kinds})


def _metrics(
    run: RunFiles, classifier: FewLabelClassifier, kinds: Kinds, given: Labels
) -> dict[str, Any]:
    record = teaching_record(classifier, kinds, given, [str(one) for one in run.catalogue["id"]])
    ranked = rank_partitions(_partitions(run), _by_row(run, given))
    record["partitions"] = [one._asdict() for one in ranked]
    record["sentences"] += _partition_sentences(ranked, len(given.kinds))
    known = {name: one for name, one in run.metrics.items() if name not in _OF_CLUSTERS}
    clusters = known.get("clusters", {})
    notes = [note for note in known.get("notes", []) if note != _CERTIFICATE_NOTE]
    if run.folder.invariance_json.is_file():
        notes.append(_CERTIFICATE_NOTE)
    if "all_images" in run.metrics:
        notes.append(_ALL_NOTE)
    return {
        **known,
        "findings": record["sentences"],
        "notes": [*given.notes, *notes],
        "clusters": {
            **clusters,
            "n_clusters": len(kinds.names),
            "method": "labels",
            "chosen": "by labels",
            "candidates": [],
            "votes": {},
        },
        "teaching": record,
    }


def _partitions(run: RunFiles) -> dict[str, IntArray]:
    """Labels of the images by every level and partition of the run, by column of its catalogue."""
    model = run.model
    confounders = run.confounders if model.ensemble.removals_ else None
    vectors = model.ensemble.remove_from_transformed(run.latents, confounders)
    found = {"label": model.ensemble.consensus_.best_labels_}
    if model.tree is not None:
        levels = model.tree.predict_levels(vectors, found["label"])
        if model.tree.n_coarse_ < model.tree.n_clusters:
            found["label_coarse"] = levels.coarse
        if model.tree.n_fine_ > model.tree.n_clusters:
            found["label_fine"] = levels.fine
    if model.partitions is not None:
        found |= label_columns(model.partitions.predict_partitions(vectors))
    return found


def _partition_sentences(ranked: Sequence[PartitionFit], n_labels: int) -> list[str]:
    """Which of several partitions the labels tell for."""
    if len(ranked) < 2:
        return []
    best, second = ranked[:2]
    times = float(np.exp(min(best.log_evidence - second.log_evidence, _MOST_EVIDENCE)))
    odds = f"{times:,.0f}" if times < np.exp(_MOST_EVIDENCE) else "more than 1,000"
    return [
        f"Of the clusterings of the run {best.name} fits the labels best: {best.n_right} of "
        f"{n_labels} name the most frequent kind of their cluster, and they are {odds} times as "
        f"probable as by {second.name}"
    ]
