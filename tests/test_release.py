"""What is released is whole, and says the same of itself everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import yaml

import equiclust
from tests.modules_by_path import load_module

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("data_adapters", "ensembles", "equiclust")
README = (ROOT / "README.md").read_text()

in_a_working_copy = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="archives are built of what git tracks"
)


def _git(*words: str, cwd: Path) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    command = ["git", *identity, *words]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def _build(hook: str, source: Path, output: Path) -> Path:
    """Build as pip does, by a hook of the backend in a process of its own."""
    output.mkdir(exist_ok=True)
    code = f"import build_backend; build_backend.{hook}({str(output)!r})"
    paths = {**os.environ, "PYTHONPATH": str(source / "release"), "PYTHONWARNINGS": "default"}
    paths.pop("SOURCE_DATE_EPOCH", None)
    subprocess.run([sys.executable, "-c", code], cwd=source, env=paths, check=True, stdout=-3)
    (built,) = output.iterdir()
    return built


def _unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    return inside


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose one commit holds the tracked files, with the tag v9.8.7."""
    folder = tmp_path_factory.mktemp("tagged") / "repository"
    for name in filter(None, _git("ls-files", "-z", cwd=ROOT).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    _git("init", "--quiet", cwd=folder)
    _git("add", "--all", cwd=folder)
    _git("commit", "--quiet", "--message", "all", cwd=folder)
    _git("tag", "v9.8.7", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def sdist(tagged: Path) -> Path:
    return _build("build_sdist", tagged, tagged.parent / "sdist")


@pytest.fixture(scope="module")
def wheel(tagged: Path) -> Path:
    return _build("build_wheel", tagged, tagged.parent / "wheel")


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return message_from_bytes(archive.read("equiclust-9.8.7.dist-info/METADATA"))


@in_a_working_copy
def test_the_sdist_holds_every_tracked_file(sdist: Path, tagged: Path) -> None:
    tracked = set(_git("ls-files", cwd=tagged).split())
    with tarfile.open(sdist) as archive:
        modes = {m.name.partition("/")[2]: m.mode for m in archive if m.isfile()}
    files = set(modes)
    assert not tracked - files
    added = {name for name in files - tracked if ".egg-info/" not in name}
    assert added == {"PKG-INFO", "setup.cfg"}
    assert {name for name, mode in modes.items() if mode != 0o644} == {".ci/run"}


@in_a_working_copy
def test_the_wheel_holds_every_file_of_the_packages_and_the_licence(
    wheel: Path, tagged: Path
) -> None:
    tracked = set(_git("ls-files", *PACKAGES, cwd=tagged).split())
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        licence = archive.read("equiclust-9.8.7.dist-info/licenses/LICENSE")
    assert {name for name in files if ".dist-info/" not in name} == tracked
    suffixes = {Path(name).suffix for name in tracked}
    assert suffixes >= {".css", ".j2", ".js", ".pyi", ".safetensors", ".toml", ".typed"}
    assert licence == (ROOT / "LICENSE").read_bytes()


@in_a_working_copy
def test_two_builds_have_the_same_bytes(
    sdist: Path, wheel: Path, tagged: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    _git("clone", "--quiet", str(tagged), str(again), cwd=tmp_path)
    for path in again.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1e9, 1e9))
    assert _build("build_sdist", again, tmp_path / "sdist").read_bytes() == sdist.read_bytes()
    assert _build("build_wheel", again, tmp_path / "wheel").read_bytes() == wheel.read_bytes()


@in_a_working_copy
def test_the_wheel_of_the_sdist_is_that_of_the_commit_also_within_another_repository(
    sdist: Path, wheel: Path, tmp_path: Path
) -> None:
    _git("init", "--quiet", cwd=tmp_path)
    _git("commit", "--quiet", "--allow-empty", "--message", "other", cwd=tmp_path)
    _git("tag", "v1.1.1", cwd=tmp_path)
    source = _unpacked(sdist, tmp_path / "unpacked")
    built = _build("build_wheel", source, tmp_path / "wheel")
    assert built.name == wheel.name
    assert built.read_bytes() == wheel.read_bytes()


@in_a_working_copy
def test_archives_of_a_tag_have_its_version_everywhere(
    sdist: Path, wheel: Path, tagged: Path, tmp_path: Path
) -> None:
    assert [sdist.name, wheel.name] == [
        "equiclust-9.8.7.tar.gz",
        "equiclust-9.8.7-py3-none-any.whl",
    ]
    assert _metadata(wheel)["Version"] == "9.8.7"
    with zipfile.ZipFile(wheel) as archive:
        assert b'__version__ = "9.8.7"' in archive.read("equiclust/_version.py")
    source = _unpacked(sdist, tmp_path / "unpacked")
    assert yaml.safe_load((source / "CITATION.cff").read_text())["version"] == "9.8.7"
    assert not _git("status", "--porcelain", cwd=tagged), "building must change no file"


@in_a_working_copy
def test_metadata_are_complete_and_their_text_needs_no_repository(wheel: Path) -> None:
    metadata = _metadata(wheel)
    assert metadata["Author"] == "equiclust developers"
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Description-Content-Type"] == "text/markdown"
    text = metadata.get_payload()
    assert isinstance(text, str)
    assert "# equiclust" in text
    assert not re.search(r"\]\((?!https?://)", text)


@pytest.mark.parametrize(
    ("described", "planned", "version"),
    [
        ("v0.2.0-0-gabc1234", "0.2.0.dev0", "0.2.0"),
        ("v0.2.0-0-gabc1234", "0.3.0.dev0", "0.2.0"),
        ("v0.1.0-12-gabc1234", "0.2.0.dev0", "0.2.0.dev12+gabc1234"),
        ("v0.1.0-12-gabc1234-dirty", "0.2.0.dev0", "0.2.0.dev12+gabc1234.dirty"),
        ("v0.2.0-0-gabc1234-dirty", "0.2.0.dev0", "0.2.1.dev0+gabc1234.dirty"),
        ("v0.2.9-3-gabc1234", "0.2.0.dev0", "0.2.10.dev3+gabc1234"),
        ("", "0.2.0.dev0", "0.2.0.dev0"),
        ("v0.2.0rc1-0-gabc1234", "0.2.0.dev0", "0.2.0.dev0"),
    ],
)
def test_the_version_follows_from_tag_and_plan(described: str, planned: str, version: str) -> None:
    pytest.importorskip("setuptools")
    assert load_module("release/build_backend.py").archive_version(described, planned) == version


def test_the_citation_names_the_planned_version_and_the_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == equiclust.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


def test_the_changelog_has_the_headings_of_keep_a_changelog() -> None:
    titles = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    kinds = re.findall(r"^### (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    first, *released = titles
    assert first == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", title) for title in released)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_relative_links_of_the_readme_lead_to_the_repository_or_nowhere() -> None:
    index_page = load_module("setup.py").index_page
    text = "a [b](docs/b.md#c), [d](https://d.org/e)\n\n![f](docs/f.png)\n\n[g](#g)\n"
    assert index_page(text, None) == "a b, [d](https://d.org/e)\n\n[g](#g)\n"
    assert index_page(text, "https://example.org/x/") == (
        "a [b](https://example.org/x/blob/HEAD/docs/b.md#c), [d](https://d.org/e)\n\n"
        "![f](https://example.org/x/raw/HEAD/docs/f.png)\n\n[g](#g)\n"
    )


def test_what_check_dist_leaves_out_is_in_the_readme_and_the_rest_is_run() -> None:
    check_dist = load_module("release/check_dist.py")
    commands = [line for block in check_dist.command_blocks(README) for line in block]
    for beginning in check_dist.NOT_RUN:
        assert any(line.startswith(beginning) for line in commands), beginning
    assert len([line for line in commands if check_dist.is_run(line)]) >= len(commands) / 2
    assert len(check_dist.python_examples(README)) == README.count("```python")


def test_the_conda_recipe_requires_what_the_package_requires() -> None:
    recipe = _recipe()
    names = {"docstring-parser": "docstring_parser", "matplotlib": "matplotlib-base"}
    names["torch"] = "pytorch"
    python, *others = recipe["requirements"]["run"]
    required = [re.fullmatch(r"([\w.-]+)(>=.*)", line) for line in PROJECT["dependencies"]]
    assert sorted(others) == sorted(f"{names.get(f[1], f[1])} {f[2]}" for f in required if f)
    assert python == "python >=${{ python_min }}"
    assert PROJECT["requires-python"] == f">={recipe['context']['python_min']}"
    scripts = [f"{name} = {target}" for name, target in PROJECT["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == scripts
    assert recipe["context"]["version"] == equiclust.__version__


def _recipe() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "release/conda/recipe.yaml").read_text())
    return read


def _targets() -> set[str]:
    (named,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return set(named.split())


def test_make_help_explains_every_target() -> None:
    explained = re.findall(r"^([a-z-]+):.*## .", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(explained) == _targets()


def test_the_workflow_calls_targets_of_make_for_every_python_that_is_named() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    matrix = jobs["tests"]["strategy"]["matrix"]
    targets = {*matrix["target"], *(job["target"] for job in matrix["include"])}
    steps = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    called = {step.split()[1] for step in steps if step.startswith("make ")} - {"${{"}
    assert targets | called <= _targets()
    versions = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if ":: 3." in name]
    assert versions == matrix["python"]
    assert PROJECT["requires-python"] == f">={versions[0]}"


@pytest.mark.slow
@in_a_working_copy
def test_tests_run_from_the_sdist(sdist: Path, tmp_path: Path) -> None:
    source = _unpacked(sdist, tmp_path / "unpacked")
    some = ["tests/test_images.py", "tests/test_release.py", "tests/ensembles/test_version_0_1.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *some]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@in_a_working_copy
def test_the_readme_runs_from_the_wheel_in_an_empty_environment(wheel: Path) -> None:
    command = [sys.executable, "release/check_dist.py", str(wheel)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
