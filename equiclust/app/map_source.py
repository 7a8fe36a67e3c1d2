"""The map that a label map was made from: where it is now, and whether it still fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_adapters.discovery import split_part
from data_adapters.sky.sky_map import SkyMap, open_sky_map
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json
from equiclust.segmentation.outputs import SegmentFiles
from equiclust.typing import PathLike

__all__ = ["MapSource", "find_source"]

# Of unpacked pixels: packed files are held whole.
_PACKED_LIMIT = 1 << 28


@dataclass(frozen=True)
class MapSource:
    """What a label map was made from, as far as it can be found.

    Parameters
    ----------
    sky : SkyMap or None
        The map or cube; None where it cannot be shown.
    group : int, default 1
        Channels of the cube that each plane of labels is of.
    moment : str, default ""
        What the labels of a cube are of, "integrated" or "peak"; "" where every plane of channels
        has its own labels.
    model : Path, optional
        Folder of the networks and clusters that made the labels.
    job : mapping, default {}
        What the record beside the label map says of the job.
    notes : tuple of str, default ()
        What the user should know, in sentences.
    """

    sky: SkyMap | None
    group: int = 1
    moment: str = ""
    model: Path | None = None
    job: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_source(
    path: Path, shape: tuple[int, ...], *, flat: bool, data: PathLike | None = None
) -> MapSource:
    """Find and open the map that a label map was made from.

    Parameters
    ----------
    path : Path
        The label map.
    shape : tuple of int
        `(n_planes, h, w)` of the labels.
    flat : bool
        Whether the labels have two axes, as those of a map or of a moment of a cube.
    data : path-like, optional
        The map where it is now, as ``file.fits`` or ``file.fits[EXT]``; by default the file that
        the record names, or one of the same name beside the label map.

    Returns
    -------
    MapSource
        With `sky` None, and a note that says why, where the map of the record cannot be used.

    Raises
    ------
    InputError
        When `data` cannot be read or does not fit the labels.
    """
    job, notes = _job_of(path)
    options = _part(job, "options")
    way = "peak" if options.get("cube") == "peak" else "integrated"
    group = options.get("channel_group")
    group = group if not flat and isinstance(group, int) and group > 0 else 1
    sky, said = _given(data, job) if data is not None else _recorded(path, job)
    notes += said
    if sky is not None and not _fits(sky, shape, group, flat=flat):
        sentence = (
            f"the data {sky.path} has shape {_times(sky.shape)} (channels, height, width), which "
            f"does not fit labels of shape {_times(shape)}"
        )
        if data is not None:
            raise InputError(f"{sentence}; give the map that was segmented")
        sky, notes = None, (*notes, f"Labels are shown alone: {sentence}.")
    return MapSource(sky, group, way if flat else "", _model_of(path, job), job, notes)


def _job_of(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    record = SegmentFiles(path).record
    try:
        job = read_json(record).get("job")
    except InputError as error:
        return {}, (f"Of which map the labels are is not known: {error}.",)
    if not isinstance(job, dict):
        return {}, (f"Of which map the labels are is not known: {record} does not say it.",)
    return job, ()


def _part(content: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """A part of a part of the record, empty where there is none."""
    for name in names:
        found = content.get(name)
        content = found if isinstance(found, dict) else {}
    return content


def _opened(file: Path, extension: str, job: Mapping[str, Any]) -> SkyMap:
    stokes = job.get("stokes")
    return open_sky_map(
        file,
        part=extension,
        stokes=stokes if isinstance(stokes, str) else "",
        whole_limit=_PACKED_LIMIT,
    )


def _given(data: PathLike, job: Mapping[str, Any]) -> tuple[SkyMap, tuple[str, ...]]:
    file, extension = split_part(data)
    recorded = str(_part(job, "files", "map").get("extension") or "")
    return _opened(Path(file), extension or recorded, job), _changes(Path(file), job)


def _recorded(path: Path, job: Mapping[str, Any]) -> tuple[SkyMap | None, tuple[str, ...]]:
    known = _part(job, "files", "map")
    name = known.get("path")
    if not isinstance(name, str) or not name:
        # Where there is no job at all, that was said already.
        said = "Labels are shown alone: the record does not say of which map they are."
        return None, (said,) if job else ()
    places = (Path(name), path.parent / Path(name).name)
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return None, (
            f"Labels are shown alone: the map {name} is not there any more; say where it is now.",
        )
    try:
        sky = _opened(file, str(known.get("extension") or ""), job)
    except InputError as error:
        return None, (f"Labels are shown alone: {error}.",)
    return sky, _changes(file, job)


def _changes(file: Path, job: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence where a file is not as it was when it was segmented."""
    known, now = _part(job, "files", "map"), file.stat()
    if "size" in known and known["size"] != now.st_size:
        return (
            f"The map {file} has changed since it was segmented: it had {known['size']} bytes and "
            f"has {now.st_size}, so that labels and data may not belong together.",
        )
    if known.get("path") == str(file) and known.get("modified") != now.st_mtime_ns:
        return (
            f"The map {file} was written again since it was segmented, so that labels and data may "
            "not belong together.",
        )
    return ()


def _fits(sky: SkyMap, shape: tuple[int, ...], group: int, *, flat: bool) -> bool:
    planes = shape[0] if flat else -(-sky.shape[0] // group)
    return (planes, *sky.shape[1:]) == tuple(shape)


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _model_of(path: Path, job: Mapping[str, Any]) -> Path | None:
    """The folder beside the label map, or that of the run whose clusters were used."""
    places = [SegmentFiles(path).model]
    used = _part(job, "files", "run").get("path")
    if isinstance(used, str) and used:
        places.insert(0, Path(used))
    return next((place for place in places if (place / "textures.json").is_file()), None)
