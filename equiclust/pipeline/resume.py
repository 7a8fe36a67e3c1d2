"""Whether a training that was stopped may be resumed."""

from __future__ import annotations

from equiclust.exceptions import InputError, OutputError
from equiclust.images import ImageSet
from equiclust.io.atomic import read_json, write_json
from equiclust.io.fit_record import image_set_digest
from equiclust.io.run_folder import RunFolder

__all__ = ["check_same_start"]

_START = "start.json"


def check_same_start(folder: RunFolder, images: ImageSet, perceptual: str | None) -> None:
    """Record what the training starts with, or refuse to resume with anything else.

    Parameters
    ----------
    folder : RunFolder
    images : ImageSet
        Preprocessed.
    perceptual : str or None
        Network of the perceptual term; None where its weights are not available.

    Raises
    ------
    OutputError
        When the folder holds a training of other images, or with another perceptual term.
    """
    start = {"images": image_set_digest(images), "n_images": len(images), "perceptual": perceptual}
    path = folder.checkpoints / _START
    if not path.is_file():
        write_json(path, start)
        return
    try:
        known = read_json(path)
    except InputError as error:
        raise _refusal(folder, f"its record is damaged ({error}); restore it") from error
    if known.get("images") != start["images"]:
        raise _refusal(folder, "its images have changed since it was started; restore them")
    if known.get("perceptual") != perceptual:
        term = "without the perceptual term" if perceptual else "with the perceptual term"
        raise _refusal(folder, f"it was started {term}; set EQUICLUST_WEIGHTS as it was then")


def _refusal(folder: RunFolder, why: str) -> OutputError:
    return OutputError(
        f"cannot resume the run in {str(folder.path)!r}: {why}, or choose another folder"
    )
