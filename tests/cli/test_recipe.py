"""What was typed wins over the recipe, and the recipe over the defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from ensembles.recipes import Recipe, builtin_recipes, write_recipe
from equiclust.cli import main
from equiclust.cli.commands import COMMANDS
from equiclust.cli.parser import parse_arguments

RUN = ("run", "images", "--output", "sorted")


def arguments(*words: str) -> dict[str, object]:
    return parse_arguments(COMMANDS, [*RUN, *words]).arguments


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(
        "seed = 7\n[images]\nsize = 64\npercentiles = [2, 98]\n[clusters]\nn_clusters = 5\n"
    )
    return str(path)


def test_the_recipe_wins_over_the_defaults(recipe: str) -> None:
    given = arguments("--recipe", recipe)
    assert (given["seed"], given["size"], given["n_clusters"]) == (7, 64, 5)
    assert list(given["percentiles"]) == [2.0, 98.0]
    assert given["recipe"] == recipe


def test_what_was_typed_wins_over_the_recipe(recipe: str) -> None:
    typed = ("--size", "128", "--n-clusters", "auto", "--percentiles", "1", "99.9")
    for words in ((*typed, "--recipe", recipe), ("--recipe", recipe, *typed)):
        given = arguments(*words)
        # The typed values are the defaults: that they were typed is what counts.
        assert (given["size"], given["n_clusters"], given["seed"]) == (128, "auto", 7)
        assert list(given["percentiles"]) == [1.0, 99.9]


def test_the_next_command_line_knows_nothing_of_the_recipe(recipe: str) -> None:
    arguments("--recipe", recipe)
    assert arguments()["seed"] == 0


def test_the_flags_have_the_defaults_of_recipes() -> None:
    settings = Recipe().settings
    parameters = inspect.signature(COMMANDS[0].function).parameters.values()
    flags = {entry.name: entry.default for entry in parameters if entry.name in settings}
    assert flags == {name: settings[name] for name in flags}
    assert {"size", "n_clusters", "n_folds", "group", "max_epochs", "seed"} <= set(flags)


@pytest.mark.parametrize("name", builtin_recipes())
def test_every_shipped_recipe_is_taken_by_name_and_told_in_the_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert arguments("--recipe", name)["recipe"] == name
    assert main(["run", "--help"]) == 0
    assert name in capsys.readouterr().out


def test_a_recipe_as_a_run_writes_it_is_taken(tmp_path: Path) -> None:
    changed = Recipe().with_(size=32, group="C4", method="kmeans", max_epochs=3, stretch="log")
    write_recipe(changed, tmp_path / "recipe.toml")
    given = arguments("--recipe", str(tmp_path / "recipe.toml"))
    assert (given["size"], given["group"], given["method"]) == (32, "C4", "kmeans")
    assert (given["max_epochs"], given["stretch"]) == (3, "log")


def test_a_bad_recipe_is_told_in_one_sentence(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "must be a file or one of digits, discs" in refused(*RUN, "--recipe", "dics")
    path = tmp_path / "bad.toml"
    path.write_text("[clusters]\nmethods = 'gmm'\n")
    sentence = refused(*RUN, "--recipe", str(path))
    assert str(path) in sentence
    assert "[clusters] has no key 'methods'; did you mean 'method'?" in sentence
