"""Metrics, invariance, confounders and similarity: how good a clustering is, and of what."""
