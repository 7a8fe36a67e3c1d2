"""Tables and positions reach other applications of this machine, and no others."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from astropy.table import Table

from equiclust.app.samp_sender import SampSender, send_file
from equiclust.cli import main
from equiclust.exceptions import InputError, OutputError
from equiclust.io.catalogue import read_table
from tests.app.label_map_files import flat_map
from tests.pipeline.run_folders import catalogue_of, run_of

with warnings.catch_warnings():
    # It has moved to another package in newer versions.
    warnings.simplefilter("ignore")
    samp = pytest.importorskip("astropy.samp")

TABLE = Table({"id": [f"disc {k}" for k in range(5)], "ra": np.arange(5.0), "dec": -np.arange(5.0)})
TYPES = (
    "table.load.votable",
    "coord.pointAt.sky",
    "coverage.load.moc.fits",
    "table.highlight.row",
    "table.select.rowList",
)
pytestmark = pytest.mark.filterwarnings("ignore:Call to select in SAMP")


class Listener:
    """Another application that writes down what it gets."""

    def __init__(self, name: str, types: tuple[str, ...]) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.contents: list[bytes] = []
        self.status = "samp.ok"
        self.client = samp.SAMPIntegratedClient(name=name, addr="127.0.0.1")
        self.client.connect()
        for one in types:
            self.client.bind_receive_notification(one, self.receive)
            self.client.bind_receive_call(one, self.answer)

    def receive(
        self, key: str, sender: str, mtype: str, params: dict[str, Any], extra: object
    ) -> None:
        self.messages.append((mtype, params))

    def answer(
        self, key: str, sender: str, id: str, mtype: str, params: dict[str, Any], extra: object
    ) -> None:
        self.contents.append(path_of(params).read_bytes())
        self.receive(key, sender, mtype, params, extra)
        status = {"samp.status": self.status, "samp.result": {}}
        self.client.reply(id, status | {"samp.error": {"samp.errortxt": "too many columns"}})

    def wait(self, count: int = 1) -> list[tuple[str, dict[str, Any]]]:
        deadline = time.monotonic() + 10.0
        while len(self.messages) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.messages


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither the lock file of the user is touched nor the internet looked for."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SAMP_HUB", raising=False)
    with samp.conf.set_temp("use_internet", False):
        yield


@pytest.fixture
def hub(_own_home: None, tmp_path: Path) -> Iterator[Path]:
    """The lock file of a running hub."""
    server = samp.SAMPHubServer(web_profile=False, addr="127.0.0.1", mode="single")
    try:
        server.start()
    except (OSError, samp.SAMPHubError) as error:
        pytest.skip(f"no hub can be started here: {error}")
    yield tmp_path / ".samp"
    server.stop()


@pytest.fixture
def topcat(hub: Path) -> Iterator[Listener]:
    listener = Listener("topcat", TYPES)
    yield listener
    listener.client.disconnect()


@pytest.fixture
def sender() -> Iterator[SampSender]:
    one = SampSender()
    yield one
    one.close()


def path_of(params: dict[str, Any]) -> Path:
    address = urlsplit(params["url"])
    assert address.scheme == "file"
    return Path(unquote(address.path))


def test_a_table_arrives_and_is_removed_at_the_end(topcat: Listener, sender: SampSender) -> None:
    assert sender.send_table(TABLE, "discs of M\u00fcller", rows=[3, 1]) == ("topcat",)
    ((mtype, params),) = topcat.wait()
    assert mtype == "table.load.votable"
    assert params["name"] == "discs of M?ller"
    path = path_of(params)
    assert path.stat().st_mode & 0o777 & path.parent.stat().st_mode == 0o600
    assert read_table(path)["id"].tolist() == ["disc 3", "disc 1"]
    sender.close()
    assert not path.parent.exists()


def test_rows_are_those_of_the_table_that_was_sent(topcat: Listener, sender: SampSender) -> None:
    sender.send_table(TABLE, "discs", rows=[3, 1])
    sender.highlight(1)
    sender.select([1, 3, 4])
    sent, highlighted, selected = (params for _, params in topcat.wait(3))
    assert highlighted["row"] == "1"
    assert selected["row-list"] == ["1", "0"]
    assert highlighted["table-id"] == selected["table-id"] == sent["table-id"]
    with pytest.raises(InputError, match="none of these images is in the table"):
        sender.highlight(0)


def test_places_on_the_sky_arrive(topcat: Listener, sender: SampSender) -> None:
    sender.point_at(10.5, -20.25, client="TOPCAT")
    assert topcat.wait() == [("coord.pointAt.sky", {"ra": "10.500000000", "dec": "-20.250000000"})]
    with pytest.raises(InputError, match="no place on the sky"):
        sender.point_at(float("nan"), 1.0)


def test_one_of_several_applications_can_be_named(topcat: Listener, sender: SampSender) -> None:
    viewer = Listener("viewer", ("coord.pointAt.*",))
    try:
        first, second = sender.list_clients()
        assert (first.name, first.takes_tables, first.takes_positions) == ("topcat", True, True)
        assert (second.name, second.takes_tables, second.takes_positions) == (
            *("viewer", False, True),
        )
        assert sender.point_at(1.0, 2.0, client=second.id) == ("viewer",)
        assert len(viewer.wait()) == 1
        assert not topcat.messages
        assert set(sender.point_at(1.0, 2.0)) == {"topcat", "viewer"}
        with pytest.raises(InputError, match=r"no viewer that takes tables .*connected: topcat\)"):
            sender.send_table(TABLE, "discs", client="viewer")
    finally:
        viewer.client.disconnect()


def test_nobody_stays_registered(topcat: Listener, sender: SampSender) -> None:
    before = topcat.client.get_registered_clients()
    sender.send_table(TABLE, "discs")
    assert topcat.client.get_registered_clients() == before


def test_a_hub_without_applications_is_said(hub: Path, sender: SampSender) -> None:
    assert sender.list_clients() == ()
    with pytest.raises(InputError, match=r"no application that takes tables .*connected: none\)"):
        sender.send_table(TABLE, "discs")


def test_rows_that_are_not_there_are_refused(sender: SampSender) -> None:
    with pytest.raises(InputError, match="rows must be 0 to 4, got 5"):
        sender.send_table(TABLE, "discs", rows=[5])


def test_without_a_hub_the_user_is_told_what_to_start(sender: SampSender, tmp_path: Path) -> None:
    said = "no SAMP hub is running; start TOPCAT, Aladin or DS9 first"
    for call in (sender.list_clients, lambda: sender.send_table(TABLE, "discs")):
        with pytest.raises(InputError, match=said):
            call()
    # What a hub that was killed leaves behind.
    lock = tmp_path / ".samp"
    for text in ("", "samp.secret=x\nsamp.hub.xmlrpc.url=http\\://127.0.0.1\\:1/\n"):
        lock.write_text(text)
        with pytest.raises(InputError, match=said):
            sender.list_clients()
        assert lock.read_text() == text


@pytest.mark.parametrize("host", ["192.0.2.7", "hub.invalid", "[2001:db8::1]", "0.0.0.0"])
def test_hubs_on_other_machines_are_not_called(
    sender: SampSender, tmp_path: Path, host: str
) -> None:
    url = f"http://{host}:8000/"
    (tmp_path / ".samp").write_text(f"samp.secret=x\nsamp.hub.xmlrpc.url={url}\n")
    with pytest.raises(InputError, match=r"not on this machine; start TOPCAT"):
        sender.list_clients()


def test_the_variable_names_a_file_of_this_machine(
    topcat: Listener, sender: SampSender, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = hub.rename(hub.with_name("other lock"))
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{moved.as_uri()}")
    assert [one.name for one in sender.list_clients()] == ["topcat"]
    monkeypatch.setenv("SAMP_HUB", "std-lockurl:http://192.0.2.7/samp")
    with pytest.raises(InputError, match="SAMP_HUB must name a file of this machine"):
        sender.list_clients()
    # The hub removes its file when it ends.
    moved.rename(hub)


def test_a_folder_that_cannot_be_written_is_said(
    topcat: Listener, sender: SampSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OutputError("cannot write: the disk is full")

    monkeypatch.setattr("equiclust.app.samp_sender.write_rows", full)
    with pytest.raises(OutputError, match="the disk is full"):
        sender.send_table(TABLE, "discs")
    assert not topcat.messages


def test_a_hub_that_refuses_is_said(topcat: Listener, sender: SampSender, hub: Path) -> None:
    lines = hub.read_text().splitlines()
    wrong = [line.split("=")[0] + "=wrong" if "samp.secret" in line else line for line in lines]
    kept = hub.read_text()
    hub.write_text("\n".join(wrong))
    with pytest.raises(InputError, match="the SAMP hub cannot be used"):
        sender.list_clients()
    hub.write_text(kept)


def answer(tmp_path: Path, parts: Iterable[bytes], pause: float) -> None:
    """A hub that answers with these bytes, one after the other, whatever it is asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    (tmp_path / ".samp").write_text(f"samp.secret=x\nsamp.hub.xmlrpc.url={url}\n")

    def serve() -> None:
        with listener, suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)

    threading.Thread(target=serve, daemon=True).start()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"


@pytest.mark.parametrize("start", [HEAD, HEAD + b"\r\n<methodResponse>"], ids=["head", "body"])
def test_a_hub_that_answers_bit_by_bit_is_not_waited_for(
    sender: SampSender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr("equiclust.app.samp_hub._SECONDS", 0.5)
    answer(tmp_path, (start, *[b" "] * 100), 0.1)
    begun = time.monotonic()
    with pytest.raises(InputError, match="the SAMP hub does not answer within"):
        sender.list_clients()
    assert time.monotonic() - begun < 3.0


def test_an_answer_without_end_is_refused(sender: SampSender, tmp_path: Path) -> None:
    block = b" " * 2**20
    answer(tmp_path, (HEAD + b"\r\n", *[block] * 200), 0.0)
    with pytest.raises(InputError, match=r"cannot be used \(its answer is longer than 16777216"):
        sender.list_clients()


def test_an_answer_that_would_be_unpacked_is_refused(sender: SampSender, tmp_path: Path) -> None:
    body = gzip.compress(b"<methodResponse>" + b" " * 10**6)
    size = f"Content-Length: {len(body)}\r\nContent-Encoding: gzip\r\n\r\n".encode()
    answer(tmp_path, (HEAD + size + body,), 0.0)
    with pytest.raises(InputError, match=r"cannot be used \(its answer is compressed"):
        sender.list_clients()


def test_a_lock_file_that_is_none_is_not_waited_for(sender: SampSender, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".samp")
    with pytest.raises(InputError, match=r"\.samp': it is a named pipe"):
        sender.list_clients()
    (tmp_path / ".samp").unlink()
    (tmp_path / ".samp").symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"\.samp': it is a device"):
        sender.list_clients()


def test_the_command_waits_until_a_table_that_is_not_kept_has_been_read(
    topcat: Listener, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(catalogue_of(np.array([[0.0, 1.0], [2.0, 3.0]])), tmp_path / "run")
    assert main(["export", str(run.path), "--samp", "TopCat"]) == 0
    assert capsys.readouterr().out == "Sent to topcat\n"
    ((mtype, params),) = topcat.messages
    assert mtype == "table.load.votable"
    assert params["name"] == "run"
    assert not path_of(params).exists()
    (tmp_path / "sent.vot").write_bytes(topcat.contents[0])
    assert read_table(tmp_path / "sent.vot")["id"].tolist() == run.catalogue["id"].tolist()
    topcat.status = "samp.error"
    assert main(["export", str(run.path), "--samp", "all"]) == 2
    assert "cannot use what it was sent (too many columns)" in capsys.readouterr().err


def test_files_are_sent_as_what_they_are(topcat: Listener, tmp_path: Path) -> None:
    pytest.importorskip("mocpy")
    labels, coverage = flat_map(tmp_path)[0], tmp_path / "one.moc.fits"
    words = ["export", str(labels), "--output", str(coverage), "--label", "1", "--samp", "all"]
    assert main(words) == 0
    ((mtype, params),) = topcat.wait()
    assert mtype == "coverage.load.moc.fits"
    assert path_of(params) == coverage
    ds9 = Listener("ds9", ("image.load.fits", "table.load.fits"))
    try:
        assert main(["export", str(labels), "--samp", "ds9"]) == 0
        assert send_file(coverage, "cells", client="topcat") == ("topcat",)
        table = tmp_path / "pixels.fits"
        assert main(["export", str(labels), "--output", str(table), "--samp", "all"]) == 0
        sent = ds9.wait(2)
    finally:
        ds9.client.disconnect()
    assert [mtype for mtype, _ in sent] == ["image.load.fits", "table.load.fits"]
    assert [path_of(params) for _, params in sent] == [labels, table]


def test_what_no_message_is_for_is_not_sent(topcat: Listener, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id")
    with pytest.raises(InputError, match=r"samp cannot send 'x.csv'; write a file that ends in"):
        send_file(tmp_path / "x.csv", "x")
    assert not topcat.messages
