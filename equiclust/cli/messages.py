"""Results of the commands in words and as JSON records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from equiclust.cli.session import Outcome
from equiclust.pipeline.label_findings import label_findings

if TYPE_CHECKING:
    from equiclust.pipeline.demo import Demo
    from equiclust.pipeline.encoder_certificate import EncoderCertificate
    from equiclust.pipeline.model_certificate import ModelCertificate
    from equiclust.pipeline.prediction import Prediction
    from equiclust.pipeline.results import Run
    from equiclust.segmentation.job import SegmentResult

__all__ = [
    "cluster_sizes",
    "describe_certificate",
    "describe_demo",
    "describe_encoder_certificate",
    "describe_prediction",
    "describe_run",
    "describe_segmentation",
    "describe_taught",
    "format_sizes",
]

_FAILED = 1
_MAX_LISTED = 5
_CERTIFICATE_FILES = ("Certificate", "Figure", "Figure")
# p-value of the dip test from which there is no gap between the clusters of a map.
_CONTINUOUS = 0.02
_HIDDEN = ("histories", "candidates", "job", "outputs", "digest")


def cluster_sizes(labels: npt.NDArray[np.integer[Any]], n_clusters: int) -> list[int]:
    """Number of images with each label; the label -1 is not counted.

    Parameters
    ----------
    labels : ndarray (n,), int
    n_clusters : int

    Returns
    -------
    list of int
    """
    sizes: list[int] = np.bincount(labels[labels >= 0], minlength=n_clusters).tolist()
    return sizes


def format_sizes(sizes: Sequence[int], unassigned: int, *, what: str = "images") -> str:
    """Sizes of the clusters in one line.

    Parameters
    ----------
    sizes : sequence of int
    unassigned : int
        Number labelled -1.
    what : str, default "images"
        Noun for what is counted.

    Returns
    -------
    str
    """
    n = sum(sizes) + unassigned
    if len(sizes) == 1:
        text = f"{n} {what}, no clusters among them"
    else:
        text = f"{n} {what} in {len(sizes)} clusters: {', '.join(map(str, sizes))}"
    return text + (f"; {unassigned} without a label: too uncertain" if unassigned else "")


def describe_run(run: Run) -> Outcome:
    """Summary of a finished run.

    Parameters
    ----------
    run : Run

    Returns
    -------
    Outcome
    """
    labels, metrics = run.labels, run.metrics
    sizes = cluster_sizes(labels, run.n_clusters)
    unassigned = int(np.sum(labels < 0))
    record = {
        "run": str(run.path),
        "n_images": len(labels),
        "n_rejected": len(run.rejected),
        "n_clusters": len(sizes),
        "sizes": sizes,
        "n_unassigned": unassigned,
        "removed": metrics.get("removal", {}).get("removed", []),
        "passed": run.is_invariant,
        "timing": metrics.get("timing", {}),
        "catalogue": str(run.folder.catalogue_ecsv),
        "report": str(run.folder.report_html),
    }
    lines = [format_sizes(sizes, unassigned), *_in_words(metrics)]
    if "all_images" in metrics:
        record["all_images"] = {**metrics["all_images"], "table": str(run.folder.all_images_fits)}
        lines = _of_all(metrics["all_images"], len(labels)) + lines[1:]
    if len(run.rejected):
        lines.append(f"{len(run.rejected)} rejected: {run.folder.rejected_ecsv}")
    if "removal" in metrics:
        lines.append(str(metrics["removal"]["sentence"]))
    withheld = label_findings(labels, run.n_clusters)
    lines += [*withheld, *metrics["findings"], str(metrics["check"]["sentence"])]
    if "all_images" in metrics:
        lines.append(f"All images: {run.folder.all_images_fits}")
    lines += [f"Catalogue: {run.folder.catalogue_ecsv}", f"Report: {run.folder.report_html}"]
    return Outcome(record, "\n".join(lines))


def _of_all(found: Mapping[str, Any], n_learned: int) -> list[str]:
    """Sizes of the clusters among all images, of which some were learned from."""
    return [
        format_sizes(found["sizes"], found["n_unassigned"]),
        f"Learned from {n_learned} of them, drawn at random; the catalogue and the report are "
        "about these",
    ]


def _in_words(metrics: Mapping[str, Any]) -> list[str]:
    """One line for each cluster that something sets apart; runs of earlier versions have none."""
    described = metrics.get("cluster_descriptions", [])
    return [f"Cluster {one['label']}: {one['words']}." for one in described if one["differences"]]


def describe_taught(run: Run) -> Outcome:
    """Summary of a run that was taught with labels.

    Parameters
    ----------
    run : Run

    Returns
    -------
    Outcome
    """
    found = run.metrics["teaching"]
    sizes = dict(zip(found["kinds"], found["images_per_kind"], strict=True))
    record = {
        "run": str(run.path),
        "n_images": len(run.labels),
        "n_labels": found["n_labels"],
        "kinds": sizes,
        "n_none_of_these": found["n_none_of_these"],
        "accuracy": found["accuracy"],
        "n_contradictions": len(found["contradictions"]),
        "n_unknown": len(found["unknown"]),
        "catalogue": str(run.folder.catalogue_ecsv),
        "report": str(run.folder.report_html),
    }
    lines = [_counted_kinds(len(run.labels), sizes), *found["sentences"]]
    lines += [f"Catalogue: {run.folder.catalogue_ecsv}", f"Report: {run.folder.report_html}"]
    return Outcome(record, "\n".join(lines))


def _counted_kinds(n: int, sizes: Mapping[str, int]) -> str:
    return f"{n} images by kind: {', '.join(f'{kind} {size}' for kind, size in sizes.items())}"


def describe_segmentation(result: SegmentResult) -> Outcome:
    """Summary of a segmentation.

    Parameters
    ----------
    result : SegmentResult

    Returns
    -------
    Outcome
    """
    record, files = result.record, result.files
    sizes, unsure = record["sizes"], record["n_unsure"]
    lines = [format_sizes(sizes, unsure, what="pixels")]
    lines.append(
        f"{record['n_masked']} pixels are masked, and {record['n_tiles_left_out']} of "
        f"{record['n_tiles']} tiles left out, which are constant or more than half masked"
    )
    if len(sizes) > 1 and (record["unimodal_p"] or 0.0) > _CONTINUOUS:
        lines.append(
            "The textures change gradually, without a gap between the clusters: where one ends and "
            "the next begins depends on the method"
        )
    # Results of version 0.1 have none.
    if record.get("encoder") is not None:
        lines.append(_encoder_line(record["encoder"]))
    lines += [
        f"Labels: {files.labels}",
        f"Segments: {files.segments}",
        f"Regions: {files.regions}",
        f"Picture: {files.picture}",
    ]
    shown = {name: value for name, value in record.items() if name not in _HIDDEN}
    return Outcome(shown, "\n".join(lines))


def _encoder_line(record: Mapping[str, Any]) -> str:
    """What made the latents, from its record."""
    from equiclust.report.sections.encoders import innermost

    inner = innermost(record)
    given = inner.get("parameters", {})
    name = given.get("network") or given.get("path") or inner["kind"]
    if record["group"] == "trivial":
        return f"Encoder: {name}, not averaged: the labels depend on how the map lies"
    return f"Encoder: {name}, invariant under {record['group']}"


def describe_demo(demo: Demo) -> Outcome:
    """Summary of a demonstration.

    Parameters
    ----------
    demo : Demo

    Returns
    -------
    Outcome
    """
    outcome, scores = describe_run(demo.run), demo.scores
    unassigned = outcome.record["n_unassigned"]
    text = (
        f"Agreement of the labels with the truth: accuracy {scores['acc']:.2f}, "
        f"NMI {scores['nmi']:.2f}, ARI {scores['ari']:.2f}"
    ) + (f"; the {unassigned} without a label do not count" if unassigned else "")
    return Outcome({**outcome.record, **scores}, f"{outcome.text}\n{text}")


def describe_prediction(prediction: Prediction, n_clusters: int, output: str) -> Outcome:
    """Summary of labels of new images.

    Parameters
    ----------
    prediction : Prediction
    n_clusters : int
        Of the run.
    output : str
        The catalogue that was written.

    Returns
    -------
    Outcome
    """
    counts = prediction.labels
    sizes = [counts.get(k, 0) for k in range(max(n_clusters, max(counts) + 1))]
    unassigned, n_images = counts.get(-1, 0), sum(counts.values())
    record: dict[str, Any] = {
        "catalogue": output,
        "n_images": n_images,
        "n_rejected": len(prediction.rejected),
        "sizes": sizes,
        "n_unassigned": unassigned,
    }
    lines = [format_sizes(sizes, unassigned)]
    if prediction.kinds:
        record["kinds"] = dict(sorted(prediction.kinds.items()))
        lines = [_counted_kinds(n_images, record["kinds"])]
    if prediction.rejected:
        record["rejected"] = str(prediction.rejected_path)
        lines.append(f"{len(prediction.rejected)} rejected: {prediction.rejected_path}")
    return Outcome(record, "\n".join([*lines, f"Catalogue: {output}"]))


def describe_certificate(certified: ModelCertificate) -> Outcome:
    """The certificate as a text; exit status 1 when it failed.

    Parameters
    ----------
    certified : ModelCertificate

    Returns
    -------
    Outcome
    """
    conditions, certificate = certified.conditions, certified.certificate
    epochs = conditions["baseline_epochs"]
    text = [
        certificate.to_text(),
        "",
        f"quarter turns of {conditions['files']} images as read, before preprocessing, change "
        f"latents by at most {conditions['files_d4_error']:.1e} of their norm",
        f"the baseline is {conditions['baseline']}" + (f", for {epochs} epochs" if epochs else ""),
    ]
    record = {**certificate.to_dict(), "conditions": conditions}
    return Outcome(record, "\n".join(text), 0 if certificate.passed else _FAILED)


def describe_encoder_certificate(certified: EncoderCertificate, files: Sequence[Path]) -> Outcome:
    """The certificate of an encoder as a text; exit status 1 when it failed.

    Parameters
    ----------
    certified : EncoderCertificate
    files : sequence of Path
        What was written.

    Returns
    -------
    Outcome
    """
    certificate = certified.certificate
    text = [certificate.to_text()]
    if certificate.baseline is not None:
        text += ["", "the baseline is the same network, not averaged"]
    text += [f"{what}: {path}" for what, path in zip(_CERTIFICATE_FILES, files, strict=False)]
    record = {**certified.record, "files": [str(path) for path in files]}
    return Outcome(record, "\n".join(text), 0 if certificate.passed else _FAILED)
