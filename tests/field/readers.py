"""One mutant read by one reader, as the user would, and what came of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import traceback
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

import data_adapters
from data_adapters.sky import open_sky_map, region_mask
from equiclust.exceptions import EquiclustError
from equiclust.io import read_table
from equiclust.pipeline.model import Model
from tests.field.mutations import mutate
from tests.field.seeds import MODEL, SEEDS, Files, model_parts

__all__ = ["ACCEPTED", "CRASHED", "READERS", "REFUSED", "Outcome", "read_mutant", "write_mutant"]

ACCEPTED, REFUSED, CRASHED = "accepted", "refused", "other exception"
Outcome = tuple[str, str]

_NAMES = (
    b"a\xff\xfe.fits",
    b"x" * 200 + b".npy",
    "ü.png".encode(),
    b" .fits",
    b"[1].fits",
    b"*.npy",
)


@cache
def _model() -> Files:
    return model_parts()


def read_mutant(reader: str, index: int, random_state: int, folder: Path) -> Outcome:
    """Write a mutant, read it, and tell what came of it.

    Parameters
    ----------
    reader : str
        One of `READERS`.
    index, random_state : int
        Number of the mutant, and the seed of all.
    folder : Path
        Emptied first.

    Returns
    -------
    tuple of str
        What came of it, and the sentence.
    """
    path = write_mutant(reader, index, random_state, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _READ[reader](path)
    except EquiclustError as error:
        return REFUSED, str(error)
    # Whatever is raised, it is what is looked for.
    except BaseException as error:
        return CRASHED, _last_line(error)


def write_mutant(reader: str, index: int, random_state: int, folder: Path) -> Path:
    """The file or folder that `read_mutant` reads.

    Parameters
    ----------
    reader, index, random_state, folder
        As for `read_mutant`.

    Returns
    -------
    Path
    """
    random = Random(f"{random_state} {reader} {index}")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    parts = _model() if reader == MODEL else SEEDS[reader]
    name = random.choice(list(parts))
    kind, content = parts[name]
    other = parts[random.choice(list(parts))][1]
    mutant = mutate(content, other, kind, random)
    if reader == MODEL:
        return _mutated_model(name, mutant, folder, random)
    if reader == "folder":
        return _mutated_folder(name, mutant, folder, random)
    path = folder / name
    path.write_bytes(mutant)
    return path


def _mutated_folder(name: str, mutant: bytes, folder: Path, random: Random) -> Path:
    """A folder with a good file, a mutant, odd names and links."""
    below = folder / "below"
    below.mkdir()
    (below / name).write_bytes(mutant)
    odd = os.fsencode(folder) + b"/" + random.choice(_NAMES)
    with open(odd, "wb") as stream:
        stream.write(random.choice((mutant, b"")))
    link = random.choice((folder, below, Path("/nowhere"), below / name, below / "again"))
    (below / "again").symlink_to(link)
    return folder


def _mutated_model(name: str, mutant: bytes, folder: Path, random: Random) -> Path:
    """A model with a mutated part, whose digests are often made to fit."""
    contents = {part: content for part, (_, content) in _model().items()}
    what = random.random()
    if what < 0.8:
        _replace(contents, name, mutant, fitting=random.random() < 0.7)
    elif what < 0.9:
        del contents[name]
    else:
        # Two parts of one kind are exchanged.
        same = [part for part in contents if Path(part).suffix == Path(name).suffix]
        another = random.choice(same)
        contents[name], contents[another] = contents[another], contents[name]
    for part, content in contents.items():
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).write_bytes(content)
    return folder


def _replace(contents: dict[str, bytes], name: str, mutant: bytes, *, fitting: bool) -> None:
    """Replace a part and, where digests are to fit, its digest wherever it is written."""
    old = hashlib.sha256(contents[name]).hexdigest().encode()
    contents[name] = mutant
    new = hashlib.sha256(mutant).hexdigest().encode()
    if fitting:
        for part, content in list(contents.items()):
            if part != name and old in content:
                _replace(contents, part, content.replace(old, new), fitting=True)


def _last_line(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    found = traceback.format_exception_only(error)[-1].strip()[:200]
    return f"{found} ({Path(place.filename).name}:{place.lineno})"


def _images(path: Path) -> Outcome:
    result = data_adapters.read(path)
    if not len(result.images):
        return REFUSED, result.rejected[0].reason
    for image in result.images:
        assert np.isfinite(image.pixels).all(), f"{image.id} has pixels that are not finite"
    return ACCEPTED, ""


def _sky_map(path: Path) -> Outcome:
    with open_sky_map(path) as sky:
        sky.read(slice(0, 2), slice(0, 8))
    return ACCEPTED, ""


def _regions(path: Path) -> Outcome:
    region_mask(_whole_sky_map(path.parent.parent), path)
    return ACCEPTED, ""


@cache
def _whole_sky_map(folder: Path) -> object:
    path = folder / f"whole-{os.getpid()}.fits"
    path.write_bytes(SEEDS["sky map"]["a.fits"][1])
    return open_sky_map(path)


def _catalogue(path: Path) -> Outcome:
    read_table(path)
    return ACCEPTED, ""


def _model_folder(path: Path) -> Outcome:
    model = Model.load(path)
    latents = np.zeros((len(model.ensemble.members_), 2, model.ensemble.members_[0].latent_dim))
    model.ensemble.consensus_.predict_consensus(latents)
    return ACCEPTED, ""


_READ: dict[str, Callable[[Path], Outcome]] = {
    **dict.fromkeys(SEEDS, _images),
    "sky map": _sky_map,
    "regions": _regions,
    "catalogue": _catalogue,
    MODEL: _model_folder,
}
READERS = tuple(_READ)
