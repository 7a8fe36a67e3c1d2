"""Head of the page: the result in one sentence, in a few numbers, and what to read first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equiclust.report.contents import TRAINED, Contents
from equiclust.report.formatting import counted, is_number, percent

__all__ = [
    "Bottleneck",
    "KeyFigure",
    "make_bottleneck",
    "make_headline",
    "make_key_figures",
    "make_notes",
]


@dataclass(frozen=True)
class KeyFigure:
    """A number with what it counts.

    Parameters
    ----------
    value, name : str
    state : str, default ""
        "good", "bad" or empty.
    """

    value: str
    name: str
    state: str = ""


@dataclass(frozen=True)
class Bottleneck:
    """How many numbers represent one image.

    Parameters
    ----------
    image, map : int
        In its pixels and in the feature map that is decoded; 0 = not recorded.
    latent : int
        In its latent.
    n_networks : int, default 1
        Networks whose latents are concatenated.
    member : str, default "network"
        What one of them is called.
    """

    image: int
    map: int
    latent: int
    n_networks: int = 1
    member: str = TRAINED.member

    @property
    def of_each(self) -> str:
        """Share of each network in the latent, such as " (32 by each network)"; else empty."""
        share, rest = divmod(self.latent, self.n_networks)
        return f" ({share:,} by each {self.member})" if self.n_networks > 1 and not rest else ""

    @property
    def is_narrow(self) -> bool:
        """Whether the feature map holds fewer numbers than the image."""
        return 0 < self.map < self.image


def make_headline(contents: Contents) -> str:
    """State the numbers of images, clusters and rejected files, and the certificate.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    str
        One sentence.
    """
    rejected = counted(len(contents.rejected), "file") if contents.rejected else "no file"
    state = _certificate_state(contents)
    return f"{_result(contents)}, invariance certificate {state}, {rejected} rejected."


def _result(contents: Contents) -> str:
    images = _images(contents)
    unassigned = int(np.sum(contents.labels < 0))
    rest = f" ({unassigned:,} left without one)" if unassigned else ""
    if contents.is_one_family:
        return f"{images} that form one continuous family without clusters"
    if not contents.cluster_labels:
        return f"{images}, none of them assigned to a cluster with enough stability"
    groups = counted(len(contents.cluster_labels), contents.sorting.group)
    return f"{images} sorted into {groups}{rest}"


def _images(contents: Contents) -> str:
    images = counted(len(contents.ids), "image")
    total = contents.section("provenance").get("n_read") if contents.section("all_images") else None
    return f"{images} of {total:,}, drawn at random," if is_number(total) else images


def make_key_figures(contents: Contents) -> tuple[KeyFigure, ...]:
    """List the numbers of the headline, the mean stability and the PSNR.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    tuple of KeyFigure
    """
    unassigned = int(np.sum(contents.labels < 0))
    n_clusters, words = len(contents.cluster_labels), contents.sorting
    certificate = _certificate_state(contents)
    state = {"passed": "good", "failed": "bad"}.get(certificate, "")
    figures = [
        KeyFigure(f"{len(contents.ids):,}", "images"),
        KeyFigure("none" if contents.is_one_family else str(n_clusters), f"{words.group}s"),
        KeyFigure(f"{unassigned:,}", words.apart),
        _score_figure(contents),
        KeyFigure(certificate, "invariance certificate", state),
        KeyFigure(f"{len(contents.rejected):,}", "files rejected"),
    ]
    psnr = contents.section("reconstruction").get("psnr")
    if is_number(psnr):
        figures.append(KeyFigure(f"{psnr:.1f} dB", "reconstruction (PSNR)"))
    return tuple(figures)


def _score_figure(contents: Contents) -> KeyFigure:
    """Accuracy where labels tell it, else the mean stability."""
    accuracy = contents.section("teaching").get("accuracy")
    if not contents.kinds:
        return KeyFigure(_mean_stability(contents), "mean stability of the labelled")
    if not isinstance(accuracy, dict):
        return KeyFigure("unknown", "accuracy")
    low, high = percent(accuracy["low"]), percent(accuracy["high"])
    return KeyFigure(percent(accuracy["value"]), f"accuracy ({low} to {high})")


def _mean_stability(contents: Contents) -> str:
    labelled = contents.stability[contents.labels >= 0]
    if not len(labelled):
        return "none"
    known = labelled[np.isfinite(labelled)]
    return f"{known.mean():.2f}" if len(known) else "unknown"


def make_bottleneck(contents: Contents) -> Bottleneck:
    """Sizes of image and feature map as recorded, and of the latent as found.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    Bottleneck
    """
    size = contents.section("size")
    image, narrow = (int(size[key]) if is_number(size.get(key)) else 0 for key in ("image", "map"))
    return Bottleneck(
        image, narrow, contents.latents.shape[1], max(contents.n_folds, 1), contents.words.member
    )


def make_notes(contents: Contents) -> tuple[str, ...]:
    """List the notes of the run, among them that on the perceptual term.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    tuple of str
        Each note once.
    """
    perceptual = contents.section("perceptual")
    found = [str(note) for note in contents.entries("notes")]
    if perceptual.get("note"):
        found.append(str(perceptual["note"]))
    found += _note_of_all(contents)
    return tuple(dict.fromkeys(found))


def _note_of_all(contents: Contents) -> list[str]:
    """How many of all images are in each cluster, where some were learned from."""
    record = contents.section("all_images")
    if not record:
        return []
    sizes = ", ".join(f"{k}: {size:,}" for k, size in enumerate(record["sizes"]))
    return [
        f"all_images.fits holds the labels of all {record['n_images']:,} images; by cluster "
        f"{sizes}; without a label {record['n_unassigned']:,}."
    ]


def _certificate_state(contents: Contents) -> str:
    if contents.certificate is None:
        return "not measured"
    return "passed" if contents.certificate.passed else "failed"
