"""`KindList`: the names of the kinds in the order of their keys, and names given to clusters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import RLock
from typing import Any

from equiclust.app.label_file import checked_text
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json, write_json
from equiclust.typing import PathLike

__all__ = ["KindList"]

_MOST = 500


class KindList:
    """Names that the user gave, kept in a JSON file; a damaged file counts as empty.

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
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        self.version = 0
        self._lock = RLock()
        content = self._read()
        self.kinds = [one for one in _listed(content.get("kinds")) if isinstance(one, str)][:_MOST]
        named = content.get("clusters")
        pairs = named.items() if isinstance(named, dict) else []
        self.clusters = {str(k): name for k, name in pairs if isinstance(name, str)}

    def _read(self) -> dict[str, Any]:
        try:
            return read_json(self.path)
        except InputError:
            return {}

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
        with self._lock:
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
        with self._lock:
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
        with self._lock:
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
        with self._lock:
            clusters = {k: one for k, one in self.clusters.items() if k != str(label)}
            self._write(self.kinds, clusters | ({str(label): name} if name else {}))

    def known_with(self, names: Iterable[str]) -> list[str]:
        """The list, and further names behind it.

        Parameters
        ----------
        names : iterable of str
            Kinds of labels.

        Returns
        -------
        list of str
        """
        with self._lock:
            return list(dict.fromkeys([*self.kinds, *names]))

    def _write(self, kinds: list[str], clusters: dict[str, str]) -> None:
        if (kinds, clusters) == (self.kinds, self.clusters):
            return
        write_json(self.path, {"kinds": kinds, "clusters": clusters})
        self.kinds, self.clusters = kinds, clusters
        self.version += 1


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
