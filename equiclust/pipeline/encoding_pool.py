"""Where batches of images are encoded: in a thread beside this one, or by Dask's workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from ensembles import KFoldEnsemble
from ensembles.backend import connected
from equiclust.exceptions import OutputError
from equiclust.images import ImageSet
from equiclust.typing import Float32Array

__all__ = ["EncodingPool", "LatentsToCome", "encoding_pool"]

# Batches that wait for the network, enough for it never to wait; and for each core of a cluster.
_AHEAD, _AHEAD_OF_CORE = 3, 4


class LatentsToCome(Protocol):
    """Latents that are being computed."""

    def result(self) -> Float32Array:
        """Wait for them.

        Returns
        -------
        ndarray (n_members, n, d), float32
        """


class EncodingPool(NamedTuple):
    """Encodes batches while others are read.

    Attributes
    ----------
    submit : callable
        Takes an `ImageSet`, preprocessed, and gives `LatentsToCome`.
    n_ahead : int
        Batches that may wait to be encoded.
    """

    submit: Callable[[ImageSet], LatentsToCome]
    n_ahead: int


@contextmanager
def encoding_pool(ensemble: KFoldEnsemble, scheduler: str | None) -> Iterator[EncodingPool]:
    """A pool that, when the block fails, ends after the batches that it is at.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        Fitted.
    scheduler : str or None
        Address of a Dask scheduler; None for a thread of this process.

    Yields
    ------
    EncodingPool

    Raises
    ------
    InputError
        When the scheduler cannot be reached.
    MissingPackageError
        When the package distributed is not installed.
    OutputError
        From the latents, when the workers fail.
    """
    if scheduler is None:
        thread = ThreadPoolExecutor(1, thread_name_prefix="encoding")
        try:
            yield EncodingPool(lambda images: thread.submit(ensemble.encode, images), _AHEAD)
        finally:
            thread.shutdown(cancel_futures=True)
        return
    with connected(scheduler) as client:
        sent = client.scatter(ensemble, broadcast=True)
        cores = max(sum(client.nthreads().values()), 1)

        def submit(images: ImageSet) -> LatentsToCome:
            # Not within the task, of which Dask warns where it is large.
            shown = client.scatter(images, hash=False)
            return _OfWorker(client.submit(_encode, sent, shown, pure=False), scheduler)

        yield EncodingPool(submit, _AHEAD_OF_CORE * cores)


class _OfWorker:
    """Latents that a worker computes, fetched once."""

    def __init__(self, future: Any, scheduler: str) -> None:
        self._future, self._scheduler = future, scheduler
        self._latents: Float32Array | None = None

    def result(self) -> Float32Array:
        if self._latents is None:
            try:
                self._latents = self._future.result()
            except Exception as error:
                # Dask has many errors of its own, for workers that are gone and others.
                raise OutputError(
                    f"the workers of the Dask scheduler {self._scheduler!r} failed "
                    f"({type(error).__name__}: {error}); the same command goes on from here"
                ) from error
            self._future.release()
        return self._latents


def _encode(ensemble: KFoldEnsemble, images: ImageSet) -> Float32Array:
    return ensemble.encode(images)
