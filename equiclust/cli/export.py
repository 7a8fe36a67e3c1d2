"""`equiclust export`: a run or a label map as files for other programs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from equiclust.cli.session import Outcome, Session

if TYPE_CHECKING:
    from equiclust.io.export_files import ExportedFiles

__all__ = ["export"]


def export(
    session: Session,
    source: Annotated[str, "RUN|LABELS.fits"],
    *,
    output: Annotated[str | None, "FILE"] = None,
    samp: Annotated[str | None, "all|NAME"] = None,
    kind: Annotated[str | None, "NAME"] = None,
    label: Annotated[int | None, "K"] = None,
    min_stability: Annotated[float, "P"] = 0.0,
    min_probability: Annotated[float, "P"] = 0.0,
    min_membership: Annotated[float, "P"] = 0.0,
    rows: Literal["pixels", "segments"] = "pixels",
    each: bool = False,
    radius: Annotated[str | None, "ANGLE"] = None,
    order: Annotated[int | None, "N"] = None,
) -> Outcome:
    """Write a run or a label map for other programs, or send it to them.

    The ending of the file tells its format: a table with units and UCDs (.vot, .xml, .parquet,
    .ecsv, .fits; .csv without), regions of DS9 (.reg), the paths of the images (.txt), or a
    multi-order coverage map (.moc.fits, .moc.json, .moc.txt). Of a label map, tables have one row a
    pixel, with its place on the sky. Only files that this command has written are overwritten.

    Parameters
    ----------
    source
        Folder of a run, or label map that `equiclust segment` has written.
    output
        File to write.
    samp
        Program on this machine to send it to, such as topcat, aladin or ds9, or all that take it:
        the file, or without --output the images as a VOTable, or the label map as it is.
    kind
        Only images of this kind, in a run that was taught.
    label
        Only images or pixels of this label; -1 is "don't know".
    min_stability
        Only images whose label is at least as stable.
    min_probability
        Only images whose kind is at least as probable.
    min_membership
        Only pixels or segments with at least this membership in their cluster.
    rows
        What a row is in a table of a label map.
    each
        Write a file for every label, such as kinds.label_0.moc.fits.
    radius
        For coverage of a run: circles about the centres of the images, such as 10arcsec; by default
        the frames of the images, which are read again for that.
    order
        For coverage: order of the smallest cells, 0 to 29; by default their sides are at most half
        a pixel of a label map, a sixteenth of an image's shorter side, or an eighth of the radius.

    Examples
    --------
    equiclust export sorted --output rings.vot --label 2 --min-stability 0.9
    equiclust export kinds.fits --output kinds.moc.fits --each
    equiclust export sorted --samp topcat
    """
    from equiclust.exceptions import InputError

    if output is None and samp is None:
        raise InputError("output is needed, or samp")
    both = {"label": label, "each": each, "order": order}
    of_runs = {
        "kind": kind, "min_stability": min_stability, "min_probability": min_probability,
        "radius": radius,
    }  # fmt: skip
    of_maps = {"min_membership": min_membership, "rows": rows}
    is_run = Path(source).expanduser().is_dir()
    _refuse(of_maps if is_run else of_runs, "a label map" if is_run else "a run")
    with tempfile.TemporaryDirectory(prefix="equiclust-") as folder:
        # What is sent without being kept is a table of a run, or a label map as it is.
        target = str(Path(folder) / "images.vot") if output is None else output
        if is_run:
            written = _export_run(session, source, target, **both, **of_runs)
        elif output is not None:
            written = _export_map(session, source, target, **both, **of_maps)
        else:
            _refuse(both | of_maps, "a file")
            written = _map_itself(source)
        is_kept = output is not None or not is_run
        sent = () if samp is None else _send(written, source, samp, is_kept=is_kept)
    files = [] if output is None else [str(path) for path in written.paths]
    said = [f"{written.n_rows:,} rows: {', '.join(files)}"] if files else []
    said += [f"Sent to {', '.join(sent)}"] if sent else []
    record = {"files": files, "n_rows": written.n_rows, "sent_to": list(sent)}
    return Outcome(record, "\n".join(said))


def _refuse(given: dict[str, Any], what: str) -> None:
    """Refuse flags that are for something else."""
    from equiclust.exceptions import InputError

    for name, value in given.items():
        if value not in (None, False, 0.0, "pixels") or (name == "label" and value == 0):
            raise InputError(f"{name} is for {what}, got {value!r}")


def _export_run(session: Session, source: str, target: str, **options: Any) -> ExportedFiles:
    from equiclust.pipeline.results import open_run

    return open_run(source).export(target, on_progress=session.on_progress, **options)


def _export_map(session: Session, source: str, target: str, **options: Any) -> ExportedFiles:
    from equiclust.segmentation.map_export import export_label_map

    session.on_progress("writing", 0, None, "")
    return export_label_map(source, target, **options)


def _map_itself(source: str) -> ExportedFiles:
    from equiclust.io.export_files import ExportedFiles
    from equiclust.segmentation.label_maps import read_segment_map

    path = Path(source).expanduser()
    return ExportedFiles((path,), read_segment_map(path).labels.size)


def _send(written: ExportedFiles, source: str, samp: str, *, is_kept: bool) -> tuple[str, ...]:
    """Send files to other programs; those that are not kept until they have been read."""
    from equiclust.app.samp_sender import send_file

    client = "" if samp == "all" else samp
    name = Path(source).expanduser().resolve().name
    found = [
        one
        for path in written.paths
        for one in send_file(path, name, client=client, wait=not is_kept)
    ]
    return tuple(dict.fromkeys(found))
