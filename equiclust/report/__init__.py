"""The report of a run, one HTML file that loads nothing, and further pictures of results.

A section of the page is a file in `sections`, with a template of the same name in `templates`; the
order of the sections is in `sections/__init__.py`. Their drawings are in `figures`.
"""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from equiclust.report.contact_sheet import SheetTile, write_contact_sheet
    from equiclust.report.latent_animation import write_latent_animation
    from equiclust.report.latent_figure import figure_command, write_latent_figure
    from equiclust.report.page import write_report


__all__ = [
    "SheetTile",
    "figure_command",
    "write_contact_sheet",
    "write_latent_animation",
    "write_latent_figure",
    "write_report",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "SheetTile": "equiclust.report.contact_sheet",
        "figure_command": "equiclust.report.latent_figure",
        "write_contact_sheet": "equiclust.report.contact_sheet",
        "write_latent_animation": "equiclust.report.latent_animation",
        "write_latent_figure": "equiclust.report.latent_figure",
        "write_report": "equiclust.report.page",
    },
)
