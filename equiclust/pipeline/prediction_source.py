"""Where the images come from that a model labels: a stream of files, or images in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from data_adapters.reading import read
from data_adapters.streaming import START, ImageStream, Place, StreamPart
from equiclust.images import ImageSet
from equiclust.pipeline.image_batches import parts_of_set
from equiclust.pipeline.inputs import Inputs, absolute_paths
from equiclust.pipeline.reading_limits import ReadingLimits
from equiclust.pipeline.run_files import RunFiles
from equiclust.progress import Progress, start_stage

__all__ = ["PredictionSource"]


@dataclass(frozen=True, eq=False)
class PredictionSource:
    """Images in order, read some at a time.

    Parameters
    ----------
    stream : ImageStream or ImageSet
    unreadable : tuple of StreamPart, default ()
        What could not be read, where the stream is an `ImageSet`.
    """

    stream: ImageStream | ImageSet
    unreadable: tuple[StreamPart, ...] = ()

    @classmethod
    def of(
        cls, run: RunFiles, inputs: Inputs, axes: str | None, on_progress: Progress | None
    ) -> PredictionSource:
        """Find the files that the inputs name.

        Parameters
        ----------
        run : RunFiles
        inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them
        axes : str or None
            Letters for the axes of arrays; None for those of the run.
        on_progress : callable or None
            See `equiclust.progress.Progress`.

        Returns
        -------
        PredictionSource

        Raises
        ------
        InputError
            When an input does not exist, or is none.
        """
        update = start_stage(on_progress, "reading")
        if isinstance(inputs, ImageSet):
            return cls(inputs)
        names = absolute_paths(inputs)
        letters = run.axes if axes is None else axes
        if run.model.sees_pixels:
            return cls(ImageStream(names, axes=letters))
        # Vectors are looked up by ids, which are known to differ only when all are.
        found = read(names, axes=letters, progress=lambda done, total: update(done, total, ""))
        unreadable = (StreamPart(START, (), one, START, 0.0, 0.0) for one in found.rejected)
        return cls(found.images, tuple(unreadable))

    @property
    def digest(self) -> str:
        """What identifies a stream of files; empty for images in memory."""
        return self.stream.digest if isinstance(self.stream, ImageStream) else ""

    def parts(self, first: Place, limits: ReadingLimits) -> Iterator[StreamPart]:
        """The images from a place on.

        Parameters
        ----------
        first : Place
        limits : ReadingLimits

        Returns
        -------
        iterator of StreamPart
        """
        if isinstance(self.stream, ImageStream):
            return self.stream.parts(
                first, most_bytes=limits.most_bytes, most_whole=limits.most_whole
            )
        return chain(self.unreadable, parts_of_set(self.stream))
