"""`equiclust report`: the HTML report of a run."""

from __future__ import annotations

from equiclust.cli.parser import RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["report"]


def report(session: Session, run: RunPath) -> Outcome:
    """Write the HTML report of a run again.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.

    Examples
    --------
    equiclust report sorted
    """
    from equiclust.pipeline.results import open_run

    path = open_run(run).report(on_progress=session.on_progress)
    return Outcome({"report": str(path)}, f"Report: {path}")
