"""The report of a run, one HTML file that loads nothing, and further pictures of results.

A section of the page is a file in `sections`, with a template of the same name in `templates`; the
order of the sections is in `sections/__init__.py`. Their drawings are in `figures`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equiclust.report.contact_sheet import SheetTile, write_contact_sheet
    from equiclust.report.latent_animation import write_latent_animation
    from equiclust.report.page import write_report

# Where each public name lives. Looked up on first use: one picture does not import all of them.
_HOMES = {
    "SheetTile": "equiclust.report.contact_sheet",
    "write_contact_sheet": "equiclust.report.contact_sheet",
    "write_latent_animation": "equiclust.report.latent_animation",
    "write_report": "equiclust.report.page",
}

__all__ = ["SheetTile", "write_contact_sheet", "write_latent_animation", "write_report"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'equiclust.report' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
