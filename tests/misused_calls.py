"""Valid calls of public functions, and what a user may give instead of each argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from astropy.table import Table
from sklearn.base import BaseEstimator, clone
from torch.nn import Identity

import equiclust
import equiclust.app as app
import equiclust.clustering as clustering
import equiclust.cutouts as cutouts
import equiclust.encoders as encoders
import equiclust.evaluation as evaluation
import equiclust.evaluation.confounders as confounders
import equiclust.evaluation.invariance as invariance
import equiclust.evaluation.metrics as metrics
import equiclust.io as io
import equiclust.segmentation as segmentation
import equiclust.simulation as simulation
import equiclust.teaching as teaching
from data_adapters import read, write_fits
from data_adapters.sky import Tiling, open_sky_map, robust_noise, threshold_mask
from ensembles.recipes import Clusters, Ensemble, Images, Network, Recipe, Training, read_recipe
from equiclust.autoencoder import (
    Augmentation,
    ObjectiveWeights,
    has_pretrained_weights,
)
from equiclust.clustering.deep import history_table, moving_average
from equiclust.io.sky_columns import sky_positions
from equiclust.nn import ConvolutionalConfig, DenseConfig, Group, NetworkConfig
from tests.test_image_estimators import CASES, IMAGES

__all__ = ["FUNCTIONS", "NONSENSE", "misused", "misused_parameters"]

NONSENSE: tuple[Any, ...] = (
    None, True, -1, 0, -0.5, 10**30, float("nan"), float("inf"), 1j, "no such", "3", b"x", object(),
    [], {}, [1, "a"], np.zeros(0), np.zeros((2, 2)), np.array(["a"]), np.array([None, 1]), len,
)  # fmt: skip
LABELS = np.array([0, 0, 1, 1, 2, 2])
POINTS = np.random.default_rng(0).normal(size=(6, 3))
NETWORK = encoders.TorchvisionEncoder("resnet18", layer="conv1", weights="random")
SET = equiclust.ImageSet.from_array(IMAGES[:6])


def _embed(pixels: Any) -> Any:
    return np.asarray(pixels).mean(axis=(2, 3))


# By function, arguments that it accepts; those that are not named are not tried.
FUNCTIONS: Mapping[Callable[..., Any], Mapping[str, Any]] = {
    teaching.suggest: {
        "latents": POINTS, "n": 2, "labels": {0: "a"}, "spaces": None, "random_state": 0,
    },
    teaching.rank_partitions: {
        "partitions": {"label": LABELS}, "kinds": {0: "a", 2: "b"},
    },
    teaching.teach: {
        "latents": POINTS, "labels": {0: "a", 1: "b"}, "spaces": {"one": [0, 1, 2]},
        "random_state": 0,
    },
    teaching.rank_anomalies: {
        "latents": POINTS, "outlier_score": np.arange(6.0), "marks": {0: "usual", 1: "interesting"},
        "interesting": "interesting", "spaces": None, "random_state": 0,
    },
    teaching.estimate_accuracy: {"probabilities": [0.5, 1.0], "n_labels": 10},
    teaching.read_labels: {"path": "no such file"},
    equiclust.LatentIndex: {"latents": POINTS, "random_state": 0},
    equiclust.LatentIndex(POINTS).query: {"latents": POINTS, "n": 2},
    equiclust.ImageSet.from_array: {"pixels": IMAGES[:2], "mask": None, "ids": ["a", "b"]},
    equiclust.ImageSet: {"images": ()},
    equiclust.Image.from_values: {
        "values": IMAGES[0], "id": "a", "mask": np.zeros((32, 32), bool), "unit": "Jy",
    },
    equiclust.Image: {"pixels": IMAGES[0], "mask": np.zeros((32, 32), bool), "id": "a"},
    equiclust.assert_invariant: {
        "embed": _embed, "images": IMAGES[:2], "atol": 1e9, "mirror": True,
    },
    equiclust.certify: {
        "embed": _embed, "images": IMAGES[:2], "predict": None, "baseline": None,
        "angles": (45.0,), "n_random_angles": 1, "mirror": False, "random_state": 0,
    },
    equiclust.make_clusterer: {
        "method": "kmeans", "n_clusters": 2, "whiten": 0.5, "n_components": 2,
        "standardise": True, "random_state": 0,
    },
    equiclust.measure_inclinations: {"images": IMAGES[:1]},
    equiclust.open_run: {"folder": "no such run"},
    app.explore: {"path": "no such run", "labels": None, "compare": None, "data": None},
    equiclust.run: {
        "inputs": "no such file", "output": "out", "recipe": "discs", "n_clusters": 2, "n_folds": 2,
        "size": 32, "method": "kmeans", "random_state": 0,
    },
    read: {"inputs": "no such file"},
    cutouts.make_cutouts: {
        "catalogue": "no such.ecsv", "images": "no such.fits", "output": "out/stamps", "size": 8,
        "size_column": None, "size_factor": 1.0, "bands": (), "band_keyword": None, "mask": None,
        "weight": None, "resample": False, "min_coverage": 0.0, "ra": None, "dec": None, "x": None,
        "y": None, "origin": None, "id": None, "frame": "auto", "max_memory": "auto", "n_jobs": 1,
    },
    cutouts.Detection: {"threshold": 3.0, "min_pixels": 5, "deblend": True},
    write_fits: {"images": SET, "folder": "out"},
    open_sky_map: {"path": "no such.fits", "part": "", "stokes": ""},
    robust_noise: {"image": IMAGES[0, 0], "mask": None, "method": "auto"},
    threshold_mask: {"image": IMAGES[0, 0], "n_sigma": 3.0, "noise": 1.0, "mask": None},
    Tiling: {"shape": (32, 32), "tile": 16, "step": 8},
    read_recipe: {"recipe": "discs"},
    Images: {
        "size": 32, "background": "border", "stretch": "linear", "percentiles": (1.0, 99.0),
        "center": "none", "canonical": "scale", "circular_mask": 1.0, "channels": 1,
    },
    Network: {
        "group": "D8", "latent_dim": 2, "fields": (1, 1), "map_fields": 1, "detail_fields": 1,
        "annuli": 1, "harmonics": 0,
    },
    Training: {"max_epochs": 1, "batch_size": 2, "learning_rate": 0.1, "pretrained": True},
    Ensemble: {"n_folds": 2, "held_out_folds": 1, "consensus": "vote", "reliability": 0.5},
    Clusters: {"n_clusters": 2, "method": "kmeans"},
    Recipe: {"about": "", "seed": 0},
    NetworkConfig: {
        "group": "D8", "in_channels": 1, "size": 32, "fields": (1, 1), "map_fields": 1,
        "detail_fields": 1, "annuli": 1, "latent_dim": 2, "harmonics": 0,
    },
    ConvolutionalConfig: {
        "size": 32, "in_channels": 1, "embedding_dim": 2, "filters": (2,), "kernel_sizes": (3,),
        "strides": (2,),
    },
    DenseConfig: {"size": 32, "in_channels": 1, "embedding_dim": 2, "widths": (4,)},
    Group: {"name": "D8"},
    Augmentation: {"angle": 1.0, "scale": 0.1},
    ObjectiveWeights: {"mse": 1.0, "perceptual": 0.0},
        has_pretrained_weights: {"group": "D8", "size": 64},
    simulation.simulate_discs: {
        "n": 1, "size": 32, "classes": ("rings",), "max_inclination": 10.0,
        "outer_radius": (0.3, 0.5), "max_offset": 0.0, "random_state": 0,
    },
    simulation.simulate_views: {
        "n": 1, "n_views": 1, "size": 32, "classes": ("rings",), "random_state": 0,
    },
    simulation.simulate_frames: {"n": 2, "size": 32, "bad_fraction": 0.5, "random_state": 0},
    simulation.simulate_shapes: {
        "n": 1, "size": 32, "classes": ("ring",), "snr": (20.0, 30.0), "random_state": 0,
    },
    simulation.simulate_cloud_patches: {
        "n": 1, "size": 32, "classes": ("clumps",), "snr": (20.0, 30.0), "random_state": 0,
    },
    simulation.simulate_cloud_map: {"shape": (32, 32), "random_state": 0},
    simulation.simulate_cloud_cube: {
        "shape": (2, 32, 32), "channel_width": 0.2, "line_widths": 0.5, "n_lines": 1,
        "velocity": 8.0, "random_state": 0,
    },
    simulation.draw_disc: {"class_name": "rings", "max_inclination": 10.0, "random_state": 0},
    simulation.draw_shape: {"class_name": "ring", "random_state": 0},
    simulation.fractal_field: {"shape": (8, 8), "slope": -2.0, "random_state": 0},
    simulation.render: {
        "parameters": simulation.DiscParameters(), "size": 16, "rotation": 0.0, "mirror": False,
        "supersample": 1,
    },
    simulation.render_shape: {"parameters": simulation.ShapeParameters("ring"), "size": 16},
    simulation.truth_path: {"path": "a.fits"},
    evaluation.adjusted_rand_index: {"labels_true": LABELS, "labels_pred": LABELS},
    evaluation.clustering_accuracy: {"labels_true": LABELS, "labels_pred": LABELS},
    evaluation.normalized_mutual_information: {"labels_true": LABELS, "labels_pred": LABELS},
    evaluation.reconstruction_scores: {
        "images": IMAGES[:1], "reconstructions": IMAGES[:1], "mask": None,
    },
    evaluation.perturb: {"images": SET[:1], "random_state": 0},
    evaluation.measure_confounders: {"originals": SET[:1], "processed": None},
    evaluation.perturbation_stability: {
        "predict": lambda images: np.zeros(len(images), int), "images": SET[:2],
        "labels": [0, 0], "n_repeats": 1, "random_state": 0,
    },
    confounders.association: {
        "labels": LABELS, "values": POINTS[:, 0], "circular_period": 180.0, "n_permutations": 3,
        "random_state": 0,
    },
    confounders.remove_confounders: {
        "latents": POINTS, "confounders": POINTS[:, :1], "names": ["size"], "method": "erasure",
    },
    confounders.holm: {"p_values": [0.1, 0.2]},
    metrics.class_scores: {"labels_true": LABELS, "labels_pred": LABELS, "many_to_one": False},
    metrics.confusion_matrix: {"labels_true": LABELS, "labels_pred": LABELS, "many_to_one": False},
    metrics.many_to_one_accuracy: {"labels_true": LABELS, "labels_pred": LABELS},
    metrics.match_one_to_one: {"counts": np.eye(3, dtype=int)},
    metrics.matched_classes: {"labels_true": LABELS, "labels_pred": LABELS, "many_to_one": False},
    metrics.mean_average_precision: {"latents": POINTS, "objects": LABELS},
    metrics.recall_at_k: {"latents": POINTS, "objects": LABELS, "k": 1},
    invariance.quarter_turns: {"mirror": True},
    invariance.rotate_spline: {"images": IMAGES[:1], "angle": 10.0, "mirror": False, "order": 3},
    invariance.taper_corners: {"images": IMAGES[:1]},
    clustering.choose_n_clusters: {
        "latents": POINTS, "max_clusters": 2, "candidates": [2], "whiten": 0.5, "n_components": 2,
        "standardise": True, "max_samples": 10, "random_state": 0,
    },
    history_table: {"records": [{"step": 0.0}, {"step": 1.0}], "window": 1},
    moving_average: {"values": [1.0, 2.0], "window": 1},
    segmentation.SegmentOptions: {
        "tile": 32, "step": 8, "cube": "integrated", "channel_group": 1, "n_clusters": 2,
        "method": "kmeans", "min_membership": 0.0,
    },
    segmentation.MaskOptions: {"min_weight": 1.0, "threshold": 1.0, "weights": "a.fits"},
    segmentation.find_segments: {"labels": np.zeros((4, 4), np.int16), "min_pixels": 1},
    segmentation.read_segment_map: {"path": "no such.fits"},
    segmentation.export_label_map: {
        "labels": "no such.fits", "output": "x.csv", "rows": "pixels", "label": 1,
        "min_membership": 0.5, "each": True, "order": 8,
    },
    sky_positions: {"table": Table({"ra": [1.0], "dec": [2.0]}), "ra": "ra", "dec": "dec"},
    encoders.encoder_from_record: {"record": encoders.encoder_record(NETWORK), "folder": "."},
    encoders.encoder_names: {},
    encoders.encoder_record: {"encoder": NETWORK},
    encoders.get_encoder: {"name": "alexnet", "group": "D4", "statistic": "max", "layer": "x"},
    encoders.read_latents: {"path": "no such.npz"},
    io.read_arrays: {"path": "no such"},
    io.read_json: {"path": "no such"},
    io.read_table: {"path": "no such.ecsv"},
    io.make_latents: {"ids": list("abcdef"), "latents": POINTS},
}  # fmt: skip


def misused() -> Iterator[tuple[str, str, Any, Callable[[], Any]]]:
    """Calls with one argument replaced: function, argument, value, and the call."""
    for function, arguments in FUNCTIONS.items():
        for name in arguments:
            for value in NONSENSE:
                call = partial(function, **{**arguments, name: value})
                yield getattr(function, "__qualname__", str(function)), name, value, call


def misused_parameters() -> Iterator[tuple[str, str, Any, Callable[[], Any]]]:
    """Estimators with one parameter replaced: class, parameter, value, and the check of `fit`."""
    estimators: list[BaseEstimator] = [estimator for estimator, _ in CASES.values()]
    plain: tuple[BaseEstimator, ...] = (
        clustering.SpectralClustering(), clustering.LatentClusterer(), NETWORK,
        encoders.GroupAveraged(NETWORK), encoders.Canonicalized(NETWORK),
        encoders.ModuleEncoder(Identity()), encoders.OnnxEncoder("a.onnx"),
        encoders.LatentTable("a.npz"),
    )  # fmt: skip
    for estimator in (*estimators, *plain):
        for name in estimator.get_params(deep=False):
            for value in NONSENSE:
                changed = clone(estimator)
                setattr(changed, name, value)
                check = getattr(changed, "_check_parameters", None) or changed._check
                yield type(estimator).__name__, name, value, check
