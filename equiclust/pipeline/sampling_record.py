"""Which of its images a run learns from, as its folder keeps it."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from data_adapters.streaming import ImageStream
from equiclust.encoders.latent_files import read_latent_file
from equiclust.exceptions import InputError, OutputError
from equiclust.images import ImageSet
from equiclust.io.atomic import read_json, write_json
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.inputs import Draw, absolute_paths
from equiclust.pipeline.settings import RunSettings
from equiclust.validation import shown

__all__ = ["SamplingRecord"]


class SamplingRecord(NamedTuple):
    """A draw of images, so that it is the same whenever and wherever the run goes on.

    Attributes
    ----------
    inputs : str
        Digest of the names, sizes and times of all files.
    max_images : int
    max_bytes : int or None
    random_state : int
        As of `Draw`.
    """

    inputs: str
    max_images: int
    max_bytes: int | None
    random_state: int

    @property
    def draw(self) -> Draw:
        """The draw."""
        return Draw(self.max_images, self.max_bytes, self.random_state)

    @classmethod
    def of(cls, settings: RunSettings, draw: Draw) -> Self:
        """The record of a draw from the inputs as they are now; of images in memory all are kept.

        Parameters
        ----------
        settings : RunSettings
        draw : Draw

        Returns
        -------
        SamplingRecord
        """
        if isinstance(settings.inputs, ImageSet):
            return cls("", *draw)
        if not settings.has_images:
            return cls(read_latent_file(settings.latents, numbered=True).digest, *draw)
        stream = ImageStream(absolute_paths(settings.inputs), axes=settings.axes)
        return cls(stream.digest, *draw)

    @classmethod
    def read(cls, folder: RunFolder) -> Self | None:
        """The record in the folder of a run.

        Parameters
        ----------
        folder : RunFolder

        Returns
        -------
        SamplingRecord or None
            None where the run learns from all of its images.

        Raises
        ------
        InputError
            When it is damaged.
        """
        if not folder.sample_json.is_file():
            return None
        content: dict[str, Any] = read_json(folder.sample_json)
        values = [content.get(name) for name in cls._fields]
        wholes = [one for one in values[1:] if one is not None]
        if not isinstance(values[0], str) or not all(type(one) is int for one in wholes):
            raise InputError(f"{str(folder.sample_json)!r} is damaged: {shown(content)}")
        return cls(*values)  # type: ignore[arg-type]

    def write(self, folder: RunFolder) -> None:
        """Write it into the folder of a run.

        Parameters
        ----------
        folder : RunFolder
        """
        write_json(folder.sample_json, self._asdict())

    def check_inputs(self, folder: RunFolder, settings: RunSettings) -> None:
        """Refuse inputs that have changed since the images were drawn.

        Parameters
        ----------
        folder : RunFolder
        settings : RunSettings

        Raises
        ------
        OutputError
        """
        if self.of(settings, self.draw).inputs != self.inputs:
            raise OutputError(
                f"cannot go on with the run in {str(folder.path)!r}: its images have changed since "
                "some were drawn; restore them, or choose another folder"
            )
