"""Run folders to report on, small and made in no time."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.evaluation.invariance import Certificate, certify
from equiclust.images import ImageSet
from equiclust.io.atomic import write_json
from equiclust.io.catalogue import make_catalogue, make_latents, make_rejected, write_table
from equiclust.io.run_folder import RunFolder

METRICS: dict[str, Any] = {
    "history": [
        {
            "epoch": epoch,
            "total": 1.0 / (1 + epoch),
            "mse": 0.1 / (1 + epoch) ** 2,
            "validation_mse": 0.1 / (1 + epoch),
            "variance": 0.5,
            "learning_rate": 1e-3,
            "seconds": 2.5,
        }
        for epoch in range(5)
    ],
    "reconstruction": {"mse": 0.002, "psnr": 27.0, "ms_ssim": 0.95},
    "clusters": {
        "n_clusters": 3,
        "method": "spectral",
        "chosen": "auto",
        "candidates": [{"n_clusters": k, "negative_bic": -float(k)} for k in (2, 3, 4)],
        "votes": {"negative_bic": 2},
    },
    "size": {"image": 256, "map": 128, "latent": 5},
    "perceptual": {"network": None, "note": "The perceptual term was off."},
    "notes": ["Ninety-nine files were tiny."],
    "provenance": {"version": "0.1.0", "random_state": 7, "inputs": ["/home/someone/sky/discs"]},
}


def make_run(
    path: Path,
    *,
    labels: Sequence[int] = (0, 0, 0, 1, 1, 2, 2, 2, -1, 0, 1, 2, 0, 1),
    ids: Sequence[str] | None = None,
    pictured: Sequence[int] | None = None,
    channels: int = 1,
    latent_dim: int = 5,
    pixels: npt.NDArray[np.float32] | None = None,
    latents: npt.NDArray[np.float64] | None = None,
    metrics: dict[str, Any] = METRICS,
    rejected: Sequence[tuple[str, str]] = (("discs/bad.fits", "truncated"),),
    certificate: Certificate | None = None,
) -> RunFolder:
    """Folder of a run with those labels; `pictured` are the rows that have previews."""
    n = len(labels)
    rng = np.random.default_rng(5)
    if pixels is None:
        pixels = rng.random((n, channels, 16, 16), dtype=np.float32)
    images = ImageSet.from_array(pixels, ids=ids)
    if latents is None:
        latents = rng.normal(size=(n, latent_dim)) + np.asarray(labels)[:, None]
    stability, outlier_score = rng.random(n), rng.random(n)
    catalogue = make_catalogue(
        images, labels, stability, fold_labels=[labels], outlier_score=outlier_score
    )
    run = RunFolder.create(path, {"n": n})
    write_table(make_latents(images.ids, latents), run.latents_fits)
    write_table(make_rejected(rejected), run.rejected_ecsv)
    write_json(run.metrics_json, metrics)
    rows = list(range(n) if pictured is None else pictured)
    evaluated = np.clip(pixels + 0.1, 0.0, 1.0)
    names = np.array(images.ids)[rows]
    np.savez(run.previews_npz, ids=names, images=pixels[rows], reconstructions=evaluated[rows])
    if certificate is not None:
        write_json(run.invariance_json, certificate.to_dict())
    write_table(catalogue, run.catalogue_ecsv)
    return run


def make_certificate(*, passes: bool = True, baseline: bool = True) -> Certificate:
    """Certificate of the sorted pixels, which no quarter turn can change, or of the pixels."""
    images = np.random.default_rng(2).random((6, 1, 8, 8), dtype=np.float32)

    def pixels(shown: Any) -> Any:
        return shown.reshape(len(shown), -1)

    def invariant(shown: Any) -> Any:
        return np.sort(pixels(shown), axis=1)

    return certify(
        invariant if passes else pixels,
        images,
        predict=lambda latents: (latents[:, 0] > 0.01).astype(int),
        baseline=pixels if baseline else None,
        n_random_angles=2,
        random_state=0,
    )


class Page(HTMLParser):
    """A page taken apart: its tags with their attributes, and the text a reader sees."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        self.text += " " if tag in ("td", "th", "dt", "dd") else ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    def count(self, tag: str) -> int:
        """How often a tag occurs."""
        return sum(found == tag for found, _ in self.tags)

    def values(self, attribute: str) -> list[str]:
        """Values of an attribute, whatever its tag."""
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]
