"""How much is read at a time, so that a limit of memory is kept."""

from __future__ import annotations

from dataclasses import dataclass

from equiclust.exceptions import InputError
from equiclust.memory import parse_bytes, readable_size, used_memory
from equiclust.validation import is_auto

__all__ = ["ReadingLimits"]

# Bytes of the pixels read at a time: more is not faster, and less than a megabyte slower.
_USUAL, _LEAST = 1 << 25, 1 << 20
# Parts of the memory that is left: pixels are held as read, in double precision, and as the network
# takes them.
_SHARE, _SHARE_OF_FILE = 16, 6
# What is needed besides the programs and the model: networks at work, tables of a block.
_AT_WORK = 300_000_000


@dataclass(frozen=True)
class ReadingLimits:
    """Limits of a process that reads, encodes and labels images.

    Parameters
    ----------
    most_bytes : int, default 1 << 25
        Bytes of pixels that are read at a time.
    most_whole : int, optional
        Bytes of the pixels of a file that must be read whole; None sets no limit.
    max_memory : int, optional
        Bytes of the whole process; None sets no limit.
    """

    most_bytes: int = _USUAL
    most_whole: int | None = None
    max_memory: int | None = None

    @classmethod
    def of(cls, max_memory: str) -> ReadingLimits:
        """Limits for what the process takes now, with its model.

        Parameters
        ----------
        max_memory : str
            Such as "2GB"; "auto" sets no limit but that parts are small.

        Returns
        -------
        ReadingLimits

        Raises
        ------
        InputError
            When it is no size, or too little.
        """
        if is_auto(max_memory):
            return cls()
        allowed, used = parse_bytes(max_memory), used_memory() or 0
        left = allowed - used - _AT_WORK
        if left < _SHARE * _LEAST:
            needed = readable_size(used + _AT_WORK + _SHARE * _LEAST)
            raise InputError(
                f"max_memory is {max_memory}, but the model and the programs need {needed}"
            )
        most = min(_USUAL, left // _SHARE)
        return cls(most, left // _SHARE_OF_FILE, allowed)

    def check(self) -> None:
        """Stop when the process takes more than it may, as with networks of large images.

        Raises
        ------
        InputError
        """
        used = used_memory()
        if self.max_memory is not None and used is not None and used > self.max_memory:
            raise InputError(
                f"max_memory is {readable_size(self.max_memory)}, but the networks at work take "
                f"{readable_size(used)}; allow more"
            )
