"""`Handler`: what every answer of the application has in common, its security first."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import math
import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tornado.web import HTTPError, RequestHandler

from equiclust.exceptions import EquiclustError, InputError
from equiclust.typing import Array

if TYPE_CHECKING:
    from equiclust.app.explorer import Explorer

__all__ = ["Handler", "NotFoundHandler"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Nothing but what lies beside the page may be loaded.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_NOTEBOOKS = " http://localhost:* http://127.0.0.1:*"
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LONGEST_TEXT = 2000


class Handler(RequestHandler):
    """Base of all handlers: checks who asks, reads arguments, and answers.

    A request is answered when it names this server as its host, comes from a page of this server or
    from none, and has the token in its path. Errors are answered as ``{"error": sentence}``.
    """

    @property
    def explorer(self) -> Explorer:
        """What is explored."""
        found: Explorer = self.application.settings["explorer"]
        return found

    def set_default_headers(self) -> None:
        """Headers of every answer."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        if self.explorer.is_in_notebook:
            self.set_header("Content-Security-Policy", _POLICY + _NOTEBOOKS)
        self.clear_header("Server")

    def prepare(self) -> None:
        """Refuse requests of other sites, and those without the token."""
        self.check_origin()
        token = str(self.path_kwargs.pop("token", ""))
        if not hmac.compare_digest(token.encode(), self.wanted_token.encode()):
            raise HTTPError(403, "the token is missing or wrong; use the whole address")
        if self.request.method == "POST":
            self._check_post()

    @property
    def wanted_token(self) -> str:
        """The token that the address must have."""
        return self.explorer.token

    def check_origin(self) -> None:
        """Refuse requests that name another server, or come from a page of another one."""
        hosts: frozenset[str] = self.application.settings["hosts"]
        if self.request.host not in hosts:
            raise HTTPError(403, "the host must be that of this server")
        origin = self.request.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            raise HTTPError(403, "the request comes from a page of another site")

    def _check_post(self) -> None:
        media_type = self.request.headers.get("Content-Type", "").partition(";")[0].strip()
        if media_type != "application/json":
            raise HTTPError(415, "the body must be application/json")
        if self.request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise HTTPError(403, "the request comes from a page of another site")
        # Even where nothing in it is asked for.
        self.content()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error in one sentence.

        Parameters
        ----------
        status_code : int
        **kwargs : object
            ``exc_info`` of the exception.
        """
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(error, EquiclustError):
            # These are the asker's.
            self.set_status(400)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"error": _sentence(error)}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is not the user's error.

        Parameters
        ----------
        typ : type
        value : BaseException
        tb : traceback
        """
        if not isinstance(value, HTTPError | EquiclustError):
            logger.error("unexpected error in %s", self.request.path, exc_info=(typ, value, tb))

    def text(self, name: str, default: str = "") -> str:
        """An argument of the address as text.

        Parameters
        ----------
        name : str
        default : str, default ""

        Returns
        -------
        str

        Raises
        ------
        InputError
            When it is longer than 2,000 characters.
        """
        found = self.get_query_argument(name, default)
        if len(found) > _LONGEST_TEXT:
            raise InputError(f"{name} must be at most {_LONGEST_TEXT} characters, got {len(found)}")
        return found

    def whole(
        self, name: str, default: int | None = None, low: int = 0, high: int | None = None
    ) -> int:
        """An argument of the address as a whole number.

        Parameters
        ----------
        name : str
        default : int, optional
            Without it the argument must be there.
        low : int, default 0
        high : int, optional
            Last number that is allowed.

        Returns
        -------
        int

        Raises
        ------
        InputError
            When it is missing, no whole number, or out of range.
        """
        given = self.text(name)
        if not given and default is not None:
            return default
        limits = f"{low} to {high}" if high is not None else f"at least {low}"
        try:
            found = int(given)
        except ValueError as error:
            raise InputError(f"{name} must be a whole number, got {given[:80]!r}") from error
        if found < low or (high is not None and found > high):
            raise InputError(f"{name} must be {limits}, got {found}")
        return found

    def real(self, name: str, default: float | None = None) -> float:
        """An argument of the address as a finite number.

        Parameters
        ----------
        name : str
        default : float, optional
            Without it the argument must be there.

        Returns
        -------
        float

        Raises
        ------
        InputError
            When it is missing or no finite number.
        """
        given = self.text(name)
        if not given and default is not None:
            return default
        try:
            found = float(given)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise InputError(f"{name} must be a finite number, got {given[:80]!r}")
        return found

    def content(self) -> dict[str, Any]:
        """The JSON object in the body.

        Returns
        -------
        dict

        Raises
        ------
        InputError
            When the body is something else.
        """
        try:
            found = json.loads(self.request.body)
        except (ValueError, RecursionError) as error:
            raise InputError(f"the body must be JSON, got {error}") from error
        if not isinstance(found, dict):
            raise InputError(f"the body must be a JSON object, got {type(found).__name__}")
        return found

    def send(self, content: Any) -> None:
        """Answer with JSON.

        Parameters
        ----------
        content : object
            Numbers that are not finite become null.
        """
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(_plain(content), allow_nan=False))

    def send_arrays(self, header: Mapping[str, Any], **arrays: Array) -> None:
        """Answer with arrays as they lie in memory.

        The length of a JSON object as four bytes, the object, spaces up to a multiple of eight
        bytes, then the arrays one after another, each filled up to a multiple of eight bytes. The
        object has `header` and, under "arrays", the name, type and shape of each.

        Parameters
        ----------
        header : mapping
        **arrays : ndarray
            float32, int32, int16 or uint8.
        """
        listed = [
            {"name": name, "type": str(one.dtype), "shape": list(one.shape)}
            for name, one in arrays.items()
        ]
        text = json.dumps({"header": _plain(header), "arrays": listed}, allow_nan=False).encode()
        text += b" " * (-(len(text) + 4) % 8)
        parts = [struct.pack("<I", len(text)), text]
        for one in arrays.values():
            content = np.ascontiguousarray(one, dtype=one.dtype.newbyteorder("<")).tobytes()
            parts += [content, b"\0" * (-len(content) % 8)]
        self.set_header("Content-Type", "application/octet-stream")
        self.finish(b"".join(parts))

    def send_file(self, content: bytes, media_type: str, name: str = "") -> None:
        """Answer with a file.

        Parameters
        ----------
        content : bytes
        media_type : str
            Such as "image/png".
        name : str, default ""
            The browser saves it under this name, where there is one.
        """
        self.set_header("Content-Type", media_type)
        if name:
            plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
            self.set_header("Content-Disposition", f'attachment; filename="{plain}"')
        self.finish(content)

    async def compute(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function in a thread, so that other requests are answered meanwhile.

        Parameters
        ----------
        function : callable
        *args, **kwargs : object

        Returns
        -------
        object
            What it returns.
        """
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self.explorer.workers, call)


class NotFoundHandler(Handler):
    """Answers every address that there is not."""

    def prepare(self) -> None:
        """Say only that the token is wrong to whoever has it not."""
        parts = self.request.path.split("/")
        self.path_kwargs["token"] = parts[1] if len(parts) > 1 else ""
        super().prepare()
        raise HTTPError(404, "there is nothing at this address")


def _sentence(error: BaseException | None) -> str:
    if isinstance(error, EquiclustError):
        return str(error)
    if isinstance(error, HTTPError):
        return error.log_message or error.reason or "the request cannot be answered"
    return "something went wrong in the program; the terminal says what"


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return str(value)
