"""A rare kind among simulated discs: how much of it stands first, before and after a few marks.

Against the isolation forest, and against Astronomaly's way (Lochner & Bassett 2021, Astronomy and
Computing 36, 100481) on the same latents: an isolation forest, a random forest that predicts the
interest from the marks, and their product, which is trusted where a mark is near.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from sklearn.ensemble import IsolationForest, RandomForestRegressor

import equiclust
from benchmarks.tables import Table
from equiclust.simulation.discs import DISC_CLASSES
from equiclust.teaching import rank_anomalies

__all__ = ["anomaly_table"]

FloatArray = npt.NDArray[np.float64]
Refined = Callable[[dict[int, bool]], FloatArray]

_N, _SHARE = 1000, 0.01
_MARKS, _ROUNDS = 10, 2
# Of the published code: full marks, and the bounds of a predicted interest.
_FULL, _LOWEST, _SPAN = 5.0, 0.1, 0.85


def anomaly_table(*, seeds: range = range(700, 712)) -> Table:
    """Share of a rare kind, of 1 % of all images, among the first 1 % of the list."""
    found: dict[str, list[list[float]]] = {}
    for seed in seeds:
        latents, score, rare = _latents(seed, DISC_CLASSES[seed % len(DISC_CLASSES)])
        for name, refined in _ways(latents, score).items():
            found.setdefault(name, []).append(_searched(refined, rare))
    rows = [
        {
            "way": name,
            "before": float(shares[:, 0].mean()),
            "after 10 marks": float(shares[:, 1].mean()),
            "after 20 marks": float(shares[:, 2].mean()),
            "after 20, by draw": " ".join(f"{share:.1f}" for share in shares[:, 2]),
        }
        for name, shares in ((name, np.array(rows)) for name, rows in found.items())
    ]
    title = (
        f"Simulated discs, {_N} of which 1 % are of a rare kind, every kind in turn, mean of "
        f"{len(seeds)} draws: share of the rare among the first 1 % of the list"
    )
    return Table("anomaly_search", title, rows)


def _latents(seed: int, rare: str) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Latents and outlier scores of a run, and which images are of the rare kind."""
    images, truth = equiclust.simulate_discs(2 * _N, size=64, random_state=seed)
    is_rare = np.asarray(truth["kind"]) == rare
    random = np.random.default_rng(seed)
    n_rare = round(_SHARE * _N)
    kept = np.sort(
        np.concatenate(
            [
                random.choice(np.flatnonzero(is_rare), n_rare, replace=False),
                random.choice(np.flatnonzero(~is_rare), _N - n_rare, replace=False),
            ]
        )
    )
    with TemporaryDirectory() as folder:
        run = equiclust.run(
            images.take(kept), Path(folder, "run"), n_folds=4, size=64, max_epochs=4
        )
        score = np.asarray(run.catalogue["outlier_score"], dtype=np.float64)
        return run.latents.astype(np.float64), score, is_rare[kept]


def _ways(latents: FloatArray, score: FloatArray) -> dict[str, Refined]:
    """Ways to rank, by name: scores of all images by the marks given until then."""
    forest = -IsolationForest(random_state=0).fit(latents).score_samples(latents)

    def ours(marks: dict[int, bool]) -> FloatArray:
        kinds = {row: "interesting" if is_rare else "usual" for row, is_rare in marks.items()}
        order = rank_anomalies(latents, score, kinds).order
        return -np.argsort(order).astype(np.float64)

    return {
        "equiclust": ours,
        "isolation forest, marks not used": lambda marks: forest,
        "Astronomaly's way": lambda marks: _astronomaly(latents, forest, marks),
        "the same on our outlier score": lambda marks: _astronomaly(latents, score, marks),
    }


def _astronomaly(latents: FloatArray, score: FloatArray, marks: dict[int, bool]) -> FloatArray:
    if not marks:
        return score
    rows = list(marks)
    marked = np.where([marks[row] for row in rows], _FULL, 0.0)
    interest = RandomForestRegressor(random_state=0).fit(latents[rows], marked).predict(latents)
    nearest = cdist(latents, latents[rows]).min(axis=1)
    scaled = (score - score.min()) / np.ptp(score)
    trusted = np.exp(nearest / nearest.mean()) - 1
    return np.asarray(scaled * np.tanh(trusted + np.arctanh(_LOWEST + _SPAN * interest / _FULL)))


def _searched(refined: Refined, rare: npt.NDArray[np.bool_]) -> list[float]:
    """Share of the rare images among the first 1 %, before and after each round of marks.

    Images marked interesting stand first, those marked otherwise last.
    """
    marks: dict[int, bool] = {}
    shares = [_share(refined(marks), marks, rare)]
    for _ in range(_ROUNDS):
        order = np.argsort(-refined(marks), kind="stable").tolist()
        for row in [row for row in order if row not in marks][:_MARKS]:
            marks[row] = bool(rare[row])
        shares.append(_share(refined(marks), marks, rare))
    return shares


def _share(score: FloatArray, marks: dict[int, bool], rare: npt.NDArray[np.bool_]) -> float:
    ranked = score.copy()
    for row, is_rare in marks.items():
        ranked[row] = np.inf if is_rare else -np.inf
    first = np.argsort(-ranked, kind="stable")[: round(_SHARE * len(rare))]
    return float(rare[first].sum() / rare.sum())
