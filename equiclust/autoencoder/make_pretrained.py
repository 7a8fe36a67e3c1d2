"""Train the pretrained weights: ``python -m equiclust.autoencoder.make_pretrained --size 128``.

Of every size those of the default network, and of a plain one to compare with.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.torch import save_file

from equiclust.autoencoder.baseline import plain_autoencoder, plain_weights_name
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.pretrained import weights_name
from equiclust.images import ImageSet
from equiclust.io.atomic import atomic_path
from equiclust.nn.allocator import keep_freed_memory
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_discs
from equiclust.simulation.shapes import simulate_shapes
from equiclust.simulation.textures import simulate_cloud_patches

__all__ = ["pretrain", "pretrain_plain", "simulated_mixture"]

_SHIPPED = Path(__file__).parent / "weights"
# Images and epochs for each size: larger images cost more and say more.
_SCHEDULES = {32: (3000, 40), 64: (2000, 40), 128: (1400, 20)}
# Epochs are divided by this for the plain network, whose error under rotations settles soon.
_PLAIN_SHARE = 10
_EQUIVARIANT, _PLAIN = "equivariant", "plain"
# Far from the seeds of tests and benchmarks: none of their images is among these.
_SEED = 20_251_122
_MOST_TILTED = 75.0
_BATCH = 64


def simulated_mixture(n: int, size: int, *, random_state: int) -> ImageSet:
    """Processed images of discs, shapes and clouds, two fifths, two fifths and a fifth.

    Parameters
    ----------
    n : int
        Number of images.
    size : int
        Side in pixels.
    random_state : int

    Returns
    -------
    ImageSet
    """
    n_discs, n_clouds = round(0.4 * n), round(0.2 * n)
    discs, _ = simulate_discs(
        n_discs, size=size, max_inclination=_MOST_TILTED, random_state=random_state
    )
    shapes, _ = simulate_shapes(n - n_discs - n_clouds, size=size, random_state=random_state)
    clouds, _ = simulate_cloud_patches(n_clouds, size=size, random_state=random_state)
    objects, textures = (
        Preprocessor(size=size),
        Preprocessor(size=size, background="none", canonical="none"),
    )
    parts = [objects.fit_transform(discs), objects.fit_transform(shapes)]
    parts.append(textures.fit_transform(clouds))
    return ImageSet.from_array(np.concatenate([part.pixels for part in parts]))


def pretrain(
    size: int, *, n_images: int, max_epochs: int, checkpoints: Path | None = None
) -> EquivariantAutoencoder:
    """Train the default network of this size on simulated images, from random weights.

    Parameters
    ----------
    size : int
        Side of the images in pixels.
    n_images : int
        Number of simulated images.
    max_epochs : int
        Passes over them.
    checkpoints : path-like, optional
        Folder of checkpoints, from which a stopped training goes on.

    Returns
    -------
    EquivariantAutoencoder
        Fitted.
    """
    autoencoder = EquivariantAutoencoder(
        size=size,
        preprocess=False,
        pretrained=False,
        batch_size=_batch_size(size),
        max_epochs=max_epochs,
        validation_fraction=0.05,
        random_state=_SEED,
    )
    return _fitted(autoencoder, n_images, checkpoints)


def pretrain_plain(
    size: int, *, n_images: int, max_epochs: int, checkpoints: Path | None = None
) -> EquivariantAutoencoder:
    """Train the plain network of this size on the same images, from random weights.

    Parameters
    ----------
    size : int
        Side of the images in pixels.
    n_images : int
        Number of simulated images.
    max_epochs : int
        Passes over them.
    checkpoints : path-like, optional
        Folder of checkpoints, from which a stopped training goes on.

    Returns
    -------
    EquivariantAutoencoder
        Fitted.
    """
    plain = plain_autoencoder(size).set_params(
        batch_size=_batch_size(size), max_epochs=max_epochs, random_state=_SEED
    )
    return _fitted(plain, n_images, checkpoints)


def _batch_size(size: int) -> int:
    return _BATCH if size < 128 else _BATCH // 2


def _fitted(
    autoencoder: EquivariantAutoencoder, n_images: int, checkpoints: Path | None
) -> EquivariantAutoencoder:
    images = simulated_mixture(n_images, autoencoder.size, random_state=_SEED)
    return autoencoder.fit(
        images,
        checkpoints=checkpoints,
        on_epoch=lambda record: print({k: round(v, 4) for k, v in record.items()}, flush=True),
    )


def main() -> int:
    """Train for one size, or for all of them, and write the weights."""
    parser = argparse.ArgumentParser(prog="python -m equiclust.autoencoder.make_pretrained")
    parser.add_argument(
        "--size", type=int, nargs="*", default=tuple(_SCHEDULES), choices=_SCHEDULES
    )
    parser.add_argument(
        "--network", nargs="*", default=(_EQUIVARIANT, _PLAIN), choices=(_EQUIVARIANT, _PLAIN)
    )
    parser.add_argument("--output", type=Path, default=_SHIPPED, metavar="FOLDER")
    parser.add_argument("--checkpoints", type=Path, metavar="FOLDER")
    chosen = parser.parse_args()
    keep_freed_memory()
    logging.basicConfig(level=logging.WARNING)
    for size in chosen.size:
        for network in chosen.network:
            with TemporaryDirectory() as scratch:
                folder = (chosen.checkpoints or Path(scratch)) / network / str(size)
                _write(size, network, folder, chosen.output)
    return 0


def _write(size: int, network: str, checkpoints: Path, output: Path) -> None:
    """Train one network and write its weights."""
    n_images, epochs = _SCHEDULES[size]
    if network == _PLAIN:
        epochs = -(-epochs // _PLAIN_SHARE)
        trained = pretrain_plain(
            size, n_images=n_images, max_epochs=epochs, checkpoints=checkpoints
        )
        name = plain_weights_name(size)
    else:
        trained = pretrain(size, n_images=n_images, max_epochs=epochs, checkpoints=checkpoints)
        name = weights_name(trained.network_.config.group, size)
    output.mkdir(parents=True, exist_ok=True)
    learned = trained.network_.state_dict()
    with atomic_path(output / name) as draft:
        save_file({name: value.cpu() for name, value in learned.items()}, draft)
    print(f"-> {output / name}")


if __name__ == "__main__":
    sys.exit(main())
