"""Removal of confounders from latents: what the measures of an image explain is taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from equiclust.argument_types import checks_types
from equiclust.binary_scale import in_unit, range_exponent
from equiclust.evaluation.confounders.erasure import fit_erasure
from equiclust.evaluation.confounders.polynomial_terms import PolynomialTerms
from equiclust.evaluation.confounders.ridge import fit_ridge
from equiclust.exceptions import InputError
from equiclust.io.estimators import SaveLoadMixin, check_fits, check_ranks
from equiclust.typing import Array, Float64Array
from equiclust.validation import check_array, check_choice, check_samples, shown

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["REMOVABLE", "ConfounderRemoval", "RemovalMethod", "remove_confounders"]

REMOVABLE = ("elongation", "brightness", "signal_to_noise", "size", "edge")
"""Columns of `measure_confounders` that can be removed; latents do not depend on orientation."""

RemovalMethod = Literal["polynomial", "erasure"]

# Fewer images than this for each term, and terms are left out.
_IMAGES_PER_TERM = 5
# Columns of a table that are no confounders of latents that do not depend on the orientation.
_NEVER = ("id", "orientation")


class ConfounderRemoval(
    OneToOneFeatureMixin,  # type: ignore[misc]  # scikit-learn has no annotations
    TransformerMixin,  # type: ignore[misc]
    SaveLoadMixin,
):
    r"""Transformer of latents that takes out what measures of the images explain.

    With the terms :math:`t` of the measures of an image (`PolynomialTerms`: the measures, their
    squares and products, standardised and clipped to the range of the sample),

    .. math:: x \mapsto x - B^\top t \quad \text{(polynomial)}, \qquad
              x \mapsto x - A (x - \bar x) \quad \text{(erasure)}

    "polynomial" predicts the latents from the terms by ridge regression, whose penalty generalised
    cross-validation chooses (`fit_ridge`), and subtracts the prediction: what shapes of the same
    size, brightness, ... differ in is left. Where nothing is predictable, nothing is removed.
    "erasure" is LEACE on the measures without squares and products (`fit_erasure`): afterwards no
    linear function of the latents predicts them, at the price of everything else along these axes;
    it needs no measures of new images.

    With fewer than five images for each term products are left out, then squares, then all.

    Parameters
    ----------
    names : sequence of str, optional
        Measures to remove; by default all columns but `id` and `orientation`.
    method : {"polynomial", "erasure"}, default "polynomial"

    Attributes
    ----------
    names_ : tuple of str
        Measures that are removed.
    n_terms_ : int
        Number of terms; 0 where there are too few images, or no measure varies: nothing is removed.
    explained_variance_ratio_ : float
        Share of the variance of the latents that is removed. Of "polynomial", the share that is
        predicted of images left out, so that chance does not count.
    n_features_in_ : int
        Number of columns of the latents.

    See Also
    --------
    measure_confounders : Measures of images.
    audit : Whether clusters follow a confounder.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import simulate_shapes
    >>> from equiclust.evaluation import ConfounderRemoval, measure_confounders
    >>> images, truth = simulate_shapes(60, size=32, random_state=0)
    >>> measures = measure_confounders(images)
    >>> latents = np.stack([measures["size"], measures["size"] ** 2], axis=1)
    >>> removal = ConfounderRemoval(["size"]).fit(latents, measures)
    >>> cleaned = removal.transform(latents, measures)
    >>> bool(cleaned.var(axis=0).sum() < 0.1 * latents.var(axis=0).sum())
    True
    """

    _file_stem = "removal"

    def __init__(
        self, names: Sequence[str] | None = None, *, method: RemovalMethod = "polynomial"
    ) -> None:
        self.names = names
        self.method = method

    def fit(self, X: npt.ArrayLike, confounders: Table | npt.ArrayLike) -> Self:
        """Learn what the measures explain.

        Parameters
        ----------
        X : array-like (n, d)
            Latents.
        confounders : astropy.table.Table, or array-like (n, c)
            From `measure_confounders`, of the same images in the same order; or the columns alone,
            which must not be angles. NaN where a measure does not exist.

        Raises
        ------
        InputError
            When latents and confounders do not fit each other or cannot be used, or a parameter is
            out of range.
        """
        self._check_parameters()
        latents = check_samples("X", X)
        names = self._names_of(confounders)
        measures = _measures(confounders, names, len(latents))
        self.names_, self.n_features_in_ = names, latents.shape[1]
        self._terms = PolynomialTerms.fit(
            measures,
            most=len(latents) // _IMAGES_PER_TERM,
            products=self.method == "polynomial",
        )
        self._fit_map(latents, self._terms(measures))
        return self

    def _fit_map(self, latents: Float64Array, terms: Float64Array) -> None:
        exponent = range_exponent(latents)
        scaled = in_unit(latents, exponent)
        self._mean = np.ldexp(scaled.mean(axis=0), exponent)
        centred = scaled - scaled.mean(axis=0)
        if self.method == "polynomial":
            coefficients, self.explained_variance_ratio_ = fit_ridge(terms, centred)
            self._matrix = np.ldexp(coefficients, exponent)
            return
        self._matrix = fit_erasure(terms, centred)
        total = float(np.square(centred).sum())
        left = float(np.square(centred - centred @ self._matrix).sum())
        self.explained_variance_ratio_ = max(0.0, 1 - left / total) if total > 0 else 0.0

    def transform(
        self, X: npt.ArrayLike, confounders: Table | npt.ArrayLike | None = None
    ) -> Array:
        """Take out of latents what their measures explain.

        Parameters
        ----------
        X : array-like (n, d)
            Latents, of old images or new ones.
        confounders : astropy.table.Table, or array-like (n, c), optional
            Their measures, as in `fit`; "erasure" needs none.

        Returns
        -------
        ndarray (n, d)
            float32 where the latents are, else float64.

        Raises
        ------
        InputError
            When latents and confounders do not fit each other or cannot be used.
        """
        check_is_fitted(self, "names_")
        latents = check_samples("X", X)
        if latents.shape[1] != self.n_features_in_:
            raise InputError(
                f"X must have {self.n_features_in_} columns as in fit, got {latents.shape[1]}"
            )
        kind = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
        if self.method == "erasure":
            erased: Array = (latents - (latents - self._mean) @ self._matrix).astype(kind)
            return erased
        if confounders is None:
            raise InputError("confounders must be given, since the removal is by their values")
        measures = _measures(confounders, self.names_, len(latents))
        left: Array = (latents - self._terms(measures) @ self._matrix).astype(kind)
        return left

    def fit_transform(self, X: npt.ArrayLike, confounders: Table | npt.ArrayLike) -> Array:
        """Fit, and transform the same latents.

        Parameters
        ----------
        X : array-like (n, d)
            Latents.
        confounders : astropy.table.Table, or array-like (n, c)
            As in `fit`.

        Returns
        -------
        ndarray (n, d)
        """
        return self.fit(X, confounders).transform(X, confounders)

    @property
    def n_terms_(self) -> int:
        """Number of terms."""
        check_is_fitted(self, "names_")
        return len(self._terms.factors)

    def _names_of(self, confounders: Table | npt.ArrayLike) -> tuple[str, ...]:
        if self.names is not None:
            return tuple(self.names)
        if hasattr(confounders, "colnames"):
            return tuple(name for name in confounders.colnames if name not in _NEVER)
        array = check_array("confounders", confounders)
        return tuple(f"confounder_{i}" for i in range(array.shape[1] if array.ndim == 2 else 0))

    def _check_parameters(self) -> None:
        check_choice("method", self.method, get_args(RemovalMethod))
        if self.names is None:
            return
        several = isinstance(self.names, Sequence) and not isinstance(self.names, str)
        if not several or not all(isinstance(name, str) for name in self.names):
            raise InputError(f"names must be a sequence of names, got {shown(self.names)}")
        if not len(self.names) or len(set(self.names)) < len(self.names):
            raise InputError(f"names must be different, one or more, got {shown(self.names)}")
        for name in _NEVER:
            if name in self.names:
                raise InputError(f"names cannot hold {name!r}, got {shown(self.names)}")

    def _saved_parameters(self) -> dict[str, Any]:
        return {"names": self.names and list(self.names), "method": self.method}

    def _arrays(self) -> dict[str, Array]:
        arrays = {"mean": self._mean, "matrix": self._matrix, **self._terms.arrays()}
        # Without terms some are empty, which files cannot hold.
        return {name: array for name, array in arrays.items() if array.size}

    def _learned(self) -> dict[str, Any]:
        return {
            "names": list(self.names_),
            "explained_variance_ratio": self.explained_variance_ratio_,
        }

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        check_ranks(arrays, {"mean": 1})
        self.names_ = tuple(str(name) for name in learned["names"])
        self.explained_variance_ratio_ = float(learned["explained_variance_ratio"])
        self._mean, self.n_features_in_ = arrays["mean"], len(arrays["mean"])
        self._terms = PolynomialTerms.restore(arrays, len(self.names_))
        n_rows = self.n_terms_ if self.method == "polynomial" else self.n_features_in_
        self._matrix = arrays.get("matrix", np.zeros((0, self.n_features_in_)))
        check_fits(self._matrix.shape == (n_rows, self.n_features_in_), "matrix and latents")


def _measures(
    confounders: Table | npt.ArrayLike | None, names: Sequence[str], n: int
) -> Float64Array:
    """Measures `(n, c)` by these names; NaN where missing."""
    colnames = getattr(confounders, "colnames", None)
    if colnames is None:
        values = check_array("confounders", confounders).astype(np.float64)
    else:
        values = np.stack([_column(confounders, name) for name in names], axis=1)
    if values.shape != (n, len(names)) or not len(names):
        raise InputError(
            f"confounders must have a row for each of the {n} latents and a column for each of "
            f"{', '.join(names) or 'the measures'}, got shape {values.shape}"
        )
    if np.isinf(values).any():
        raise InputError("confounders must be finite, or NaN where there is none, got infinity")
    return values


def _column(table: Any, name: str) -> Float64Array:
    if name not in table.colnames:
        raise InputError(
            f"confounders must have a column {name!r}, got {', '.join(table.colnames)}"
        )
    column = table[name]
    filled = column.filled(np.nan) if hasattr(column, "filled") else column
    return check_array(f"confounders[{name!r}]", filled).astype(np.float64)


@checks_types
def remove_confounders(
    latents: npt.ArrayLike,
    confounders: Table | npt.ArrayLike,
    *,
    names: Sequence[str] | None = None,
    method: RemovalMethod = "polynomial",
) -> Array:
    """Take out of latents what measures of their images explain; see `ConfounderRemoval`.

    Parameters
    ----------
    latents : array-like (n, d)
    confounders : astropy.table.Table, or array-like (n, c)
        From `measure_confounders`, of the same images in the same order; or the columns alone,
        which must not be angles. NaN where a measure does not exist.
    names : sequence of str, optional
        Measures to remove; by default all columns but `id` and `orientation`.
    method : {"polynomial", "erasure"}, default "polynomial"

    Returns
    -------
    ndarray (n, d)
        float32 where the latents are, else float64.

    Raises
    ------
    InputError
        When latents and confounders do not fit each other or cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.evaluation import remove_confounders
    >>> rng = np.random.default_rng(0)
    >>> brightness, shape = rng.normal(size=(2, 200))
    >>> latents = np.stack([shape + brightness, shape - brightness], axis=1)
    >>> cleaned = remove_confounders(latents, brightness[:, None])
    >>> bool(np.corrcoef(cleaned[:, 0], shape)[0, 1] > 0.99)
    True
    """
    return ConfounderRemoval(names, method=method).fit_transform(latents, confounders)
