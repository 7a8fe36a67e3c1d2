"""The outputs of a command: only what it wrote itself is ever replaced or removed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import read_json
from equiclust.io.locks import exclusive
from equiclust.io.manifest import read_manifest, write_digests
from equiclust.io.staging import digest_of, recover, staged_together

__all__ = ["Outputs", "not_ours"]


@dataclass(frozen=True)
class Outputs:
    """Files and folders in one folder that one command writes together.

    What it has written is known by a manifest of SHA-256 digests, which is written with it. A file
    that has been changed since is the user's.

    Parameters
    ----------
    folder : Path
        Where they lie.
    names : tuple of str
        Names of all that may be written; the main file last.
    manifest : str
        Name of the manifest.
    command : str
        What writes them; another command's manifest does not count.
    """

    folder: Path
    names: tuple[str, ...]
    manifest: str
    command: str

    @classmethod
    def beside(cls, main: Path, *others: Path, command: str) -> Outputs:
        """Outputs named by the user, with a hidden manifest beside them.

        Parameters
        ----------
        main : Path
            The main file.
        *others : Path
            Further files in the same folder.
        command : str
            What writes them.

        Returns
        -------
        Outputs
        """
        names = (*(other.name for other in others), main.name)
        return cls(main.parent, names, f".{main.name}.manifest.json", command)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes away, and clear what a killed one has left.

        Yields
        ------
        None

        Raises
        ------
        OutputError
            When another process is writing one of the outputs, or the folder cannot be written.
        """
        with ExitStack() as stack:
            for name in self.names:
                stack.enter_context(exclusive(self.folder / name))
            recover(self.folder)
            yield

    def check_free(self, names: Sequence[str] | None = None) -> None:
        """Refuse to replace anything that the command did not write.

        Parameters
        ----------
        names : sequence of str, optional
            Those that are to be written; default all.

        Raises
        ------
        OutputError
            When something else is there, or it has changed since.
        """
        known = self._known()
        if os.path.lexists(self.folder / self.manifest) and known is None:
            raise not_ours(self.folder / self.manifest)
        for name in self.names if names is None else names:
            path = self.folder / name
            if os.path.lexists(path) and not _is_known(path, (known or {}).get(name)):
                raise not_ours(path)

    @contextmanager
    def replaced(self, names: Sequence[str] | None = None) -> Iterator[Path]:
        """Folder whose files take their places together when the block ends without an error.

        Parameters
        ----------
        names : sequence of str, optional
            Those that are to be written, the main file last; default all. Of these, an older file
            that the block does not write anew is removed.

        Yields
        ------
        Path
            The folder to write them to.

        Raises
        ------
        OutputError
            When something is in the way that the command did not write, or the place cannot be
            written.
        """
        chosen = self.names if names is None else tuple(names)
        order = (*chosen[:-1], self.manifest, chosen[-1])
        with staged_together(self.folder, order, obsolete=chosen) as drafts:
            yield drafts
            # Again: time has passed.
            self.check_free(chosen)
            kept = {name: one for name, one in (self._known() or {}).items() if name not in chosen}
            written = {
                name: digest_of(drafts / name) for name in chosen if os.path.lexists(drafts / name)
            }
            write_digests(drafts / self.manifest, kept | written, command=self.command)

    def _known(self) -> dict[str, str] | None:
        """Digests of what the command has written by name; None where that is not known."""
        path = self.folder / self.manifest
        try:
            if path.is_symlink() or read_json(path).get("command") != self.command:
                return None
            return read_manifest(path)
        except InputError:
            return None


def _is_known(path: Path, digest: str | None) -> bool:
    try:
        return digest is not None and digest_of(path) == digest
    except OSError:
        return False


def not_ours(path: Path) -> OutputError:
    """The error that something of the user is in the way.

    Parameters
    ----------
    path : Path

    Returns
    -------
    OutputError
    """
    return OutputError(
        f"cannot write to {os.fspath(path)!r}: it is there already and was not written by this "
        "command, or has changed since; move it away or choose another output"
    )
