"""From the annotated signature of a command to its flags, by argparse."""

from __future__ import annotations

import inspect
import types
from argparse import (
    SUPPRESS,
    ArgumentError,
    ArgumentParser,
    ArgumentTypeError,
    RawDescriptionHelpFormatter,
)
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NoReturn,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from docstring_parser import Docstring, DocstringStyle, parse

from equiclust import __version__
from equiclust.exceptions import InputError

__all__ = [
    "Command",
    "Device",
    "EncoderGroup",
    "EncoderPooling",
    "Inputs",
    "Layer",
    "Parsed",
    "RunPath",
    "parse_arguments",
]

Device = Literal["auto", "cpu", "cuda", "mps"]
"""Devices on which networks are trained."""

EncoderGroup = Annotated[str, "GROUP"]
"""Group over which the features of an encoder that is not trained are averaged."""

EncoderPooling = Literal["auto", "mean", "max", "mean+max", "token"]
"""How the features of such an encoder become one vector."""

Layer = Annotated[str, "NAME"]
"""Layer of such an encoder."""

Inputs = Annotated[tuple[str, ...], "INPUT"]
"""Files, folders and globs."""

RunPath = Annotated[str, "RUN"]
"""Folder of a run."""

PROGRAM = "equiclust"
# The flag that names a recipe, from which the other flags have their defaults.
_RECIPE = "recipe"
_INTRODUCTION = (
    "Sort scientific images by shape, at any orientation.\n\n"
    "An autoencoder that is equivariant under rotations and mirrors learns what the images look\n"
    "like, and its invariant latents are clustered. Start with `equiclust demo`."
)
_EXAMPLE = (
    "example:\n"
    "  equiclust run images/ --output sorted\n"
    "  equiclust predict sorted more/*.fits --output more.ecsv\n\n"
    "`equiclust COMMAND --help` explains one command."
)
# Spellings of earlier versions, which still work.
_FORMER = {"--min-confidence": "--min-membership"}
_SWITCHED = ("true", "false")
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


@dataclass(frozen=True)
class Command:
    """A command, described by the signature and the docstring of a function.

    Parameters
    ----------
    name : str
    function : callable
        Its first parameter is the session. Its positional parameters are positional on the command
        line too; the text of an `Annotated` type stands for the value in the help.
    resumes : bool, default False
        Whether the same command goes on with work that was stopped.
    """

    name: str
    function: Callable[..., Any]
    resumes: bool = False

    @property
    def document(self) -> Docstring:
        """The docstring of the function, parsed."""
        return parse(self.function.__doc__ or "", style=DocstringStyle.NUMPYDOC)

    @property
    def flags(self) -> dict[str, str]:
        """Spelling on the command line of every parameter, by its name."""
        flags = {flag.name: flag.option for flag in _flags(self)}
        # The library's name of the seed.
        return flags | ({"random_state": flags["seed"]} if "seed" in flags else {})


class Parsed(NamedTuple):
    """A command line.

    Parameters
    ----------
    command : Command
    arguments : dict
        By the names of the function's parameters.
    json : bool
        Whether the result is to be printed as JSON.
    """

    command: Command
    arguments: dict[str, Any]
    json: bool


@dataclass(frozen=True)
class _Flag:
    """One parameter of a command on the command line."""

    name: str
    kind: Any
    positional: bool
    default: Any
    metavar: str | None
    help: str

    @property
    def option(self) -> str:
        """Its spelling."""
        if self.positional:
            return self.metavar or self.name
        return f"-{self.name}" if len(self.name) == 1 else f"--{self.name.replace('_', '-')}"


class _Formatter(RawDescriptionHelpFormatter):
    """Keeps the lines of an example, and adds every default."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=96)

    def _get_help_string(self, action: Any) -> str:
        text = str(action.help or "")
        default = action.default
        # Not by equality: 0 is a default to be shown.
        hidden = default is None or default is False or default in ("", SUPPRESS, [])
        if action.required or hidden:
            return text
        shown = " ".join(map(str, default)) if isinstance(default, list) else str(default)
        return f"{text} (default: {shown.lower() if default is True else shown})"


class _Parser(ArgumentParser):
    """Raises `InputError` instead of exiting."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            exit_on_error=False, formatter_class=_Formatter, allow_abbrev=False, **options
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what cannot be parsed in the words of this command."""
        try:
            return super().parse_known_args(args, namespace)
        except ArgumentError as error:
            gap = " " if error.message.startswith("must ") else ": "
            self.error(f"{error.argument_name}{gap}{error.message}")

    def error(self, message: str) -> NoReturn:
        """Refuse the command line; called by argparse."""
        raise InputError(f"{message}; see `{self.prog} --help`")


def parse_arguments(commands: Sequence[Command], argv: Sequence[str]) -> Parsed:
    """Find the command and its arguments.

    Parameters
    ----------
    commands : sequence of Command
    argv : sequence of str
        Command line without the program's name.

    Returns
    -------
    Parsed

    Raises
    ------
    InputError
        When the command line cannot be used; the message says why in one sentence.
    SystemExit
        After help or version have been printed.
    """
    parser = _Parser(prog=PROGRAM, description=_INTRODUCTION, epilog=_EXAMPLE)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    chosen = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    parsers = {command.name: _add_command(chosen, command) for command in commands}
    by_name = {command.name: command for command in commands}
    words = _with_values([_by_present_name(word) for word in argv], commands)
    given = vars(parser.parse_args(words))
    command = by_name[given["command"]]
    if given.get(_RECIPE) is not None:
        # The recipe's values become the defaults, so that what was typed still wins.
        parsers[command.name].set_defaults(**_recipe_defaults(command, given[_RECIPE]))
        given = vars(parser.parse_args(words))
    arguments = {flag.name: given[flag.name] for flag in _flags(command)}
    return Parsed(command, arguments, json=given["json"])


def _by_present_name(word: str) -> str:
    flag, sign, value = word.partition("=")
    return f"{_FORMER.get(flag, flag)}{sign}{value}"


def _with_values(words: list[str], commands: Sequence[Command]) -> list[str]:
    """Give ``=true`` to a switch that stands alone, so that it takes no input for its value."""
    command = next((one for one in commands if one.name in words[:1]), None)
    switches = {flag.option for flag in _flags(command) if flag.default is False} if command else ()
    # After it nothing is a flag.
    end = words.index("--") if "--" in words else len(words)
    return [
        f"{word}=true" if k < end and word in switches and following not in _SWITCHED else word
        for k, (word, following) in enumerate(pairwise([*words, ""]))
    ]


def _recipe_defaults(command: Command, recipe: str) -> dict[str, Any]:
    """Values of a recipe, given by name or path, for the flags of a command."""
    from ensembles.recipes import read_recipe

    settings = read_recipe(recipe).settings
    found = {flag.name: settings[flag.name] for flag in _flags(command) if flag.name in settings}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in found.items()
    }


def _add_command(chosen: Any, command: Command) -> _Parser:
    document = command.document
    texts = [document.short_description, document.long_description]
    examples = "\n".join(f"  {example.description}" for example in document.examples)
    parser: _Parser = chosen.add_parser(
        command.name,
        help=document.short_description or "",
        description="\n\n".join(text for text in texts if text),
        epilog=f"example:\n{examples.replace(chr(10), chr(10) + '  ')}" if examples else None,
    )
    for flag in _flags(command):
        _add_flag(parser, flag)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object on standard output, no more"
    )
    return parser


def _flags(command: Command) -> Iterator[_Flag]:
    hints = get_type_hints(command.function, include_extras=True)
    texts = {entry.arg_name: entry.description or "" for entry in command.document.params}
    for parameter in list(inspect.signature(command.function).parameters.values())[1:]:
        hint, metavar = hints[parameter.name], None
        if get_origin(hint) is Annotated:
            hint, metavar = get_args(hint)
        yield _Flag(
            name=parameter.name,
            kind=hint,
            positional=parameter.kind is not parameter.KEYWORD_ONLY,
            default=parameter.default,
            metavar=metavar,
            help=" ".join(texts.get(parameter.name, "").split()).replace("%", "%%"),
        )


def _add_flag(parser: _Parser, flag: _Flag) -> None:
    kind, options = flag.kind, dict[str, Any](help=flag.help)
    if len(_alternatives(kind)) == 1:
        (kind,) = _alternatives(kind)
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        kind = kinds[0]
        optional = "*" if flag.default is not inspect.Parameter.empty else "+"
        options["nargs"] = optional if kinds[-1] is Ellipsis else len(kinds)
    if flag.default is not inspect.Parameter.empty:
        as_list = isinstance(flag.default, tuple)
        options["default"] = list(flag.default) if as_list else flag.default
        if flag.positional and "nargs" not in options:
            options["nargs"] = "?"
    elif not flag.positional:
        options["required"] = True
    if flag.default is False:
        options |= {"nargs": "?", "const": True}
    options["type"] = _Value(kind)
    names = (flag.metavar or "|".join(_choices(kind)) or flag.name.upper()).split()
    options["metavar"] = tuple(names) if len(names) > 1 else names[0]
    parser.add_argument(*((flag.name,) if flag.positional else (flag.option,)), **options)
    if flag.default is True:
        off = f"--no-{flag.option.removeprefix('--')}"
        text = f"the same as {flag.option} false"
        parser.add_argument(off, dest=flag.name, action="store_false", default=SUPPRESS, help=text)


def _choices(kind: Any) -> list[str]:
    if kind is bool:
        return list(_SWITCHED)
    return [str(value) for value in get_args(kind)] if get_origin(kind) is Literal else []


@dataclass(frozen=True)
class _Value:
    """Converts one word of the command line to a type."""

    kind: Any

    def __call__(self, word: str) -> Any:
        for kind in _alternatives(self.kind):
            if word in (choices := _choices(kind)):
                return choices.index(word) == 0 if kind is bool else word
            if kind in (int, float, str):
                try:
                    return kind(word)
                except ValueError:
                    continue
        described = " or ".join(_described(kind) for kind in _alternatives(self.kind))
        raise ArgumentTypeError(f"must be {described}, got {word!r}")


def _alternatives(kind: Any) -> list[Any]:
    if get_origin(kind) in (Union, types.UnionType):
        return [part for part in get_args(kind) if part is not types.NoneType]
    return [kind]


def _described(kind: Any) -> str:
    if get_origin(kind) is Literal:
        choices = _choices(kind)
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    return _WORDS[kind]
