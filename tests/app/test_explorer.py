"""The server starts, answers and ends without leaving anything behind."""

from __future__ import annotations

import gc
import json
import shutil
import socket
import threading
import time
import warnings
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

import equiclust
from equiclust.app import Explorer, explore
from equiclust.exceptions import InputError
from equiclust.io.run_folder import RunFolder
from tests.report.folders import make_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run").path


def get(url: str) -> bytes:
    with urlopen(url, timeout=30) as answer:
        content: bytes = answer.read()
    return content


def threads() -> set[str]:
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith("equiclust")}


def assert_threads_end() -> None:
    """What was being computed when the server was stopped ends by itself, soon after."""
    deadline = time.monotonic() + 20
    while threads():
        assert time.monotonic() < deadline, f"still there: {threads()}"
        time.sleep(0.02)


def test_nothing_is_left_when_it_ends(folder: Path) -> None:
    assert_threads_end()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explorer = explore(folder).start()
        assert json.loads(get(explorer.url + "api/info"))["name"] == "run"
        get(explorer.url + "api/projection")
        assert threads()
        url = explorer.url
        # A page that listens for news, and one that keeps its connection.
        listening = urlopen(url + "api/events", timeout=30)
        assert listening.readline().startswith(b"data: ")
        idle = socket.create_connection(("127.0.0.1", explorer.port))
        started = time.monotonic()
        explorer.stop()
        assert time.monotonic() - started < 5
        listening.close()
        idle.close()
        gc.collect()
    assert_threads_end()
    assert explorer.port is None
    with pytest.raises(URLError):
        get(url)
    with pytest.raises(InputError, match="stopped; start it"):
        _ = explorer.url
    assert explorer._repr_html_() == "<p>equiclust explore: stopped</p>"


def test_it_starts_again_with_the_same_labels(folder: Path) -> None:
    explorer = Explorer(folder)
    for k in range(3):
        explorer.start()
        body = json.dumps({"rows": [k], "kind": "ring", "who": "me"}).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(explorer.url + "api/label", body, headers), timeout=30):
            pass
        explorer.stop()
        explorer.stop()
    assert explorer.run is not None
    assert sorted(explorer.run.labels.by_row) == [0, 1, 2]
    assert_threads_end()


def test_twice_is_refused(folder: Path) -> None:
    explorer = Explorer(folder).start()
    try:
        with pytest.raises(InputError, match="started already; stop it by `stop`"):
            explorer.start()
        assert get(explorer.url)
    finally:
        explorer.stop()


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_what_is_no_port_is_refused(folder: Path, port: int) -> None:
    with pytest.raises(InputError, match="port must be 0 to 65535"):
        Explorer(folder).start(port=port)
    assert_threads_end()


def test_a_port_that_is_taken_is_refused_and_nothing_is_left(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        explorer = Explorer(folder)
        with pytest.raises(InputError, match=f"port must be free, got {port}: Address already"):
            explorer.start(port=port)
        explorer.stop()
    gc.collect()
    assert explorer.start(port=port).port == port
    explorer.stop()
    assert_threads_end()


def test_two_servers_have_tokens_of_their_own(folder: Path, tmp_path: Path) -> None:
    one = Explorer(folder).start()
    other = Explorer(make_run(tmp_path / "other").path).start()
    try:
        assert one.token != other.token
        assert len(one.token) >= 32
        assert json.loads(get(one.url + "api/info"))["name"] == "run"
        assert json.loads(get(other.url + "api/info"))["name"] == "other"
    finally:
        one.stop()
        other.stop()


def test_a_notebook_shows_the_page(folder: Path) -> None:
    explorer = equiclust.open_run(folder).explore()
    try:
        assert f'<iframe src="{explorer.url}"' in explorer._repr_html_()
        assert json.loads(get(explorer.url + "api/info"))["run"]["n"] == 14
    finally:
        explorer.stop()
    assert_threads_end()


def test_a_run_is_explored_with_other_labels_and_another_run(folder: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other").path
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run = equiclust.open_run(folder)
    explorer = run.explore(labels=tmp_path / "mine.csv", compare=other, port=port)
    try:
        assert explorer.port == port
        assert explorer.run is not None
        assert explorer.run.labels.path == tmp_path / "mine.csv"
        assert explorer.training is not None
    finally:
        explorer.stop()
    with pytest.raises(InputError, match="compare must be the folder of a run"):
        run.explore(compare=tmp_path)
    with pytest.raises(InputError, match=r"labels must be a file that ends in \.csv"):
        run.explore(labels=tmp_path / "labels.txt")
    assert_threads_end()


def test_results_are_shown_as_soon_as_they_are_there(folder: Path) -> None:
    run = RunFolder(folder)
    hidden = run.catalogue_ecsv.rename(folder / "hidden")
    explorer = Explorer(folder).start()
    try:
        assert json.loads(get(explorer.url + "api/info"))["views"] == ["training"]
        with pytest.raises(Exception, match="400"):
            get(explorer.url + "api/rows?rows=1")
        hidden.rename(run.catalogue_ecsv)
        assert "images" in json.loads(get(explorer.url + "api/info"))["views"]
    finally:
        explorer.stop()


def test_threads_that_ask_at_once_open_one_view(folder: Path) -> None:
    run = RunFolder(folder)
    hidden = run.catalogue_ecsv.rename(folder / "hidden")
    explorer = Explorer(folder)
    shutil.move(hidden, run.catalogue_ecsv)
    barrier, found = threading.Barrier(4), []

    def work() -> None:
        barrier.wait()
        explorer.open_if_finished()
        found.append(explorer.run)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    assert found[0] is not None
    assert all(one is found[0] for one in found)


@pytest.mark.parametrize("name", ["", "no such", "file.txt", "empty"])
def test_what_is_no_run_and_no_map_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        explore(tmp_path / name)
    assert "\n" not in str(caught.value)
