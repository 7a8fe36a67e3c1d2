"""Draw `sorted_discs.png`, the README picture of simulated discs before and after clustering."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import SubFigure
from matplotlib.gridspec import GridSpecFromSubplotSpec

from equiclust import EquivariantAutoencoder, LatentClusterer, simulate_discs

N_DISCS, N_CLASSES, ROWS, COLUMNS = 240, 6, 6, 7
TARGET = Path(__file__).with_name("sorted_discs.png")


def show(part: SubFigure, pictures: list[list[np.ndarray]], title: str) -> None:
    """Fill one half of the figure with rows of images."""
    part.suptitle(title, fontsize=13)
    grid: GridSpecFromSubplotSpec = part.add_gridspec(
        ROWS, COLUMNS, left=0.01, right=0.99, bottom=0.01, top=0.92, wspace=0.03, hspace=0.03
    )
    for row, images in enumerate(pictures):
        for column, image in enumerate(images):
            axis = part.add_subplot(grid[row, column])
            axis.imshow(image, cmap="inferno", origin="lower")
            axis.set_axis_off()


def main() -> int:
    """Simulate, sort, draw."""
    images, _ = simulate_discs(N_DISCS, size=64, max_inclination=30, random_state=4)
    latents = EquivariantAutoencoder(perceptual=None, random_state=0).fit_transform(images)
    clusterer = LatentClusterer(N_CLASSES, method="gmm", random_state=0).fit(latents)
    pictures = images.pixels[:, 0]
    given = [list(pictures[row * COLUMNS : (row + 1) * COLUMNS]) for row in range(ROWS)]
    members = [np.flatnonzero(clusterer.labels_ == label)[:COLUMNS] for label in range(N_CLASSES)]
    figure = plt.figure(figsize=(12, 5.4))
    before, after = figure.subfigures(1, 2, wspace=0.03)
    show(before, given, "as the sky gives them")
    show(after, [list(pictures[m]) for m in members], "as equiclust sorts them, a row a cluster")
    figure.savefig(TARGET, dpi=100, bbox_inches="tight", pad_inches=0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main())
