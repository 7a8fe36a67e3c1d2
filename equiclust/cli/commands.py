"""The list of the commands, in the order of the help.

A command is a function in a file of its own: its signature makes the flags, its docstring the help.
What it needs is imported when it is called, so that help is fast.
"""

from __future__ import annotations

from equiclust.cli.anomalies import anomalies
from equiclust.cli.certify import certify
from equiclust.cli.check import check
from equiclust.cli.cutouts import cutouts
from equiclust.cli.demo import demo
from equiclust.cli.explore import explore
from equiclust.cli.export import export
from equiclust.cli.figure import figure
from equiclust.cli.filter import filter as filter_frames
from equiclust.cli.match import match
from equiclust.cli.parser import Command
from equiclust.cli.predict import predict
from equiclust.cli.report import report
from equiclust.cli.run import run
from equiclust.cli.segment import segment
from equiclust.cli.similar import similar
from equiclust.cli.simulate import simulate
from equiclust.cli.suggest import suggest
from equiclust.cli.teach import teach

__all__ = ["COMMANDS"]

# These keep what is done when they are stopped.
_RESUMING = (run, predict, segment, filter_frames, cutouts, simulate, demo)

COMMANDS = tuple(
    Command(function.__name__, function, resumes=function in _RESUMING)
    for function in (
        run,
        predict,
        similar,
        anomalies,
        suggest,
        teach,
        match,
        export,
        check,
        certify,
        segment,
        filter_frames,
        cutouts,
        explore,
        report,
        figure,
        simulate,
        demo,
    )
)
