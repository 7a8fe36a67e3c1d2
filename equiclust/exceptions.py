"""Errors and warnings of this package: catch `EquiclustError` for all of its errors."""

__all__ = [
    "EquiclustError",
    "EquiclustWarning",
    "InputError",
    "InputTypeError",
    "MissingPackageError",
    "OutputError",
    "StoppedError",
    "UnreadableFileError",
    "WeightsNotFoundError",
]


class EquiclustError(Exception):
    """Base class of every error raised on purpose by this package."""


class InputError(EquiclustError, ValueError):
    """An argument or an image set that cannot be used, with its value in the message."""


class InputTypeError(InputError, TypeError):
    """An argument is of a type that cannot be used."""


class UnreadableFileError(InputError):
    """A file that cannot be read as an image, with its path and the reason in the message."""


class MissingPackageError(EquiclustError, ImportError):
    """A package that is not installed, with its name and what to install in the message."""


class OutputError(EquiclustError, OSError):
    """A result that cannot be written to the place asked for."""


class StoppedError(EquiclustError):
    """The work was stopped on request; what is done is kept, and the same call goes on with it."""


class WeightsNotFoundError(EquiclustError, FileNotFoundError):
    """Pretrained weights that are neither on disk nor to be downloaded."""


class EquiclustWarning(UserWarning):
    """Warning of something that the user should know and that stops nothing."""
