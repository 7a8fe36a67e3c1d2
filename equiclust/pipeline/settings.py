"""Settings of a run, checked before anything is read or written."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from data_adapters.array_axes import check_axes
from ensembles.backend import check_scheduler
from ensembles.recipes import Recipe
from ensembles.recipes.tables import OWN, Network
from ensembles.refinement import DEEP_METHODS
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.encoders.given_vectors import GivenVectors
from equiclust.encoders.latent_files import is_latent_file
from equiclust.encoders.records import encoder_record
from equiclust.encoders.registry import named_encoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.fit_record import image_set_digest
from equiclust.memory import parse_bytes, total_memory
from equiclust.pipeline.inputs import Draw, Inputs, absolute_paths
from equiclust.pipeline.reading_limits import ReadingLimits
from equiclust.typing import PathLike
from equiclust.validation import check_choice, check_whole, is_auto

__all__ = ["MAX_SAMPLES", "RunSettings"]

MAX_SAMPLES = 20_000
"""Images from which a run learns unless it is told otherwise."""

# Part of a given limit, or of the memory of the machine, for the pixels of these.
_SHARE_OF_LIMIT, _SHARE_OF_MACHINE = 4, 2
# Settings that earlier versions did not have: a run with their defaults is the same run.
_YOUNGER = ("encoder", "layer", "pooling", "encoder_group", "equalize", "n_init", "remove")


@dataclass(frozen=True)
class RunSettings:
    """Everything that `equiclust.run` is given.

    Parameters
    ----------
    inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them
        Files, folders and globs, or images in memory.
    output : str or path
        Folder of the run.
    recipe : Recipe
        Every setting that decides the result.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
        Device on which the networks are trained.
    n_jobs : int, optional
        Processes at a time that train networks and cluster; default one per core.
    scheduler : str, optional
        Address of a Dask scheduler whose workers train the networks.
    axes : str, default ""
        Letters for the axes of arrays; see `data_adapters.read`.
    max_samples : int, default 20,000
        Images to learn from; of more, as many are drawn at random.
    max_memory : str, default "auto"
        Such as "4GB", of which a quarter is for the pixels of these images; "auto" is half the
        memory of the machine for them.
    """

    inputs: Inputs
    output: PathLike
    recipe: Recipe
    device: str = "auto"
    n_jobs: int | None = None
    scheduler: str | None = None
    axes: str = ""
    max_samples: int = MAX_SAMPLES
    max_memory: str = "auto"

    def __post_init__(self) -> None:
        # Once: an iterator of paths would be empty when it is read again.
        if not isinstance(self.inputs, ImageSet):
            object.__setattr__(self, "inputs", absolute_paths(self.inputs))

    @property
    def input_names(self) -> list[str]:
        """Absolute inputs, and for images in memory what identifies them by their content."""
        if isinstance(self.inputs, ImageSet):
            return [f"{len(self.inputs)} images in memory, {image_set_digest(self.inputs)}"]
        several = absolute_paths(self.inputs)
        return [one if isinstance(one, str) else one.description for one in several]

    @property
    def has_images(self) -> bool:
        """Whether there are images, and not only vectors that were made elsewhere."""
        return len(self.inputs) > 0  # type: ignore[arg-type]  # a list of names, or images

    @property
    def latents(self) -> str:
        """File of the vectors that are clustered without images."""
        return self.recipe.encoders[0]

    @cached_property
    def encoders(self) -> list[WhitenedEncoder | None]:
        """Estimators of the recipe's encoders; None for the autoencoder that is trained."""
        network = self.recipe.network
        if not self.has_images:
            return [WhitenedEncoder(GivenVectors(self.latents), latent_dim=network.latent_dim)]
        return [
            None if name == OWN else _whitened(name, network, self.device)
            for name in self.recipe.encoders
        ]

    @property
    def config(self) -> dict[str, Any]:
        """What identifies the run: everything but its folder and the machine it is trained on."""
        settings = self.recipe.settings
        # As in version 0.1, whose runs are the same runs.
        start = "shipped" if settings.pop("pretrained") else "none"
        axes = {"axes": self.axes.lower()} if self.axes else {}
        default = Recipe().settings
        for name in _YOUNGER:
            if settings[name] == default[name]:
                del settings[name]
        several = {} if self.max_samples == MAX_SAMPLES else {"max_samples": self.max_samples}
        return {"inputs": self.input_names, **settings, "start": start, **axes, **several}

    @property
    def draw(self) -> Draw:
        """Which of the images are learned from."""
        given = None if is_auto(self.max_memory) else parse_bytes(self.max_memory)
        total = total_memory() if given is None else given
        share = _SHARE_OF_MACHINE if given is None else _SHARE_OF_LIMIT
        most = None if total is None else total // share
        return Draw(self.max_samples, most, self.recipe.seed)

    @property
    def command(self) -> str:
        """Command line that repeats the run, with every setting that differs from its default."""
        return shlex.join(["equiclust", *self._words(os.fspath(self.output))])

    @property
    def arguments(self) -> tuple[str, ...]:
        """Arguments of ``equiclust`` that repeat the run anywhere on this machine.

        Those of `command` and what decides where the networks are trained, with the absolute path
        of the folder; empty for images in memory, which no command line names.
        """
        if not all(isinstance(one, str) for one in self.inputs):
            return ()
        words = [*self._words(os.path.abspath(self.output)), "--device", self.device]
        words += ["--n-jobs", str(self.n_jobs)] if self.n_jobs is not None else []
        words += ["--scheduler", self.scheduler] if self.scheduler is not None else []
        return tuple(words)

    def _words(self, output: str) -> list[str]:
        default = Recipe().settings
        words = ["run", *self.input_names, "--output", output]
        words += ["--axes", self.axes] if self.axes else []
        if self.max_samples != MAX_SAMPLES:
            words += ["--max-samples", str(self.max_samples)]
        words += [] if is_auto(self.max_memory) else ["--max-memory", self.max_memory]
        for name, value in self.recipe.settings.items():
            if value != default[name]:
                values = value if isinstance(value, tuple) else (value,)
                flag = name if self.has_images or name != "encoder" else "latents"
                words += [f"--{flag.replace('_', '-')}", *map(_word, values)]
        return words

    def check(self) -> None:
        """Refuse what cannot work.

        Raises
        ------
        InputError
            When `n_jobs` is below 1 or `max_samples` below 2, `max_memory` is no size or too
            little, the networks are larger than the memory, the device is missing, the scheduler
            does not answer, or the letters of `axes` are wrong.
        """
        check_axes(self.axes)
        check_whole("max_samples", self.max_samples, 2)
        if not self.has_images:
            self._check_without_images()
        ReadingLimits.of(self.max_memory)
        if self.n_jobs is not None:
            check_whole("n_jobs", self.n_jobs)
        # Before images are brought to its size.
        if self.recipe.network.trains:
            EquivariantAutoencoder(**self.recipe.autoencoder)._check_parameters()
        for encoder in self.encoders:
            if encoder is not None:
                # Its file is read now, and not after the images are.
                encoder_record(encoder.used_encoder)
        _check_device(self.device)
        check_scheduler(self.scheduler)

    def _check_without_images(self) -> None:
        clusters, encoders = self.recipe.clusters, self.recipe.encoders
        if len(encoders) != 1 or not is_latent_file(encoders[0]):
            raise InputError(
                "inputs must name images, or latents a file of vectors that were made elsewhere, "
                "got neither"
            )
        if clusters.method in DEEP_METHODS:
            raise InputError(f"method must do without images, got {clusters.method!r}")
        if clusters.remove != "none":
            raise InputError(
                f"remove needs the images, from which confounders are measured, got "
                f"{clusters.remove!r} without inputs"
            )


def _whitened(name: str, network: Network, device: str) -> WhitenedEncoder:
    try:
        encoder = named_encoder(
            name,
            layer=network.layer,
            pooling=network.pooling,
            group=network.encoder_group,
            device=device,
        )
    except InputError as error:
        # Where the group of the autoencoder is another setting.
        if str(error).startswith("group "):
            raise InputError(f"encoder_{error}") from error
        raise
    return WhitenedEncoder(encoder, latent_dim=network.latent_dim)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_device(device: str) -> None:
    import torch

    from equiclust.nn.device import DEVICES

    check_choice("device", device, DEVICES)
    missing = (device == "cuda" and not torch.cuda.is_available()) or (
        device == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise InputError(f"device must be present on this machine, got {device!r}; use auto or cpu")
