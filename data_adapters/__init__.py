"""Foreign files in, `equiclust.images.ImageSet` out.

Every kind of file has an adapter, found through the entry points of the group
``equiclust.adapters``, so that other packages can publish their own.
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
