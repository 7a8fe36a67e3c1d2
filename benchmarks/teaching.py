"""Accuracy of `teach` by the number of labels, its calibration, and coverage of its interval."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression

from benchmarks.encoder_sets import SETS, Labelled
from benchmarks.tables import Table
from ensembles.recipes import Recipe, read_recipe
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.encoders import get_encoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.io.atomic import read_arrays, write_arrays
from equiclust.nn.allocator import keep_freed_memory
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_discs
from equiclust.teaching import FewLabelClassifier, estimate_accuracy, suggest

__all__ = ["teaching_tables"]

N_LABELS = (10, 20, 30, 50, 100)
_OWN_SIDE, _N_DISCS, _N_COMPONENTS = 64, 180, 32
# Repetitions on one draw, each with another share of its images; more for one cell, in which it is
# counted how often the interval holds.
_N_REPETITIONS, _SHARE = 5, 0.85
_COUNTED, _N_COUNTED = ("suggested", 30), 20
_BINS = np.linspace(0.0, 1.0, 11)

Array = npt.NDArray[Any]


class _Latents(NamedTuple):
    """Latents of one draw by space, and the truth."""

    points: Array
    spaces: dict[str, list[int]]
    truth: Array


class _Outcome(NamedTuple):
    """Of one classifier on the images without a label."""

    accuracy: float
    said: Array
    right: Array
    n_labels: int


def teaching_tables(folder: Path, *, draws: Iterable[int] = range(210, 215)) -> Iterator[Table]:
    """Accuracy on the images without a label by number of labels, calibration and coverage.

    Latents are those of the autoencoder as it is shipped and of the small AlexNet averaged over D8,
    side by side. "rounds" asks for half of the labels first and for the others where these leave
    doubt; the rival is a logistic regression on the same latents with labels at random.
    """
    cases = [(name, draw) for name in _SETS for draw in draws]
    found = Parallel(n_jobs=os.cpu_count())(
        delayed(_done_case)(folder, name, draw) for name, draw in cases
    )
    by_set = {
        name: [one for (which, _), one in zip(cases, found, strict=True) if which == name]
        for name in _SETS
    }
    yield Table("teaching", "Accuracy by the number of labels", _curves(by_set))
    yield Table("teaching_interval", "What is said of the accuracy", _statements(by_set))


def _done_case(folder: Path, name: str, draw: int) -> dict[tuple[str, int], list[_Outcome]]:
    keep_freed_memory()
    latents = _known_latents(folder, name, draw)
    outcomes: dict[tuple[str, int], list[_Outcome]] = {}
    for n in N_LABELS:
        for repetition in range(_N_COUNTED):
            part = _part(latents, 100 * draw + repetition)
            for how, learn in _LEARNERS.items():
                if repetition < _N_REPETITIONS or (how, n) == _COUNTED:
                    outcomes.setdefault((how, n), []).append(learn(part, n, repetition))
    print(f"{name}, draw {draw}: done", flush=True)
    return outcomes


def _known_latents(folder: Path, name: str, draw: int) -> _Latents:
    labelled = _SETS[name](draw)
    place = folder / f"{name}_{draw}.safetensors".replace(" ", "_")
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(place, _encoded(labelled))
    arrays = read_arrays(place)
    widths = [(space, arrays[space].shape[1]) for space in ("own", "small_alexnet")]
    edges = np.cumsum([0] + [width for _, width in widths])
    spaces = {
        space: list(range(low, high))
        for (space, _), low, high in zip(widths, edges[:-1], edges[1:], strict=True)
    }
    points = np.concatenate([arrays[space] for space, _ in widths], axis=1)
    return _Latents(points, spaces, np.array([f"kind {one}" for one in labelled.classes]))


def _encoded(labelled: Labelled) -> dict[str, Array]:
    recipe = read_recipe(labelled.recipe) if labelled.recipe else Recipe()
    preprocessing = recipe.preprocessing
    seen = Preprocessor(**preprocessing).fit_transform(labelled.images)
    small = Preprocessor(**{**preprocessing, "size": _OWN_SIDE}).fit_transform(labelled.images)
    settings = {**recipe.autoencoder, "size": _OWN_SIDE, "group": "D8", "pretrained": True}
    # As shipped: the one pass that fitting takes changes nothing.
    own = EquivariantAutoencoder(**settings).set_params(
        preprocess=False,
        perceptual=None,
        validation_fraction=0.0,
        random_state=0,
        max_epochs=1,
        learning_rate=1e-12,
    )
    encoder = get_encoder("small_alexnet", group="D8")
    n_components = min(_N_COMPONENTS, recipe.network.latent_dim)
    whitened = WhitenedEncoder(encoder, latent_dim=n_components, random_state=0)
    return {"own": own.fit_transform(small), "small_alexnet": whitened.fit_transform(seen)}


def _part(latents: _Latents, seed: int) -> _Latents:
    """A share of the images, drawn at random."""
    n = len(latents.truth)
    rows = np.sort(np.random.default_rng(seed).permutation(n)[: int(_SHARE * n)])
    return _Latents(latents.points[rows], latents.spaces, latents.truth[rows])


def _taught(part: _Latents, rows: Array) -> _Outcome:
    labels = np.full(len(part.truth), "", dtype=part.truth.dtype)
    labels[rows] = part.truth[rows]
    if len(np.unique(part.truth[rows])) < 2:
        return _Outcome(float("nan"), np.zeros(0), np.zeros(0), len(rows))
    classifier = FewLabelClassifier(part.spaces).fit(part.points, labels)
    found = classifier.predict_kinds(part.points)
    asked = found.given < 0
    said = found.probabilities[asked]
    right = np.array(found.names)[said.argmax(axis=1)] == part.truth[asked]
    return _Outcome(float(right.mean()), said.max(axis=1), right, len(rows))


def _suggested(part: _Latents, n: int, seed: int) -> _Outcome:
    return _taught(part, suggest(part.points, n, spaces=part.spaces, random_state=seed))


def _in_rounds(part: _Latents, n: int, seed: int) -> _Outcome:
    labels: dict[int, str] = {}
    for more in (n // 2, n - n // 2):
        rows = suggest(
            part.points, more, labels=labels or None, spaces=part.spaces, random_state=seed
        )
        labels |= {int(row): str(part.truth[row]) for row in rows}
    return _taught(part, np.array(list(labels)))


def _at_random(part: _Latents, n: int, seed: int) -> _Outcome:
    return _taught(part, np.random.default_rng(seed).permutation(len(part.truth))[:n])


def _rival(part: _Latents, n: int, seed: int) -> _Outcome:
    rows = np.random.default_rng(seed).permutation(len(part.truth))[:n]
    points = part.points - part.points.mean(axis=0)
    for columns in part.spaces.values():
        points[:, columns] /= np.sqrt(np.square(points[:, columns]).sum(axis=1).mean())
    asked = np.setdiff1d(np.arange(len(points)), rows)
    if len(np.unique(part.truth[rows])) < 2:
        return _Outcome(float("nan"), np.zeros(0), np.zeros(0), n)
    regression = LogisticRegression(C=30.0, max_iter=2000).fit(points[rows], part.truth[rows])
    said = regression.predict_proba(points[asked])
    right = regression.predict(points[asked]) == part.truth[asked]
    return _Outcome(float(right.mean()), said.max(axis=1), right, n)


def _curves(by_set: dict[str, list[dict[tuple[str, int], list[_Outcome]]]]) -> list[dict[str, Any]]:
    rows = []
    for name, found in by_set.items():
        for how in _LEARNERS:
            row: dict[str, Any] = {"set": name, "labels": how}
            for n in N_LABELS:
                draws = [np.nanmean([o.accuracy for o in one[how, n]]) for one in found]
                row[str(n)] = f"{np.mean(draws):.3f} ± {np.std(draws):.3f}"
            rows.append(row)
    return rows


def _statements(
    by_set: dict[str, list[dict[tuple[str, int], list[_Outcome]]]],
) -> list[dict[str, Any]]:
    """Error of calibration over all draws and of each, and how often the interval holds."""
    rows = []
    for name, found in by_set.items():
        for how in ("suggested", "rounds", "at random"):
            row: dict[str, Any] = {"set": name, "labels": how}
            for n in (30, 50, 100):
                known = [o for one in found for o in one[how, n] if len(o.said)]
                said, right = (np.concatenate([o[k] for o in known]) for k in (1, 2))
                single = np.mean([_calibration_error(o.said, o.right) for o in known])
                row[f"error, {n}"] = f"{_calibration_error(said, right):.3f}"
                row[f"of one set, {n}"] = f"{single:.3f}"
                row[f"interval holds, {n}"] = f"{np.mean([_holds(o) for o in known]):.2f}"
                widths = [_interval(o)[1] - _interval(o)[0] for o in known]
                row[f"its width, {n}"] = f"{np.mean(widths):.2f}"
            rows.append(row)
    return rows


def _calibration_error(said: Array, right: Array) -> float:
    """Mean difference of probability and share of right kinds, in ten bins of the probability."""
    which = np.clip(np.digitize(said, _BINS) - 1, 0, len(_BINS) - 2)
    return float(
        sum(
            abs(said[which == k].mean() - right[which == k].mean()) * np.mean(which == k)
            for k in np.unique(which)
        )
    )


def _interval(outcome: _Outcome) -> tuple[float, float]:
    found = estimate_accuracy(outcome.said, outcome.n_labels)
    return found.low, found.high


def _holds(outcome: _Outcome) -> bool:
    low, high = _interval(outcome)
    return low <= outcome.accuracy <= high


def _discs(draw: int) -> Labelled:
    images, truth = simulate_discs(
        _N_DISCS, size=_OWN_SIDE, max_inclination=30.0, random_state=draw
    )
    return Labelled(images, np.asarray(truth["kind_index"]), "")


_SETS: dict[str, Callable[[int], Labelled]] = {
    "discs": _discs,
    **{name: SETS[name] for name in ("NEU steel", "MNIST turned", "brain")},
}
_LEARNERS: dict[str, Callable[[_Latents, int, int], _Outcome]] = {
    "suggested": _suggested,
    "rounds": _in_rounds,
    "at random": _at_random,
    "at random, logistic regression": _rival,
}
