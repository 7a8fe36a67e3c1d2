"""Runs and label maps in glue: a catalogue with its clusters, and labels over the map they are of.

glue finds `setup` by the entry point ``glue.plugins``. From a program of one's own::

    from glue.core.data_factories import load_data
    from equiclust.app.glue_plugin import setup

    setup()
    run, labels = load_data("sorted"), load_data("kinds.fits")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_adapters.own_outputs import own_output
from data_adapters.sky.geometry import celestial_wcs
from equiclust.app.map_source import find_source
from equiclust.io.run_folder import RunFolder
from equiclust.optional import import_optional
from equiclust.pipeline.figures import figure_table
from equiclust.pipeline.run_files import RunFiles
from equiclust.report.figures.colouring import kind_order, kind_texts
from equiclust.report.figures.palette import mark_of, name_of
from equiclust.segmentation.label_maps import read_segment_map
from equiclust.segmentation.segment_map import SegmentMap
from equiclust.typing import Array, PathLike

if TYPE_CHECKING:
    from astropy.table import Column

__all__ = ["read_label_map", "read_run", "setup"]

_RUN, _LABELS = "Run of equiclust", "Label map of equiclust"
# Before the readers of any folder or FITS file.
_PRIORITY = 2000
_CATALOGUES = ("catalogue.ecsv", "catalogue.fits")
# Pixels of the data that are read with their labels.
_MOST_PIXELS = 1 << 28


def setup() -> None:
    """Let glue read the folders of runs, and label maps; called by glue when it starts.

    Raises
    ------
    MissingPackageError
        When glue-core is not installed.
    """
    registry = _glue("glue.config").data_factory
    known = {member.label for member in registry.members}
    for name, identifier, factory in (
        (_RUN, _is_run, read_run),
        (_LABELS, _is_label_map, read_label_map),
    ):
        if name not in known:
            registry(name, identifier=identifier, priority=_PRIORITY)(factory)


def read_run(path: PathLike, **options: Any) -> Any:
    """A run as a table of glue.

    Parameters
    ----------
    path : str or path
        Folder of the run, or its catalogue.
    **options : object
        What glue tells its readers; not used.

    Returns
    -------
    glue.core.Data
        The columns of the catalogue and the measures of the images, text and labels as categories;
        with a subset for every kind, or every cluster, in its colour.

    Raises
    ------
    InputError
        When there is no finished run.
    """
    folder = _folder_of(Path(path))
    run = RunFiles(RunFolder.open(folder))
    table = figure_table(run)
    data = _glue("glue.core").Data(label=folder.resolve().name)
    for column in table.itercols():
        if column.ndim == 1:
            data.add_component(_component(column), str(column.name))
    if "kind" in table.colnames:
        kinds = np.array(kind_texts(table["kind"]), dtype=np.str_)
        for number, kind in enumerate(kind_order([name for name in kinds if name], ())):
            _add_subset(data, kinds == kind, kind, number)
    else:
        labels = np.asarray(table["label"])
        for label in range(int(labels.max(initial=-1)) + 1):
            _add_subset(data, labels == label, name_of(label), label)
    return data


def read_label_map(path: PathLike, **options: Any) -> Any:
    """A label map as an image of glue, with the map that it is of where that can be found.

    Parameters
    ----------
    path : str or path
        FITS file that ``equiclust segment`` wrote.
    **options : object
        What glue tells its readers; not used.

    Returns
    -------
    glue.core.Data
        The components data (where the map is found), label, membership and coverage on the
        coordinates of the map, with a subset for every label.

    Raises
    ------
    UnreadableFileError
        When there is no label map.
    """
    source = Path(path)
    segment_map = read_segment_map(source)
    data = _glue("glue.core").Data(label=source.stem, coords=_coordinates(segment_map))
    pixels = _pixels(source, segment_map)
    if pixels is not None:
        # glue keeps arrays for good, and shows floats of the native byte order.
        data.add_component(_plain_component(pixels, segment_map.unit), "data")
    for name in ("labels", "membership", "coverage"):
        component = _plain_component(getattr(segment_map, name), "")
        data.add_component(component, name.removesuffix("s"))
    for label in range(segment_map.n_clusters):
        _add_subset(data, segment_map.labels == label, name_of(label), label)
    return data


def _glue(module: str) -> Any:
    return import_optional(module, extra="glue", purpose="the plugin of glue", package="glue")


def _folder_of(path: Path) -> Path:
    return path.parent if path.name in _CATALOGUES else path


def _is_run(path: PathLike, **options: Any) -> bool:
    place = Path(path)
    return (place.is_dir() or place.name in _CATALOGUES) and RunFolder(_folder_of(place)).is_run


def _is_label_map(path: PathLike, **options: Any) -> bool:
    if not Path(path).is_file() or not own_output(Path(path)):
        return False
    try:
        read_segment_map(path)
    except Exception:
        # A picture of one, or damaged: other readers may try.
        return False
    return True


def _component(column: Column) -> Any:
    """A column with its unit; text and labels are categories."""
    core = _glue("glue.core.component")
    name = str(column.name)
    if name == "label" or name.startswith(("label_", "cluster")):
        values = [name_of(int(label)) for label in column]
        return core.CategoricalComponent(np.array(values, dtype=np.str_))
    if column.dtype.kind in "US":
        return core.CategoricalComponent(np.array(kind_texts(column), dtype=np.str_))
    numbers = np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)
    return core.Component(numbers, units=str(column.unit or ""))


def _plain_component(values: Array, unit: str) -> Any:
    return _glue("glue.core.component").Component(np.array(values), units=unit)


def _coordinates(segment_map: SegmentMap) -> Any:
    """Coordinates of as many axes as the labels have; None where there are none."""
    from astropy.wcs import WCS

    wcs = celestial_wcs(segment_map.header)
    if wcs is None or segment_map.labels.ndim == 2:
        return wcs
    whole = WCS(segment_map.header)
    return whole if whole.naxis == 3 else None


def _pixels(path: Path, segment_map: SegmentMap) -> Array | None:
    """What was segmented, pixel by pixel of the labels; None where it cannot be had so."""
    labels = segment_map.labels
    is_flat = labels.ndim == 2
    shape = (1, *labels.shape) if is_flat else labels.shape
    source = find_source(path, shape, flat=is_flat)
    if source.sky is None:
        return None
    with source.sky as sky:
        if sky.shape != shape or source.group != 1 or labels.size > _MOST_PIXELS:
            return None
        return np.asarray(sky.read()).reshape(labels.shape)


def _add_subset(data: Any, inside: Array, name: str, number: int) -> None:
    """A subset of the elements inside, in the colour that the report gives it."""
    state = _glue("glue.core.subset").MaskSubsetState(inside, data.pixel_component_ids)
    subset = data.new_subset(label=name, color=mark_of(number).colour)
    subset.subset_state = state
