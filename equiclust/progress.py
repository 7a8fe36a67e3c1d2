"""Progress of long work through a callback: the library itself prints nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable

__all__ = ["Progress", "Update", "start_stage"]

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int | None, str], None]
"""Takes the stage of the work, the units done, their total (None where unknown) and a remark."""

Update = Callable[[int, int, str], None]
"""Takes the units done, their total and a remark, within one stage."""


def start_stage(on_progress: Progress | None, stage: str) -> Update:
    """Announce a stage of the work.

    Parameters
    ----------
    on_progress : callable or None
        Gets ``(stage, done, total, remark)``: first ``(stage, 0, None, "")``, then whatever the
        returned function is called with.
    stage : str
        Name of the stage, such as "training".

    Returns
    -------
    callable
        Takes ``(done, total, remark)`` and passes them on.
    """
    logger.info("%s", stage)

    def update(done: int, total: int, remark: str = "") -> None:
        if on_progress is not None:
            on_progress(stage, done, total, remark)

    if on_progress is not None:
        on_progress(stage, 0, None, "")
    return update
