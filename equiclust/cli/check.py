"""`equiclust check`: the certificate of a run."""

from __future__ import annotations

from equiclust.cli.parser import Inputs, RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["check"]


def check(session: Session, run: RunPath, inputs: Inputs = ()) -> Outcome:
    """Measure how much the latents and labels of a run change when images are rotated or mirrored.

    Quarter turns and mirrors must change nothing beyond rounding: exit status 1 when they do. Other
    angles are reported, beside a network that is not equivariant.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.
    inputs
        Images to rotate; by default those of the run.

    Examples
    --------
    equiclust check sorted
    """
    from equiclust.cli.messages import describe_certificate
    from equiclust.pipeline.results import open_run

    certified = open_run(run).check(inputs or None, on_progress=session.on_progress)
    return describe_certificate(certified)
