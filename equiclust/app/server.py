"""The server: which address is answered by what, on this machine only."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError

from equiclust.app import (
    bench_handlers,
    export_handlers,
    image_handlers,
    label_handlers,
    map_handlers,
    training_handlers,
)
from equiclust.app.handler import Handler, NotFoundHandler
from equiclust.exceptions import InputError
from equiclust.report.page import make_environment

if TYPE_CHECKING:
    from equiclust.app.explorer import Explorer

__all__ = ["listening", "make_application"]

_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
# The rows of a million images, and their labels, take less.
_MOST_BYTES = 16 * 2**20
_LAST_PORT = 65535
_SECONDS_IDLE = 30.0


class _PageHandler(Handler):
    """The page itself."""

    def get(self) -> None:
        """Answer with the page."""
        template = make_environment("equiclust.app").get_template("page.html.j2")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(template.render(title=self.explorer.name, styles=_STYLES))


class _OpenHandler(Handler):
    """Leads a browser that was started for it to the page, once.

    Whoever may list the processes of the machine sees the address that a browser is started with,
    so that it must be of no use afterwards.
    """

    def prepare(self) -> None:
        """Check who asks, and that the code has not been used."""
        code = str(self.path_kwargs.pop("code"))
        self.check_origin()
        if not self.explorer.take_code(code):
            raise HTTPError(403, "this address works once; use the one that the terminal shows")

    def get(self) -> None:
        """Lead on to the page."""
        self.redirect(f"/{self.explorer.token}/", status=303)


class _StaticHandler(Handler):
    """Scripts and style sheets of the page; nothing else can be named."""

    def get(self, name: str) -> None:
        """Answer with a file."""
        if name not in _STATIC:
            raise HTTPError(404, "there is nothing at this address")
        self.send_file(_STATIC[name], _MEDIA_TYPES[name[name.rindex(".") :]])


def _static_files() -> dict[str, bytes]:
    folder = files("equiclust.app") / "static"
    return {
        one.name: one.read_bytes()
        for one in sorted(folder.iterdir(), key=lambda one: one.name)
        if one.name.endswith(tuple(_MEDIA_TYPES))
    }


_STATIC = _static_files()
_STYLES = [name for name in _STATIC if name.endswith(".css")]

_ROUTES: Sequence[tuple[str, type[Handler]]] = (
    ("", _PageHandler),
    (r"static/(?P<name>[a-z_]+\.[a-z]+)", _StaticHandler),
    *image_handlers.ROUTES,
    *label_handlers.ROUTES,
    *export_handlers.ROUTES,
    *map_handlers.ROUTES,
    *training_handlers.ROUTES,
    *bench_handlers.ROUTES,
)


def make_application(explorer: Explorer, hosts: frozenset[str]) -> Application:
    """Make the Tornado application.

    Parameters
    ----------
    explorer : Explorer
    hosts : frozenset of str
        Names, with ports, by which requests may call this server.

    Returns
    -------
    tornado.web.Application
    """
    routes: list[tuple[str, type[Handler]]] = [(r"/open/(?P<code>[^/]+)", _OpenHandler)]
    routes += [(rf"/(?P<token>[^/]+)/{path}", handler) for path, handler in _ROUTES]
    settings: Mapping[str, Any] = {
        "explorer": explorer,
        "hosts": hosts,
        "default_handler_class": NotFoundHandler,
        "log_function": lambda handler: None,
        "compress_response": True,
    }
    return Application(routes, **settings)


@asynccontextmanager
async def listening(explorer: Explorer, host: str, port: int) -> AsyncIterator[int]:
    """Answer requests while the block runs, in the event loop of this thread.

    Parameters
    ----------
    explorer : Explorer
    host : str
        Address of this machine, such as "127.0.0.1".
    port : int
        0 = any that is free.

    Yields
    ------
    int
        The port.

    Raises
    ------
    InputError
        When the port is taken or not allowed.
    """
    if not 0 <= port <= _LAST_PORT:
        raise InputError(f"port must be 0 to {_LAST_PORT}, got {port}")
    listener = _bound(host, port)
    bound = int(listener.getsockname()[1])
    hosts = frozenset(f"{name}:{bound}" for name in (host, "localhost"))
    server = HTTPServer(
        make_application(explorer, hosts),
        max_body_size=_MOST_BYTES,
        idle_connection_timeout=_SECONDS_IDLE,
        body_timeout=_SECONDS_IDLE,
    )
    server.add_socket(listener)
    try:
        yield bound
    finally:
        server.stop()
        await server.close_all_connections()


def _bound(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise InputError(
            f"port must be free, got {port}: {reason}; choose another one, or 0 for any"
        ) from error
    listener.setblocking(False)
    return listener
