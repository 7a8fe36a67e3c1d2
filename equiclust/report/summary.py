"""The first lines of the report: what was found, in one sentence and in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equiclust.report.contents import Contents
from equiclust.report.quantities import counted, is_number

__all__ = ["Bottleneck", "Figure", "bottleneck", "headline", "key_figures", "notes"]


@dataclass(frozen=True)
class Figure:
    """A number with what it counts; `state` is "good", "bad" or empty."""

    value: str
    name: str
    state: str = ""


@dataclass(frozen=True)
class Bottleneck:
    """How many numbers stand for one image, as pixels, as map and as latent; 0 = not recorded."""

    image: int
    map: int
    latent: int
    networks: int = 1

    @property
    def of_each(self) -> str:
        """How the latent is made up, where every network gives a part of it; else empty."""
        share, rest = divmod(self.latent, self.networks)
        return f" ({share:,} by each network)" if self.networks > 1 and not rest else ""

    @property
    def is_narrow(self) -> bool:
        """Whether the map holds fewer numbers than the image."""
        return 0 < self.map < self.image


def headline(contents: Contents) -> str:
    """One sentence on images, clusters, the certificate and what was rejected."""
    rejected = counted(len(contents.rejected), "file") if contents.rejected else "no file"
    return (
        f"{_sorting(contents)}, invariance certificate {_verdict(contents)}, {rejected} rejected."
    )


def _sorting(contents: Contents) -> str:
    images = counted(len(contents.ids), "image")
    unplaced = int(np.sum(contents.labels < 0))
    left = f" ({unplaced:,} left without one)" if unplaced else ""
    if contents.is_one_family:
        return f"{images} that form one continuous family without clusters"
    if not contents.cluster_labels:
        return f"{images}, none of them sure enough to be put into a cluster"
    return f"{images} sorted into {counted(len(contents.cluster_labels), 'cluster')}{left}"


def key_figures(contents: Contents) -> tuple[Figure, ...]:
    """The numbers of the headline and a few more."""
    unplaced = int(np.sum(contents.labels < 0))
    n_clusters = len(contents.cluster_labels)
    state = {"passed": "good", "failed": "bad"}.get(_verdict(contents), "")
    figures = [
        Figure(f"{len(contents.ids):,}", "images"),
        Figure("none" if contents.is_one_family else str(n_clusters), "clusters"),
        Figure(f"{unplaced:,}", "don't know"),
        Figure(_mean_confidence(contents), "mean confidence of the labelled"),
        Figure(_verdict(contents), "invariance certificate", state),
        Figure(f"{len(contents.rejected):,}", "files rejected"),
    ]
    psnr = contents.section("reconstruction").get("psnr")
    if is_number(psnr):
        figures.append(Figure(f"{psnr:.1f} dB", "reconstruction (PSNR)"))
    return tuple(figures)


def _mean_confidence(contents: Contents) -> str:
    labelled = contents.confidence[contents.labels >= 0]
    if not len(labelled):
        return "none"
    known = labelled[np.isfinite(labelled)]
    return f"{known.mean():.2f}" if len(known) else "unknown"


def bottleneck(contents: Contents) -> Bottleneck:
    """Sizes as recorded; that of the latent is measured."""
    size = contents.section("size")
    image, narrow = (int(size[key]) if is_number(size.get(key)) else 0 for key in ("image", "map"))
    return Bottleneck(image, narrow, contents.latents.shape[1], max(contents.n_folds, 1))


def notes(contents: Contents) -> tuple[str, ...]:
    """What the reader must know: the run's own notes and that of the perceptual term."""
    perceptual = contents.section("perceptual")
    found = [str(note) for note in contents.entries("notes")]
    if perceptual.get("note"):
        found.append(str(perceptual["note"]))
    return tuple(dict.fromkeys(found))


def _verdict(contents: Contents) -> str:
    if contents.certificate is None:
        return "not measured"
    return "passed" if contents.certificate.passed else "failed"
