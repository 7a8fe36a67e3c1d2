"""Files of other programs in, `equiclust.images.ImageSet` out.

One module reads one family of file formats: `fits`, `tiff`, `pictures` (PNG and JPEG), `arrays`
(NumPy), `zarr_stores`, `hdf5_images`, `asdf_images` and `casa`. `objects` knows what other packages
hold in memory. A new format is a new module with a class that fulfils the protocol `Adapter`;
`registry` finds it through the entry points of the group ``equiclust.adapters``, so that other
packages can publish adapters of their own: `template` is one to copy, `testing` what its tests
call. Maps and cubes that need not fit into memory are in `data_adapters.sky`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_adapters.adapter import Adapter
from data_adapters.reading import ReadResult, Rejected, read
from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from data_adapters.fits_writer import write_fits

__all__ = ["Adapter", "ReadResult", "Rejected", "read", "write_fits"]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "write_fits": "data_adapters.fits_writer",
    },
)
