"""The figure of a paper: the same bytes, the width asked for, letters that can be searched."""

from __future__ import annotations

import re
import shlex
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from PIL import Image as Picture

from equiclust.exceptions import InputError
from equiclust.report.figures.palette import UNKNOWN, mark_of
from equiclust.report.figures.projections import Projection
from equiclust.report.latent_figure import draw_figure, figure_command, write_latent_figure

RNG = np.random.default_rng(4)
N = 24
LATENTS = RNG.normal(size=(N, 5))
TABLE = Table(
    {
        "id": [f"disc {k}" for k in range(N)],
        "label": np.arange(N) % 4 - 1,
        "stability": np.where(np.arange(N) == 3, np.nan, np.linspace(0.2, 1.0, N)),
    }
)
COMMAND = figure_command("my run", "map.pdf", colour="label")


def write(path: Path, **options: Any) -> bytes:
    write_latent_figure(TABLE, LATENTS, path, **options)
    return path.read_bytes()


def legend(**options: Any) -> list[str]:
    figure = draw_figure(TABLE, LATENTS, **options)
    return [text.get_text() for one in figure.legends for text in one.get_texts()]


def unpacked(pdf: bytes) -> bytes:
    """Streams of a PDF as they were before they were packed."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    parts = [zlib.decompressobj().decompress(one) for one in found if one[:1] == b"x"]
    return pdf + b"".join(parts)


@pytest.mark.parametrize("ending", ["pdf", "svg", "png"])
@pytest.mark.parametrize("colour", ["label", "stability"])
def test_the_same_call_writes_the_same_bytes(tmp_path: Path, ending: str, colour: str) -> None:
    options = {"colour": colour, "command": COMMAND}
    first = write(tmp_path / f"a.{ending}", **options)
    assert first == write(tmp_path / f"b.{ending}", **options)
    assert b"20" + b"26-" not in first
    assert b"CreationDate" not in first


def test_a_pdf_has_truetype_fonts_and_the_command(tmp_path: Path) -> None:
    content = unpacked(write(tmp_path / "a.pdf", command=COMMAND))
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"equiclust figure 'my run' --output map.pdf" in content


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_command_is_in_every_format(tmp_path: Path, ending: str) -> None:
    assert b"--output map.pdf" in write(tmp_path / f"a.{ending}", command=COMMAND)
    assert b"--output" not in write(tmp_path / f"b.{ending}")


@pytest.mark.parametrize("width", [6.0, 18.0])
def test_the_figure_has_the_width_asked_for_and_nothing_is_cut_off(
    tmp_path: Path, width: float
) -> None:
    write(tmp_path / "a.png", width=width)
    with Picture.open(tmp_path / "a.png") as picture:
        assert picture.width == pytest.approx(width / 2.54 * 300, abs=1)
        ink = np.asarray(picture.convert("L")) < 250
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    assert 0 < rows[0] < 60
    assert 0 < columns[0] < columns[-1] < ink.shape[1] - 1
    assert ink.shape[0] - 60 < rows[-1] < ink.shape[0] - 1


def test_clusters_have_the_colours_of_the_report_and_their_counts() -> None:
    assert legend() == ["don't know (6)", "cluster 0 (6)", "cluster 1 (6)", "cluster 2 (6)"]
    (axes,) = draw_figure(TABLE, LATENTS).axes
    drawn = {tuple(np.round(255 * one.get_facecolor()[0, :3])) for one in axes.collections}
    marks = [UNKNOWN, *(mark_of(label) for label in range(3))]
    wanted = {tuple(int(one.colour[i : i + 2], 16) for i in (1, 3, 5)) for one in marks}
    assert drawn == wanted


def test_points_lie_where_the_projection_has_them_at_equal_scales() -> None:
    plane = Projection("pca0", "", "x", "y", LATENTS[:, :2])
    (axes,) = draw_figure(TABLE, LATENTS, projection=plane).axes
    drawn = np.concatenate([np.asarray(one.get_offsets()) for one in axes.collections])
    assert sorted(drawn.tolist()) == sorted(plane.positions.tolist())
    assert axes.get_aspect() == 1.0
    left, right, bottom, top = axes.axis()
    assert left < drawn[:, 0].min() < drawn[:, 0].max() < right
    assert bottom < drawn[:, 1].min() < drawn[:, 1].max() < top


def test_unknown_values_are_said() -> None:
    assert legend(colour="stability") == ["unknown (1)"]


def test_labels_are_colours_or_rings() -> None:
    labels = {"disc 0": "ring", "disc 5": "bar", "disc 6": "ring"}
    assert legend(labels=labels) == ["no kind (21)", "bar (1)", "ring (2)"]
    assert legend(labels=labels, colour="label")[-1] == "labelled (3)"
    assert "kind" not in TABLE.colnames


def test_hostile_kinds_are_drawn(tmp_path: Path) -> None:
    names = ["$x^$", "a\nb", "\u96ea", "\\frac{", "<b>", "x" * 90]
    labels = {f"disc {k}": name for k, name in enumerate(names)}
    assert max(len(text) for text in legend(labels=labels)) < 40
    assert write(tmp_path / "a.pdf", labels=labels)


def test_many_points_become_pixels(tmp_path: Path) -> None:
    n = 20_001  # As vectors they take more than a megabyte.
    table = Table({"label": np.zeros(n, int)})
    write_latent_figure(table, RNG.normal(size=(n, 2)), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 1_000_000


@pytest.mark.parametrize("n", [1, 2])
def test_few_images_are_drawn(n: int, tmp_path: Path) -> None:
    write_latent_figure(TABLE[:n], LATENTS[:n], tmp_path / "a.pdf", colour="stability")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 3.0}, r"width must be 4 to 60 \(centimetres\), got 3.0"),
        ({"colour": "mass"}, "got 'mass'"),
        ({"labels": {"disc 99": "ring"}}, "images of the run, got 'disc 99'"),
        ({"projection": "mds"}, "projection must be"),
        ({"projection": Projection("", "", "", "", LATENTS[:3, :2])}, "must have 24 positions"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw_figure(TABLE, LATENTS, **options)


def test_other_formats_and_other_latents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.pdf, \.svg or \.png, got .*\.jpg"):
        write(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="one row for each row of the table, got 3 for 24"):
        draw_figure(TABLE, LATENTS[:3])


def test_the_command_can_be_given_to_a_shell() -> None:
    command = figure_command("a run", "x.pdf", colour="it's", width=8.8, labels=["l 1.csv", "b"])
    assert shlex.split(command) == [
        *("equiclust", "figure", "a run", "--output", "x.pdf", "--projection", "pca"),
        *("--colour", "it's", "--width", "8.8", "--labels", "l 1.csv", "b"),
    ]
