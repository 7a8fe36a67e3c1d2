"""Where batches of images are encoded: in a thread beside this one, or by Dask's workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from ensembles import KFoldEnsemble
from ensembles.backend import connected
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
            latents: LatentsToCome = client.submit(_encode, sent, images, pure=False)
            return latents

        yield EncodingPool(submit, _AHEAD_OF_CORE * cores)


def _encode(ensemble: KFoldEnsemble, images: ImageSet) -> Float32Array:
    return ensemble.encode(images)
