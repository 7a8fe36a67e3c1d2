"""Networks to escnn and back: layers, whole autoencoders, and what users built with escnn."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from equiclust.nn.escnn.installation import import_escnn
    from equiclust.nn.escnn.reading import from_escnn
    from equiclust.nn.escnn.writing import to_escnn

__all__ = ["from_escnn", "import_escnn", "to_escnn"]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "from_escnn": "equiclust.nn.escnn.reading",
        "import_escnn": "equiclust.nn.escnn.installation",
        "to_escnn": "equiclust.nn.escnn.writing",
    },
)
