"""Only the user's own page is answered, and whatever is asked for, nothing else is reached."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psutil
import pytest

from equiclust.app.explorer import Explorer
from equiclust.app.server import _ROUTES, _STATIC
from tests.app.conftest import HOSTILE_IDS
from tests.report.folders import make_run

SECRET = "the secret of this machine"
SCRIPT = "<script>alert(1)</script>"
GETS = sorted({path for path, handler in _ROUTES if handler.get is not handler.__mro__[-2].get
               and "(" not in path})  # fmt: skip
POSTS = sorted(path for path, handler in _ROUTES if handler.post is not handler.__mro__[-2].post)


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


def ask(
    explorer: Explorer,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    token: str | None = None,
    **headers: str,
) -> Answer:
    """Whatever is asked, as it is written, which no client for browsers would allow."""
    connection = http.client.HTTPConnection("127.0.0.1", explorer.port, timeout=60)
    is_report = path.partition("?")[0] == "report.html"
    own = explorer.report_token if is_report else explorer.token
    token = own if token is None else token
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.putrequest(
            method, f"/{token}/{path}" if token else path, skip_host="Host" in given,
            skip_accept_encoding=True,
        )  # fmt: skip
        for name, value in given.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def post(explorer: Explorer, path: str, content: Any, **headers: str) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    given = {"Content_Type": "application/json"} | headers
    return ask(explorer, path, method="POST", body=body, **given)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """On a run that came from somewhere else, with hostile names, beside a secret."""
    home = tmp_path_factory.mktemp("home")
    (home / "secret.txt").write_text(SECRET)
    made = make_run(home / f"run {SCRIPT.replace('/', '_')} '\"&", ids=HOSTILE_IDS).path
    (made / "report.html").write_text(f"<title>report</title>{SCRIPT}")
    (made / "secret.txt").write_text(SECRET)
    started = Explorer(made).start()
    yield started
    started.stop()


def test_the_page_is_answered(plain: Explorer) -> None:
    answer = ask(plain, "")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    text = answer.body.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "style=" not in text
    assert text.count("<script") == 1
    for name in _STATIC:
        found = ask(plain, f"static/{name}")
        assert found.status == 200
        kind = "text/javascript" if name.endswith(".js") else "text/css"
        assert found.headers["Content-Type"] == kind


@pytest.mark.parametrize("path", ["", "static/page.js", "api/info", "no/such", "report.html"])
def test_every_answer_has_the_headers_of_safety(plain: Explorer, path: str) -> None:
    answer = ask(plain, path)
    headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ") or path == "report.html"
    assert "unsafe" not in policy or path == "report.html"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Access-Control-Allow-Origin"] is None
    assert headers["Set-Cookie"] is None
    assert headers["Server"] is None


def test_the_report_is_in_a_box_of_its_own(plain: Explorer) -> None:
    answer = ask(plain, "report.html")
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert policy.startswith("default-src 'none';")
    # Its scripts know the token in its address, which opens nothing else.
    for path in ("", "api/info", "api/labels", "static/page.js", "no/such"):
        assert ask(plain, path, token=plain.report_token).status == 403
    assert ask(plain, "report.html", token=plain.token).status == 403
    # They have no origin either, and so reach nothing here.
    assert ask(plain, "api/info", Origin="null").status == 403


ORIGINS = ("http://evil.example", "https://127.0.0.1:{port}", "null", "http://127.0.0.1",
           "http://127.0.0.1:1", "http://127.0.0.1:{port}.evil.example", "file://", "")  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS)
def test_pages_of_other_sites_are_refused(plain: Explorer, origin: str) -> None:
    foreign = origin.format(port=plain.port)
    for path in ("", "static/page.js", "api/info", "api/labels", "no/such"):
        assert ask(plain, path, Origin=foreign).status == 403
    for path in ("api/label", "api/undo", "api/trials/start", "no/such"):
        assert post(plain, path, {"rows": [0], "kind": "x"}, Origin=foreign).status == 403
    assert plain.run is not None
    assert plain.run.labels.by_row == {}


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_own_page_is_answered(plain: Explorer, name: str) -> None:
    host = f"{name}:{plain.port}"
    assert ask(plain, "api/info", Host=host, Origin=f"http://{host}").status == 200
    answer = post(plain, "api/undo", {}, Host=host, Origin=f"http://{host}")
    assert (answer.status, json.loads(answer.body)["n"]) == (200, 0)


HOSTS = ("evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}",
         "[::1]:{port}", "0.0.0.0:{port}", "127.0.0.1:{port}@evil.example")  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_other_names_of_the_host_are_refused(plain: Explorer, host: str) -> None:
    """As a site asks that had its name lead to this machine (DNS rebinding)."""
    named = host.format(port=plain.port)
    for path in ("", "api/info", "no/such"):
        assert is_refused(plain, path, Host=named)
    assert is_refused(plain, "api/undo", method="POST", Host=named)


def is_refused(explorer: Explorer, path: str, *, method: str = "GET", **headers: str) -> bool:
    """What is no name at all is refused before the answer is made, or not answered."""
    try:
        return ask(explorer, path, method=method, **headers).status in (400, 403)
    except ConnectionError:
        return True


@pytest.mark.parametrize("token", ["x", "TOKEN", "{token}x", "{start}", "%00", "{token}%00", ".."])
def test_without_the_token_nothing_is_answered(plain: Explorer, token: str) -> None:
    wrong = token.format(token=plain.token, start=plain.token[:-1])
    for path in ("", "static/page.js", "api/info", "api/labels", "report.html", "no/such"):
        answer = ask(plain, path, token=wrong)
        assert answer.status == 403
        assert plain.token not in answer.body.decode() + str(answer.headers)
    assert post(plain, "api/undo", {}, token=wrong).status == 403


@pytest.mark.parametrize("path", ["/", "/api/info", "//", "/static/page.js", "/favicon.ico", "*"])
def test_without_any_token_nothing_is_answered(plain: Explorer, path: str) -> None:
    assert ask(plain, path, token="").status in (400, 403)


TRAVERSALS = (
    "../", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd",
    "static/../../secret.txt", "static/..%2f..%2fsecret.txt", "static/%2e%2e/secret.txt",
    "static//etc/passwd", "static/%2fetc%2fpasswd", "static/page.js%00.css", "static/%00",
    "static/..\\..\\secret.txt", "static/PAGE.JS", "static/page.js/", "static/", "static",
    "report.html/../secret.txt", "secret.txt", "labels.csv", "metrics.json", "//etc/passwd",
    "static/page.js;x", "file:///etc/passwd", "static/page.py", "static/__init__.py",
)  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_elsewhere(plain: Explorer, path: str) -> None:
    answer = ask(plain, path)
    assert answer.status in (400, 404)
    assert SECRET.encode() not in answer.body
    assert b"root:" not in answer.body


PARAMETERS = ("../../etc/passwd", "/etc/passwd", "%00", "a%00b", "-1", "1e30", "1;2", "99999999999",
              "1" * 1500, quote(SCRIPT), "%ff", "NaN", "", "[]", "0x10", "1.5", "%0d%0aX-Evil:1",
              "{{7*7}}", "' OR 1=1 --", "9" * 4000)  # fmt: skip


@pytest.mark.parametrize("value", PARAMETERS, ids=lambda value: value[:20] or "empty")
def test_no_parameter_does_harm(plain: Explorer, value: str) -> None:
    value = quote(value, safe="%")
    for path in GETS:
        if path == "api/events":
            continue
        names = ("row", "rows", "what", "name", "method", "text", "levels", "side", "x", "n", "id")
        query = "&".join(f"{name}={value}" for name in (*names, "angle", "scale", "mirror"))
        answer = ask(plain, f"{path}?{query}")
        assert answer.status in (200, 400), (path, answer.body[:200])
        assert SECRET.encode() not in answer.body
        assert answer.headers["X-Evil"] is None
        if answer.status == 400:
            assert answer.headers["Content-Type"] == "application/json"
            assert "\n" not in answer.error
            assert len(answer.body) < 5000


ROWS = ("-1", "1e30", "1;2", "1,2,x", "14", "99999999999999999999", ",".join(["1"] * 501), "1.0")


@pytest.mark.parametrize("rows", ROWS, ids=lambda value: value[:20])
def test_rows_that_are_not_there_are_refused(plain: Explorer, rows: str) -> None:
    assert ask(plain, f"api/rows?rows={rows}").status == 400
    for path in ("api/details", "api/picture", "api/pixels", "api/sky", "api/contours", "api/try"):
        assert ask(plain, f"{path}?row={rows}&x=1&y=1").status == 400


@pytest.mark.parametrize("path", POSTS)
def test_a_post_is_json_of_this_page(plain: Explorer, path: str) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert post(plain, path, {}, Content_Type=media_type).status == 415
    assert post(plain, path, {}, Content_Type="multipart/form-data").status in (400, 415)
    assert ask(plain, path, method="POST", body=b"{}").status == 415
    assert post(plain, path, {}, Sec_Fetch_Site="cross-site").status == 403
    assert post(plain, path, {}, Sec_Fetch_Site="same-site").status == 403
    assert ask(plain, path).status == 405


BODIES = (b"", b"{", b"[]", b"3", b'"x"', b"null", b"\xff", b"NaN", b"[" * 100_000,
          b'{"rows": ' + b"9" * 5000 + b"}")  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_what_is_no_object_is_refused(plain: Explorer, body: bytes) -> None:
    for path in POSTS:
        answer = post(plain, path, body)
        assert answer.status == 400
        assert "the body must be" in answer.error


NONSENSE = (
    None, True, -1, 1e30, 10**30, "1;2", "../../x", SCRIPT, "x" * 5000, ["x"] * 10, "\ud800", "\0",
    [], [[]], {"a": 1}, [0, 1, "2"], [-1], [14], [1e30], [True], {"size": 64},
)  # fmt: skip


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value)[:20])
def test_no_content_does_harm(plain: Explorer, value: Any) -> None:
    for path in POSTS:
        if path.startswith(("api/samp", "api/training", "api/export", "api/teach")):
            continue
        names = ("rows", "kind", "name", "new", "who", "why", "label", "settings", "n_images")
        answer = post(plain, path, dict.fromkeys(names, value))
        assert answer.status in (200, 400), (path, answer.body[:200])
        assert answer.status == 200 or len(answer.error) < 1000, path


def test_a_browser_is_started_with_an_address_that_works_once(plain: Explorer) -> None:
    address = plain.make_browser_url()
    assert plain.token not in address
    path = address.split("/", 3)[3]
    first = ask(plain, f"/{path}", token="")
    assert (first.status, first.headers["Location"]) == (303, f"/{plain.token}/")
    assert ask(plain, f"/{path}", token="").status == 403
    assert ask(plain, "/open/", token="").status == 403
    later = f"/{plain.make_browser_url().split('/', 3)[3]}"
    assert ask(plain, later, token="", Origin="http://evil.example").status == 403
    assert ask(plain, later, token="", Host="evil.example").status == 403
    assert ask(plain, later, token="").status == 303


@pytest.mark.parametrize("output", ["/tmp/elsewhere", "../../elsewhere", 3, ["x"], {"a": 1}])
def test_no_request_names_where_a_taught_run_is_written(plain: Explorer, output: Any) -> None:
    answer = post(plain, "api/teach", {"output": output})
    # There are no labels, whatever else is asked for.
    assert answer.status == 400
    assert "elsewhere" not in answer.error
    assert not (plain.path.parent.parent / "elsewhere").exists()


def test_too_large_a_body_is_refused(plain: Explorer) -> None:
    with socket.create_connection(("127.0.0.1", plain.port), timeout=60) as connection:
        head = f"POST /{plain.token}/api/label HTTP/1.1\r\nHost: 127.0.0.1:{plain.port}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
        connection.sendall(head.encode() + b"{" * 1000)
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""
    assert ask(plain, "api/info").status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "X"])
def test_there_are_no_other_methods(plain: Explorer, method: str) -> None:
    assert ask(plain, "api/labels", method=method).status in (403, 405)
    assert ask(plain, "api/label", method=method).status in (403, 405)


def test_a_hostile_label_is_text(plain: Explorer) -> None:
    label = {"rows": [0, 3], "kind": SCRIPT, "who": "<img src=x>", "why": "\u202e & ü"}
    assert post(plain, "api/label", label).status == 200
    answer = ask(plain, "api/labels")
    assert answer.headers["Content-Type"] == "application/json"
    found = json.loads(answer.body)
    assert SCRIPT in found["kinds"]
    (one,) = found["labels"]["0"]
    assert (one["kind"], one["who"]) == (SCRIPT, "<img src=x>")
    assert SCRIPT.encode() not in ask(plain, "").body
    assert json.loads(post(plain, "api/undo", {"who": " <img src=x> "}).body)["n"] == 2
    assert json.loads(ask(plain, "api/labels").body)["labels"] == {}


def test_hostile_ids_are_text(plain: Explorer) -> None:
    answer = ask(plain, "api/rows?rows=0,1,2,3")
    assert answer.headers["Content-Type"] == "application/json"
    assert [one["id"] for one in json.loads(answer.body)] == list(HOSTILE_IDS[:4])


def test_a_page_of_news_hears_of_labels(plain: Explorer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", plain.port, timeout=30)
    try:
        connection.request("GET", f"/{plain.token}/api/events")
        answer = connection.getresponse()
        first = answer.readline()
        assert first.startswith(b"data: ")
        assert answer.readline() == b"\n"
        post(plain, "api/label", {"rows": [5], "kind": "ring", "who": "news"})
        second = answer.readline()
        assert second.startswith(b"data: ")
        assert second != first
    finally:
        connection.close()


def test_only_this_machine_is_listened_to(plain: Explorer) -> None:
    listening = [
        one.laddr.ip
        for one in psutil.Process().net_connections("inet")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == plain.port
    ]
    assert listening == ["127.0.0.1"]


def test_a_folder_whose_name_is_no_text_is_shown(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run").path
    odd = Path(str(tmp_path / "r\udcffn\n<b>"))
    shutil.move(made, odd)
    explorer = Explorer(odd).start()
    try:
        assert ask(explorer, "").status == 200
        assert ask(explorer, "api/info").status == 200
        assert ask(explorer, "api/labels").status == 200
    finally:
        explorer.stop()


def test_everything_is_answered_of_a_real_run(explorer: Explorer) -> None:
    for path in (
        "api/info", "api/projection?method=pca", "api/column?name=label", "api/rows?rows=1,2",
        "api/details?row=3", "api/find?text=disc", "api/picture?row=0&side=64", "api/labels",
        "api/pixels?row=1&what=original", "api/pixels?row=1&what=preprocessed",
        "api/pixels?row=1&what=reconstruction", "api/sky?row=1&x=2&y=3", "api/taught",
        "api/contours?row=1&levels=3", "api/suggest?n=3", "api/trials", "report.html",
        "api/try?row=1&angle=90&mirror=1&blur=1",
    ):  # fmt: skip
        answer = ask(explorer, path)
        assert answer.status == 200, (path, answer.body[:300])
    assert ask(explorer, "api/picture?row=0&side=64").body.startswith(b"\x89PNG")


def test_labels_teach_over_the_wire(explorer: Explorer) -> None:
    for row, kind in enumerate(("ring", "bar", "ring", "bar")):
        content = {"rows": [row], "kind": kind, "who": "wire", "why": "suggested"}
        assert json.loads(post(explorer, "api/label", content).body)["n"] == 1
    body = ask(explorer, "api/taught").body
    length = int.from_bytes(body[:4], "little")
    record = json.loads(body[4 : 4 + length])
    assert record["header"]["names"] == ["bar", "ring"]
    assert {one["name"] for one in record["arrays"]} == {"labels", "probability", "novelty"}
    assert all(one["shape"] == [12] for one in record["arrays"])
    merged = {"kind": "bar", "new": "ring", "who": "wire"}
    assert post(explorer, "api/kind/rename", merged).status == 200
    assert json.loads(ask(explorer, "api/labels").body)["kinds"] == ["ring"]
    assert post(explorer, "api/kind/remove", {"name": "ring"}).status == 400
