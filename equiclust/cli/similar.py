"""`equiclust similar`: what of a run is most like an image."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from data_adapters import read
from equiclust.cli.session import Outcome, Session
from equiclust.evaluation.similarity import LatentIndex
from equiclust.exceptions import EquiclustError, EquiclustWarning, InputError, OutputError
from equiclust.images import ImageSet
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.output_checks import check_table_output, check_writable
from equiclust.io.previews import read_previews
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.inputs import absolute, load_images
from equiclust.pipeline.model import Model
from equiclust.report.contact_sheet import SheetTile, write_contact_sheet
from equiclust.validation import check_whole

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["find_similar"]

# A sheet of more rows and columns is read by nobody; the table has them all.
_MOST_ROWS, _MOST_COLUMNS = 30, 20
_SAID = 5

_DESCRIPTIONS = {
    "id": "image that was asked about",
    "rank": "1 = nearest",
    "similar": "image of the run",
    "path": "its file",
    "distance": "between the latents",
    "label": "cluster of the image of the run; -1 = don't know",
}

FloatArray = npt.NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True)
class _Hit:
    """One of the nearest: its row in the catalogue of the run, and how far away it is."""

    row: int
    distance: float


def find_similar(
    session: Session, run: str, inputs: Sequence[str], *, n: int, output: str
) -> Outcome:
    """Write a contact sheet, and a table, of the nearest images of a run to every input.

    Raises
    ------
    InputError
        When `n` is below 1, or no input can be used.
    OutputError
        When the place cannot be written.
    """
    folder = RunFolder.open(run)
    sheet, listed = Path(output), Path(output).with_suffix(".ecsv")
    _check(n, sheet, listed, folder.path)
    catalogue = read_table(folder.catalogue_ecsv)
    model = Model.load(folder.model)
    loaded = load_images(inputs, model.preprocessor.get_params(), session)
    with session.stage("encoding") as update:
        latents = model.latents(loaded.images, update)
    with session.stage("searching"):
        hits = _hits(folder, catalogue, loaded.originals, latents, n)
    with session.stage("drawing"):
        pictures = _Pictures(folder, catalogue, model)
        rows = [
            _sheet_row(image, found[:_MOST_COLUMNS], catalogue, pictures)
            for image, found in zip(loaded.images, hits[:_MOST_ROWS], strict=False)
        ]
        write_contact_sheet(sheet, rows)
    table = _table(loaded.originals, hits, catalogue)
    write_table(table, listed)
    record = {
        "sheet": str(sheet),
        "table": str(listed),
        "n_images": len(hits),
        "n_rejected": len(loaded.rejected),
        "similar": {
            image.id: [{"id": str(catalogue["id"][hit.row]), "distance": hit.distance}
                       for hit in found]
            for image, found in zip(loaded.originals, hits, strict=True)
        },
    }  # fmt: skip
    return Outcome(record, _text(loaded.originals, hits, catalogue, sheet, listed))


def _check(n: int, sheet: Path, listed: Path, run: Path) -> None:
    """Refuse what cannot be done, and places where something else lies, before the work."""
    check_whole("-n", n)
    if sheet.suffix.lower() != ".png":
        raise InputError(f"--output must end in .png, got {str(sheet)!r}")
    check_table_output(listed, run, set(_DESCRIPTIONS), "table of similar images")
    check_writable(sheet)
    if sheet.is_dir():
        raise OutputError(f"cannot write to {str(sheet)!r}: it is a folder; choose another output")


def _hits(
    folder: RunFolder, catalogue: Table, asked: ImageSet, latents: FloatArray, n: int
) -> list[list[_Hit]]:
    """The nearest of the run to every image, without the image itself if it is of the run."""
    index = LatentIndex(np.asarray(read_table(folder.latents_fits)["latent"]))
    distances, rows = index.query(latents, n + 1)
    places: dict[str, list[int]] = {}
    for i, path in enumerate(catalogue["path"]):
        places.setdefault(str(path), []).append(i)
    found = []
    for image, far, near in zip(asked, distances, rows, strict=True):
        candidates = places.get(os.path.abspath(image.path or ""), [])
        itself = _chosen(image.id, {str(catalogue["id"][i]): i for i in candidates})
        others = [_Hit(int(row), float(d)) for d, row in zip(far, near, strict=True)]
        found.append([hit for hit in others if hit.row != itself][:n])
    return found


def _chosen(name: str, among: dict[str, T]) -> T | None:
    """What has this name among all that came from one file.

    The names of files that were read together are made unlike by the names of their folders, so
    that the only image of a file may have another name now.
    """
    if len(among) == 1:
        return next(iter(among.values()))
    return among.get(name)


class _Pictures:
    """Images of the run as the network sees them: from its previews, or from their files."""

    def __init__(self, folder: RunFolder, catalogue: Table, model: Model) -> None:
        self._catalogue, self._preprocessor = catalogue, model.preprocessor
        self._known: dict[str, FloatArray | None] = _previews(folder)

    def of(self, row: int) -> FloatArray | None:
        """Pixels `(c, h, w)`, or None when the file is gone or is another one now."""
        name = str(self._catalogue["id"][row])
        if name not in self._known:
            self._known[name] = self._read(name, str(self._catalogue["path"][row]))
        return self._known[name]

    def _read(self, name: str, path: str) -> FloatArray | None:
        try:
            image = _chosen(name, {image.id: image for image in read(absolute([path])).images})
            if image is None:
                return None
            pixels: FloatArray = self._preprocessor.transform(ImageSet((image,))).pixels[0]
        except EquiclustError:
            return None
        return pixels


def _previews(folder: RunFolder) -> dict[str, FloatArray | None]:
    """Pixels that the run kept to be shown, by id; a damaged file costs a warning only."""
    try:
        previews = read_previews(folder.previews_npz)
    except InputError as error:
        warnings.warn(f"pictures come from the image files: {error}", EquiclustWarning, 2)
        return {}
    return dict(zip(previews.ids, previews.images, strict=True))


def _sheet_row(
    image: Any, found: list[_Hit], catalogue: Table, pictures: _Pictures
) -> list[SheetTile]:
    tiles = [SheetTile(image.pixels, image.id, "asked about")]
    for hit in found:
        label = int(catalogue["label"][hit.row])
        cluster = f"cluster {label}" if label >= 0 else "no cluster"
        name = str(catalogue["id"][hit.row])
        tiles.append(SheetTile(pictures.of(hit.row), name, f"{hit.distance:.3g}, {cluster}"))
    return tiles


def _table(asked: ImageSet, hits: list[list[_Hit]], catalogue: Table) -> Table:
    from astropy.table import Table

    rows = [
        {
            "id": image.id,
            "rank": rank,
            "similar": str(catalogue["id"][hit.row]),
            "path": str(catalogue["path"][hit.row]),
            "distance": hit.distance,
            "label": int(catalogue["label"][hit.row]),
        }
        for image, found in zip(asked, hits, strict=True)
        for rank, hit in enumerate(found, start=1)
    ]
    table = Table(rows=rows, names=list(_DESCRIPTIONS))
    for name, description in _DESCRIPTIONS.items():
        table[name].description = description
    return table


def _text(
    asked: ImageSet, hits: list[list[_Hit]], catalogue: Table, sheet: Path, listed: Path
) -> str:
    lines = []
    for image, found in zip(asked, hits[:_SAID], strict=False):
        near = ", ".join(f"{catalogue['id'][h.row]} ({h.distance:.3g})" for h in found[:_SAID])
        lines.append(f"{image.id}: {near}")
    if len(hits) > _SAID:
        lines.append(f"and {len(hits) - _SAID} more in the table")
    return "\n".join([*lines, f"Contact sheet: {sheet}", f"Table: {listed}"])
