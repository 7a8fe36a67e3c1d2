"""`make_cutouts`: stamps of the sources of a catalogue, resumed where a stopped call has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from equiclust.argument_types import checks_types
from equiclust.cutouts.cutter import Cutter, nothing_to_cut
from equiclust.cutouts.detection import Detection, detect_sources
from equiclust.cutouts.options import CutoutOptions, Job, Work
from equiclust.cutouts.publishing import check_free, finished_job, publish
from equiclust.cutouts.sources import CatalogueOptions, Sources, read_sources
from equiclust.cutouts.stamp_tables import beside
from equiclust.cutouts.survey_images import ONE_BAND, Images, Survey, open_survey
from equiclust.exceptions import InputError
from equiclust.io.locks import exclusive
from equiclust.io.output_checks import check_writable, output_path
from equiclust.io.staging import recover
from equiclust.io.table_parts import PARTS, TableParts
from equiclust.optional import check_installed
from equiclust.processes import at_most
from equiclust.progress import Progress, start_stage
from equiclust.typing import PathLike
from equiclust.validation import shown

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Cutouts", "make_cutouts"]


@dataclass(frozen=True)
class Cutouts:
    """Stamps that were cut, as `make_cutouts` returns them.

    Parameters
    ----------
    path : Path
        The folder, file or store.
    table : Path
        Table of the stamps.
    rejected : Path
        Table of the sources without one.
    bands : tuple of str
        Names of the channels; one empty name where there is one without.
    n_sources, n_stamps, n_partial : int
        Rows of the catalogue, stamps, and those of which pixels have no value.
    reasons : mapping of str to int
        Why sources have no stamp, and how many.
    detected : Path, optional
        Catalogue of the sources, where they were found in the images.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from data_adapters import read, write_fits
    >>> from equiclust.cutouts import make_cutouts
    >>> from equiclust.simulation import simulate_cloud_map
    >>> image, truth = simulate_cloud_map((96, 96), random_state=0)
    >>> written = write_fits([image], "field")
    >>> ra, dec = image.wcs.wcs_pix2world([30, 500], [30, 40], 0)
    >>> table = {"name": ["core", "far"], "ra": ra, "dec": dec}
    >>> cutouts = make_cutouts(Table(table), "field", "cores", size=16, n_jobs=1)
    >>> cutouts.n_sources, cutouts.n_stamps
    (2, 1)
    >>> cutouts.reasons
    {'no image covers it': 1}
    >>> read(str(cutouts.path)).images.pixels.shape
    (1, 1, 16, 16)
    """

    path: Path
    table: Path
    rejected: Path
    bands: tuple[str, ...]
    n_sources: int
    n_stamps: int
    n_partial: int
    reasons: Mapping[str, int]
    detected: Path | None = None

    @property
    def headline(self) -> str:
        """What was cut, in one sentence."""
        named = [band for band in self.bands if band != ONE_BAND]
        bands = f" of {len(named)} bands ({', '.join(named)})" if named else ""
        text = f"{self.n_stamps} stamps{bands} of {self.n_sources} sources"
        if self.n_partial:
            text += f", {self.n_partial} of them not wholly covered"
        left = "; ".join(f"{count} {reason}" for reason, count in self.reasons.items())
        return f"{text}; without a stamp: {left}" if left else text


@partial(checks_types, but=("catalogue", "images", "output", "size", "bands"))
def make_cutouts(
    catalogue: PathLike | Table | Detection,
    images: Images,
    output: PathLike,
    *,
    size: int | str = 64,
    size_column: str | None = None,
    size_factor: float = 1.0,
    bands: Sequence[str] = (),
    band_keyword: str | None = None,
    mask: str | None = None,
    weight: str | None = None,
    resample: bool = False,
    min_coverage: float = 0.0,
    ra: str | None = None,
    dec: str | None = None,
    x: str | None = None,
    y: str | None = None,
    origin: int | None = None,
    id: str | None = None,
    frame: str = "auto",
    max_memory: str = "auto",
    n_jobs: int | None = None,
    on_progress: Progress | None = None,
) -> Cutouts:
    """Cut a stamp of every source of a catalogue out of the images of a survey.

    Stamps are cut on the pixel grid of the image in which the source lies deepest; nothing is
    interpolated. What lies beyond its edge is taken from other images of the band that have the
    same pixel grid, and else is NaN, as are blank and masked pixels. Bands become channels.

    Parameters
    ----------
    catalogue : str, Path, astropy.table.Table or Detection
        ECSV, FITS, VOTable, CSV or Parquet, with positions in columns known by their UCDs or usual
        names; or how the sources are found in the images of the first band.
    images : Images
        FITS files, folders and globs of one band; or each with its band before it, as in
        ``"g=tiles/*_g.fits"``; or a mapping of bands to files.
    output : str or Path
        ``.zarr`` for a Zarr store, ``.fits`` for one file with an extension a stamp, and else a
        folder of FITS files. The tables of the stamps and of the sources without one lie beside it.
    size : int or str, default 64
        Side of the stamps: pixels, or an angle such as ``"10arcsec"``, which is rounded to pixels
        of the first band.
    size_column : str, optional
        Column of the sides, in pixels or of an angle by its unit; not for a Zarr store.
    size_factor : float, default 1.0
        By which these are multiplied.
    bands : sequence of str, default ()
        Bands in the order of the channels; by default that of the images.
    band_keyword : str, optional
        Card of the headers that names the band of an image, such as ``FILTER``.
    mask, weight : str, optional
        Where the mask (pixels that are not 0 are left out) and the weights of an image are:
        ``[EXT]`` of its own file, or a path with ``{stem}`` or ``{name}`` for its name.
    resample : bool, default False
        Whether bands on other pixel grids are interpolated, linearly along both axes; values are
        not scaled by the area of pixels.
    min_coverage : float, default 0.0
        Least share of the pixels of every band that must have a value; a source with less gets no
        stamp. 0 asks for one pixel.
    ra, dec : str, optional
        Columns of the positions.
    x, y : str, optional
        Columns of pixel positions in the one image, in their place.
    origin : int, optional
        Number of the first pixel in these: 1 as in FITS, 0 as in photutils.
    id : str, optional
        Column of the names.
    frame : {"auto", "icrs", "fk5", "fk4", "galactic"}, default "auto"
        Frame of the positions; "auto" is what the table says, or ICRS.
    max_memory : str, default "auto"
        Limit for all processes together, such as "2GB".
    n_jobs : int, optional
        Processes; default one per core.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    Cutouts

    Raises
    ------
    InputError
        When an argument, the catalogue or an image cannot be used, or no source gets a stamp.
    OutputError
        When the output cannot be written, is there already, or another process is writing it.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from data_adapters import read, write_fits
    >>> from equiclust.cutouts import make_cutouts
    >>> from equiclust.simulation import simulate_cloud_map
    >>> image, truth = simulate_cloud_map((96, 96), random_state=0)
    >>> written = write_fits([image], "tiles")
    >>> ra, dec = image.wcs.wcs_pix2world([30, 60], [30, 40], 0)
    >>> Table({"name": ["a", "b"], "ra": ra, "dec": dec}).write("sources.ecsv")
    >>> cutouts = make_cutouts("sources.ecsv", "tiles/*.fits", "stamps.zarr", size=16, n_jobs=1)
    >>> cutouts.headline
    '2 stamps of 2 sources'
    >>> read("stamps.zarr").images.ids
    ('a', 'b')

    Bands become channels, in the order given: ``images=["g=tiles/*_g.fits", "r=tiles/*_r.fits"]``.
    """
    if isinstance(catalogue, Detection):
        catalogue.check()
    place = output_path(output)
    columns = CatalogueOptions(
        ra or "", dec or "", id or "", x or "", y or "", origin, frame, size_column or ""
    )
    options = CutoutOptions(
        columns,
        size,
        size_factor,
        _band_names(bands),
        band_keyword or "",
        mask or "",
        weight or "",
        resample,
        min_coverage,
    )
    options.check(place)
    work = Work.of(max_memory, n_jobs)
    job = Job(catalogue, images, place, options)
    if job.kind == "store":
        check_installed("zarr", extra="zarr", purpose="a Zarr store")
    check_writable(place)
    with exclusive(place), at_most(work.n_jobs):
        return _make(job, work, on_progress)


def _band_names(bands: Sequence[str]) -> tuple[str, ...]:
    names = bands.split(",") if isinstance(bands, str) else bands
    if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
        raise InputError(f"bands must be names in the order of the channels, got {shown(bands)}")
    return tuple(name.strip() for name in names if name.strip())


def _make(job: Job, work: Work, on_progress: Progress | None) -> Cutouts:
    recover(job.output.parent)
    survey, sources, detected = _material(job, on_progress)
    description = job.description(survey, sources)
    parts = TableParts(beside(job.output, f".ecsv{PARTS}"), description)
    known = finished_job(job.output, description)
    if known is not None:
        parts.remove()
        return Cutouts(job.output, detected=detected, **known)
    check_free(job.output, parts.folder)
    cutter = Cutter.of(job, survey, sources)
    left = cutter.cut(parts, work, on_progress)
    if not cutter.n_stamps:
        cutter.output.remove()
        parts.remove()
        raise InputError(nothing_to_cut(left, len(sources)))
    found = publish(cutter.output, parts, sources, left, survey.bands, description)
    return Cutouts(job.output, detected=detected, **found)


def _material(job: Job, on_progress: Progress | None) -> tuple[Survey, Sources, Path | None]:
    """Images and sources, and the catalogue of these where they are found in the images."""
    given, options = job.catalogue, job.options
    # What is wrong with a catalogue is said before the images are opened.
    known = None if isinstance(given, Detection) else read_sources(given, options.catalogue)
    survey = open_survey(
        job.images,
        bands=options.bands,
        band_keyword=options.band_keyword,
        mask=options.mask,
        weight=options.weight,
        update=start_stage(on_progress, "opening images"),
    )
    if known is not None:
        return survey, known, None
    path = beside(job.output, ".detected.ecsv")
    if not path.exists():
        check_free(job.output, beside(job.output, f".ecsv{PARTS}"))
    update = start_stage(on_progress, "detecting sources")
    images = {"images": job.digest_of_images(survey)}
    table = detect_sources(survey, given, path, images, update)  # type: ignore[arg-type]
    columns = CatalogueOptions(size_column=options.catalogue.size_column)
    return survey, read_sources(table, columns), path
