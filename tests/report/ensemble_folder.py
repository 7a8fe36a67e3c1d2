"""Run folder of an ensemble: invented, but every number in it agrees with every other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.evaluation.invariance import Certificate
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.run_folder import RunFolder
from tests.report.folders import METRICS, make_run

Labels = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float64]

ASKED = 0.9


def make_ensemble_run(
    path: Path,
    *,
    n: int = 55,
    n_clusters: int = 3,
    n_folds: int = 10,
    held_out_folds: int = 3,
    n_unassigned: int = 4,
    n_epochs: int = 6,
    pixels: npt.NDArray[np.float32] | None = None,
    truth: Labels | None = None,
    certificate: Certificate | None = None,
) -> RunFolder:
    """Folder of an ensemble that errs now and then, more often on images it has not seen."""
    rng = np.random.default_rng(11)
    if truth is None:
        truth = np.sort(rng.choice(n_clusters, n, p=_sizes(n_clusters)))
    held_out = (np.arange(n) % n_folds - np.arange(n_folds)[:, None]) % n_folds < held_out_folds
    fold_labels = _label(truth, held_out, n_clusters, rng)
    counts = np.array([np.bincount(votes, minlength=n_clusters) for votes in fold_labels.T])
    consensus = counts.argmax(axis=1)
    agrees = fold_labels == consensus
    seen, unseen = (_share(agrees, chosen) for chosen in (~held_out, held_out))
    stability = np.clip(0.35 + 0.62 * (0.4 * seen + 0.6 * unseen) ** 2, 0.0, 1.0)
    stability = np.clip(stability + rng.normal(0.0, 0.015, n), 0.0, 0.995)
    labels = consensus.copy()
    labels[np.argsort(stability, kind="stable")[:n_unassigned]] = -1
    metrics = {
        **{name: entry for name, entry in METRICS.items() if name != "history"},
        "histories": [_history(rng, n_epochs) for _ in range(n_folds)],
        "started_from": ["encoder", "head"],
        "ensemble": _ensemble(held_out, agrees, rng),
        "stability": _stability(stability, labels, agrees.mean(axis=0), unseen),
        "clusters": {**METRICS["clusters"], "n_clusters": n_clusters, "method": "gmm"},
        "nuisances": CONFOUNDERS,
        "perturbation": PERTURBATION,
    }
    run = make_run(
        path,
        labels=labels.tolist(),
        metrics=metrics,
        pixels=pixels,
        latents=_latents(truth, n_folds, rng),
        certificate=certificate,
    )
    table = read_table(run.catalogue_ecsv)
    table.remove_column("label_fold_00")
    table["stability"] = stability
    table["agreement"], table["agreement_held_out"] = agrees.mean(axis=0), unseen
    for k, votes in enumerate(fold_labels):
        table[f"label_fold_{k:02d}"] = votes
    write_table(table, run.catalogue_ecsv)
    return run


CONFOUNDERS: list[dict[str, Any]] = [
    {
        "name": "orientation",
        "eta_squared": 0.012,
        "chance": 0.018,
        "p_value": 0.6,
        "n": 55,
        "sentence": "Orientation explains 1.2 % of the labels, no more than chance (1.8 %).",
    },
    {
        "name": "brightness",
        "eta_squared": 0.21,
        "chance": 0.02,
        "p_value": 0.001,
        "n": 55,
        "sentence": "Brightness explains 21 % of the labels (chance: 2.0 %): the clusters are "
        "partly sorted by brightness.",
    },
]

PERTURBATION: dict[str, Any] = {
    "ari": 0.97,
    "changed": 1,
    "n": 55,
    "what": "turned by any angle, mirrored, shifted by up to 1 pixel, gain up to 20 %, noise 1 %",
}


def _sizes(n_clusters: int) -> Shares:
    sizes = 0.7 ** np.arange(n_clusters)
    return np.asarray(sizes / sizes.sum())


def _label(truth: Labels, held_out: Mask, n_clusters: int, rng: np.random.Generator) -> Labels:
    """Labels `(n_folds, n)`: some images are hard, and harder for who has not seen them."""
    hardness = rng.beta(0.35, 3.0, len(truth))
    wrong = rng.random(held_out.shape) < np.where(held_out, 1.4, 0.8) * hardness
    other = (truth + 1) % n_clusters
    return np.where(wrong, other, truth)


def _share(agrees: Mask, chosen: Mask) -> Shares:
    return np.asarray(np.sum(agrees & chosen, axis=0) / np.sum(chosen, axis=0))


def _latents(truth: Labels, n_folds: int, rng: np.random.Generator) -> Shares:
    """Four numbers by each member."""
    centres = 2.0 * rng.normal(size=(truth.max(initial=0) + 1, 4 * n_folds))
    return np.asarray(centres[truth] + rng.normal(size=(len(truth), 4 * n_folds)))


def _history(rng: np.random.Generator, n_epochs: int) -> list[dict[str, float]]:
    pace, floor = rng.uniform(0.8, 1.3), rng.uniform(0.8, 1.2)
    return [
        {
            "epoch": epoch,
            "total": 40.0 * np.exp(-8.0 * pace * epoch / n_epochs) + 6.0 * floor,
            "mse": 0.08 * np.exp(-9.0 * pace * epoch / n_epochs) + 0.0006 * floor,
            "validation_mse": 0.09 * np.exp(-8.0 * pace * epoch / n_epochs) + 0.0009 * floor,
            "perceptual": 0.6 * np.exp(-5.0 * epoch / n_epochs) + 0.05 * rng.uniform(0.9, 1.1),
            "variance": 0.5 + 0.02 * rng.normal(),
            "learning_rate": 1e-3 * np.cos(0.5 * np.pi * epoch / n_epochs),
            "seconds": 0.8,
        }
        for epoch in range(n_epochs)
    ]


def _ensemble(held_out: Mask, agrees: Mask, rng: np.random.Generator) -> dict[str, Any]:
    members: list[dict[str, Any]] = []
    for k, mask in enumerate(held_out):
        mse = 0.0009 * rng.uniform(0.85, 1.2)
        scores = {"mse": mse, "ms_ssim": 1.0 - 18.0 * mse, "psnr": -10.0 * np.log10(mse)}
        members.append(
            {
                "fold": k,
                "n_training": int(np.sum(~mask)),
                "n_held_out": int(np.sum(mask)),
                "held_out": scores,
                "seconds": 61.2 + rng.normal(),
                "agreement": float(agrees[k].mean()),
            }
        )
    mean = {key: float(np.mean([member["held_out"][key] for member in members])) for key in scores}
    best = 0.78 * mean["mse"]
    ensemble = {"mse": best, "ms_ssim": 1.0 - 16.0 * best, "psnr": -10.0 * np.log10(best)}
    return {
        "n_folds": len(held_out),
        "held_out_folds": int(held_out[:, 0].sum()),
        "members": members,
        "held_out": {"member_mean": mean, "ensemble": ensemble},
    }


def _stability(stability: Shares, labels: Labels, every: Shares, unseen: Shares) -> dict[str, Any]:
    n = len(labels)
    so_far = np.cumsum(np.sort(stability)[::-1]) / np.arange(1, n + 1)
    shares = np.linspace(0.05, 1.0, 20)
    return {
        "reliability_asked": ASKED,
        "reliability": float(stability[labels >= 0].mean()) if np.any(labels >= 0) else None,
        "coverage": float(np.mean(labels >= 0)),
        "n_unassigned": int(np.sum(labels < 0)),
        "agreement": float(every.mean()),
        "agreement_held_out": float(unseen.mean()),
        "curve": [
            {"coverage": float(share), "reliability": float(so_far[max(round(share * n), 1) - 1])}
            for share in shares
        ],
    }
