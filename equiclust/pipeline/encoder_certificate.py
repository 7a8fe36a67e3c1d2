"""The certificate of anyone's encoder, with its figure: what `equiclust certify` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from equiclust.encoders import GroupAveraged, LatentTable, encoder_record, get_encoder
from equiclust.evaluation.invariance import Certificate, certify
from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import write_json
from equiclust.io.output_checks import check_writable, output_path
from equiclust.io.outputs import Outputs
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.inputs import Inputs, load_images, sample_indices
from equiclust.progress import Progress, Update, start_stage
from equiclust.typing import Float32Array, PathLike
from equiclust.validation import check_whole

__all__ = [
    "EncoderCertificate",
    "certify_encoder",
    "check_certificate_output",
    "write_certificate",
]

_FIGURES = ("invariance.png", "invariance.pdf")
_RECORD = "certificate.json"
# As they are and within their circle; eight exact ones; eight diagonal ones, there and back; eight
# random ones; two tiny ones.
_N_TRANSFORMS = 36
_SMALLEST_SIZE, _LARGEST_SIZE = 16, 1024


@dataclass(frozen=True)
class EncoderCertificate:
    """The certificate of an encoder, and of what it is.

    Parameters
    ----------
    certificate : Certificate
        With the encoder before averaging as the baseline, where it is averaged.
    encoder : dict
        See `equiclust.encoders.encoder_record`.
    n_rejected : int
        Inputs that could not be read.
    """

    certificate: Certificate
    encoder: dict[str, Any]
    n_rejected: int

    @property
    def record(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        return {
            **self.certificate.to_dict(),
            "encoder": self.encoder,
            "n_rejected": self.n_rejected,
        }


def certify_encoder(
    model: PathLike,
    inputs: Inputs,
    *,
    group: str = "none",
    size: int = 128,
    n_images: int = 16,
    random_state: int = 0,
    on_progress: Progress | None = None,
    **parameters: Any,
) -> EncoderCertificate:
    """Measure how much the vectors of an encoder change when images are turned.

    Parameters
    ----------
    model : str or path
        Name of a network, or an ONNX file; see `equiclust.encoders.get_encoder`.
    inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them
        Files, folders and globs, or images in memory.
    group : str, default "none"
        Group over which the vectors are averaged; the encoder as it is is then measured beside.
    size : int, default 128
        Side in pixels to which images are brought first.
    n_images : int, default 16
        Images that are turned, drawn at random where there are more.
    random_state : int, default 0
        Of that draw and of the random angles.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.
    **parameters : object
        Of the encoder.

    Returns
    -------
    EncoderCertificate

    Raises
    ------
    InputError
        When the encoder or the images cannot be used.
    WeightsNotFoundError
        When its weights are not to be found.
    """
    check_whole("size", size, _SMALLEST_SIZE, largest=_LARGEST_SIZE)
    check_whole("n_images", n_images, 2)
    if Path(model).is_dir():
        raise InputError(f"encoder must be a name or a file, got the folder {str(model)!r}; for a "
                         "run there is equiclust check")  # fmt: skip
    encoder = get_encoder(model, group=group, **parameters)
    if isinstance(encoder, LatentTable):
        raise InputError(
            f"encoder must look at the pixels to be certified, got the table {str(model)!r}: what "
            "its vectors do when an image is turned is not known"
        )
    # Before the images are read: this is where weights are looked for.
    described = encoder_record(encoder)
    loaded = load_images(inputs, {"size": size}, on_progress=on_progress)
    pixels = loaded.images.take(sample_indices(len(loaded.images), n_images, random_state)).pixels
    update = start_stage(on_progress, "rotation")
    single = encoder.encoder if isinstance(encoder, GroupAveraged) else None
    certificate = certify(
        _watched(encoder.transform, update),
        pixels,
        baseline=single,
        random_state=random_state,
    )
    return EncoderCertificate(certificate, described, len(loaded.rejected))


def _watched(
    embed: Callable[[Float32Array], npt.ArrayLike], update: Update
) -> Callable[[Float32Array], npt.ArrayLike]:
    done = 0

    def embedded(images: Float32Array) -> npt.ArrayLike:
        nonlocal done
        latents = embed(images)
        done += 1
        update(done, _N_TRANSFORMS, "")
        return latents

    return embedded


def check_certificate_output(output: PathLike) -> Outputs:
    """Refuse a folder that cannot be written, or holds something else of these names.

    Parameters
    ----------
    output : str or path
        Folder for the certificate and its figure; made when missing.

    Returns
    -------
    Outputs

    Raises
    ------
    InputError
        When it is no path.
    OutputError
        When the folder cannot be written, is that of a run, or holds files of these names that an
        earlier certificate did not write.
    """
    folder = output_path(output)
    check_writable(folder)
    if RunFolder(folder).is_run:
        raise OutputError(f"cannot write to {str(folder)!r}: it is the folder of a run; choose "
                          "another output")  # fmt: skip
    outputs = Outputs.beside(
        folder / _RECORD, *(folder / name for name in _FIGURES), command="certify"
    )
    outputs.check_free()
    return outputs


def write_certificate(certified: EncoderCertificate, output: PathLike) -> tuple[Path, ...]:
    """Write a certificate as JSON, and its figure as PNG and PDF.

    Parameters
    ----------
    certified : EncoderCertificate
    output : str or path
        Folder; made when missing.

    Returns
    -------
    tuple of Path
        The JSON file, then the figures.

    Raises
    ------
    InputError, OutputError
        As `check_certificate_output`.
    """
    from equiclust.report.figures.invariance import save_invariance

    outputs = check_certificate_output(output)
    names = ("averaged", "as it is") if certified.certificate.baseline else ("encoder", "")
    with outputs.held(), outputs.replaced() as drafts:
        for name in _FIGURES:
            save_invariance(certified.certificate, drafts / name, names=names)
        write_json(drafts / _RECORD, certified.record)
    return tuple(outputs.folder / name for name in (_RECORD, *_FIGURES))
