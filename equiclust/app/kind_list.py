"""`KindList`: the names of the kinds in the order of their keys, and names given to clusters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from equiclust.app.label_file import checked_text
from equiclust.app.waiting_lock import held
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json, write_json
from equiclust.typing import PathLike

__all__ = ["KindList"]

_MOST = 500


class KindList:
    """Names that the user gave, kept in a JSON file.

    Every change is written before it returns, on top of what others have written meanwhile.

    Parameters
    ----------
    path : path-like
        The file; need not exist.

    Attributes
    ----------
    path : Path
    kinds : list of str
        The first nine have the keys 1 to 9.
    clusters : dict of str to str
        Name by the number of a cluster.
    version : int
        Grows with every change.

    Raises
    ------
    InputError
        When the file is damaged.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        self.version = 0
        self.kinds: list[str] = []
        self.clusters: dict[str, str] = {}
        self._lock = RLock()
        self._further: dict[str, Any] = {}
        # Places of kinds that were renamed or merged here.
        self._former: dict[str, int] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the file again.

        Raises
        ------
        InputError
            When it is damaged.
        """
        with self._lock:
            if self.path.is_symlink():
                raise InputError(f"{str(self.path)!r} must be a file, got a link; remove the link")
            content = read_json(self.path) if os.path.lexists(self.path) else {}
            kinds, clusters = content.pop("kinds", []), content.pop("clusters", {})
            if not _are_names(kinds, clusters):
                raise InputError(
                    f"{str(self.path)!r} must list the names of kinds and clusters as text; "
                    "restore or remove it"
                )
            self._further = content
            self._take(kinds, clusters)

    def _take(self, kinds: list[str], clusters: dict[str, str]) -> None:
        if (kinds, clusters) != (self.kinds, self.clusters):
            self.kinds, self.clusters = kinds, clusters
            self.version += 1

    def add(self, name: str) -> None:
        """Add a kind at the end, where it is not there yet.

        Parameters
        ----------
        name : str

        Raises
        ------
        InputError
            When the name is empty or too long, or there are too many.
        OutputError
            When the file cannot be written.
        """
        name = checked_text("name", name)
        if not name:
            raise InputError("name must not be empty; give the kind a name")
        with self._changing():
            if name in self.kinds:
                return
            if len(self.kinds) >= _MOST:
                raise InputError(f"there are {_MOST} kinds already; merge some of them")
            self._write([*self.kinds, name], self.clusters)

    def rename(self, kind: str, new: str) -> None:
        """Give a kind another name; that of another kind merges both.

        Parameters
        ----------
        kind, new : str

        Raises
        ------
        InputError
            When the new name is empty or too long.
        OutputError
            When the file cannot be written.
        """
        new = checked_text("new", new)
        if not new:
            raise InputError("new must be the name of a kind, got an empty one")
        with self._changing():
            if kind in self.kinds:
                self._former[kind] = self.kinds.index(kind)
            changed = [new if one == kind else one for one in self.kinds]
            self._write(list(dict.fromkeys(changed)), self.clusters)

    def remove(self, kind: str) -> None:
        """Take a kind off the list; labels that have it keep it.

        Parameters
        ----------
        kind : str

        Raises
        ------
        OutputError
            When the file cannot be written.
        """
        with self._changing():
            self._write([one for one in self.kinds if one != kind], self.clusters)

    def name_cluster(self, label: int, name: str) -> None:
        """Show a cluster under a name; an empty one takes it away.

        Parameters
        ----------
        label : int
        name : str

        Raises
        ------
        InputError
            When the name is too long.
        OutputError
            When the file cannot be written.
        """
        name = checked_text("name", name)
        with self._changing():
            clusters = {k: one for k, one in self.clusters.items() if k != str(label)}
            self._write(self.kinds, clusters | ({str(label): name} if name else {}))

    def known_with(self, names: Iterable[str]) -> list[str]:
        """The list, and further names behind it, or where they were before a merge.

        Parameters
        ----------
        names : iterable of str
            Kinds of labels.

        Returns
        -------
        list of str
        """
        with self._lock:
            found = list(self.kinds)
            # A kind that a merge took away, and an undo gave back, has its key again.
            new = dict.fromkeys(name for name in names if name not in found)
            for name in sorted(new, key=lambda one: self._former.get(one, _MOST)):
                found.insert(self._former.get(name, len(found)), name)
            return found

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock, held(self.path):
            self.refresh()
            yield

    def _write(self, kinds: list[str], clusters: dict[str, str]) -> None:
        if (kinds, clusters) != (self.kinds, self.clusters):
            write_json(self.path, {**self._further, "kinds": kinds, "clusters": clusters})
            self._take(kinds, clusters)


def _are_names(kinds: Any, clusters: Any) -> bool:
    if not isinstance(kinds, list) or not isinstance(clusters, dict):
        return False
    return all(isinstance(one, str) for one in (*kinds, *clusters.values()))
