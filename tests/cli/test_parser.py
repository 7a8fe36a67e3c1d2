"""Signatures become flags and help, and errors become one sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Literal

import pytest

from equiclust.cli import main
from equiclust.cli.commands import COMMANDS
from equiclust.cli.parser import Command, parse_arguments
from equiclust.exceptions import InputError

HEAVY = ("torch", "lightning", "astropy", "sklearn", "scipy", "numpy", "rich", "matplotlib")


def paint(
    session: object,
    walls: Annotated[tuple[str, ...], "WALL"],
    *,
    colour: Literal["white", "grey"] = "white",
    n: int,
    coats: Annotated[int | Literal["auto"], "auto|K"] = "auto",
    mix: Annotated[tuple[float, float], "A B"] = (0.5, 2.0),
    dry: bool = False,
) -> None:
    """Paint walls.

    Until they are dry.

    Parameters
    ----------
    walls
        What to paint.
    colour
        What with.
    n
        How often.
    coats
        How thick.
    mix
        Of what.
    dry
        Wait until it is dry.

    Examples
    --------
    equiclust paint north
    """


PAINT = (Command("paint", paint),)


@pytest.mark.parametrize("flag", [("--min-confidence", "0.5"), ("--min-confidence=0.5",)])
def test_the_former_name_of_a_flag_still_works(flag: tuple[str, ...]) -> None:
    parsed = parse_arguments(COMMANDS, ["segment", "a.fits", "--output", "b.fits", *flag])
    assert parsed.arguments["min_membership"] == 0.5


def test_arguments_have_their_types_and_defaults() -> None:
    parsed = parse_arguments(PAINT, ["paint", "north", "3", "-n", "2"])
    assert parsed.command.name == "paint"
    assert not parsed.json
    assert parsed.arguments == {
        "walls": ["north", "3"],
        "colour": "white",
        "n": 2,
        "coats": "auto",
        "mix": [0.5, 2.0],
        "dry": False,
    }


def test_arguments_can_be_given_in_any_order() -> None:
    words = ["paint", "--coats", "3", "--mix", "1", "2", "-n", "2", "--json", "null", "[a]"]
    parsed = parse_arguments(PAINT, words)
    assert parsed.json
    assert parsed.arguments["coats"] == 3
    assert parsed.arguments["mix"] == [1.0, 2.0]
    assert parsed.arguments["walls"] == ["null", "[a]"]


@pytest.mark.parametrize(
    ("words", "walls", "dry"),
    [
        (["a", "--dry"], ["a"], True),
        (["--dry", "a"], ["a"], True),
        (["--dry", "a", "--dry", "false"], ["a"], False),
        (["a", "--dry", "true"], ["a"], True),
        (["a", "--dry=false"], ["a"], False),
        (["--dry", "false", "a"], ["a"], False),
        (["--dry", "--colour", "grey", "a"], ["a"], True),
        (["--", "--dry", "a"], ["--dry", "a"], False),
    ],
)
def test_a_switch_can_stand_alone(words: list[str], walls: list[str], dry: bool) -> None:
    parsed = parse_arguments(PAINT, ["paint", "-n", "1", *words])
    assert (parsed.arguments["walls"], parsed.arguments["dry"]) == (walls, dry)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: COMMAND; see `equiclust --help`"),
        (["pant"], "COMMAND: invalid choice: 'pant' (choose from 'paint')"),
        (["paint"], "the following arguments are required: WALL, -n"),
        (["paint", "a"], "required: -n; see `equiclust paint --help`"),
        (["paint", "a", "-n", "x"], "-n must be a whole number, got 'x'"),
        (["paint", "a", "-n", "1.5"], "-n must be a whole number, got '1.5'"),
        (["paint", "a", "-n", "1", "--colour", "red"], "--colour must be one of white, grey"),
        (["paint", "a", "-n", "1", "--coats", "no"], "--coats must be a whole number or auto"),
        (["paint", "a", "-n", "1", "--mix", "1"], "--mix: expected 2 arguments"),
        (["paint", "a", "-n", "1", "--mix", "1", "b"], "--mix must be a number, got 'b'"),
        (["paint", "a", "-n", "1", "--brush"], "unrecognized arguments: --brush"),
        (["paint", "a", "-n"], "-n: expected one argument"),
        (["paint", "a", "-n", "1", "--dry=maybe"], "--dry must be true or false, got 'maybe'"),
        (["paint", "a", "-n", "1", "--no-dry"], "unrecognized arguments: --no-dry"),
    ],
)
def test_mistakes_get_one_sentence(words: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_arguments(PAINT, words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_tells_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(PAINT, ["paint", "--help"])
    said = capsys.readouterr().out
    for text in (
        "usage: equiclust paint ",
        "Paint walls.\n\nUntil they are dry.",
        "--coats auto|K",
        "--mix A B",
        "How thick. (default: auto)",
        "--dry [true|false]",
        "(default: 0.5 2.0)",
        "example:\n  equiclust paint north",
    ):
        assert text in said
    assert "type:" not in said


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_flag_of_every_command_is_explained(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command.name, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"example:\n  equiclust {command.name}" in said
    texts = {entry.arg_name: entry.description for entry in command.document.params}
    names = list(command.function.__annotations__)
    assert sorted(texts) == sorted(set(names) - {"session", "return"})
    assert all(texts.values())


def test_the_examples_can_be_parsed() -> None:
    for command in COMMANDS:
        examples = [str(example.description) for example in command.document.examples]
        for line in "\n".join(examples).splitlines():
            words = line.split()
            assert words[0] == "equiclust"
            assert parse_arguments(COMMANDS, words[1:]).command.name == command.name


def test_help_of_the_whole_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(command.name in said for command in COMMANDS)
    assert "example:\n  equiclust run" in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from equiclust import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"equiclust {__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["run"]], ids=" ".join)
def test_help_and_mistakes_import_nothing_heavy(words: list[str]) -> None:
    code = (
        f"import sys; from equiclust.cli import main; main({words!r})\n"
        f"heavy = set({HEAVY!r}) & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_bad_words_are_refused(refused: Callable[..., str]) -> None:
    assert "COMMAND: invalid choice: 'rnu' (choose from 'run', 'predict'" in refused("rnu")
    assert "--method must be one of auto" in refused("run", "d", "--output", "r", "--method=a")
    assert "--n-folds" in refused("run", "d", "--output", "r", "--n-folds=ten")
