"""What an installation needs, what an import costs, and which former names still work."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

import equiclust
from equiclust import _deprecated
from equiclust.exceptions import EquiclustError, MissingPackageError
from equiclust.optional import check_installed, import_optional
from tests.oldest_versions import EXTRAS, lower_bounds

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HEAVY = {
    "astropy",
    "bokeh",
    "jinja2",
    "joblib",
    "lightning",
    "matplotlib",
    "numpy",
    "PIL",
    "scipy",
    "sklearn",
    "torch",
    "torchvision",
    "tornado",
    "umap",
}


def _requirement(text: str) -> str:
    return re.split(r"[\[<>=!~; ]", text, maxsplit=1)[0].lower()


def _optional_modules() -> list[str]:
    names = {_requirement(line) for e in EXTRAS for line in PROJECT["optional-dependencies"][e]}
    return sorted(name.replace("-", "_") for name in names)


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _imported_by(code: str) -> set[str]:
    listed = _python(f"{code}\nimport json, sys\nprint()\nprint(json.dumps(sorted(sys.modules)))")
    return {name.partition(".")[0] for name in json.loads(listed.splitlines()[-1])}


def test_importing_equiclust_imports_no_other_package() -> None:
    found = _imported_by("import equiclust")
    assert not found & (HEAVY | {"docstring_parser", "jsonargparse", "rich", "yaml"})
    assert "data_adapters" not in found


def test_help_imports_nothing_heavy() -> None:
    assert not _imported_by("from equiclust.cli import main\nmain(['--help'])") & HEAVY


def test_images_are_read_simulated_and_scored_without_torch() -> None:
    rooms = "equiclust.images, equiclust.io, equiclust.simulation, equiclust.evaluation.metrics"
    assert "torch" not in _imported_by(f"import data_adapters, {rooms}")


@pytest.mark.parametrize("name", equiclust.__all__)
def test_every_public_name_is_found(name: str) -> None:
    assert getattr(equiclust, name) is not None
    assert name in dir(equiclust)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sort'"):
        _ = equiclust.sort  # type: ignore[attr-defined]


def test_the_version_is_written_once() -> None:
    assert version("equiclust") == equiclust.__version__
    assert "version" in PROJECT["dynamic"]


@pytest.mark.parametrize("former", [*_deprecated.MODULES, "equiclust.metrics.clustering"])
def test_a_former_module_answers_as_the_present_one_and_warns(former: str) -> None:
    sys.modules.pop(former, None)
    with pytest.warns(DeprecationWarning, match=f"{former} is now ") as caught:
        module = import_module(former)
    assert {Path(warning.filename).name for warning in caught} <= {
        "__init__.py",
        Path(__file__).name,
    }
    message = str(caught[-1].message)
    present = import_module(message.split(" is now ")[1].split(",")[0].split(";")[0])
    assert module.__name__ == former
    for name in present.__all__:
        assert getattr(module, name) is getattr(present, name)


def test_former_modules_are_found_by_a_fresh_process_that_imports_nothing_else() -> None:
    _python(
        """
from data_adapters.sky_map import open_sky_map
import data_adapters.moments, data_adapters.masks
from data_adapters.patches import cut_patches
"""
    )


@pytest.mark.filterwarnings("ignore:.* is now :DeprecationWarning")
def test_imports_of_the_former_readme_work() -> None:
    from data_adapters.segment_output import read_segment_map
    from equiclust.metrics import mean_average_precision, recall_at_k
    from equiclust.report.latent_film import write_latent_film

    from data_adapters import masks, moments
    from equiclust.segmentation.segment import segment_sky_map

    functions = (read_segment_map, mean_average_precision, recall_at_k, segment_sky_map)
    assert all(callable(function) for function in functions)
    assert masks.blank_mask
    assert moments.__all__
    assert write_latent_film.__name__ == "write_latent_animation"


def test_a_name_that_never_was_is_missing_under_a_former_module() -> None:
    sys.modules.pop("equiclust.metrics", None)
    with pytest.warns(DeprecationWarning, match="equiclust.metrics is now"):
        module = import_module("equiclust.metrics")
    assert not hasattr(module, "truth")
    with pytest.raises(ModuleNotFoundError, match=r"equiclust\.evaluation\.metrics\.truth"):
        import_module("equiclust.metrics.truth")


def test_a_missing_package_is_one_sentence_that_names_what_to_install() -> None:
    with pytest.raises(MissingPackageError) as caught:
        import_optional("no_such_package.inside", extra="maps", purpose="--region")
    assert str(caught.value) == (
        "--region needs the package no_such_package, which is not installed; "
        "run pip install 'equiclust[maps]'"
    )
    assert isinstance(caught.value, EquiclustError)
    assert isinstance(caught.value, ImportError)
    with pytest.raises(MissingPackageError) as checked:
        check_installed("numpy", "no_such_package", extra="maps", purpose="--region")
    assert str(checked.value) == str(caught.value)


def test_a_segmentation_without_its_packages_is_refused_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from equiclust.cli import main

    monkeypatch.setitem(sys.modules, "regions", None)
    output = tmp_path / "labels.fits"
    assert main(["segment", str(tmp_path / "map.fits"), "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert "needs the package regions" in error
    assert "pip install 'equiclust[maps]'" in error
    assert not list(tmp_path.iterdir())


def test_a_fault_inside_an_installed_package_is_not_taken_for_its_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all") as caught:
        import_optional("broken_package", extra="maps", purpose="--region")
    assert not isinstance(caught.value, EquiclustError)


def test_without_the_extras_every_module_still_imports() -> None:
    blocked = _optional_modules()
    assert "distributed" in blocked
    _python(
        f"""
import pkgutil, sys, importlib
for name in {blocked!r}:
    sys.modules[name] = None
for package in ("equiclust", "data_adapters", "ensembles"):
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, package + "."):
        importlib.import_module(found.name)
"""
    )


def test_all_extras_are_in_all_and_no_extra_repeats_what_is_required() -> None:
    (everything,) = PROJECT["optional-dependencies"]["all"]
    assert everything == f"equiclust[{','.join(EXTRAS)}]"
    required = {_requirement(line) for line in PROJECT["dependencies"]}
    assert not required & {name.replace("_", "-") for name in _optional_modules()}
    assert len(required) == len(PROJECT["dependencies"])


def test_every_dependency_has_a_lower_bound_that_the_installed_version_meets() -> None:
    bounds = dict(lower_bounds(ROOT / "pyproject.toml"))
    assert {"torch", "numpy", "distributed"} <= bounds.keys()
    for name, bound in bounds.items():
        assert Version(version(name)) >= Version(bound), name


def test_lightning_is_new_enough_for_the_arguments_of_fit() -> None:
    from lightning import Trainer

    assert "weights_only" in inspect.signature(Trainer.fit).parameters
    # The first release whose `Trainer.fit` has the argument.
    assert Version(dict(lower_bounds(ROOT / "pyproject.toml"))["lightning"]) >= Version("2.6")


def test_the_stub_names_what_the_package_offers() -> None:
    stub = (Path(equiclust.__file__).parent / "__init__.pyi").read_text()
    lines = re.findall(r"^from (\S+) import \w+ as (\w+)$", stub, re.MULTILINE)
    homes = {name: module for module, name in lines}
    assert sorted([*homes, "__version__"]) == sorted(equiclust.__all__)
    for name, module in homes.items():
        assert getattr(equiclust, name) is getattr(import_module(module), name)
