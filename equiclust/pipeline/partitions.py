"""Other partitions of the images of a run: columns of the catalogue, and a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ensembles import KFoldEnsemble
from ensembles.member_estimators import MemberEstimator
from ensembles.refinement import DEEP_METHODS
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering.partitions import Partition, Partitions
from equiclust.clustering.spaces import ALL
from equiclust.encoders.records import encoder_record
from equiclust.evaluation.confounders import is_suspect
from equiclust.evaluation.metrics import match_one_to_one
from equiclust.pipeline.removal import audit_labels, label_counts
from equiclust.typing import IntArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "add_partitions",
    "encoder_spaces",
    "fit_partitions",
    "label_columns",
    "partition_record",
]

Record = dict[str, Any]

_OWN = "own"
# The partition of the run is the first.
_FIRST = 2
_MOST_SHOWN = 8


def encoder_spaces(
    members: Sequence[MemberEstimator], n_columns: int
) -> dict[str, list[int]] | None:
    """Columns of the concatenated latents of an ensemble, by the encoder that made them.

    Parameters
    ----------
    members : sequence of EquivariantAutoencoder or WhitenedEncoder
    n_columns : int

    Returns
    -------
    dict of str to list of int, or None
        None where the columns cannot be told apart.
    """
    width, rest = divmod(n_columns, len(members))
    if rest:
        return None
    found: dict[str, list[int]] = {}
    for k, member in enumerate(members):
        found.setdefault(_encoder_name(member), []).extend(range(k * width, (k + 1) * width))
    return found


def _encoder_name(member: Any) -> str:
    if isinstance(member, EquivariantAutoencoder):
        return _OWN
    record = encoder_record(member.used_encoder)
    while isinstance(inner := record.get("parameters", {}).get("encoder"), dict):
        record = inner
    given = record.get("parameters", {})
    return str(given.get("network") or given.get("path") or record.get("kind"))


def fit_partitions(ensemble: KFoldEnsemble, *, random_state: int) -> Partitions | None:
    """Find partitions that differ from the consensus of an ensemble.

    Parameters
    ----------
    ensemble : KFoldEnsemble
        Fitted.
    random_state : int

    Returns
    -------
    Partitions or None
        None where a deep method has moved the latents towards its own clusters.
    """
    if ensemble.method in DEEP_METHODS:
        return None
    consensus = ensemble.consensus_
    vectors = ensemble.transform_latents(ensemble.cleaned_latents_)
    partitions = Partitions(
        consensus.n_clusters,
        spaces=encoder_spaces(ensemble.members_, vectors.shape[1]),
        method=consensus.method_,
        random_state=random_state,
    )
    return partitions.fit(vectors, consensus.best_labels_)


def label_columns(labels: Sequence[IntArray]) -> dict[str, IntArray]:
    """Labels of other partitions by their column of the catalogue.

    Parameters
    ----------
    labels : sequence of ndarray (n,), int
        By each partition, as from `Partitions.predict_partitions`.

    Returns
    -------
    dict of str to ndarray (n,), int
        `label_2`, `label_3`: the partition of the run is the first.
    """
    return {f"label_{k}": own for k, own in enumerate(labels, _FIRST)}


def add_partitions(table: Table, partitions: Partitions, labels: Sequence[IntArray]) -> Table:
    """Catalogue with columns `label_2`, `label_3` after the other labels.

    Parameters
    ----------
    table : astropy.table.Table
        Not modified.
    partitions : Partitions
    labels : sequence of ndarray (n,), int
        By each partition, of the same images.

    Returns
    -------
    astropy.table.Table
    """
    from astropy.table import Column

    wider = table.copy()
    place = wider.colnames.index("stability")
    columns = [
        Column(own, name=name, description=f"cluster of another partition: {_made_of(one)}")
        for one, (name, own) in zip(
            partitions.partitions_, label_columns(labels).items(), strict=True
        )
    ]
    wider.add_columns(columns, indexes=[place] * len(columns))
    return wider


def partition_record(
    partitions: Partitions | None,
    labels: Sequence[IntArray],
    main: IntArray,
    measures: Table,
    *,
    ids: Sequence[str],
    random_state: int,
) -> Record:
    """What `metrics.json` says of the other partitions.

    Parameters
    ----------
    partitions : Partitions or None
    labels : sequence of ndarray (n,), int
        By each of them.
    main : ndarray (n,), int
        The most likely labels of the run, none withheld.
    measures : astropy.table.Table
        From `measure_confounders`, of the same images.
    ids : sequence of str
        Of these images.
    random_state : int
        Draws the sample and the permutations of the audit.

    Returns
    -------
    dict
        `partitions`: for each its `number`, `name`, `space`, `method`, `agreement`,
        `adjusted_rand_index` with the partition of the run, the `findings` of the audit, `counts`
        of images by the label of the run and its own, and the ids of images that `decide`. Empty
        without any.
    """
    if partitions is None or not partitions.partitions_:
        return {}
    records = []
    for k, (one, own) in enumerate(zip(partitions.partitions_, labels, strict=True), _FIRST):
        found = audit_labels(own, measures, random_state=random_state)
        records.append(
            {
                "number": k,
                "name": _made_of(one),
                **one._asdict(),
                "findings": [row["sentence"] for row in found if is_suspect(row)],
                **label_counts(main, own),
                "decide": [ids[row] for row in _deciding(main, own)],
            }
        )
    return {"partitions": records}


def _made_of(one: Partition) -> str:
    if one.space == ALL:
        return f"the same latents by the method {one.method}"
    whose = "the autoencoders trained here" if one.space == _OWN else one.space
    return f"latents of {whose} alone"


def _deciding(main: IntArray, own: IntArray) -> list[int]:
    """Images of the largest groups that two partitions sort differently, from each in turn."""
    counts = np.zeros((main.max() + 1, own.max() + 1), dtype=np.int64)
    np.add.at(counts, (main, own), 1)
    matched = match_one_to_one(counts)
    differs = matched[main] != own
    groups: dict[tuple[int, int], list[int]] = {}
    for row in np.flatnonzero(differs).tolist():
        groups.setdefault((int(main[row]), int(own[row])), []).append(row)
    largest = sorted(groups.values(), key=len, reverse=True)[:_MOST_SHOWN]
    turns = [group[turn] for turn in range(_MOST_SHOWN) for group in largest if turn < len(group)]
    return turns[:_MOST_SHOWN]
