"""The SAMP hub of this machine: where it is, and one conversation with it.

Only the file that a running hub leaves for others is read; no hub is started, and none on another
machine is called. A conversation only sends: applications cannot call back. It follows the Standard
Profile of SAMP 1.3 (IVOA Recommendation 2012).
"""

from __future__ import annotations

import io
import os
import socket
import time
import xmlrpc.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.parsers.expat import ExpatError

from equiclust.exceptions import EquiclustError, InputError
from equiclust.io.catalogue import printable
from equiclust.io.regular_files import read_regular

__all__ = ["Conversation", "conversation"]

_VARIABLE, _PREFIX = "SAMP_HUB", "std-lockurl:"
_URL, _SECRET = "samp.hub.xmlrpc.url", "samp.secret"
_NO_HUB = "no SAMP hub is running; start TOPCAT, Aladin or DS9 first"
# Of one call, from its first byte to the last one of the answer.
_SECONDS = 10.0
_MOST_BYTES = 1 << 24
_MOST_BYTES_OF_LOCK = 1 << 20
_LONGEST_REASON = 200
# What a hub answers that is none, or knows nothing of us.
_UNUSABLE = (xmlrpc.client.Error, HTTPException, ExpatError, KeyError, TypeError)
_METADATA = {
    "samp.name": "equiclust",
    "samp.description.text": "Sorts scientific images by shape, at any orientation",
}


class Conversation:
    """Calls to a hub as a registered client.

    Parameters
    ----------
    hub : xmlrpc.client.ServerProxy
        The methods of the hub, without the prefix "samp.hub".
    key : str
        Private key of the client.
    """

    def __init__(self, hub: Any, key: str) -> None:
        self._hub, self._key = hub, key

    def clients(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Other clients: name and message types that each takes, by its id.

        Returns
        -------
        dict of str to (str, frozenset of str)
        """
        found = {}
        for one in self._hub.getRegisteredClients(self._key):
            # It may have gone meanwhile.
            with suppress(xmlrpc.client.Fault):
                metadata = self._hub.getMetadata(self._key, one)
                types = self._hub.getSubscriptions(self._key, one)
                name = printable(str(metadata.get("samp.name", one)))
                found[str(one)] = name, frozenset(map(str, types))
        return found

    def notify(self, client: str, mtype: str, params: Mapping[str, Any]) -> None:
        """Send a message that is not answered.

        Parameters
        ----------
        client : str
            Id of the client.
        mtype : str
            Type of the message.
        params : mapping
            Text, or lists of it, as SAMP has no other types.
        """
        message = {"samp.mtype": mtype, "samp.params": dict(params)}
        self._hub.notify(self._key, client, message)

    def call(self, client: str, mtype: str, params: Mapping[str, Any]) -> None:
        """Send a message, and wait until the client has dealt with it.

        Parameters
        ----------
        client : str
            Id of the client.
        mtype : str
            Type of the message.
        params : mapping
            As for `notify`.

        Raises
        ------
        InputError
            When the client says that it could not, or does not answer in time.
        """
        message = {"samp.mtype": mtype, "samp.params": dict(params)}
        try:
            said = self._hub.callAndWait(self._key, client, message, f"{_SECONDS - 2.0:.0f}")
        except (xmlrpc.client.Fault, TimeoutError) as error:
            raise InputError(
                f"the application does not answer within {_SECONDS - 2.0:.0f} s; write a file "
                "first, and send that"
            ) from error
        if said.get("samp.status") != "samp.ok":
            fault = said.get("samp.error")
            told = fault.get("samp.errortxt") if isinstance(fault, dict) else fault
            reason = printable(str(told or "it does not say why"))[:_LONGEST_REASON]
            raise InputError(f"the application cannot use what it was sent ({reason})")


@contextmanager
def conversation() -> Iterator[Conversation]:
    """Register with the hub of this machine while the block runs.

    Yields
    ------
    Conversation

    Raises
    ------
    InputError
        When no hub is running, it is on another machine, or it does not answer.
    """
    params = _lock_entries()
    try:
        with xmlrpc.client.ServerProxy(params[_URL], _Transport()) as proxy:
            hub: Any = proxy.samp.hub
            key = str(hub.register(params[_SECRET])["samp.private-key"])
            try:
                hub.declareMetadata(key, _METADATA)
                yield Conversation(hub, key)
            finally:
                with suppress(OSError, *_UNUSABLE):
                    hub.unregister(key)
    except EquiclustError:
        # Of the block.
        raise
    except TimeoutError as error:
        raise InputError(
            f"the SAMP hub does not answer within {_SECONDS:.0f} s; restart TOPCAT, Aladin or DS9"
        ) from error
    except OSError as error:
        # The file of a hub that was killed is left behind.
        raise InputError(_NO_HUB) from error
    except _UNUSABLE as error:
        why = printable(" ".join(str(error).split()))[:_LONGEST_REASON]
        raise InputError(
            f"the SAMP hub cannot be used ({why}); restart TOPCAT, Aladin or DS9"
        ) from error


class _Transport(xmlrpc.client.Transport):
    """Neither waits for ever nor takes whatever it gets."""

    accept_gzip_encoding = False
    _end = 0.0

    def request(self, *args: Any, **settings: Any) -> Any:
        self._end = time.monotonic() + _SECONDS
        return super().request(*args, **settings)

    def make_connection(self, host: Any) -> HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = _seconds_until(self._end)
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        settings: dict[str, Any] = {"response_class": partial(_Response, end=self._end)}
        vars(connection).update(settings)
        return connection

    def parse_response(self, response: HTTPResponse) -> Any:
        # It would be unpacked to any size, although it was not asked for.
        if response.getheader("Content-Encoding", "identity") != "identity":
            raise HTTPException("its answer is compressed")
        return super().parse_response(response)


class _Response(HTTPResponse):
    """An answer that comes to an end in time, and is not too long."""

    def __init__(self, sock: socket.socket, *args: Any, end: float, **settings: Any) -> None:
        super().__init__(sock, *args, **settings)
        self.fp = io.BufferedReader(_Received(sock, self.fp.detach(), end))


class _Received(io.RawIOBase):
    def __init__(self, connection: socket.socket, stream: io.RawIOBase, end: float) -> None:
        self._connection, self._stream, self._end = connection, stream, end
        self._left = _MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, place: Any) -> int:
        self._connection.settimeout(_seconds_until(self._end))
        n: int = self._stream.readinto(place)
        self._left -= n
        if self._left < 0:
            raise HTTPException(f"its answer is longer than {_MOST_BYTES} bytes")
        return n

    def close(self) -> None:
        self._stream.close()
        super().close()


def _seconds_until(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _lock_entries() -> dict[str, str]:
    """Entries of the lock file of the running hub."""
    file = _lock_file()
    if not os.path.exists(file):
        raise InputError(_NO_HUB)
    text = read_regular(file, _MOST_BYTES_OF_LOCK).decode("utf-8", errors="replace")
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    # Some hubs escape colons.
    found = {name.strip(): value.strip().replace("\\", "") for name, _, value in pairs}
    if not found.get(_URL) or not found.get(_SECRET):
        raise InputError(_NO_HUB)
    if not _is_here(urlsplit(found[_URL]).hostname or ""):
        raise InputError(
            f"the SAMP hub is at {printable(found[_URL])}, not on this machine; start TOPCAT, "
            "Aladin or DS9 here"
        )
    return found


def _lock_file() -> Path:
    given = os.environ.get(_VARIABLE)
    if given is None:
        return Path.home() / ".samp"
    address = urlsplit(given.removeprefix(_PREFIX))
    if not given.startswith(_PREFIX) or address.scheme != "file":
        raise InputError(
            f"{_VARIABLE} must name a file of this machine, as in {_PREFIX}file:///home/me/.samp, "
            f"got {printable(given)!r}"
        )
    return Path(unquote(address.path))


def _is_here(host: str) -> bool:
    """Whether a host is this machine; no name server is asked."""
    try:
        address = ip_address(host)
    except ValueError:
        own = socket.gethostname().casefold()
        return host.casefold() in ("localhost", own, own.partition(".")[0])
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        # An address can be bound only where it is.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return not address.is_unspecified
