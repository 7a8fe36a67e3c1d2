"""The command line: the composition root, the only room that knows everyone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from equiclust.cli.parser import Parsed
    from equiclust.cli.session import Session

__all__ = ["main"]

DONE, CHECK_FAILED, BAD_USAGE, OUR_MISTAKE, INTERRUPTED = 0, 1, 2, 70, 130
"""Exit statuses."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the program's name; by default those of the process.

    Returns
    -------
    int
        Exit status: 0 done, 1 a check failed, 2 bad usage or input, 70 a mistake of ours, 130
        interrupted.
    """
    from equiclust.cli.commands import COMMANDS
    from equiclust.cli.parser import parse_arguments
    from equiclust.cli.session import Session
    from equiclust.exceptions import InputError

    words = list(sys.argv[1:] if argv is None else argv)
    try:
        parsed = parse_arguments(COMMANDS, words)
    except InputError as error:
        with Session(words) as session:
            session.fail(str(error))
        return BAD_USAGE
    except SystemExit:
        # Help and version have been printed.
        return DONE
    with Session(words, json=parsed.json) as session:
        return _execute(parsed, session)


def _execute(parsed: Parsed, session: Session) -> int:
    from equiclust.exceptions import EquiclustError

    try:
        # Standard output is for the result alone, whatever a library prints on the way.
        with redirect_stdout(sys.stderr):
            outcome = parsed.command.function(session, **parsed.arguments)
        return session.conclude(outcome)
    except EquiclustError as error:
        session.fail(str(error))
        return BAD_USAGE
    except (KeyboardInterrupt, SystemExit) as stop:
        return _stopped(stop, session)
    except OSError as error:
        # A disk that is full, say.
        session.write_traceback()
        session.fail(str(error))
        return BAD_USAGE
    except Exception as error:
        where = session.write_traceback()
        session.fail(f"{type(error).__name__}: {error}; this is our mistake, details in {where}")
        return OUR_MISTAKE


def _stopped(stop: BaseException, session: Session) -> int:
    # Lightning turns Ctrl-C into an exit.
    if isinstance(stop, SystemExit) and not isinstance(stop.__context__, KeyboardInterrupt):
        raise stop
    session.fail("interrupted; the same command goes on where this one was")
    return INTERRUPTED
