"""A few labels: which images to label, what follows for the others, and how right that is."""

from equiclust._lazy import lazy_names

__all__ = [
    "AccuracyEstimate",
    "FewLabelClassifier",
    "Labels",
    "estimate_accuracy",
    "rank_anomalies",
    "rank_partitions",
    "read_labels",
    "suggest",
    "teach",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "AccuracyEstimate": "equiclust.teaching.accuracy",
        "FewLabelClassifier": "equiclust.teaching.classifier",
        "Labels": "equiclust.teaching.labels",
        "estimate_accuracy": "equiclust.teaching.accuracy",
        "rank_anomalies": "equiclust.teaching.anomalies",
        "rank_partitions": "equiclust.teaching.partition_choice",
        "read_labels": "equiclust.teaching.labels",
        "suggest": "equiclust.teaching.selection",
        "teach": "equiclust.teaching.classifier",
    },
)
