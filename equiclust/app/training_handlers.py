"""Answers about the training of a run: losses, pictures, latents; and stop and go on."""

from __future__ import annotations

import re

import numpy as np

from equiclust.app.handler import Handler
from equiclust.app.training_view import TrainingView
from equiclust.exceptions import InputError

__all__ = ["ROUTES"]

_MOST_MEMBERS = 1000
_KNOWN = re.compile(r"(\d{1,4}):(-1|\d{1,7})")
_LARGEST_EPOCH = 10**6


class _TrainingHandler(Handler):
    """Base: answers where a run is open."""

    @property
    def view(self) -> TrainingView:
        """The training.

        Raises
        ------
        InputError
            When it is a label map that is open.
        """
        found = self.explorer.training
        if found is None:
            raise InputError("no run is open: start `equiclust explore` with the folder of one")
        return found

    def member(self) -> int:
        """Number of the member that is asked for."""
        return self.whole("member", 0, 0, _MOST_MEMBERS)


class _StateHandler(_TrainingHandler):
    async def get(self) -> None:
        """Where the run is, with the epochs after those of the argument `known`."""
        self.send(await self.compute(self.view.state, _known_epochs(self.text("known"))))


class _LogHandler(_TrainingHandler):
    async def get(self) -> None:
        """The end of the log."""
        self.send({"lines": await self.compute(self.view.log_lines)})


class _ImagesHandler(_TrainingHandler):
    async def get(self) -> None:
        """The images that every snapshot reconstructs."""
        shown = await self.compute(self.view.shown_images, self.member())
        self.send_arrays({"rows": shown.rows}, images=shown.images)


class _ReconstructionsHandler(_TrainingHandler):
    async def get(self) -> None:
        """What a member makes of them at the end of an epoch."""
        epoch = self.whole("epoch", None, 0, _LARGEST_EPOCH)
        snapshot = await self.compute(self.view.snapshot, self.member(), epoch)
        self.send_arrays({"epoch": epoch}, reconstructions=snapshot.reconstructions)


class _LatentsHandler(_TrainingHandler):
    async def get(self) -> None:
        """Positions of latents through the epochs."""
        found, codes = await self.compute(self.view.latent_map, self.member())
        self.send_arrays(
            {"epochs": found.epochs, "shares": found.shares},
            positions=found.positions,
            rows=found.rows.astype(np.int32),
            codes=codes.astype(np.int32),
        )


class _AgreementHandler(_TrainingHandler):
    async def get(self) -> None:
        """How far the members agree."""
        self.send(await self.compute(self.view.agreement))


class _CompareHandler(_TrainingHandler):
    async def get(self) -> None:
        """What differs between this run and the other one."""
        self.send(await self.compute(self.view.comparison))


class _StopHandler(_TrainingHandler):
    async def post(self) -> None:
        """Ask the run to end after the epochs that have begun."""
        self.content()
        await self.compute(self.view.stop)
        self.send({})


class _ResumeHandler(_TrainingHandler):
    async def post(self) -> None:
        """Go on with the run, by the command that the user was shown."""
        await self.compute(self.view.resume, _confirmed(self.content().get("command")))
        self.send({})


def _known_epochs(text: str) -> dict[int, int]:
    """Last epoch of each member, written as ``0:12,1:-1``."""
    parts = [_KNOWN.fullmatch(part) for part in text.split(",") if part]
    if None in parts or len(parts) > _MOST_MEMBERS:
        raise InputError(f"known must be numbers such as 0:12,1:-1, got {text[:80]!r}")
    return {int(one[1]): int(one[2]) for one in parts if one}


def _confirmed(words: object) -> list[str]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError("command must be the words of the command that was shown")
    return words


ROUTES: tuple[tuple[str, type[Handler]], ...] = (
    ("api/training", _StateHandler),
    ("api/training/log", _LogHandler),
    ("api/training/images", _ImagesHandler),
    ("api/training/reconstructions", _ReconstructionsHandler),
    ("api/training/latents", _LatentsHandler),
    ("api/training/agreement", _AgreementHandler),
    ("api/training/compare", _CompareHandler),
    ("api/training/stop", _StopHandler),
    ("api/training/resume", _ResumeHandler),
)
"""Addresses and what answers them."""
