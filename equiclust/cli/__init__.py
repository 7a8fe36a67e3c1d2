"""The command line: it parses, calls the library and prints."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from equiclust.cli.parser import Parsed
    from equiclust.cli.session import Session

__all__ = ["main"]

DONE, BAD_USAGE, UNEXPECTED_ERROR, INTERRUPTED, NOT_READ = 0, 2, 70, 130, 141
"""Exit statuses; 1 is a check that failed, 128 + n the signal n, as from a shell."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Command line without the program's name; default that of the process.

    Returns
    -------
    int
        Exit status: 0 done, 1 a check failed, 2 bad usage or input, 70 an unexpected error, 130
        interrupted or stopped, 141 nobody read the result, 143 terminated.
    """
    from equiclust.cli.commands import COMMANDS
    from equiclust.cli.parser import parse_arguments
    from equiclust.cli.session import Session
    from equiclust.cli.streams import mute, open_standard_streams, terminable
    from equiclust.exceptions import InputError
    from equiclust.nn.allocator import keep_freed_memory

    open_standard_streams()
    keep_freed_memory()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        parsed = parse_arguments(COMMANDS, words)
    except InputError as error:
        with Session() as session:
            session.fail(str(error))
        return BAD_USAGE
    except BrokenPipeError:
        mute(sys.stdout)
        return NOT_READ
    except SystemExit:
        # Help and version have been printed.
        return DONE
    with Session(json=parsed.json) as session, terminable():
        return _execute(parsed, session)


def _execute(parsed: Parsed, session: Session) -> int:
    from equiclust.cli.streams import Terminated, mute
    from equiclust.exceptions import EquiclustError, StoppedError

    try:
        # Standard output is for the result alone, whatever a library prints on the way.
        with redirect_stdout(sys.stderr):
            outcome = parsed.command.function(session, **parsed.arguments)
        status = session.conclude(outcome)
        if outcome.afterwards is not None:
            outcome.afterwards()
        return status
    except StoppedError:
        session.fail(_with_resume("stopped", resumes=parsed.command.resumes))
        return INTERRUPTED
    except EquiclustError as error:
        session.fail(_with_flag(str(error), parsed.command.flags))
        return BAD_USAGE
    except (KeyboardInterrupt, SystemExit) as stop:
        return _stopped(stop, session, resumes=parsed.command.resumes)
    except Terminated as stop:
        session.fail(_with_resume("terminated", resumes=parsed.command.resumes))
        return 128 + stop.signal_number
    except BrokenPipeError:
        # Of standard output: the files are written.
        mute(sys.stdout)
        return NOT_READ
    except (OSError, MemoryError) as error:
        # Such as a full disk.
        session.write_traceback(error)
        session.fail(str(error) or "there is not enough memory")
        return BAD_USAGE
    except Exception as error:
        where = session.write_traceback(error)
        session.fail(
            f"{type(error).__name__}: {error}; this is a bug in equiclust, details "
            + (f"in {where}" if where else "above")
        )
        return UNEXPECTED_ERROR


def _with_flag(message: str, flags: Mapping[str, str]) -> str:
    """The message with an argument that it begins with spelled as on the command line."""
    first, _, rest = message.partition(" ")
    return f"{flags[first]} {rest}" if first in flags else message


def _stopped(stop: BaseException, session: Session, *, resumes: bool) -> int:
    # Lightning turns Ctrl-C into an exit.
    if isinstance(stop, SystemExit) and not isinstance(stop.__context__, KeyboardInterrupt):
        raise stop
    session.fail(_with_resume("interrupted", resumes=resumes))
    return INTERRUPTED


def _with_resume(text: str, *, resumes: bool) -> str:
    return f"{text}; repeat the command to resume" if resumes else text
