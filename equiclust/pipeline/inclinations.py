"""What a run says of discs that cannot be shown face-on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from equiclust.preprocessing.inclination import EDGE_ON

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["inclination_findings"]

# In degrees: minor axes are stretched no further.
_TOO_INCLINED = 75.0


def inclination_findings(table: Table) -> list[str]:
    """Say how many discs are too inclined, or have no inclination.

    Parameters
    ----------
    table : astropy.table.Table
        Catalogue. Without the columns of `measure_inclinations` there is nothing to say.

    Returns
    -------
    list of str
    """
    if "inclination_note" not in table.colnames:
        return []
    inclination = np.asarray(table["inclination"], dtype=np.float64)
    edge_on = np.array([str(note).startswith(EDGE_ON) for note in table["inclination_note"]])
    edge_on |= inclination > _TOO_INCLINED
    unknown = ~np.isfinite(inclination) & ~edge_on
    found = []
    if edge_on.any():
        found.append(
            f"Too inclined to tell how they look face-on, by more than {_TOO_INCLINED:g} degrees "
            f"or edge-on: {int(edge_on.sum())} of {len(table)} images; their labels may follow the "
            "inclination (inclination and inclination_note in the catalogue)"
        )
    if unknown.any():
        found.append(
            f"Inclination not measured, so not shown face-on: {int(unknown.sum())} of {len(table)} "
            "images (inclination_note in the catalogue says why)"
        )
    return found
