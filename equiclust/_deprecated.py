"""Module paths, names and attributes of earlier versions, which still work and warn."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MODULES", "NAMES", "FormerAttribute", "install"]

MODULES = {
    "data_adapters.masks": "data_adapters.sky.masks",
    "data_adapters.moments": "data_adapters.sky.moments",
    "data_adapters.patches": "data_adapters.sky.patches",
    "data_adapters.segment_output": "equiclust.segmentation.label_maps",
    "data_adapters.sky_map": "data_adapters.sky.sky_map",
    "equiclust.canonical": "equiclust.preprocessing.inclination",
    "equiclust.cloud_cubes": "equiclust.simulation.cloud_cubes",
    "equiclust.cloud_maps": "equiclust.simulation.cloud_maps",
    "equiclust.clouds": "equiclust.simulation.textures",
    "equiclust.invariance": "equiclust.evaluation.invariance",
    "equiclust.metrics": "equiclust.evaluation.metrics",
    "equiclust.nn.escnn_bridge": "equiclust.nn.escnn",
    "equiclust.report.latent_film": "equiclust.report.latent_animation",
    "equiclust.shapes": "equiclust.simulation.shapes",
    "equiclust.similarity": "equiclust.evaluation.similarity",
    "equiclust.simulate": "equiclust.simulation.discs",
}
"""Former module, and the present one; modules inside a former package moved with it."""

NAMES = {
    "equiclust.report.latent_film": {"write_latent_film": "write_latent_animation"},
}
"""Former module, and its former names with the present ones."""


def install() -> None:
    """Let the import system find the former modules, after all that really exist."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


class FormerAttribute:
    """Attribute or method by a former name, which still works and warns.

    Parameters
    ----------
    present : str
        Its name now.
    """

    def __init__(self, present: str) -> None:
        self.present = present

    def __set_name__(self, owner: type, name: str) -> None:
        self.former = name

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        value = getattr(instance, self.present)
        warnings.warn(
            f"{owner.__name__}.{self.former} is now {self.present}; the former name will be "
            "removed",
            DeprecationWarning,
            stacklevel=2,
        )
        return value


class _Finder:
    """Finds former modules; their loader is the finder itself."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Specification of a former module, None for any other name."""
        if _present(name) is None:
            return None
        # As a package it may hold further modules; it has no folder, so only this finder has them.
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """The import system makes an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        """Let the module answer with what the present one has."""
        former = module.__name__
        present = _present(former)
        if present is None:
            raise ModuleNotFoundError(f"No module named {former!r}", name=former)
        renamed = NAMES.get(former, {})
        target = import_module(present)

        def __getattr__(name: str) -> Any:
            return getattr(target, renamed.get(name, name))

        names = [*getattr(target, "__all__", []), *renamed]
        module.__dict__.update(__getattr__=__getattr__, __all__=names, __doc__=target.__doc__)
        new_names = "".join(f", {old} is {new}" for old, new in renamed.items())
        warnings.warn(
            f"{former} is now {present}{new_names}; the former path will be removed",
            DeprecationWarning,
            stacklevel=2,
        )


def _present(name: str) -> str | None:
    """Where a former module is now."""
    for former, present in MODULES.items():
        if name == former or name.startswith(former + "."):
            return present + name.removeprefix(former)
    return None
