"""What the page asks when an image is changed by its sliders, and when settings are tried."""

from __future__ import annotations

from typing import Any

from equiclust.app.bench import Change
from equiclust.app.handler import Handler
from equiclust.app.image_handlers import RunHandler
from equiclust.app.trials import SETTINGS
from equiclust.exceptions import InputError
from equiclust.validation import shown

__all__ = ["ROUTES"]


class _TryHandler(RunHandler):
    async def get(self) -> None:
        """Pixels, latent, label and reconstruction of a changed image."""
        change = Change(
            mirror=bool(self.whole("mirror", 0, 0, 1)),
            angle=self.real("angle", 0.0),
            scale=self.real("scale", 1.0),
            blur=self.real("blur", 0.0),
            noise=self.real("noise", 0.0),
        )
        bench = self.view.bench
        tried = await self.compute(bench.try_change, self.whole("row"), change)
        arrays = {"pixels": tried.pixels, "latent": tried.latent, "before": tried.latent_before}
        # Runs of encoders that were trained before reconstruct nothing.
        try:
            arrays["reconstruction"] = await self.compute(bench.reconstruction, tried.pixels)
        except InputError as error:
            tried.record["no_reconstruction"] = str(error)
        self.send_arrays(tried.record, **arrays)


class _TrialsHandler(RunHandler):
    async def get(self) -> None:
        """The trials, and what they may be given."""
        offered = [
            {"name": one.name, "values": one.values, "default": one.default, "text": one.meaning}
            for one in SETTINGS
        ]
        self.send({"settings": offered, "trials": await self.compute(self.view.trials.records)})


class _StartHandler(RunHandler):
    async def post(self) -> None:
        """Start a trial."""
        content = self.content()
        settings, n_images = content.get("settings", {}), content.get("n_images", 100)
        if not isinstance(settings, dict):
            raise InputError("settings must be an object of names and values")
        if isinstance(n_images, bool) or not isinstance(n_images, int):
            raise InputError(f"n_images must be a whole number, got {shown(n_images)}")
        given: dict[str, Any] = settings
        folder = await self.compute(self.view.trials.start, given, n_images)
        self.send({"folder": str(folder)})


class _StopHandler(RunHandler):
    async def post(self) -> None:
        """End the trial in progress."""
        await self.compute(self.view.trials.stop)
        self.send({})


ROUTES: tuple[tuple[str, type[Handler]], ...] = (
    ("api/try", _TryHandler),
    ("api/trials", _TrialsHandler),
    ("api/trials/start", _StartHandler),
    ("api/trials/stop", _StopHandler),
)
