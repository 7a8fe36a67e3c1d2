"""What estimators of images say of their input to scikit-learn."""

from __future__ import annotations

from typing import Any

__all__ = ["TakesArrays", "TakesImages"]


class TakesArrays:
    """Mixin for an estimator of arrays with three or more axes, and of no tables.

    scikit-learn's common checks feed tables `(n, d)`, and leave such an estimator out.
    """

    def __sklearn_tags__(self) -> Any:
        """Tags of the estimator, as scikit-learn asks for them.

        Returns
        -------
        sklearn.utils.Tags
        """
        tags = super().__sklearn_tags__()  # type: ignore[misc]  # of an estimator beside this mixin
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        if tags.transformer_tags is not None:
            # What comes out is float32, whatever went in.
            tags.transformer_tags.preserves_dtype = []
        return tags


class TakesImages(TakesArrays):
    """Mixin for an estimator of images, whose NaN are masked."""

    def __sklearn_tags__(self) -> Any:
        """Tags of the estimator, as scikit-learn asks for them.

        Returns
        -------
        sklearn.utils.Tags
        """
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
