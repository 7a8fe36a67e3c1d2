"""What the page takes out, asked for as the page asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from equiclust.app.explorer import Explorer
from tests.report.folders import make_run


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    started = Explorer(make_run(tmp_path_factory.mktemp("runs") / "sorted").path).start()
    yield started
    started.stop()


def answer(explorer: Explorer, path: str, content: Any = None) -> tuple[bytes, HTTPMessage]:
    body = None if content is None else json.dumps(content).encode()
    request = Request(explorer.url + path, body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as found:
        return found.read(), found.headers


def refused(explorer: Explorer, path: str, content: Any = None) -> str:
    with pytest.raises(HTTPError) as caught:
        answer(explorer, path, content)
    with caught.value as error:
        assert error.code == 400
        return str(json.loads(error.read())["error"])


@pytest.mark.parametrize("form", ["csv", "ecsv", "fits", "vot"])
def test_selected_rows_are_downloaded(explorer: Explorer, form: str) -> None:
    content, headers = answer(explorer, "api/export", {"format": form, "rows": [3, 1]})
    assert headers["Content-Disposition"] == f'attachment; filename="images.{form}"'
    assert content
    everything, _ = answer(explorer, "api/export", {"format": form, "rows": None})
    if form == "csv":
        ids = [line.split(",")[0] for line in everything.decode().splitlines()]
        chosen = [line.split(",")[0] for line in content.decode().splitlines()]
        assert chosen == [ids[0], ids[4], ids[2]]


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_a_figure_has_the_command_without_the_folders_of_the_machine(
    explorer: Explorer, form: str
) -> None:
    asked = {"format": form, "projection": "pca", "colour": "stability"}
    content, headers = answer(explorer, "api/figure", asked)
    assert headers["Content-Disposition"] == f'attachment; filename="map.{form}"'
    assert f"equiclust figure sorted --output map.{form}".encode() in content
    assert str(explorer.path.parent).encode() not in content


def test_a_snapshot_is_a_page(explorer: Explorer) -> None:
    content, headers = answer(explorer, "api/snapshot", {"projection": "pca", "colour": "label"})
    assert headers["Content-Type"].startswith("text/html")
    assert "attachment" in headers["Content-Disposition"]
    assert b"<h1>sorted</h1>" in content
    assert content.count(b"data:image/png") == 14
    assert str(explorer.path.parent).encode() not in content


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("api/export", {"format": "xls"}, "format must be"),
        ("api/export", {"format": "csv", "rows": [99]}, "rows must be 0 to 13, got 99"),
        ("api/export", {"format": "csv", "rows": []}, "rows must be"),
        ("api/export", {"format": "csv", "rows": "1"}, "rows must be"),
        ("api/export", {"format": 3}, "format must be text"),
        ("api/export", {"format": "reg"}, "none of the 14 images has a place on the sky"),
        ("api/figure", {"format": "pdf", "colour": "mass"}, "got 'mass'"),
        ("api/figure", {"format": "pdf", "width": "x"}, "width must be"),
        ("api/figure", {"format": "pdf", "projection": "mds"}, "got 'mds'"),
        ("api/figure", {"format": "jpg"}, "format must be"),
        ("api/snapshot", {"projection": []}, "projection must be text"),
        ("api/samp/send", {"what": "mail"}, "what must be one of"),
    ],
)
def test_mistakes_get_one_sentence(
    explorer: Explorer, path: str, content: dict[str, Any], message: str
) -> None:
    assert message in refused(explorer, path, content)


def test_without_a_hub_the_user_is_told_what_to_start(
    explorer: Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SAMP_HUB", raising=False)
    assert "start TOPCAT" in refused(explorer, "api/samp/clients")
    assert "start TOPCAT" in refused(explorer, "api/samp/send", {"rows": [0]})
