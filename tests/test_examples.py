"""Every public name has an example, and every example gives what it says."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tests.modules_by_path import load_module

ROOT = Path(__file__).parents[1]
HOMES = ("equiclust", "data_adapters", "ensembles")


API = load_module("docs/public_api.py")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for home in HOMES
    for path in (ROOT / home).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("package", API.PACKAGES)
def test_every_public_name_has_an_example(package: str) -> None:
    home = import_module(package)
    explained = {
        name: getattr(home, name)
        for name in API.public_names(package)
        if API.is_explained(getattr(home, name))
    }
    without = [name for name, member in explained.items() if ">>> " not in (member.__doc__ or "")]
    assert not without


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Examples are the same with and without weights at hand.
    monkeypatch.setenv("EQUICLUST_WEIGHTS", str(tmp_path))
    module = import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    output: list[str] = []
    with np.printoptions(precision=3, suppress=True):
        for example in doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__):
            runner.run(example, out=output.append)
    assert not runner.summarize(verbose=False).failed, "".join(output)
