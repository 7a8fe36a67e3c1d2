"""Several folds, one answer."""
