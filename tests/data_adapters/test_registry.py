"""Anyone may publish an adapter, and nobody's broken one may stop the others."""

from __future__ import annotations

import logging
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import data_adapters.sky
from data_adapters import Adapter, read, registry
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image


class SurveyAdapter:
    suffixes = (".survey", ".npy")

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        text = path.read_text()
        if text == "raise":
            raise ZeroDivisionError("inside")
        if text == "refuse":
            raise UnreadableFileError(f"{path}: not today")
        count = int(text)
        return tuple(Image.from_values(np.eye(2), f"s{i}", path=str(path)) for i in range(count))


class Explosive:
    def __init__(self) -> None:
        raise RuntimeError("boom")


class Shapeless:
    pass


class Careless(SurveyAdapter):
    suffixes = ("survey",)


HERE = __name__
PUBLISHED = [
    EntryPoint("a", "no.such.module:Adapter", registry.GROUP),
    EntryPoint("b", f"{HERE}:Explosive", registry.GROUP),
    EntryPoint("c", f"{HERE}:Shapeless", registry.GROUP),
    EntryPoint("d", f"{HERE}:Careless", registry.GROUP),
    EntryPoint("z", f"{HERE}:SurveyAdapter", registry.GROUP),
]


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A survey's adapter among broken ones."""
    monkeypatch.setattr(registry, "entry_points", lambda group: PUBLISHED)
    registry.adapters_by_suffix.cache_clear()
    yield
    registry.adapters_by_suffix.cache_clear()


@pytest.mark.usefixtures("published")
def test_broken_adapters_are_left_out_with_a_word_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        adapters = registry.adapters_by_suffix()
    assert {".survey", ".fits", ".png", ".npz"} <= set(adapters)
    assert [record.args[0] for record in caplog.records if record.args] == ["a", "b", "c", "d"]


@pytest.mark.usefixtures("published")
def test_a_published_adapter_reads_its_files_and_comes_first(tmp_path: Path) -> None:
    for name, text in {"1.survey": "2", "2.npy": "1", "3.survey": "0"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "4.survey").write_text("raise")
    (tmp_path / "5.survey").write_text("refuse")
    result = read(tmp_path)
    assert len(result.images) == 3
    assert [reason for _, reason in result.rejected] == [
        "it holds no image",
        "ZeroDivisionError: inside",
        "not today",
    ]


def test_our_own_adapters_follow_the_protocol_and_are_the_registered_ones() -> None:
    for point in registry.BUILT_IN:
        assert isinstance(point.load()(), Adapter)
    project = Path(__file__).parents[2] / "pyproject.toml"
    declared = tomllib.loads(project.read_text())["project"]["entry-points"][registry.GROUP]
    assert declared == {point.name: point.value for point in registry.BUILT_IN}


def test_the_longest_suffix_wins() -> None:
    suffixes = (".gz", ".fits", ".fits.gz")
    assert registry.known_suffix(Path("A.FITS.GZ"), suffixes) == ".fits.gz"
    assert registry.known_suffix(Path("a.tar.gz"), suffixes) == ".gz"
    assert registry.known_suffix(Path(".fits"), suffixes) == ""


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, data_adapters, data_adapters.sky; "
        "print({'astropy', 'scipy', 'torch', 'matplotlib'} & set(sys.modules) or 'none')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"


@pytest.mark.parametrize("package", [data_adapters, data_adapters.sky])
def test_every_name_that_a_package_offers_is_there(package: ModuleType) -> None:
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    assert not hasattr(package, "no_such_name")
