"""Labels in any file that a user may write, and one sentence for what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from astropy.table import Table

from equiclust.exceptions import InputError
from equiclust.io.catalogue import write_table
from equiclust.teaching.labels import gather_labels, read_labels

IDS = ("a", "b", "007", "naïve, one")
EXPECTED = [("a", "face on"), ("007", "Ærø"), ("naïve, one", ""), ("b", "bar")]
GOOD = {
    "plain": 'id,path,kind\na,x.fits,face on\n007,,Ærø\n"naïve, one",,\nb,,bar\n',
    "semicolons": "id;kind\na;face on\n007;Ærø\nnaïve, one;\nb;bar\n",
    "tabs": "kind\tid\nface on\ta\nÆrø\t007\n\tnaïve, one\nbar\tb\n",
    "byte order mark": '\ufeffid,kind\na,face on\n007,Ærø\n"naïve, one",\nb,bar\n',
    "blanks": ' id , kind \n a , face  on \n\n007,Ærø\n"naïve, one",  \n,\nb,bar',
    "short rows": 'id,kind,path\r\na,face on\r\n007,Ærø,\r\n"naïve, one"\r\nb,bar,x\r\n',
    "quotes": '"id","kind"\n"a","face on"\n"007","Ærø"\n"naïve, one",""\n"b","bar"\n',
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_text_of_any_layout(content: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content, encoding="utf-8", newline="")
    assert read_labels(path) == EXPECTED


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".vot"])
def test_tables(suffix: str, tmp_path: Path) -> None:
    table = Table({"id": [name for name, _ in EXPECTED], "kind": [kind for _, kind in EXPECTED]})
    write_table(table, tmp_path / f"labels{suffix}")
    assert read_labels(tmp_path / f"labels{suffix}") == EXPECTED


BAD = {
    "not UTF-8": ("id,kind\na,Ærø\n".encode("latin-1"), "must be text in UTF-8, got the byte 0xc6"),
    "UTF-16": ("id,kind\na,b\n".encode("utf-16"), "must be text in UTF-8"),
    "nothing": (b"", "holds no rows"),
    "header only": (b"id,kind\n", "holds no rows"),
    "no kinds": (b"id,kind\na,\nb,\n", "names no kind in any of its 2 rows"),
    "no column kind": (b"id,class\na,b\n", "must have one column 'kind', got id, class"),
    "column twice": (b"id,kind,kind\na,b,c\n", "must have one column 'kind'"),
    "unknown images": (b"id,kind\nx,arc\n", "names no image of the run, but 'x' and the like"),
    "binary": (b"id,kind\n\x00\x01\x02\n", "names no kind in any of its 1 rows"),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_file_is_one_sentence(
    content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        gather_labels(path, IDS)
    assert "labels.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("none.csv", "none.fits"):
        with pytest.raises(InputError, match=f"{name}.*no such file"):
            read_labels(tmp_path / name)


def test_what_is_no_file_of_labels_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "endless.csv").symlink_to("/dev/zero")
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(2**28 + 1)
    for name, said in (("pipe", "a named pipe"), ("endless", "a device"), ("large", "at most")):
        with pytest.raises(InputError, match=rf"{name}\.csv': it .*{said}"):
            read_labels(tmp_path / f"{name}.csv")


def test_labels_of_several_rounds_count_together(tmp_path: Path) -> None:
    paths = [tmp_path / "one.csv", tmp_path / "two.csv"]
    paths[0].write_text("id,kind\na,arc\nb,bar\n007,\n")
    paths[1].write_text("id,kind\nb,bar\na,dot\n007,arc\nzz,arc\n")
    found = gather_labels(paths, IDS)
    assert found.kinds == {"b": "bar", "007": "arc"}
    assert found.contradictions == {"a": ("arc", "dot")}
    assert found.unknown == ("zz",)
    assert found.n_empty == 1
    assert [note.split(":")[0] for note in found.notes] == [
        "Images that have several kinds count as not labelled (1)",
        "Labels of images that the run has not are left out (1)",
    ]
    assert gather_labels(paths[1], IDS, [("007", "bar")]).contradictions == {"007": ("bar", "arc")}


def test_labels_in_memory() -> None:
    assert gather_labels({"a": "arc", "b": "", "007": "bar"}, IDS).kinds == {
        "a": "arc",
        "007": "bar",
    }
    for nonsense in (3, [3], {}):
        with pytest.raises(InputError):
            gather_labels(nonsense, IDS)
