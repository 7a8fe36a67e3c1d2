"""Draw `face_on.png`, the README picture of discs that are seen from two directions."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from equiclust import Preprocessor, measure_inclinations, simulate_views

TARGET = Path(__file__).with_name("face_on.png")
CLASSES = ("spiral", "rings", "crescent", "cavity")
N_SYSTEMS = 6


def main() -> None:
    """Simulate systems, choose some with a nearly face-on and an inclined view, and draw them."""
    images, truth = simulate_views(
        400,
        size=128,
        classes=CLASSES,
        max_inclination=70.0,
        outer_radius=(0.6, 0.8),
        snr=(40.0, 100.0),
        beam_fwhm=0.03,
        random_state=3,
    )
    face_on, inclined = np.asarray(truth["inclination"]).reshape(-1, 2).T
    kinds = np.asarray(truth["kind"])[::2]
    wanted = (face_on < 35.0) & (inclined > 50.0) & (inclined < 68.0)
    chosen = [np.flatnonzero(wanted & (kinds == kind)) for kind in CLASSES]
    systems = [chosen[i % len(CLASSES)][i // len(CLASSES)] for i in range(N_SYSTEMS)]
    shown = images.take([2 * system + view for system in systems for view in (0, 1)])
    found = measure_inclinations(shown)
    sheet, grid = plt.subplots(2, 2 * N_SYSTEMS, figsize=(12.6, 2.5))
    for row, (name, canonical) in enumerate((("as seen", "none"), ("face-on", "inclination"))):
        pixels = Preprocessor(size=128, canonical=canonical).fit_transform(shown).pixels[:, 0]
        for axes, picture in zip(grid[row], pixels, strict=True):
            axes.imshow(picture, origin="lower", cmap="inferno", vmin=0.0, vmax=1.0)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        grid[row, 0].set_ylabel(name, fontsize=11)
    for axes, angle, error in zip(
        grid[0], found["inclination"], found["inclination_error"], strict=True
    ):
        axes.set_title(f"{angle:.0f}° ± {max(error, 1.0):.0f}°", fontsize=10)
    sheet.subplots_adjust(left=0.022, right=1.0, top=0.89, bottom=0.0, wspace=0.0, hspace=0.03)
    for k, axes in enumerate(grid.T):
        for one in axes:
            box = one.get_position()
            # The two views of a system are next to each other.
            shift = (0.002, -0.002)[k % 2]
            one.set_position([box.x0 + shift, box.y0, 0.96 * box.width, box.height])
    sheet.savefig(TARGET, dpi=100)


if __name__ == "__main__":
    main()
