"""The maps and the cube of `EQUICLUST_DATA`: time, coordinates and masked pixels of labels."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from benchmarks.tables import Table
from data_adapters.sky.sky_map import open_sky_map
from equiclust.cli import main
from equiclust.io.atomic import read_json

__all__ = ["real_maps_table"]

_MAPS = {
    "L1448 13CO cube": "l1448_13co.fits",
    "Perseus extinction": "PerA_Extn2MASS_F_Gal.fits",
    "Orion 12CO": "orion_12CO_mom0.fits",
    "Galactic Centre 1.1 mm": "gc_bolocam_gps.fits",
    "Horsehead": "HorseHead.fits",
}


def real_maps_table(output: Path) -> Table:
    """One row a map; labels, regions and pictures are left in `output` to be looked at."""
    folder = Path(os.environ["EQUICLUST_DATA"]) / "gas_maps"
    rows = []
    for name, file in _MAPS.items():
        rows.append(_row(name, folder / file, output / f"{Path(file).stem}.fits"))
        print(rows[-1], flush=True)
    return Table("real_maps", "Maps found in the wild", rows)


def _row(name: str, source: Path, output: Path) -> dict[str, Any]:
    started = perf_counter()
    if main(["segment", str(source), "--output", str(output)]) != 0:
        return {"map": name, "seconds": float("nan")}
    seconds = perf_counter() - started
    labels = fits.getdata(output)
    record = read_json(output.with_suffix(".json"))
    blank = np.all(np.isnan(open_sky_map(source).read()), axis=0)
    return {
        "map": name,
        "pixels": " x ".join(map(str, labels.shape)),
        "seconds": seconds,
        "clusters": record["n_clusters"],
        "corners off / deg": _farthest_corner(source, output),
        "masked": int(blank.sum()),
        "masked and labelled so": int(np.sum(blank & (labels == -2))),
        "labelled so besides": int(np.sum(~blank & (labels == -2))),
        "don't know": record["n_unsure"],
    }


def _farthest_corner(source: Path, output: Path) -> float:
    """Largest difference of the coordinates at the corners, by astropy from both headers."""
    height, width = fits.getdata(output).shape
    corners = np.array([[x, y] for x in (0, width - 1) for y in (0, height - 1)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        skies = [WCS(fits.getheader(path)).celestial for path in (source, output)]
        places = [sky.all_pix2world(corners, 0) for sky in skies]
    return float(np.max(np.abs(places[0] - places[1])))
