"""How the number of clusters was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import MaxNLocator

from equiclust.report.contents import Contents
from equiclust.report.drawing import linear_scale, panels, plain_text, styled, svg_uri
from equiclust.report.palette import BASELINE_COLOUR, OURS_COLOUR
from equiclust.report.quantities import is_number

__all__ = ["ClusterChoice", "ScoreNote", "make_choice"]

_TITLES = {
    "prediction_strength": "Prediction strength, manifold",
    "stability": "Stability, manifold",
    "negative_bic": "Minus BIC, Gaussian mixture",
    "gap": "Gap statistic, k-means",
    "silhouette": "Silhouette, k-means",
    "density": "Density, manifold",
}
_MEANINGS = {
    "prediction_strength": "two halves of the images are clustered apart, each in its own "
    "manifold: the share of pairs that both put together, in the cluster where it is least; 1 = "
    "always, 0.8 counts as strong, and the largest strong number gets the vote",
    "stability": "adjusted Rand index of what the two halves make of all images: 1 = the same "
    "clusters, 0 = chance; the largest gets the vote",
    "density": "how many dense regions there are in the manifold of all images",
    "negative_bic": "Bayesian information criterion of a Gaussian mixture with its sign turned: "
    "how well the mixture fits, less a price for each parameter; without a vote",
    "gap": "how much tighter the clusters are than those of points spread evenly over the same "
    "space, as the logarithm of their summed squared width; without a vote",
    "silhouette": "how much nearer an image is to its own cluster than to the next, from -1 to 1; "
    "without a vote",
}
_STRONG = 0.8


@dataclass(frozen=True)
class ScoreNote:
    """A score, what it means, and the number it would have chosen, if that was recorded."""

    name: str
    meaning: str
    vote: int | None


@dataclass(frozen=True)
class ClusterChoice:
    """Data URI of the curves (empty when there were no candidates), and what to read beside it."""

    figure: str
    chosen: str
    method: str
    n_clusters: int | None
    scores: tuple[ScoreNote, ...]


def make_choice(contents: Contents) -> ClusterChoice:
    """Curves of every score over the candidates."""
    clusters = contents.section("clusters")
    candidates = [
        entry
        for entry in contents.entries("candidates", within="clusters")
        if isinstance(entry, dict) and is_number(entry.get("n_clusters"))
    ]
    candidates.sort(key=lambda entry: float(entry["n_clusters"]))
    names = _score_names(candidates)
    n_clusters = _whole(clusters.get("n_clusters"))
    votes = clusters.get("votes")
    votes = votes if isinstance(votes, dict) else {}
    return ClusterChoice(
        figure=_drawn(candidates, names, n_clusters) if names else "",
        chosen=str(clusters.get("chosen", "")),
        method=str(clusters.get("method", "")),
        n_clusters=n_clusters,
        scores=tuple(
            ScoreNote(
                _TITLES.get(name, name),
                _MEANINGS.get(name, "a further score"),
                _whole(votes.get(name)),
            )
            for name in dict.fromkeys([*names, *votes])
        ),
    )


def _whole(value: object) -> int | None:
    return int(value) if is_number(value) else None


def _score_names(candidates: Sequence[Mapping[str, Any]]) -> list[str]:
    found = dict.fromkeys(str(name) for entry in candidates for name in entry)
    return [
        name
        for name in found
        if name != "n_clusters" and any(is_number(entry.get(name)) for entry in candidates)
    ]


def _drawn(
    candidates: Sequence[Mapping[str, Any]], names: Sequence[str], chosen: int | None
) -> str:
    with styled():
        sheet, axes = panels(len(names), columns=3, width=11.9, height=2.6)
        for place, name in zip(axes, names, strict=True):
            points = [
                (entry["n_clusters"], entry[name])
                for entry in candidates
                if is_number(entry.get(name))
            ]
            place.plot(*zip(*points, strict=True), "o-", color=OURS_COLOUR, lw=1.6, ms=4.5)
            if chosen is not None:
                place.axvline(chosen, color=BASELINE_COLOUR, ls="--", label=f"chosen: {chosen}")
            if name == "prediction_strength":
                place.axhline(_STRONG, color="#6B7885", ls=":", label="strong from 0.8")
            if name in ("prediction_strength", "stability"):
                place.set_ylim(-0.05, 1.05)
            else:
                linear_scale(place)
            place.set_title(plain_text(_TITLES.get(name, name)), loc="left")
            place.set(xlabel="number of clusters", ylabel="score (no unit)")
            place.xaxis.set_major_locator(MaxNLocator(integer=True))
            if place.get_legend_handles_labels()[0]:
                place.legend(fontsize=8.0)
        return svg_uri(sheet)
