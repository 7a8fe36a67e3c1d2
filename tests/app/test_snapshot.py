"""One page that runs nothing and loads nothing, with the map, the kinds, pictures and labels."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from equiclust.app.label_file import GivenLabel
from equiclust.app.snapshot import make_snapshot
from equiclust.exceptions import InputError
from equiclust.report.figures.palette import mark_of
from equiclust.report.figures.projections import Projection

N = 40
PICTURE = "data:image/png;base64,AAAA"
LATENTS = np.random.default_rng(2).normal(size=(N, 4))
PLANE = Projection("pca0", "Principal components 1 and 2", "x", "y", LATENTS[:, :2])
TABLE = Table(
    {
        "id": [f"disc {k}" for k in range(N)],
        "label": np.where(np.arange(N) < 30, np.arange(N) % 2, -1),
        "stability": np.where(np.arange(N) == 4, np.nan, np.linspace(0.0, 1.0, N)),
    }
)
LABELS = {
    7: [
        GivenLabel("ring", "ada", "2026-11-30T07:12:33+00:00", "suggested"),
        GivenLabel("bar", "jo", "yesterday", ""),
    ],
    2: [GivenLabel("bar", "", "", "")],
}


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.feed(content)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def snapshot(table: Table = TABLE, **options: Any) -> str:
    given: dict[str, Any] = {
        "title": "Discs",
        "date": "30 November 2026",
        "run_name": "sorted",
        "picture_of": lambda row: PICTURE,
        "projection": PLANE,
    }
    return make_snapshot(table, LATENTS, **(given | options))


def taught(**columns: Any) -> Table:
    table = TABLE.copy()
    table["kind"] = [("ring", "bar", "bar", "")[k % 4] for k in range(N)]
    table["probability"] = np.linspace(1.0, 0.0, N)
    for name, values in columns.items():
        table[name] = values
    return table


def test_nothing_is_run_and_nothing_is_loaded() -> None:
    content = snapshot(labels=LABELS)
    page = Page(content)
    assert not {"script", "link", "iframe", "object", "form", "a"} & set(page.tags)
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|https?:|@import", content)
    assert "default-src &#39;none&#39;" in content or "default-src 'none'" in content
    assert page.images[0]["src"].startswith("data:image/svg+xml;base64,")  # type: ignore[union-attr]
    assert content == snapshot(labels=LABELS)


def test_clusters_have_counts_and_their_most_stable_images() -> None:
    page = Page(snapshot())
    assert "sorted, 30 November 2026: 40 images in 2 clusters" in page.text
    assert "cluster 0 15 37.5 %" in page.text
    assert page.text.index("cluster 1 15") < page.text.index("don't know 10")
    pictures = [one["alt"] for one in page.images[1:]]
    assert len(pictures) == 12 + 12 + 10
    assert pictures[:12] == [f"disc {k}" for k in range(28, 5, -2)]
    assert "15 images; shown: the 12 of largest stability" in page.text
    assert "No image is labelled." in page.text


def test_kinds_have_the_order_and_colours_of_the_page() -> None:
    content = snapshot(taught(), kinds=["spiral", "ring"])
    page = Page(content)
    assert "40 images in 2 kinds" in page.text
    assert page.text.index("ring 10 25.0 %") < page.text.index("bar 20 50.0 %")
    assert mark_of(1).colour in content
    assert mark_of(2).colour in content
    assert page.images[1]["alt"] == "disc 0"


def test_labels_are_listed_with_who_and_when() -> None:
    text = Page(snapshot(labels=LABELS)).text
    assert "2 images labelled by ada, jo" in text
    assert (
        "disc 2 bar disc 7 ring ada 2026-11-30 07:12 UTC suggested disc 7 bar jo yesterday" in text
    )


def test_sentences_of_the_accuracy_are_said() -> None:
    assert (
        "91 % have the right kind." in Page(snapshot(sentences=["91 % have the right kind"])).text
    )


def test_images_without_a_picture_are_named() -> None:
    page = Page(snapshot(picture_of=lambda row: ""))
    assert len(page.images) == 1
    assert page.text.count("no picture") == 34


def test_hostile_text_stays_text() -> None:
    evil = '<img src=x onerror="alert(1)"></style><script>alert(1)</script>'
    label = {0: [GivenLabel(evil, evil, evil, evil)]}
    table = taught(id=[evil] * N, kind=[evil, "bar"] * 20)
    page = Page(snapshot(table, title=evil, run_name=evil, labels=label, sentences=[evil]))
    assert "script" not in page.tags
    assert page.tags.count("style") == 1
    assert len(page.images) == 1 + 24
    assert page.text.count("alert(1)") > 10


def test_a_map_may_show_another_column() -> None:
    page = Page(snapshot(taught(), colour="stability"))
    assert "Principal components 1 and 2, coloured by stability" in page.text
    with pytest.raises(InputError, match="colour must be a column"):
        snapshot(colour="mass")
