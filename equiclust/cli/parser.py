"""From the annotated signature of a command to its flags, and from a mistake to a sentence."""

from __future__ import annotations

import inspect
import re
import types
from argparse import SUPPRESS, ArgumentError, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from docstring_parser import Docstring, DocstringStyle, parse
from jsonargparse import ArgumentParser

from equiclust import __version__
from equiclust.exceptions import InputError

__all__ = ["Command", "Parsed", "parse_arguments"]

PROGRAM = "equiclust"
# The flag that names a recipe, from which the other flags have their defaults.
_RECIPE = "recipe"
_INTRODUCTION = (
    "Sort scientific images by shape, whatever way they happen to lie on the sky.\n\n"
    "An autoencoder that does not care about rotation and mirroring learns what the images look\n"
    "like, and its latents are clustered. Start with `equiclust demo`."
)
_EXAMPLE = (
    "example:\n"
    "  equiclust run images/ --output sorted\n"
    "  equiclust predict sorted more/*.fits --output more.ecsv\n\n"
    "`equiclust COMMAND --help` explains one command."
)
_WORDS = {int: "a whole number", float: "a number", str: "a name", type(None): "nothing"}


@dataclass(frozen=True)
class Command:
    """A command and the function whose signature and docstring describe it.

    Parameters
    ----------
    name : str
    function : callable
        Its first parameter, the session, is no flag. Those that come by position are positional
        on the command line too; an `Annotated` text is what stands for the value in the help.
    """

    name: str
    function: Callable[..., Any]

    @property
    def document(self) -> Docstring:
        """The docstring of the function, parsed."""
        return parse(self.function.__doc__ or "", style=DocstringStyle.NUMPYDOC)


class Parsed(NamedTuple):
    """Which command was given, with which arguments, and whether it shall answer in JSON."""

    command: Command
    arguments: dict[str, Any]
    json: bool


@dataclass(frozen=True)
class _Flag:
    """One parameter of a command as the command line has it."""

    name: str
    kind: Any
    positional: bool
    default: Any
    stands_for: str | None
    help: str

    @property
    def option(self) -> str:
        """How it is written."""
        if self.positional:
            return self.stands_for or self.name
        return f"-{self.name}" if len(self.name) == 1 else f"--{self.name.replace('_', '-')}"

    @property
    def values(self) -> str:
        """What it may be, in words."""
        return _in_words(self.kind)


class _Formatter(RawDescriptionHelpFormatter):
    """Keeps the lines of an example and tells every default."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=96)

    def _get_help_string(self, action: Any) -> str:
        text = str(action.help or "")
        default = action.default
        silent = (
            action.required or default is None or default is False or default in ("", [], SUPPRESS)
        )
        return text if silent else f"{text} (default: {_shown(default)})"


def parse_arguments(commands: Sequence[Command], argv: Sequence[str]) -> Parsed:
    """The command that was asked for, and its arguments by name.

    Raises
    ------
    InputError
        When the command line makes no sense; the message says why in one sentence.
    SystemExit
        After help or version have been printed.
    """
    by_name = {command.name: command for command in commands}
    parser = _new_parser(description=_INTRODUCTION, epilog=_EXAMPLE, version=__version__)
    chosen = parser.add_subcommands(required=True, title="commands", description=None)
    parsers = {command.name: _parser_of(command) for command in commands}
    for command in commands:
        own = parsers[command.name]
        chosen.add_subcommand(command.name, own, help=command.document.short_description or "")
        own.prog = f"{PROGRAM} {command.name}"
    try:
        namespace = parser.parse_args(list(argv))
        command = by_name[namespace.subcommand]
        recipe = namespace[command.name].get(_RECIPE)
        if recipe is not None:
            # What it says becomes the default, so that what was typed still wins.
            parsers[command.name].set_defaults(_said_by_recipe(command, recipe))
            namespace = parser.parse_args(list(argv))
    except ArgumentError as error:
        raise InputError(_sentence(str(error), by_name, argv)) from error
    given = namespace[namespace.subcommand]
    arguments = {flag.name: given[flag.name] for flag in _flags(command)}
    return Parsed(command, arguments, json=given["json"])


def _said_by_recipe(command: Command, recipe: str) -> dict[str, Any]:
    """What a recipe, given by name or path, says to the flags of a command."""
    from ensembles.recipes import read_recipe

    settings = read_recipe(recipe).settings
    said = {flag.name: settings[flag.name] for flag in _flags(command) if flag.name in settings}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}


def _new_parser(**options: Any) -> Any:
    return ArgumentParser(
        prog=PROGRAM, exit_on_error=False, formatter_class=_Formatter, allow_abbrev=False, **options
    )


def _parser_of(command: Command) -> Any:
    document = command.document
    said = [document.short_description, document.long_description]
    examples = "\n".join(f"  {example.description}" for example in document.examples)
    parser = _new_parser(
        description="\n\n".join(text for text in said if text),
        epilog=f"example:\n{examples.replace(chr(10), chr(10) + '  ')}" if examples else None,
    )
    for flag in _flags(command):
        _add(parser, flag)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object on standard output, no more"
    )
    return parser


def _flags(command: Command) -> Iterator[_Flag]:
    hints = get_type_hints(command.function, include_extras=True)
    texts = {entry.arg_name: entry.description or "" for entry in command.document.params}
    for parameter in list(inspect.signature(command.function).parameters.values())[1:]:
        hint, stands_for = hints[parameter.name], None
        if get_origin(hint) is Annotated:
            hint, stands_for = get_args(hint)
        yield _Flag(
            name=parameter.name,
            kind=hint,
            positional=parameter.kind is not parameter.KEYWORD_ONLY,
            default=parameter.default,
            stands_for=stands_for,
            help=" ".join(texts.get(parameter.name, "").split()),
        )


def _add(parser: Any, flag: _Flag) -> None:
    options: dict[str, Any] = {"type": flag.kind, "help": flag.help}
    if get_origin(flag.kind) is tuple:
        options |= {"type": get_args(flag.kind)[0], "nargs": _how_many(flag)}
    if flag.default is not inspect.Parameter.empty:
        as_list = isinstance(flag.default, tuple)
        options["default"] = list(flag.default) if as_list else flag.default
    elif not flag.positional:
        options["required"] = True
    if flag.stands_for is not None:
        names = tuple(flag.stands_for.split())
        options["metavar"] = names if len(names) > 1 else flag.stands_for
    parser.add_argument(flag.name if flag.positional else flag.option, **options)


def _how_many(flag: _Flag) -> int | str:
    kinds = get_args(flag.kind)
    if kinds[-1] is not Ellipsis:
        return len(kinds)
    return "+" if flag.default is inspect.Parameter.empty else "*"


def _shown(default: Any) -> str:
    return " ".join(map(str, default)) if isinstance(default, list) else str(default)


def _in_words(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Literal:
        choices = [str(value) for value in get_args(kind)]
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(kind) if part is not type(None)]
        return " or ".join(_in_words(part) for part in parts)
    if origin is tuple:
        # Each value is judged by itself.
        return _in_words(get_args(kind)[0])
    return _WORDS.get(kind, "something else")


def _sentence(message: str, commands: dict[str, Command], argv: Sequence[str]) -> str:
    """What the parser says over several lines, in our words and in one."""
    named = next((word for word in argv if word in commands), None)
    if named is None:
        wrong = next((word for word in argv if not word.startswith("-")), None)
        got = "there was none" if wrong is None else f"got {wrong!r}"
        return f"the first word must be one of {', '.join(commands)}, {got}"
    helped = f"; see `{PROGRAM} {named} --help`"
    flags = {flag.name: flag for flag in _flags(commands[named])}
    key = re.search(r'[Kk]ey "(?:\w+\.)?(\w+)"', message)
    value = re.search(r"(?:Got value|Given value): (.*)", message)
    if key and value and key[1] in flags:
        flag = flags[key[1]]
        return f"{flag.option} must be {flag.values}, got {value[1].strip()!r}{helped}"
    missing = re.search(r"arguments are required: (.*)", message)
    if missing:
        names = [name.rpartition(".")[2] for name in missing[1].split(", ")]
        said = " and ".join(flags[name].option if name in flags else name for name in names)
        return f"{said} must be given{helped}"
    unknown = re.search(r"[Uu]nrecognized arguments: (.*)", message)
    if unknown:
        return f"{unknown[1].split()[0]!r} is no option of `{PROGRAM} {named}`{helped}"
    return " ".join(message.split()).removeprefix("argument ") + helped
