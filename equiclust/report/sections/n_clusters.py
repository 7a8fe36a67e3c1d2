"""Section "Number of clusters": the scores of every candidate, and which number was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import MaxNLocator

from equiclust.report.contents import Contents
from equiclust.report.figures.palette import BASELINE_COLOUR, OURS_COLOUR
from equiclust.report.figures.style import linear_scale, panels, plain_text, styled, svg_uri
from equiclust.report.formatting import is_number

__all__ = ["NumberOfClusters", "ScoreNote", "make_n_clusters"]

_TITLES = {
    "prediction_strength": "Prediction strength, manifold",
    "stability": "Agreement of halves, manifold",
    "negative_bic": "Minus BIC, Gaussian mixture",
    "gap": "Gap statistic, k-means",
    "silhouette": "Silhouette, k-means",
    "density": "Density, manifold",
    "separation": "Separation of all pairs",
    "separation_dip": "Gap of the weakest pair",
    "separation_agreement": "Agreement of embeddings",
    "separation_boundary_dip": "Gap at the boundary",
}
_MEANINGS = {
    "separation": "the number after which the gap of the weakest pair shrinks most; where there is "
    "one, it is chosen",
    "separation_dip": "scaled dip of the two clusters that are least apart, along a direction "
    "learned from other images: 0.3 to 0.4 = parts of one cluster; 0.6 = a gap that one in a "
    "hundred pairs without one would show",
    "separation_boundary_dip": "scaled dip of those images alone that are near the boundary of two "
    "clusters, the least of all pairs: where no number reaches 0.8 (0.55, if the images together "
    "have more than one mode), all images are one cluster",
    "separation_agreement": "mean adjusted Rand index of the clusters in five embeddings that "
    "differ by their seed; below 0.8 the number does not count",
    "prediction_strength": "both halves of the images are clustered separately, each on its own "
    "manifold: the share of pairs that both put together, in the cluster where it is lowest; 1 = "
    "always, 0.8 counts as strong; proposes the largest strong number",
    "stability": "adjusted Rand index of the labels that both halves give to all images: 1 = the "
    "same clusters, 0 = chance; proposes the largest",
    "density": "number of dense regions on the manifold of all images",
    "negative_bic": "negative Bayesian information criterion of a Gaussian mixture: how well the "
    "mixture fits, less a penalty for each parameter; proposes nothing",
    "gap": "how much tighter the clusters are than those of points spread evenly over the same "
    "space, as the logarithm of their summed squared width; proposes nothing",
    "silhouette": "how much nearer an image is to its own cluster than to the next, from -1 to 1; "
    "proposes nothing",
}
_STRONG = 0.8


@dataclass(frozen=True)
class ScoreNote:
    """A score and what it means.

    Parameters
    ----------
    name, meaning : str
    proposal : int or None
        Number of clusters that it proposes, if recorded.
    """

    name: str
    meaning: str
    proposal: int | None


@dataclass(frozen=True)
class NumberOfClusters:
    """What the report states on the number of clusters.

    Parameters
    ----------
    figure : str
        Data URI of the scores; empty when only one number was tried.
    chosen : str
        "auto", or how the number was chosen otherwise; empty when not recorded.
    method : str
        Clustering method; empty when not recorded.
    n_clusters : int or None
        `None` when not recorded.
    scores : tuple of ScoreNote
    """

    figure: str
    chosen: str
    method: str
    n_clusters: int | None
    scores: tuple[ScoreNote, ...]


def make_n_clusters(contents: Contents) -> NumberOfClusters:
    """Draw every score against the number of clusters.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    NumberOfClusters
    """
    clusters = contents.section("clusters")
    candidates = [
        entry
        for entry in contents.entries("candidates", within="clusters")
        if isinstance(entry, dict) and is_number(entry.get("n_clusters"))
    ]
    candidates.sort(key=lambda entry: float(entry["n_clusters"]))
    names = _score_names(candidates)
    n_clusters = _whole(clusters.get("n_clusters"))
    recorded = clusters.get("votes")
    proposals = recorded if isinstance(recorded, dict) else {}
    return NumberOfClusters(
        figure=_drawn(candidates, names, n_clusters) if names else "",
        chosen=str(clusters.get("chosen", "")),
        method=str(clusters.get("method", "")),
        n_clusters=n_clusters,
        scores=tuple(
            ScoreNote(
                _TITLES.get(name, name),
                _MEANINGS.get(name, "a further score"),
                _whole(proposals.get(name)),
            )
            for name in dict.fromkeys([*names, *proposals])
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
        for panel, name in zip(axes, names, strict=True):
            points = [
                (entry["n_clusters"], entry[name])
                for entry in candidates
                if is_number(entry.get(name))
            ]
            panel.plot(*zip(*points, strict=True), "o-", color=OURS_COLOUR, lw=1.6, ms=4.5)
            if chosen is not None:
                panel.axvline(chosen, color=BASELINE_COLOUR, ls="--", label=f"chosen: {chosen}")
            if name == "prediction_strength":
                panel.axhline(_STRONG, color="#6B7885", ls=":", label="strong from 0.8")
            if name in ("prediction_strength", "stability", "separation_agreement"):
                panel.set_ylim(-0.05, 1.05)
            else:
                linear_scale(panel)
            panel.set_title(plain_text(_TITLES.get(name, name)), loc="left")
            panel.set(xlabel="number of clusters", ylabel="score (no unit)")
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            if panel.get_legend_handles_labels()[0]:
                panel.legend(fontsize=8.0)
        return svg_uri(sheet)
