"""Files of other programs in, `equiclust.images.ImageSet` out.

One module reads one family of file formats: `fits`, `tiff`, `pictures` (PNG and JPEG) and `arrays`
(NumPy). A new format is a new module with a class that fulfils the protocol `Adapter`; `registry`
finds it through the entry points of the group ``equiclust.adapters``, so that other packages can
publish adapters of their own. Maps and cubes that need not fit into memory are in
`data_adapters.sky`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data_adapters.adapter import Adapter
from data_adapters.reading import ReadResult, Rejected, read

if TYPE_CHECKING:
    from data_adapters.fits_writer import write_fits

__all__ = ["Adapter", "ReadResult", "Rejected", "read", "write_fits"]


def __getattr__(name: str) -> Any:
    # astropy takes half a second to import, which only writing and reading FITS should cost.
    if name == "write_fits":
        from data_adapters.fits_writer import write_fits

        return write_fits
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
