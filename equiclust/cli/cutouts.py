"""`equiclust cutouts`: stamps of the sources of a catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from equiclust.cli.session import Outcome, Session

if TYPE_CHECKING:
    from equiclust.cutouts import Cutouts

__all__ = ["cutouts"]


def cutouts(
    session: Session,
    catalogue: Annotated[str, "CATALOGUE"],
    images: Annotated[tuple[str, ...], "IMAGE"] = (),
    *,
    output: Annotated[str, "STAMPS"],
    size: Annotated[str, "PX|ANGLE"] = "64",
    size_column: Annotated[str | None, "COLUMN"] = None,
    size_factor: Annotated[float, "F"] = 1.0,
    bands: Annotated[str, "BAND[,...]"] = "",
    band_keyword: Annotated[str | None, "CARD"] = None,
    mask: Annotated[str | None, "[EXT]|PATTERN"] = None,
    weight: Annotated[str | None, "[EXT]|PATTERN"] = None,
    resample: bool = False,
    min_coverage: Annotated[float, "SHARE"] = 0.0,
    ra: Annotated[str | None, "COLUMN"] = None,
    dec: Annotated[str | None, "COLUMN"] = None,
    x: Annotated[str | None, "COLUMN"] = None,
    y: Annotated[str | None, "COLUMN"] = None,
    origin: Annotated[int | None, "0|1"] = None,
    id: Annotated[str | None, "COLUMN"] = None,
    frame: Literal["auto", "icrs", "fk5", "fk4", "galactic"] = "auto",
    detect: bool = False,
    threshold: Annotated[float, "SIGMA"] = 3.0,
    min_pixels: Annotated[int, "N"] = 5,
    deblend: bool = True,
    max_memory: Annotated[str, "SIZE"] = "auto",
    n_jobs: Annotated[int | None, "N"] = None,
) -> Outcome:
    """Cut a stamp of every source of a catalogue out of mosaics or tiles.

    Stamps lie on the pixel grid of the image in which their source lies deepest. What lies beyond
    its edge is taken from other images of the band with the same pixel grid, and else is NaN, as
    are blank and masked pixels. Bands become channels. Beside the stamps lie a table of them and
    one of the sources without. The same command goes on with one that was stopped; nothing is ever
    overwritten.

    Parameters
    ----------
    catalogue
        Table with the positions of sources: .ecsv, .fits, .vot, .csv or .parquet. With --detect
        the first image stands here.
    images
        FITS images, folders or globs of one band; or each with its band before it, as in
        g=tiles/*_g.fits r=tiles/*_r.fits. file.fits[1] for an extension.
    output
        .zarr for a Zarr store, .fits for one file with an extension a stamp, and else a folder of
        FITS files.
    size
        Side of the stamps: pixels, or an angle such as 10arcsec.
    size_column
        Column of the sides, in pixels or of an angle by its unit; not for a Zarr store.
    size_factor
        By which these are multiplied.
    bands
        Bands in the order of the channels; by default that of the images.
    band_keyword
        Card of the headers that names the band of an image, such as FILTER.
    mask
        Mask of an image, whose pixels that are not 0 are left out: [EXT] of its own file, or a path
        with {stem} or {name} for its name, such as masks/{stem}.mask.fits.
    weight
        Weights of an image, likewise; stamps then have weights too.
    resample
        Interpolate bands whose pixels lie otherwise, linearly along both axes; values are not
        scaled by the area of pixels.
    min_coverage
        Least share of the pixels of every band that must have a value; 0 asks for one pixel.
    ra
        Column of right ascensions; by default found by its UCD or a usual name.
    dec
        Column of declinations.
    x
        Column of pixel positions in the one image, in their place.
    y
        Column of the others.
    origin
        Number of the first pixel in these: 1 as in FITS and SExtractor, 0 as in photutils.
    id
        Column of names.
    frame
        Frame of the positions; auto is what the table says, or ICRS.
    detect
        Find the sources in the images of the first band, in place of a catalogue.
    threshold
        Sources are brighter than this many standard deviations of the noise above the background.
    min_pixels
        Sources have at least this many such pixels that touch.
    deblend
        Tell sources that touch one another apart.
    max_memory
        Limit for all processes together, such as 2GB.
    n_jobs
        Processes; by default one per core.

    Examples
    --------
    equiclust cutouts sources.ecsv g=tiles/*_g.fits r=tiles/*_r.fits --output stamps.zarr
    equiclust cutouts mosaic.fits --detect --size 10arcsec --output stamps
    """
    from equiclust.cutouts import make_cutouts
    from equiclust.cutouts.detection import Detection

    found = make_cutouts(
        Detection(threshold, min_pixels, deblend) if detect else catalogue,
        (catalogue, *images) if detect else images,
        output,
        size=size,
        size_column=size_column,
        size_factor=size_factor,
        bands=tuple(bands.split(",")),
        band_keyword=band_keyword,
        mask=mask,
        weight=weight,
        resample=resample,
        min_coverage=min_coverage,
        ra=ra,
        dec=dec,
        x=x,
        y=y,
        origin=origin,
        id=id,
        frame=frame,
        max_memory=max_memory,
        n_jobs=n_jobs,
        on_progress=session.on_progress,
    )
    return _describe(found)


def _describe(found: Cutouts) -> Outcome:
    record = {
        "output": str(found.path),
        "table": str(found.table),
        "rejected": str(found.rejected),
        "bands": list(found.bands),
        "n_sources": found.n_sources,
        "n_stamps": found.n_stamps,
        "n_partial": found.n_partial,
        "reasons": dict(found.reasons),
    }
    lines = [found.headline, f"Stamps: {found.path}", f"Table: {found.table}"]
    if found.reasons:
        lines.append(f"Without a stamp: {found.rejected}")
    if found.detected is not None:
        record["detected"] = str(found.detected)
        lines.append(f"Detected sources: {found.detected}")
    return Outcome(record, "\n".join(lines))
