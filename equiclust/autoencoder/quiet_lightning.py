"""Lightning without its advice."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_lightning"]


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's advice to its own users: worker processes, rare logging, old folders.

    Yields
    ------
    None
    """
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [talker.level for talker in loggers]
    with warnings.catch_warnings():
        for talker in loggers:
            warnings.filterwarnings("ignore", module=talker.name)
            talker.setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", message=".*isinstance.*LeafSpec.*")
        try:
            yield
        finally:
            for talker, level in zip(loggers, levels, strict=True):
                talker.setLevel(level)
