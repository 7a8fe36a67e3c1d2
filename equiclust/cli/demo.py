"""`equiclust demo`: simulated discs, sorted, and compared with the truth."""

from __future__ import annotations

from typing import Annotated

from equiclust.cli.session import Outcome, Session

__all__ = ["demo"]


def demo(session: Session, *, output: Annotated[str, "DIR"] = "demo") -> Outcome:
    """Simulate discs of six classes, sort them, and compare with the truth; takes some minutes.

    Trains four networks, fewer than a run, to finish sooner.

    Parameters
    ----------
    output
        Folder for the images, in discs, and for the run, in run.

    Examples
    --------
    equiclust demo
    """
    from equiclust.cli.messages import describe_demo
    from equiclust.pipeline.demo import run_demo

    return describe_demo(run_demo(output, on_progress=session.on_progress))
