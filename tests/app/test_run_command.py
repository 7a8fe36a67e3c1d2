"""Commands of run folders that somebody else may have written: what is started, and what is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ensembles.recipes import Recipe
from equiclust.app.run_command import FLAGS, why_not_started
from equiclust.cli.commands import COMMANDS
from equiclust.cli.parser import parse_arguments
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.settings import RunSettings

Change = Callable[[list[str]], list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", {"inputs": ["/data/a b", "/data/*.fits"]})


def command(folder: RunFolder, *more: str) -> list[str]:
    return ["run", "/data/a b", "/data/*.fits", "--output", str(folder.path), *more]


def test_what_runs_record_is_started(folder: RunFolder) -> None:
    recipe = Recipe().with_(
        n_clusters=4,
        n_folds=3,
        size=64,
        method="kmeans",
        remove="size,edge",
        encoder="own,vgg16,efficientnet_lite0",
        layer="features.10",
        pooling="mean+max",
        encoder_group="none",
        seed=7,
        latent_dim=16,
        max_epochs=9,
        group="C8",
        stretch="asinh",
        percentiles=(0.5, 99.0),
        center="peak",
        canonical="affine",
        equalize="clahe",
        reliability=0.5,
        pretrained=False,
    )
    inputs = ["/data/a b", "/data/*.fits"]
    several = {"axes": "nhw", "max_samples": 500, "max_memory": "4GB"}
    words = RunSettings(inputs, folder.path, recipe, "cpu", 2, **several).arguments  # type: ignore[arg-type]
    assert why_not_started(words, folder) == ""
    assert {word for word in words if word.startswith("--")} == set(FLAGS)
    # The command line takes the same words for the same values.
    parsed = parse_arguments(COMMANDS, words).arguments
    assert parsed["n_clusters"] == 4
    assert parsed["max_samples"] == 500
    assert parsed["percentiles"] == [0.5, 99.0]
    assert parsed["output"] == str(folder.path)


def test_flags_are_those_of_the_command_but_for_some() -> None:
    run = next(one for one in COMMANDS if one.name == "run")
    flags = {flag for flag in run.flags.values() if flag.startswith("--")}
    only_there = {"--recipe", "--scheduler", "--watch", "--latents", "--catalogue", "--cutout-size"}
    assert flags - set(FLAGS) == only_there
    assert set(FLAGS) <= flags


def test_a_link_to_the_folder_is_the_folder(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder.path)
    words = command(folder)
    words[words.index("--output") + 1] = str(tmp_path / "link")
    assert why_not_started(words, folder) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words: [], "not `equiclust run`"),
        (lambda words: ["teach", *words[1:]], "not `equiclust run`"),
        (lambda words: ["--version", *words], "not `equiclust run`"),
        (lambda words: [*words, "--scheduler", "tcp://evil:1"], "'--scheduler'"),
        (lambda words: [*words, "--scheduler=tcp://evil:1"], "'--scheduler=tcp"),
        (lambda words: [*words, "--sched", "tcp://evil:1"], "'--sched'"),
        (lambda words: [*words, "--enc", "own"], "'--enc'"),
        (lambda words: [*words, "--json"], "'--json'"),
        (lambda words: [*words, "--watch"], "'--watch'"),
        (lambda words: [*words, "--recipe", "/evil.toml"], "'--recipe'"),
        (lambda words: [*words, "--no-pretrained"], "'--no-pretrained'"),
        (lambda words: [*words, "-h"], "'-h'"),
        (lambda words: [*words, "--", "/evil"], "'--'"),
        (lambda words: [*words, "/evil"], "'/evil'"),
        (lambda words: [*words, "--size", "32", "/evil"], "'/evil'"),
        (lambda words: [*words, "--size", "32", "--size", "64"], "--size twice"),
        (lambda words: [*words, "--size"], "--size without a value"),
        (lambda words: [*words, "--percentiles", "1"], "--percentiles without a value"),
        (lambda words: [*words, "--layer", "--scheduler=x"], "--layer without a value"),
        (lambda words: [*words, "--layer", "a\u202eb"], "cannot be shown"),
        (lambda words: [*words, "--layer", "a\nb"], "cannot be shown"),
        (lambda words: [*words, "--encoder", "evil.onnx"], "from a file, 'evil.onnx'"),
        (lambda words: [*words, "--encoder", "own,/evil.npy"], "from a file"),
        (lambda words: [*words, "--encoder", "../evil"], "from a file"),
        (lambda words: [*words, "--encoder", "https://evil/x"], "from a file"),
        (lambda words: [*words, "--n-jobs", "9999999"], "--n-jobs"),
        (lambda words: [*words, "--output", "/elsewhere"], "--output twice"),
        (lambda words: [*words, "--output=/elsewhere"], "'--output=/elsewhere'"),
        (lambda words: [*words[:-1], "/elsewhere"], "not that of a run into this folder"),
        (lambda words: [*words[:-1], os.path.relpath(words[-1])], "into this folder"),
        (lambda words: [*words[:-1], ""], "into this folder"),
        (lambda words: words[:-2], "into this folder"),
        (lambda words: words[:-1], "--output without a value"),
        (lambda words: ["run", *words[3:]], "other images"),
        (lambda words: ["run", *words[2:]], "other images"),
        (lambda words: ["run", "/etc", *words[2:]], "other images"),
        (lambda words: ["run", "/data/a b", *words[1:]], "other images"),
        (
            lambda words: ["run", "data", *words[2:]],
            "'data' in its recorded command is no absolute",
        ),
        (lambda words: ["run", "https://evil/a", *words[2:]], "no absolute path"),
        (lambda words: ["run", "/s3://evil/a", *words[2:]], "no absolute path"),
        (lambda words: ["run", "//evil/share", *words[2:]], "no absolute path"),
    ],
)
def test_anything_else_is_not(folder: RunFolder, change: Change, said: str) -> None:
    assert why_not_started(command(folder), folder) == ""
    assert said in why_not_started(change(command(folder)), folder)


@pytest.mark.parametrize(
    "content", ["{", "{}", '{"config": []}', '{"config": {"inputs": "/data"}}']
)
def test_a_damaged_folder_starts_nothing(folder: RunFolder, content: str) -> None:
    folder.config_json.write_text(content)
    assert "other images" in why_not_started(command(folder), folder)
