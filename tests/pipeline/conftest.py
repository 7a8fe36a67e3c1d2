"""The small images and the finished run of the command line's tests."""

from tests.cli.conftest import _interruptible, _no_weights, discs, finished, hurried

__all__ = ["_interruptible", "_no_weights", "discs", "finished", "hurried"]
