"""What is said of labels that were withheld."""

from __future__ import annotations

import numpy as np

from equiclust.pipeline.label_findings import label_findings


def test_labels_of_all_clusters_need_no_word() -> None:
    assert label_findings(np.array([0, 1, 0, -1]), 2) == []


def test_most_without_a_label_is_said_with_what_to_do() -> None:
    (sentence,) = label_findings(np.array([0, -1, -1, -1, 1]), 2)
    assert sentence.startswith("3 of 5 images have no label")
    assert "--reliability 0" in sentence


def test_a_cluster_without_images_is_named() -> None:
    (sentence,) = label_findings(np.array([1, 1, -1]), 4)
    assert sentence.startswith("Clusters 0, 2, 3 have no image")
    assert label_findings(np.array([1, 1]), 2)[0].startswith("Cluster 0 has no image")
