"""What differs between two runs: settings, and the clusters of the images that both have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from equiclust.evaluation.metrics import match_one_to_one
from equiclust.exceptions import InputError
from equiclust.io.catalogue import read_table
from equiclust.io.run_folder import RunFolder
from equiclust.typing import IntArray

__all__ = ["compare_labels", "compare_settings", "read_labels"]

_MOST_LISTED = 1000
_LONGEST_VALUE = 300


def compare_settings(here: RunFolder, there: RunFolder) -> list[dict[str, str]]:
    """Settings that differ between two runs.

    Parameters
    ----------
    here, there : RunFolder

    Returns
    -------
    list of dict
        "name", and the values "here" and "there" as text.
    """
    first, second = _settings(here), _settings(there)
    names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    return [
        {"name": name, "here": _said(first, name), "there": _said(second, name)} for name in names
    ]


def read_labels(folder: RunFolder) -> dict[str, int]:
    """Cluster of each image of a finished run.

    Parameters
    ----------
    folder : RunFolder

    Returns
    -------
    dict of str to int
        By id, in the order of the catalogue; -1 = "don't know". Empty when the run is not finished.

    Raises
    ------
    InputError
        When the catalogue cannot be read.
    """
    if not folder.is_finished:
        return {}
    table = read_table(folder.catalogue_ecsv)
    return {str(name): int(label) for name, label in zip(table["id"], table["label"], strict=True)}


def compare_labels(here: Mapping[str, int], there: Mapping[str, int]) -> dict[str, Any]:
    """Compare the clusters of the images that two runs have in common.

    The clusters of the other run are matched one to one to those of this run, so that most images
    stay in theirs.

    Parameters
    ----------
    here, there : mapping of str to int
        Cluster of each image by its id; -1 = "don't know".

    Returns
    -------
    dict
        "n_common", "n_here" and "n_there": numbers of images in both, and in one alone; "rows" and
        "columns": clusters of this run and of the other one, those that are matched in the same
        order, -1 last; "counts": images by row and column; "matched": the number of leading columns
        that stand for the row of the same place; "n_changed" and "changed": images whose cluster is
        not the matched one, at most 1,000, each with "row" in this run, "id", "here", "there".
    """
    place = {name: row for row, name in enumerate(here)}
    common = [name for name in here if name in there]
    first = np.array([here[name] for name in common], np.int64)
    second = np.array([there[name] for name in common], np.int64)
    rows, columns, n_matched = _in_order(first, second)
    counts = [[int(np.sum((first == a) & (second == b))) for b in columns] for a in rows]
    partner = {**dict(zip(columns[:n_matched], rows, strict=False)), -1: -1}
    changed = [
        {"row": place[name], "id": name, "here": here[name], "there": there[name]}
        for name in common
        if partner.get(there[name]) != here[name]
    ]
    return {
        "n_common": len(common),
        "n_here": len(here) - len(common),
        "n_there": len(there) - len(common),
        "rows": rows,
        "columns": columns,
        "counts": counts,
        "matched": n_matched,
        "n_changed": len(changed),
        "changed": changed[:_MOST_LISTED],
    }


def _in_order(first: IntArray, second: IntArray) -> tuple[list[int], list[int], int]:
    """Labels of both, matched ones first and in the same order, and how many are matched."""
    rows, columns = (sorted(set(one[one >= 0].tolist())) for one in (first, second))
    pairs: list[tuple[int, int]] = []
    if rows and columns:
        table = [[int(np.sum((first == a) & (second == b))) for b in columns] for a in rows]
        partner = match_one_to_one(table)
        pairs = [(rows[k], columns[m]) for k, m in enumerate(partner) if m >= 0 and table[k][m] > 0]
    return (
        _completed([a for a, _ in pairs], rows, first),
        _completed([b for _, b in pairs], columns, second),
        len(pairs),
    )


def _completed(matched: Sequence[int], known: Sequence[int], labels: IntArray) -> list[int]:
    rest = [label for label in known if label not in matched]
    return [*matched, *rest, *([-1] if (labels < 0).any() else [])]


def _settings(folder: RunFolder) -> dict[str, Any]:
    # torch takes seconds to import, and the page is there before it is needed.
    from ensembles.recipes import read_recipe

    try:
        config = folder.read_config()
    except (InputError, KeyError, TypeError, ValueError):
        config = {}
    try:
        recipe = read_recipe(folder.recipe_toml).settings
    except InputError:
        # A run of an earlier version, or one that was stopped before it was written.
        return config
    return {"inputs": config.get("inputs"), "axes": config.get("axes", ""), **recipe}


def _said(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name, "")
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
