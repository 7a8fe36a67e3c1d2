"""What the page asks of labels: give, take back, merge, suggest, teach; and news for all pages."""

from __future__ import annotations

import asyncio
import getpass
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
from tornado.iostream import StreamClosedError

from equiclust.app.handler import Handler
from equiclust.app.image_handlers import RunHandler
from equiclust.exceptions import InputError
from equiclust.validation import shown

__all__ = ["ROUTES"]

_SECONDS_BETWEEN_SIGNS = 15.0
_MOST_SUGGESTIONS = 100


def _user_name() -> str:
    """Name of the user on this machine."""
    # Where nobody is logged in.
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return "me"


class _LabelsHandler(RunHandler):
    async def get(self) -> None:
        """All labels, the kinds, and who the user is on this machine."""
        view = self.view
        await self.compute(view.labels.refresh)
        given = view.labels.by_row
        self.send(
            {
                "version": view.labels.version,
                "user": _user_name(),
                "file": str(view.labels.path),
                "kinds": view.kinds.known_with(one.kind for own in given.values() for one in own),
                "clusters": view.kinds.clusters,
                "labels": {row: [asdict(one) for one in own] for row, own in given.items()},
            }
        )


class _ChangeHandler(RunHandler):
    """Base of what changes labels or kinds; all open pages are informed."""

    async def post(self) -> None:
        """Change, and answer with the version of the labels."""
        content = self.content()
        answer = await self.compute(self.change, content)
        self.explorer.changed()
        self.send({"version": self.view.labels.version, **answer})

    def change(self, content: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked for.

        Parameters
        ----------
        content : dict
            Of the request.

        Returns
        -------
        dict
            What is answered beside the version.
        """
        raise NotImplementedError


class _LabelHandler(_ChangeHandler):
    def change(self, content: dict[str, Any]) -> dict[str, Any]:
        """Label rows; an empty kind takes labels away."""
        rows = content.get("rows")
        if not isinstance(rows, list) or not rows:
            raise InputError("rows must be a list of rows, and not empty")
        kind, view = content.get("kind", ""), self.view
        view.labels.set(rows, kind, who=content.get("who", ""), why=content.get("why", ""))
        if kind.strip():
            view.kinds.add(kind)
        return {"n": len(rows)}


class _UndoHandler(_ChangeHandler):
    def change(self, content: dict[str, Any]) -> dict[str, Any]:
        """Take back the last change of one person."""
        return {"n": self.view.labels.undo(who=str(content.get("who", "")))}


class _KindHandler(_ChangeHandler):
    def change(self, content: dict[str, Any]) -> dict[str, Any]:
        """Add a kind."""
        self.view.kinds.add(content.get("name", ""))
        self.explorer.workers.submit(self.view.teacher.warm_up)
        return {}


class _RenameHandler(_ChangeHandler):
    def change(self, content: dict[str, Any]) -> dict[str, Any]:
        """Give a kind another name; that of another kind merges both."""
        view, kind, new = self.view, content.get("kind", ""), content.get("new", "")
        view.labels.rename(kind, new, who=str(content.get("who", "")))
        view.kinds.rename(kind, new)
        return {}


class _RemoveKindHandler(_ChangeHandler):
    def change(self, content: dict[str, Any]) -> dict[str, Any]:
        """Take a kind that no label has off the list."""
        kind, labels = content.get("name", ""), self.view.labels
        if any(one.kind == kind for own in labels.by_row.values() for one in own):
            raise InputError(f"name must be a kind that no image has, got {shown(kind)}; merge it")
        self.view.kinds.remove(kind)
        return {}


class _NameClusterHandler(_ChangeHandler):
    def change(self, content: dict[str, Any]) -> dict[str, Any]:
        """Show a cluster under a name."""
        label = content.get("label")
        if isinstance(label, bool) or not isinstance(label, int) or label < 0:
            raise InputError(f"label must be the number of a cluster, got {shown(label)}")
        self.view.kinds.name_cluster(label, content.get("name", ""))
        return {}


class _TaughtHandler(RunHandler):
    async def get(self) -> None:
        """Kinds and probabilities of all images by the labels as they are now."""
        taught = await self.compute(self.view.teacher.update)
        kinds = taught.kinds
        header = {
            "version": taught.version,
            "problem": taught.problem,
            "names": [] if kinds is None else kinds.names,
            "sentences": taught.record.get("sentences", []),
            "accuracy": taught.record.get("accuracy"),
            "doubtful": taught.record.get("doubtful", []),
        }
        if kinds is None:
            self.send_arrays(header)
        else:
            self.send_arrays(
                header,
                labels=kinds.labels.astype(np.int32),
                probability=kinds.probability.astype(np.float32),
                novelty=kinds.novelty.astype(np.float32),
            )


class _SuggestHandler(RunHandler):
    async def get(self) -> None:
        """The images that are worth a label, and why."""
        n = self.whole("n", 10, 1, _MOST_SUGGESTIONS)
        found = await self.compute(self.view.teacher.suggest, n)
        self.send([asdict(one) for one in found])


class _TeachHandler(RunHandler):
    async def post(self) -> None:
        """Write a run with the kinds, as `equiclust teach` does."""
        self.content()
        # Beside the run, and nowhere that a request names.
        self.send({"folder": str(await self.compute(self.view.teach))})


class _EventsHandler(RunHandler):
    async def get(self) -> None:
        """Tell of changes as they come (server-sent events)."""
        self.set_header("Content-Type", "text/event-stream")
        news = asyncio.Event()
        end = self.explorer.listen(news.set)
        try:
            while True:
                # Before the version is read, so that no change goes untold.
                news.clear()
                version = f"{self.view.labels.version}.{self.view.kinds.version}"
                self.write(f"data: {version}\n\n")
                await self.flush()
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), _SECONDS_BETWEEN_SIGNS)
        except (StreamClosedError, asyncio.CancelledError):
            # The page was closed, or the server ends.
            return
        finally:
            end()


ROUTES: tuple[tuple[str, type[Handler]], ...] = (
    ("api/labels", _LabelsHandler),
    ("api/label", _LabelHandler),
    ("api/undo", _UndoHandler),
    ("api/kind", _KindHandler),
    ("api/kind/rename", _RenameHandler),
    ("api/kind/remove", _RemoveKindHandler),
    ("api/cluster/name", _NameClusterHandler),
    ("api/taught", _TaughtHandler),
    ("api/suggest", _SuggestHandler),
    ("api/teach", _TeachHandler),
    ("api/events", _EventsHandler),
)
