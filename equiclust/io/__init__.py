"""Results on disk: atomic files, fitted estimators, tables and the folders of runs."""

from typing import TYPE_CHECKING, Any

from equiclust.io.atomic import (
    atomic_path,
    read_arrays,
    read_json,
    replace_folder,
    write_arrays,
    write_json,
)
from equiclust.io.catalogue import (
    make_catalogue,
    make_latents,
    make_rejected,
    read_table,
    write_table,
)
from equiclust.io.locks import exclusive
from equiclust.io.output_checks import check_catalogue_output, check_table_output, check_writable
from equiclust.io.run_folder import RunFolder

if TYPE_CHECKING:
    from equiclust.io.estimators import SaveLoadMixin

__all__ = [
    "RunFolder",
    "SaveLoadMixin",
    "atomic_path",
    "check_catalogue_output",
    "check_table_output",
    "check_writable",
    "exclusive",
    "make_catalogue",
    "make_latents",
    "make_rejected",
    "read_arrays",
    "read_json",
    "read_table",
    "replace_folder",
    "write_arrays",
    "write_json",
    "write_table",
]


def __getattr__(name: str) -> Any:
    # It imports scikit-learn, which reading a file should not cost.
    if name == "SaveLoadMixin":
        from equiclust.io.estimators import SaveLoadMixin

        return SaveLoadMixin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
