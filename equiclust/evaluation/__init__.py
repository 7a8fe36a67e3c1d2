"""Evaluation: metrics, invariance, confounders and similarity of images."""
