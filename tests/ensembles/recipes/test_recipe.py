"""Defaults come from the parts, what is written reads back equal, and mistakes are explained."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ensembles import KFoldEnsemble
from ensembles.folds import fold_masks
from ensembles.recipes import (
    Ensemble,
    Images,
    Network,
    Recipe,
    builtin_recipes,
    read_recipe,
    write_recipe,
)
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.exceptions import InputError, OutputError
from equiclust.preprocessing import Preprocessor
from tests.ensembles.recipes.strategies import KEYS, recipes

# A word instead of a number, a number instead of a word, and what TOML has beside them.
WRONG_TYPES = ["[[]]", "{}", "1979-05-27", "nan", "true"]


def refused(folder: Path, text: str) -> str:
    """The sentence with which a recipe of this text is refused."""
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_recipe(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_a_recipe_that_says_nothing_has_the_defaults_of_the_parts(tmp_path: Path) -> None:
    (tmp_path / "nothing.toml").write_text("")
    recipe = read_recipe(tmp_path / "nothing.toml")
    assert recipe == Recipe()
    assert vars(recipe.images) == Preprocessor().get_params()
    chosen = recipe.autoencoder
    assert KFoldEnsemble(**recipe.kfold).get_params() == KFoldEnsemble(random_state=0).get_params()
    network = EquivariantAutoencoder(**chosen)
    usual = EquivariantAutoencoder(size=recipe.images.size)
    assert {key: getattr(network, key) for key in chosen if not isinstance(chosen[key], dict)} == {
        key: getattr(usual, key) for key in chosen if not isinstance(chosen[key], dict)
    }


def test_no_two_tables_share_a_key() -> None:
    keys = [key for _, key in KEYS]
    assert len(set(keys)) == len(keys)
    assert set(Recipe().settings) == {"seed", *keys}


@given(recipe=recipes())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
def test_what_is_written_reads_back_equal(recipe: Recipe, tmp_path: Path) -> None:
    write_recipe(recipe, tmp_path / "recipe.toml")
    assert read_recipe(tmp_path / "recipe.toml") == recipe
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert hash(read_recipe(tmp_path / "recipe.toml")) == hash(recipe)


@given(recipe=recipes())
@settings(deadline=None, max_examples=30)
def test_every_recipe_makes_a_preprocessor_and_a_network(recipe: Recipe) -> None:
    assert "channels" in recipe.preprocessing or recipe.images.channels == "auto"
    assert Preprocessor(**recipe.preprocessing).get_params() == vars(recipe.images)
    try:
        EquivariantAutoencoder(**recipe.autoencoder)._check_parameters()
    except InputError as error:
        # The machine's fault, and not the recipe's.
        if " of memory and this machine has" not in str(error):
            raise


@given(recipe=recipes(), other=recipes())
@settings(deadline=None, max_examples=30)
def test_settings_decide_everything(recipe: Recipe, other: Recipe) -> None:
    assert recipe.with_(about=other.about, **other.settings) == other
    assert recipe.with_() == recipe


@pytest.mark.parametrize("wrong", WRONG_TYPES)
@pytest.mark.parametrize(("table", "key"), KEYS)
def test_a_value_of_a_wrong_type_is_refused(
    table: str, key: str, wrong: str, tmp_path: Path
) -> None:
    wrong = '"true"' if (key, wrong) == ("pretrained", "true") else wrong
    sentence = refused(tmp_path, f"[{table}]\n{key} = {wrong}\n")
    assert f"[{table}] {key} must be " in sentence
    assert sentence.endswith(f", got {tomllib.loads(f'x = {wrong}')['x']!r}")


@pytest.mark.parametrize(("table", "key"), KEYS)
def test_a_misspelt_key_is_refused_with_the_right_one(table: str, key: str, tmp_path: Path) -> None:
    sentence = refused(tmp_path, f"[{table}]\n{key}s = 1\n")
    assert sentence.endswith(f"[{table}] has no key '{key}s'; did you mean '{key}'?")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[image]", "no table or key 'image'; did you mean 'images'?"),
        ("images = 3", "[images] must be a table, got 3"),
        ("size = 32", "'size' belongs in the table [images]"),
        ("[images]\ngroup = 'D8'", "[images] has no key 'group'; it belongs in [network]"),
        ("[images]\nseed = 1", "[images] has no key 'seed'; it belongs above all tables"),
        ("seed = -1", "seed must be from 0 to 4294967295, got -1"),
        ("about = 1", "about must be text, got 1"),
        ("[images]\nsize = 48", "[images] size must be 32 times a power of two"),
        ("[images]\nbackground = 'sky'", "[images] background must be one of border, none, median"),
        ("[images]\npercentiles = [9, 1]", "[images] percentiles must be two numbers with 0 <= lo"),
        ("[images]\npercentiles = [1]", "[images] percentiles must be a list of 2 finite numbers"),
        ("[images]\ncircular_mask = 2", "[images] circular_mask must be None or a radius above 0"),
        ("[network]\ngroup = 'E8'", "[network] group must be named like 'D8'"),
        ("[network]\nfields = [4, 0.5]", "[network] fields must be a list of whole numbers, got"),
        ("[network]\nlatent_dim = 0", "[network] latent_dim must be a whole number of at least 1"),
        ("[training]\nmax_epochs = 'all'", "max_epochs must be a whole number or 'auto', got 'al"),
        (
            "[training]\nmax_epochs = 0",
            "[training] max_epochs must be a whole number of at least 1, got 0",
        ),
        (
            "[training]\nbatch_size = 1",
            "[training] batch_size must be a whole number of at least 2, got 1",
        ),
        ("[training]\nlearning_rate = 0", "[training] learning_rate must be above 0, got 0.0"),
        ("[training]\npretrained = 'no'", "[training] pretrained must be true or false, got 'no'"),
        ("[training]\nstart = 'none'\npretrained = true", "[training] start must be left out"),
        ("[training]\nstart = 'x.safetensors'", "start must be 'shipped' or 'none', got 'x.safe"),
        ("[objective]\nmse = -1", "[objective] weight of mse must be zero or more, got -1.0"),
        ("[objective]\nmse = 1" + 400 * "0", "[objective] mse must be a finite number, got 1000"),
        ("[augmentation]\nscale = 2", "[augmentation] augmentation scale must lie in 0 to 1, got"),
        (
            "[ensemble]\nn_folds = 0",
            "[ensemble] n_folds must be a whole number of at least 1, got 0",
        ),
        ("[ensemble]\nreliability = 90", "[ensemble] reliability must be from 0 to 1, got 90.0"),
        ("[ensemble]\nconsensus = 'mean'", "consensus must be 'vote' or 'coassociation', got"),
        ("[clusters]\nmethod = 'som'", "[clusters] method must be one of auto, gmm, kmeans"),
        ("[clusters]\nn_clusters = 0", "[clusters] n_clusters must be a whole number of at leas"),
        ("[images", "is not valid TOML"),
        ("size = 1\nsize = 2", "is not valid TOML"),
        (5000 * "[" + 5000 * "]", "is not valid TOML"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, text)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be a file or one of digits, discs, .* got 'disks'"):
        read_recipe("disks")
    with pytest.raises(InputError, match=r"cannot read .*: Is a directory"):
        read_recipe(tmp_path)
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\xff")
    with pytest.raises(InputError, match="is not valid TOML"):
        read_recipe(tmp_path / "picture.toml")


def test_a_file_with_the_name_of_a_builtin_recipe_is_read_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_recipe(Recipe(about="my own"), "discs")
    assert read_recipe("./discs").about == read_recipe(Path("discs")).about == "my own"
    assert read_recipe("discs").about != "my own"
    assert "discs" in builtin_recipes()


def test_a_recipe_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "recipe.toml"
    write_recipe(Recipe(), path)
    before = path.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="no space"):
            write_recipe(Recipe(seed=1), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["recipe.toml"]
    with pytest.raises(OutputError, match="cannot write"):
        write_recipe(Recipe(), path / "below.toml")


def test_a_written_recipe_says_every_setting(tmp_path: Path) -> None:
    write_recipe(Recipe(images=Images(circular_mask=0.9)), tmp_path / "recipe.toml")
    said = tomllib.loads((tmp_path / "recipe.toml").read_text())
    assert [(name, key) for name, key in KEYS if key not in said[name]] == []


def test_other_settings_are_taken_together_and_checked() -> None:
    recipe = Recipe(network=Network(group="C8")).with_(percentiles=[2, 98], mse=5, seed=3)
    assert recipe.images.percentiles == (2.0, 98.0)
    assert (recipe.network.group, recipe.objective.mse, recipe.seed) == ("C8", 5.0, 3)
    with pytest.raises(InputError, match=r"no key 'colour'; did you mean '\w+'\?"):
        recipe.with_(colour="red")
    with pytest.raises(InputError, match=r"^latent_dim must be a whole number, got 'many'"):
        recipe.with_(latent_dim="many")
    with pytest.raises(InputError, match=r"^size must be 32 times"):
        recipe.with_(size=48)


@pytest.mark.parametrize(("n_folds", "held_out"), [(1, 0), (2, 1), (3, 1), (4, 1), (10, 3)])
def test_a_network_always_has_something_to_train_on(n_folds: int, held_out: int) -> None:
    assert Ensemble(n_folds=n_folds).n_held_out == held_out
    most = Recipe().with_(n_folds=n_folds, held_out_folds=64).kfold["held_out_folds"]
    assert most == n_folds - 1
    masks = fold_masks(n_folds, n_folds, held_out, random_state=0)
    assert (masks.sum(axis=1) == held_out).all()


def test_any_text_is_read_back_as_it_was(tmp_path: Path) -> None:
    text = 'a "quoted" \\ back\x7fslash,\u2028 tab\t, newline\r\n and \U0001fa90'
    write_recipe(Recipe(about=text), tmp_path / "recipe.toml")
    assert read_recipe(tmp_path / "recipe.toml").about == text


@pytest.mark.parametrize(("start", "pretrained"), [("shipped", True), ("none", False)])
def test_a_recipe_of_version_0_1_is_read(tmp_path: Path, start: str, pretrained: bool) -> None:
    path = tmp_path / "old.toml"
    path.write_text(f'[training]\nstart = "{start}"\nbatch_size = 16\n')
    assert read_recipe(path) == Recipe().with_(pretrained=pretrained, batch_size=16)
