"""Whether a command that a run folder holds may be started from here; read as strictly as can be.

The folder may come from somebody else, and what it says is then theirs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from equiclust.exceptions import InputError
from equiclust.io.run_folder import RunFolder

__all__ = ["FLAGS", "why_not_started"]

_OUTPUT, _ENCODER, _N_JOBS = "--output", "--encoder", "--n-jobs"
_SINGLE = (
    _OUTPUT,
    "--axes",
    "--max-samples",
    "--max-memory",
    "--n-clusters",
    "--n-folds",
    "--size",
    "--method",
    "--remove",
    _ENCODER,
    "--layer",
    "--pooling",
    "--encoder-group",
    "--seed",
    "--latent-dim",
    "--max-epochs",
    "--group",
    "--stretch",
    "--center",
    "--canonical",
    "--equalize",
    "--reliability",
    "--pretrained",
    "--device",
    _N_JOBS,
)

FLAGS: Mapping[str, int] = MappingProxyType({**dict.fromkeys(_SINGLE, 1), "--percentiles": 2})
"""Flags that a recorded command may have, and how many words follow.

A run never records ``--recipe``, whose settings it spells out, nor ``--json`` and ``--watch``; and
its networks are trained nowhere but on this machine, which ``--scheduler`` would change.
"""

# Names that the package knows: those of files have a dot.
_BUILT_IN = re.compile(r"[a-z0-9_]+(,[a-z0-9_]+)*")
_COUNT = re.compile(r"[0-9]{1,3}")


def why_not_started(words: Sequence[str], folder: RunFolder) -> str:
    """Why a recorded command is not started; empty when it may be.

    It may be when it is ``run``, the inputs of the run by their absolute paths, and flags of the
    list above, each once and spelled in full, among them an output that is the folder itself.

    Parameters
    ----------
    words : sequence of str
        Arguments of ``equiclust``.
    folder : RunFolder

    Returns
    -------
    str
    """
    if not words or words[0] != "run":
        return "its recorded command is not `equiclust run`"
    if not all(word.isprintable() for word in words):
        # What is shown would not be what is started.
        return "its recorded command has characters that cannot be shown"
    first = next((k for k, word in enumerate(words) if word.startswith("-")), len(words))
    given, wrong = _read_flags(list(words[first:]))
    return (
        wrong
        or _about_inputs(list(words[1:first]), folder)
        or _about_output(given.get(_OUTPUT, ""), folder)
        or _about_encoder(given.get(_ENCODER, "auto"))
        or ("" if _COUNT.fullmatch(given.get(_N_JOBS, "1")) else "its --n-jobs is no small number")
    )


def _read_flags(words: list[str]) -> tuple[dict[str, str], str]:
    """First value of every flag, and what is wrong with the flags."""
    given: dict[str, str] = {}
    while words:
        flag = words.pop(0)
        if flag not in FLAGS:
            return given, f"its recorded command has {flag!r}, which is not started from here"
        if flag in given:
            return given, f"its recorded command has {flag} twice"
        values, words = words[: FLAGS[flag]], words[FLAGS[flag] :]
        # Nothing that a run records begins like a flag.
        if len(values) < FLAGS[flag] or any(value.startswith("-") for value in values):
            return given, f"its recorded command has {flag} without a value"
        given[flag] = values[0]
    return given, ""


def _about_inputs(inputs: list[str], folder: RunFolder) -> str:
    for one in inputs:
        if not os.path.isabs(one) or "://" in one or one.startswith(("//", "\\\\")):
            return f"{one!r} in its recorded command is no absolute path on this machine"
    try:
        known = folder.read_config().get("inputs")
    except (InputError, KeyError, TypeError, ValueError):
        known = None
    return "" if inputs and inputs == known else "its recorded command reads other images"


def _about_output(output: str, folder: RunFolder) -> str:
    if os.path.isabs(output) and os.path.realpath(output) == os.path.realpath(folder.path):
        return ""
    return "its recorded command is not that of a run into this folder"


def _about_encoder(names: str) -> str:
    if _BUILT_IN.fullmatch(names):
        return ""
    return f"its recorded command takes an encoder from a file, {names!r}"
