"""Names of kinds and clusters: in their order, for all who look, and never lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from equiclust.app.kind_list import KindList
from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import read_json, write_json


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "explore.json"


def test_names_keep_their_order_and_are_read_again(path: Path) -> None:
    kinds = KindList(path)
    for name in ("spiral", "  two   arms ", "ring", "spiral"):
        kinds.add(name)
    kinds.name_cluster(3, "<b>odd</b>")
    assert kinds.kinds == ["spiral", "two arms", "ring"]
    again = KindList(path)
    assert (again.kinds, again.clusters) == (kinds.kinds, {"3": "<b>odd</b>"})
    assert kinds.known_with(["ring", "arc"]) == ["spiral", "two arms", "ring", "arc"]


def test_kinds_are_merged_in_the_place_of_the_first(path: Path) -> None:
    kinds = KindList(path)
    for name in ("a", "b", "c", "d"):
        kinds.add(name)
    kinds.rename("d", "b")
    assert kinds.kinds == ["a", "b", "c"]
    kinds.rename("a", "c")
    assert kinds.kinds == ["c", "b"]
    kinds.rename("not there", "z")
    kinds.remove("c")
    assert KindList(path).kinds == ["b"]


def test_the_name_of_a_cluster_is_taken_away(path: Path) -> None:
    kinds = KindList(path)
    kinds.name_cluster(0, "ring")
    kinds.name_cluster(1, "arc")
    kinds.name_cluster(0, " ")
    assert KindList(path).clusters == {"1": "arc"}


def test_nothing_is_written_where_nothing_changes(path: Path) -> None:
    kinds = KindList(path)
    kinds.remove("x")
    kinds.name_cluster(2, "")
    assert not path.exists()
    kinds.add("ring")
    version, written = kinds.version, path.stat().st_mtime_ns
    kinds.add("ring")
    assert (kinds.version, path.stat().st_mtime_ns) == (version, written)


def test_two_servers_lose_nothing(path: Path) -> None:
    lists = [KindList(path), KindList(path)]

    def work(k: int) -> None:
        for n in range(10):
            lists[k % 2].add(f"kind {k}.{n}")
            lists[k % 2].name_cluster(10 * k + n, f"{k}.{n}")

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = KindList(path)
    assert set(found.kinds) == {f"kind {k}.{n}" for k in range(3) for n in range(10)}
    assert found.clusters == {str(10 * k + n): f"{k}.{n}" for k in range(3) for n in range(10)}
    lists[0].refresh()
    assert lists[0].kinds == found.kinds


def test_what_a_later_version_wrote_stays(path: Path) -> None:
    write_json(path, {"kinds": ["ring"], "colours": {"ring": "#ff0000"}})
    KindList(path).add("arc")
    assert read_json(path) == {
        "kinds": ["ring", "arc"], "clusters": {}, "colours": {"ring": "#ff0000"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"\xff", b'{"kinds": 3}', b'{"kinds": [1]}', b'{"clusters": {"1": []}}'],
)
def test_a_damaged_file_is_refused_and_stays(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"explore\.json"):
        KindList(path)
    assert path.read_bytes() == content


def test_there_are_at_most_500(path: Path) -> None:
    write_json(path, {"kinds": [f"kind {k}" for k in range(500)]})
    kinds = KindList(path)
    kinds.add("kind 3")
    with pytest.raises(InputError, match="500 kinds already"):
        kinds.add("one more")


@pytest.mark.parametrize("name", [None, 3, [], "x" * 201, "", " \n"])
def test_what_is_no_name_is_refused(path: Path, name: Any) -> None:
    kinds = KindList(path)
    with pytest.raises(InputError, match="name must"):
        kinds.add(name)
    with pytest.raises(InputError, match="new must"):
        kinds.rename("ring", name)
    assert not path.exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    kinds = KindList(tmp_path / "explore.json")
    (tmp_path / "explore.json").mkdir()
    with pytest.raises((OutputError, InputError), match=r"explore\.json"):
        kinds.add("ring")
    assert kinds.kinds == []


def test_a_kind_that_comes_back_has_its_place_again(tmp_path: Path) -> None:
    kinds = KindList(tmp_path / "explore.json")
    for name in ("ring", "spiral", "smooth"):
        kinds.add(name)
    kinds.rename("spiral", "ring")
    assert kinds.known_with([]) == ["ring", "smooth"]
    assert kinds.known_with(["spiral"]) == ["ring", "spiral", "smooth"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"kinds": ["secret"]}')
    (tmp_path / "explore.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(InputError, match="remove the link"):
        KindList(tmp_path / "explore.json")
