"""Images of a run that are unlike the others, ranked, with reasons, and refined by a few marks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equiclust.evaluation.morphology import measure_morphology
from equiclust.evaluation.outlier_reasons import UNMEASURED, outlier_reasons
from equiclust.exceptions import EquiclustWarning
from equiclust.images import ImageSet
from equiclust.io.catalogue import write_table
from equiclust.io.output_checks import outputs_outside_runs
from equiclust.io.outputs import Outputs
from equiclust.io.previews import read_previews
from equiclust.pipeline.partitions import encoder_spaces
from equiclust.pipeline.run_files import RunFiles
from equiclust.pipeline.run_pictures import RunPictures
from equiclust.progress import Progress, start_stage
from equiclust.teaching.anomalies import INTERESTING, rank_anomalies
from equiclust.teaching.labels import gather_labels
from equiclust.typing import Float32Array, Float64Array, IntArray, PathLike
from equiclust.validation import check_whole

if TYPE_CHECKING:
    from astropy.table import Table

    from equiclust.pipeline.teaching import LabelInputs
    from equiclust.report.contact_sheet import SheetTile

__all__ = ["Anomalies", "check_anomaly_output", "find_anomalies", "write_anomalies"]

_DESCRIPTIONS = {
    "id": "name of the image",
    "path": "file it came from",
    "kind": "mark: interesting, artefact, usual, or any other word; empty = not looked at",
    "rank": "1 = most worth a look",
    "probability": "of being interesting, by the marks; NaN where they cannot tell",
    "outlier_score": "the larger, the less like the others",
    "label": "cluster; -1 = don't know",
    "reason": "measured quantities in which it stands out among the images of the run",
}
_PER_ROW, _MAX_SHOWN = 10, 100


@dataclass(frozen=True)
class Anomalies:
    """Result of a search for anomalies.

    Parameters
    ----------
    run : RunFiles
    table : astropy.table.Table
        One row for each image, the most promising first.
    rows : ndarray (m,), int
        Their rows in the catalogue of the run.
    n_marked : int
        Number of images with a mark.
    """

    run: RunFiles
    table: Table
    rows: IntArray
    n_marked: int


def find_anomalies(
    run: RunFiles,
    n: int = 50,
    *,
    marks: LabelInputs | None = None,
    interesting: str | Sequence[str] = INTERESTING,
    on_progress: Progress | None = None,
) -> Anomalies:
    """Rank images of a run by how unlike the others they are, and by a few marks.

    Parameters
    ----------
    run : RunFiles
    n : int, default 50
        Number of images without a mark to name.
    marks : mapping of str to str, path-like, or sequence of path-like, optional
        Marks by id, or files with the columns `id` and `kind`.
    interesting : str or sequence of str, default "interesting"
        The marks that are looked for.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    Anomalies
        Those marked interesting first, then `n` others, then those marked otherwise.

    Raises
    ------
    InputError
        When `n` is below 1, or the marks cannot be used.

    Warns
    -----
    EquiclustWarning
        When marks contradict each other, or name images that the run has not.
    """
    check_whole("n", n)
    start_stage(on_progress, "ranking")
    kinds = _marks(run, marks)
    spaces = encoder_spaces(run.model.ensemble.members_, run.latents.shape[1])
    score = np.asarray(run.catalogue["outlier_score"], dtype=np.float64)
    found = rank_anomalies(run.latents, score, kinds, interesting=interesting, spaces=spaces)
    wanted = {interesting} if isinstance(interesting, str) else set(interesting)
    order = found.order.tolist()
    first = [row for row in order if kinds.get(row) in wanted]
    last = [row for row in order if row in kinds and kinds[row] not in wanted]
    new = [row for row in order if row not in kinds][:n]
    rows = np.array([*first, *new, *last], dtype=np.int64)
    start_stage(on_progress, "measuring")
    return Anomalies(run, _table(run, rows, kinds, found.probability), rows, len(kinds))


def _marks(run: RunFiles, marks: LabelInputs | None) -> dict[int, str]:
    if marks is None:
        return {}
    names = [str(name) for name in run.catalogue["id"]]
    given = gather_labels(marks, names)
    for note in given.notes:
        warnings.warn(note, EquiclustWarning, stacklevel=4)
    return {row: given.kinds[name] for row, name in enumerate(names) if name in given.kinds}


def _table(
    run: RunFiles, rows: IntArray, kinds: dict[int, str], probability: Float64Array
) -> Table:
    from astropy.table import Table

    catalogue = run.catalogue
    table = Table(
        {
            "id": catalogue["id"][rows],
            "path": catalogue["path"][rows],
            "kind": np.array([kinds.get(row, "") for row in rows.tolist()], dtype=np.str_),
            "rank": np.arange(1, len(rows) + 1),
            "probability": probability[rows],
            "outlier_score": np.asarray(catalogue["outlier_score"], dtype=np.float64)[rows],
            "label": np.asarray(catalogue["label"], dtype=np.int64)[rows],
            "reason": np.array(_reasons(run, rows), dtype=np.str_),
        }
    )
    for name, description in _DESCRIPTIONS.items():
        table[name].description = description
    return table


def _reasons(run: RunFiles, rows: IntArray) -> list[str]:
    """Reasons by the confounders of all images, and by the shapes of those that can be seen."""
    measures = run.confounders
    known = {
        name: np.asarray(measures[name], dtype=np.float64)
        for name in measures.colnames
        if name != "id"
    }
    own = {name: values[rows] for name, values in known.items()}
    pictures = RunPictures(run)
    shown = [pictures.preprocessed_or_none(row) for row in rows.tolist()]
    previews = list(read_previews(run.folder.previews_npz).images)
    if any(one is not None for one in shown) and previews:
        own |= _shapes(shown)
        known |= _shapes(previews)
    return outlier_reasons(own, known) if own else [UNMEASURED] * len(rows)


def _shapes(pictures: Sequence[Float32Array | None]) -> dict[str, Float64Array]:
    """Quantities of `measure_morphology`, NaN where there is no picture."""
    seen = [k for k, one in enumerate(pictures) if one is not None]
    images = ImageSet.from_array(np.stack([one for one in pictures if one is not None]))
    measured = measure_morphology(images)
    found = {}
    for name in measured.colnames:
        if name != "id":
            found[name] = np.full(len(pictures), np.nan)
            found[name][seen] = measured[name].data
    return found


def check_anomaly_output(output: PathLike, run: PathLike) -> None:
    """Refuse a list that cannot be written, or would replace something else.

    Parameters
    ----------
    output : str or path
        Ends in .csv; the contact sheet beside it ends in .png.
    run : str or path
        Folder of the run, in which it may not lie.

    Raises
    ------
    InputError
        When the name does not end in .csv.
    OutputError
        When anything lies there but a list that nobody has filled in.
    """
    _outputs(output, run).check_free()


def _outputs(output: PathLike, run: PathLike) -> Outputs:
    return outputs_outside_runs(output, run, ".csv", ".png", command="anomalies")


def write_anomalies(found: Anomalies, output: PathLike) -> Path:
    """Write the list, to be filled in, and a contact sheet of its first hundred images beside it.

    Parameters
    ----------
    found : Anomalies
    output : str or path
        Ends in .csv.

    Returns
    -------
    Path
        Of the contact sheet.

    Raises
    ------
    InputError, OutputError
        As `check_anomaly_output`.
    """
    from equiclust.report.contact_sheet import write_contact_sheet

    outputs = _outputs(output, found.run.path)
    sheet, listed = outputs.names
    tiles = _tiles(found)
    rows = [tiles[k : k + _PER_ROW] for k in range(0, len(tiles), _PER_ROW)]
    with outputs.held(), outputs.replaced() as drafts:
        write_contact_sheet(drafts / sheet, rows, queries=False)
        write_table(found.table, drafts / listed)
    return outputs.folder / sheet


def _tiles(found: Anomalies) -> list[SheetTile]:
    from equiclust.report.contact_sheet import SheetTile

    pictures = RunPictures(found.run)
    return [
        SheetTile(pictures.preprocessed_or_none(row), f"{rank}. {name}", kind or _brief(reason))
        for rank, (row, name, kind, reason) in enumerate(
            zip(
                found.rows[:_MAX_SHOWN].tolist(),
                found.table["id"].tolist(),
                found.table["kind"].tolist(),
                found.table["reason"].tolist(),
                strict=False,
            ),
            start=1,
        )
    ]


def _brief(reason: str) -> str:
    """The first quantity, as there is room for below a picture."""
    return "" if reason == UNMEASURED else reason.partition(",")[0].partition(" than ")[0]
