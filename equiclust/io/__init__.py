"""Results on disk: atomic files, fitted estimators, tables and the folders of runs."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
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
    from equiclust.io.estimators import SaveLoadMixin
    from equiclust.io.locks import exclusive
    from equiclust.io.output_checks import (
        check_catalogue_output,
        check_outside_runs,
        check_writable,
    )
    from equiclust.io.run_folder import RunFolder

__all__ = [
    "RunFolder",
    "SaveLoadMixin",
    "atomic_path",
    "check_catalogue_output",
    "check_outside_runs",
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

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "RunFolder": "equiclust.io.run_folder",
        "SaveLoadMixin": "equiclust.io.estimators",
        "atomic_path": "equiclust.io.atomic",
        "check_catalogue_output": "equiclust.io.output_checks",
        "check_outside_runs": "equiclust.io.output_checks",
        "check_writable": "equiclust.io.output_checks",
        "exclusive": "equiclust.io.locks",
        "make_catalogue": "equiclust.io.catalogue",
        "make_latents": "equiclust.io.catalogue",
        "make_rejected": "equiclust.io.catalogue",
        "read_arrays": "equiclust.io.atomic",
        "read_json": "equiclust.io.atomic",
        "read_table": "equiclust.io.catalogue",
        "replace_folder": "equiclust.io.atomic",
        "write_arrays": "equiclust.io.atomic",
        "write_json": "equiclust.io.atomic",
        "write_table": "equiclust.io.catalogue",
    },
)
