"""`SampSender`: selected images to TOPCAT, Aladin, DS9 and others on this machine, by SAMP."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from equiclust.app.samp_hub import Conversation, conversation
from equiclust.exceptions import InputError
from equiclust.io.catalogue import printable
from equiclust.pipeline.exports import checked_rows, write_rows

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["SampClient", "SampSender", "send_file"]

_TABLE, _SKY = "table.load.votable", "coord.pointAt.sky"
_FITS_TABLE, _IMAGE = "table.load.fits", "image.load.fits"
_COVERAGE = "coverage.load.moc.fits"
_HIGHLIGHT, _SELECT = "table.highlight.row", "table.select.rowList"
_TAKES = {
    _TABLE: "tables",
    _FITS_TABLE: "tables in FITS",
    _IMAGE: "images",
    _COVERAGE: "coverage maps",
    _SKY: "positions on the sky",
    _HIGHLIGHT: "rows of tables",
    _SELECT: "selections of rows",
}


@dataclass(frozen=True)
class SampClient:
    """Another application that is connected to the hub.

    Parameters
    ----------
    id : str
        As the hub knows it.
    name : str
        Such as "topcat".
    takes_tables, takes_positions : bool
        Whether tables, and positions on the sky, can be sent to it.
    """

    id: str
    name: str
    takes_tables: bool
    takes_positions: bool


class SampSender:
    """Sends tables, rows and positions to other applications on this machine.

    Tables lie in a folder that only the user can read, until `close` or the end of the program. No
    hub is started and nothing is sent to other machines. Methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._count = 0
        self._rows: dict[int, int] = {}
        self._sent: dict[str, str] = {}
        self._folder: Path | None = None
        self._remove: Any = None

    def close(self) -> None:
        """Remove the tables that were sent."""
        with self._lock:
            if self._remove is not None:
                self._remove()
            self._folder, self._rows, self._sent = None, {}, {}

    def list_clients(self) -> tuple[SampClient, ...]:
        """Applications that take tables or positions on the sky.

        Returns
        -------
        tuple of SampClient
            By name.

        Raises
        ------
        InputError
            When no hub is running.
        """
        with conversation() as hub:
            found = [
                SampClient(one, name, _matches(types, _TABLE), _matches(types, _SKY))
                for one, (name, types) in hub.clients().items()
            ]
        useful = (one for one in found if one.takes_tables or one.takes_positions)
        return tuple(sorted(useful, key=lambda one: (one.name.casefold(), one.id)))

    def send_table(
        self, table: Table, name: str, *, rows: Sequence[int] | None = None, client: str = ""
    ) -> tuple[str, ...]:
        """Send a table as a VOTable.

        Parameters
        ----------
        table : astropy.table.Table
            Catalogue of a run. Not modified.
        name : str
            What the table is called in the other application.
        rows : sequence of int, optional
            Rows to send; default all.
        client : str, default ""
            Name or id of one application; default all that take tables.

        Returns
        -------
        tuple of str
            Names of the applications that it was sent to.

        Raises
        ------
        InputError
            When no hub is running, no such application is connected, or a row is not there.
        """
        chosen = checked_rows(rows, len(table))
        with self._lock, conversation() as hub:
            receivers = _receivers(hub, _TABLE, client)
            self._count += 1
            path = self._made_folder() / f"images_{self._count}.vot"
            write_rows(table[chosen], path)
            sent = {"url": path.as_uri(), "table-id": f"equiclust-{path.parent.name}-{path.stem}"}
            shown = printable(name, ascii_only=True)
            for receiver in receivers:
                hub.notify(receiver, _TABLE, {**sent, "name": shown})
            self._rows, self._sent = {row: place for place, row in enumerate(chosen)}, sent
        return tuple(receivers.values())

    def highlight(self, row: int, *, client: str = "") -> tuple[str, ...]:
        """Highlight one image in the table that was sent last.

        Parameters
        ----------
        row : int
            Of the catalogue.
        client : str, default ""
            Name or id of one application; default all.

        Returns
        -------
        tuple of str
            Names of the applications that it was sent to.

        Raises
        ------
        InputError
            When no table with that row was sent, no hub is running, or no such application is
            connected.
        """
        with self._lock:
            (place,) = self._places([row])
            return self._notify(_HIGHLIGHT, {**self._sent, "row": place}, client)

    def select(self, rows: Sequence[int], *, client: str = "") -> tuple[str, ...]:
        """Select images in the table that was sent last; those that it has not are left out.

        Parameters
        ----------
        rows : sequence of int
            Of the catalogue.
        client : str, default ""
            Name or id of one application; default all.

        Returns
        -------
        tuple of str
            Names of the applications that it was sent to.

        Raises
        ------
        InputError
            When no table with any of these rows was sent, no hub is running, or no such application
            is connected.
        """
        with self._lock:
            params = {**self._sent, "row-list": self._places(rows)}
            return self._notify(_SELECT, params, client)

    def point_at(self, ra: float, dec: float, *, client: str = "") -> tuple[str, ...]:
        """Let other applications show a place on the sky.

        Parameters
        ----------
        ra, dec : float
            In degrees, ICRS.
        client : str, default ""
            Name or id of one application; default all that take positions.

        Returns
        -------
        tuple of str
            Names of the applications that it was sent to.

        Raises
        ------
        InputError
            When the place is not known, no hub is running, or no such application is connected.
        """
        if not (math.isfinite(ra) and math.isfinite(dec)):
            raise InputError("the image has no place on the sky; choose another one")
        return self._notify(_SKY, {"ra": f"{ra:.9f}", "dec": f"{dec:.9f}"}, client)

    def _notify(self, mtype: str, params: dict[str, Any], client: str) -> tuple[str, ...]:
        with conversation() as hub:
            receivers = _receivers(hub, mtype, client)
            for receiver in receivers:
                hub.notify(receiver, mtype, params)
        return tuple(receivers.values())

    def _places(self, rows: Sequence[int]) -> list[str]:
        """Rows of the table that was sent last, as text."""
        found = [str(self._rows[row]) for row in rows if row in self._rows]
        if not found:
            raise InputError("none of these images is in the table that was sent; send it first")
        return found

    def _made_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="equiclust-samp-"))
            self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder


def send_file(path: Path, name: str, *, client: str = "", wait: bool = False) -> tuple[str, ...]:
    """Send a file as it is: a table in VOTable or FITS, a coverage map or an image in FITS.

    Parameters
    ----------
    path : Path
        Stays where it is while other applications use it.
    name : str
        What it is called there.
    client : str, default ""
        Name or id of one application; default all that take it.
    wait : bool, default False
        Whether to wait until each has read it.

    Returns
    -------
    tuple of str
        Names of the applications that it was sent to.

    Raises
    ------
    InputError
        When no other application takes such files, no hub is running, or, with `wait`, one of them
        cannot read it.
    """
    mtype = _type_of(path)
    where = path.resolve()
    sent = {"url": where.as_uri(), "name": printable(name, ascii_only=True)}
    kind = "coverage-id" if mtype == _COVERAGE else "image-id" if mtype == _IMAGE else "table-id"
    sent[kind] = f"equiclust-{where.stem}"
    with conversation() as hub:
        receivers = _receivers(hub, mtype, client)
        for receiver in receivers:
            (hub.call if wait else hub.notify)(receiver, mtype, sent)
    return tuple(receivers.values())


def _type_of(path: Path) -> str:
    """Type of the message that sends a file."""
    if path.suffix in (".vot", ".xml"):
        return _TABLE
    if path.name.endswith(".moc.fits"):
        return _COVERAGE
    if path.suffix != ".fits":
        raise InputError(
            f"samp cannot send {path.name!r}; write a file that ends in .vot, .fits or .moc.fits"
        )
    with path.open("rb") as file:
        # A table has an empty primary image.
        return _FITS_TABLE if b"NAXIS   =                    0" in file.read(2880) else _IMAGE


def _matches(types: frozenset[str], mtype: str) -> bool:
    """Whether subscriptions, which may end in an asterisk, have a type of messages."""
    parts = mtype.split(".")
    wild = {".".join([*parts[:k], "*"]) for k in range(len(parts))}
    return not types.isdisjoint({mtype, *wild})


def _receivers(hub: Conversation, mtype: str, client: str) -> dict[str, str]:
    """Names by id of the clients that take a message, one of them where it is named."""
    clients = hub.clients().items()
    takers = {one: name for one, (name, types) in clients if _matches(types, mtype)}
    wanted = client.casefold()
    found = {
        one: name for one, name in takers.items() if not client or wanted in (one, name.casefold())
    }
    if not found:
        known = ", ".join(takers.values()) or "none"
        which = printable(client) if client else "application"
        raise InputError(
            f"no {which} that takes {_TAKES[mtype]} is connected (connected: {known}); start one"
        )
    return found
