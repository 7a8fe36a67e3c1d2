"""`equiclust report`: the report of a finished run, written again."""

from __future__ import annotations

from equiclust.cli.session import Outcome, Session
from equiclust.io.run_folder import RunFolder

__all__ = ["rewrite_report"]


def rewrite_report(session: Session, run: str) -> Outcome:
    """Write the report of a finished run."""
    from equiclust.report import write_report

    folder = RunFolder.open(run)
    with session.stage("report"):
        path = write_report(folder)
    return Outcome({"report": str(path)}, f"Report: {path}")
