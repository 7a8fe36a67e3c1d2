"""Laws of the page: everything is counted, nothing loaded, nothing left to chance."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from equiclust.exceptions import InputError
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.run_folder import RunFolder
from equiclust.report import write_report
from equiclust.report.contents import read_contents
from equiclust.report.sections import SECTIONS
from tests.report.ensemble_folder import make_ensemble_run
from tests.report.folders import METRICS, Page, make_certificate, make_run

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=http://evil.example/x onerror=alert(1)>",
    '"><b onmouseover="alert(1)">',
    "{{ 7 * 7 }}{% raw %}",
    "$$\\frac{1}{2}$$ $x$",
    "</style><!--",
    "javascript:alert(1)",
    "@thumbnail $index ]]> \u2028 Ω 星",
]


def page_of(run: RunFolder) -> Page:
    return Page(write_report(run))


def map_data(page: Page) -> str:
    (data,) = (script for script in page.scripts if '"root_id"' in script)
    return data


def strings_in(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for entry in value.values() for text in strings_in(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in strings_in(entry)]
    return [value] if isinstance(value, str) else []


def test_it_lies_in_the_run_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert write_report(run) == run.report_html
    assert run.report_html.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert not list(run.path.glob(".partial-*"))


def test_every_image_is_on_the_map(tmp_path: Path) -> None:
    labels = np.arange(300) % 7 - 1
    run = make_run(tmp_path / "run", labels=labels.tolist(), pictured=[4], metrics={})
    page = page_of(run)
    found = strings_in(json.loads(map_data(page)))
    for name in read_table(run.catalogue_ecsv)["id"]:
        assert found.count(str(name)) == 1
    assert "300 of 300 images are on the map, 1 of them" in page.text


def test_counts_agree_with_the_catalogue(tmp_path: Path) -> None:
    labels = [0] * 31 + [1] * 5 + [2] + [-1] * 8
    rejected = [("a", "b")] * 4
    page = page_of(make_run(tmp_path / "run", labels=labels, rejected=rejected, metrics={}))
    assert "45 images sorted into 3 clusters (8 left without one)" in page.text
    assert "4 files rejected." in page.text
    for name, count, share in (
        ("cluster 0", "31", "68.9"),
        ("cluster 1", "5", "11.1"),
        ("cluster 2", "1", "2.2"),
        ("don't know", "8", "17.8"),
    ):
        assert f"{name} ({count})" in page.text
        assert f"{name} {count} {share} %" in page.text.replace("\u202f", " ")


def test_nothing_is_loaded(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run", certificate=make_certificate()))
    addresses = page.values("src") + page.values("href") + page.values("data")
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert page.count("link") == page.count("iframe") == page.count("object") == 0
    (style,) = (attrs for tag, attrs in page.tags if tag == "meta" and "http-equiv" in attrs)
    assert style["content"].startswith("default-src 'none'")
    css = page.source.split("<style>")[1].split("</style>")[0]
    assert "url(" not in css
    assert "@import" not in css


def test_every_section_is_in_the_navigation_and_every_link_has_its_heading(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", certificate=make_certificate())
    page, contents = page_of(run), read_contents(run)
    shown = [one for one in SECTIONS if one.needs is None or one.needs(contents)]
    assert [one.name for one in SECTIONS if one not in shown] == [
        "teaching",
        "levels",
        "partitions",
        "encoders",
    ]
    anchors = [anchor for section in shown for anchor in section.links]
    assert len(set(anchors)) == len(anchors)
    assert [value for tag, value in _links(page) if tag == "a"][: len(anchors)] == anchors
    assert {value for _, value in _links(page)} <= set(page.values("id"))
    assert {attrs.get("id") for tag, attrs in page.tags if tag == "section"} == set(anchors)


def _links(page: Page) -> list[tuple[str, str]]:
    return [(tag, attrs["href"].lstrip("#")) for tag, attrs in page.tags if "href" in attrs]


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    provenance = {"command": HOSTILE[0], HOSTILE[1]: HOSTILE[2], "inputs": HOSTILE}
    metrics = {
        **METRICS,
        "notes": HOSTILE,
        "provenance": provenance,
        "history": [{"epoch": 0, "$\\frac{": 1.0, HOSTILE[0]: 2.0}],
        "clusters": {
            "method": HOSTILE[0],
            "chosen": HOSTILE[1],
            "candidates": [{"n_clusters": 2, HOSTILE[4]: 0.5}],
        },
    }
    plain = page_of(make_run(tmp_path / "plain", labels=range(8), rejected=[("x", "y")] * 8))
    rejected = [(name, name) for name in HOSTILE]
    page = page_of(
        make_run(
            tmp_path / "hostile", labels=range(8), ids=HOSTILE, metrics=metrics, rejected=rejected
        )
    )
    kinds = {tag for tag, _ in page.tags}
    assert kinds <= {tag for tag, _ in plain.tags}
    assert page.count("script") == plain.count("script")
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert all(address.startswith(("data:", "#")) for address in page.values("src"))
    shown = read_table(RunFolder(tmp_path / "hostile").catalogue_ecsv)["id"]
    for name in shown:
        assert " ".join(str(name).split()) in page.text
        assert str(name) in strings_in(json.loads(map_data(page)))
    assert "<" not in map_data(page)
    assert "no preview" not in page.text


def test_same_folder_same_bytes_in_any_process(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", certificate=make_certificate())
    first = write_report(run).read_bytes()
    code = "import sys; from equiclust.report import *; from equiclust.io.run_folder import *; "
    code += "from pathlib import Path; write_report(RunFolder(Path(sys.argv[1])))"
    subprocess.run(
        [sys.executable, "-c", code, str(run.path)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
    )
    assert run.report_html.read_bytes() == first
    assert write_report(run).read_bytes() == first


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 0], "2 images sorted into 1 cluster,"),
        ([0], "1 image sorted into 1 cluster,"),
        ([-1, -1, -1], "3 images, none of them assigned to a cluster with enough stability,"),
        (list(range(90)), "90 images sorted into 90 clusters,"),
        ([3] * 20 + [7], "21 images sorted into 2 clusters,"),
    ],
)
def test_few_images_one_cluster_or_many(tmp_path: Path, labels: list[int], text: str) -> None:
    page = page_of(make_run(tmp_path / "run", labels=labels, rejected=[], metrics={}))
    assert text in page.text
    assert "Every file could be read." in page.text
    assert page.count("article") == len(set(labels))


@pytest.mark.parametrize(("channels", "latent_dim"), [(2, 1), (3, 2)])
def test_any_number_of_channels_and_dimensions(
    tmp_path: Path, channels: int, latent_dim: int
) -> None:
    run = make_run(tmp_path / "run", channels=channels, latent_dim=latent_dim, metrics={})
    assert f"by {latent_dim} number" in page_of(run).text


def test_equal_latents(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    table = read_table(run.latents_fits)
    table["latent"][:] = 1.0
    write_table(table, run.latents_fits)
    run.metrics_json.unlink()
    assert "14 of 14 images are on the map" in page_of(run).text


def test_only_catalogue_and_latents_are_needed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for path in (run.metrics_json, run.rejected_ecsv, run.previews_npz):
        path.unlink()
    page = page_of(run)
    for text in (
        "Not measured; run equiclust check.",
        "No training curves were recorded.",
        "No pictures were kept.",
        "certificate not measured",
        "There are no pictures.",
    ):
        assert text in page.text


def test_catalogue_in_another_order_than_latents(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    first = read_contents(run)
    write_table(read_table(run.latents_fits)[::-1], run.latents_fits)
    second = read_contents(run)
    assert second.with_latent.tolist() == first.with_latent.tolist()
    assert np.array_equal(second.latents, first.latents)


def test_image_without_latent_is_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_table(read_table(run.latents_fits)[1:], run.latents_fits)
    run.metrics_json.unlink()
    assert "13 of 14 images are on the map" in page_of(run).text


def test_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not the folder of a run"):
        write_report(RunFolder(tmp_path))


def test_damaged_previews_are_named_and_cost_nothing_else(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    before = write_report(run).read_bytes()
    whole = run.previews_npz.read_bytes()
    for damaged in (b"", b"PK\x03\x04 no archive", whole[:-200]):
        run.previews_npz.write_bytes(damaged)
        with pytest.raises(InputError, match=r"previews\.npz.*remove it"):
            write_report(run)
        assert run.report_html.read_bytes() == before
    run.previews_npz.unlink()
    assert "No pictures were kept." in page_of(run).text


def test_damaged_files_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_table(Table({"id": ["a"]}), run.latents_fits)
    with pytest.raises(InputError, match="'latent'"):
        write_report(run)
    assert not run.report_html.exists()


def test_a_run_without_any_label_claims_nothing_of_labels(tmp_path: Path) -> None:
    run = make_ensemble_run(
        tmp_path / "run", n=20, n_clusters=2, n_unassigned=20, certificate=make_certificate()
    )
    page = " ".join(write_report(run).read_text(encoding="utf-8").split())
    assert "no image has one" in page
    assert "They change" not in page
    assert "labels changed" not in page
    assert "No image was assigned to one with enough stability" in page
