"""`Certificate`: a frozen record of measured invariance, as a dictionary and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from equiclust.evaluation.invariance.error_measures import Summary
from equiclust.exceptions import InputError

__all__ = ["COLLAPSE_TOLERANCE", "D4_TOLERANCE", "Certificate", "FamilyError", "Measurement"]

D4_TOLERANCE = 1e-6
"""Largest error, relative to the norm of the latent, that float32 arithmetic explains."""

COLLAPSE_TOLERANCE = 1e-5
"""A spread between images below this fraction of the norm of the latents is rounding."""
_UNKNOWN = "-"


@dataclass(frozen=True)
class FamilyError:
    """Displacements of latents, and changes of labels, under one family of transforms.

    Summaries run over all pairs of an image and an element of the family.

    Attributes
    ----------
    n_elements : int
        Number of transforms.
    relative_to_norm : Summary or None
        Displacement over the norm of the image's latent; `None` when all latents are 0.
    relative_to_spread : Summary or None
        Displacement over the spread between images; `None` when there is no spread.
    flip_rate : float, optional
        Fraction of images and elements whose label changes; `None` without a `predict`.
    ari : float, optional
        Adjusted Rand index between labels before and after, mean over elements.

    Examples
    --------
    >>> from equiclust import certify, simulate_discs
    >>> images, truth = simulate_discs(4, size=32, random_state=0)
    >>> certificate = certify(lambda pixels: pixels.mean(axis=(2, 3)), images, random_state=0)
    >>> errors = certificate.ours.d4
    >>> errors.n_elements, errors.relative_to_norm.max < 1e-6
    (8, True)
    """

    n_elements: int
    relative_to_norm: Summary | None
    relative_to_spread: Summary | None
    flip_rate: float | None = None
    ari: float | None = None

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> FamilyError:
        """Inverse of `dataclasses.asdict`.

        Parameters
        ----------
        record : mapping

        Returns
        -------
        FamilyError
        """
        return cls(
            record["n_elements"],
            _summary(record["relative_to_norm"]),
            _summary(record["relative_to_spread"]),
            record["flip_rate"],
            record["ari"],
        )


@dataclass(frozen=True)
class Measurement:
    """Everything measured on one embedding.

    Attributes
    ----------
    latent_dim : int
        Length of a latent.
    dtype : str
        Data type of the latents.
    norm : float
        Root mean square length of the latents.
    spread : float
        Root mean square distance of the latents to their mean.
    d4 : FamilyError
        Under the exact quarter turns, mirrored and not.
    diagonal : FamilyError
        Under the chosen angles, by default the diagonals, mirrored and not.
    random : FamilyError
        Under random angles.
    there_and_back : FamilyError or None
        Rotated by an angle and back again: what interpolation alone does to the latents. `None`
        with a renderer, which does not interpolate.
    equivariance_db : float or None
        See `equiclust.evaluation.invariance.error_measures.equivariance_db`, over random angles.
    lie_derivative : Summary or None
        See `equiclust.evaluation.invariance.error_measures.lie_derivative`, in spreads per radian.

    Examples
    --------
    >>> from equiclust import certify, simulate_discs
    >>> images, truth = simulate_discs(4, size=32, random_state=0)
    >>> measured = certify(lambda pixels: pixels.mean(axis=(2, 3)), images, random_state=0).ours
    >>> measured.latent_dim, measured.dtype, measured.collapsed
    (1, 'float32', False)
    >>> measured.d4.relative_to_spread.median < measured.random.relative_to_spread.median
    True
    """

    latent_dim: int
    dtype: str
    norm: float
    spread: float
    d4: FamilyError
    diagonal: FamilyError
    random: FamilyError
    there_and_back: FamilyError | None
    equivariance_db: float | None
    lie_derivative: Summary | None

    @property
    def collapsed(self) -> bool:
        """Whether all images have the same latent, up to rounding."""
        return self.spread <= COLLAPSE_TOLERANCE * self.norm

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Measurement:
        """Inverse of `dataclasses.asdict`.

        Parameters
        ----------
        record : mapping

        Returns
        -------
        Measurement
        """
        families = {
            name: None if record[name] is None else FamilyError.from_dict(record[name])
            for name in ("d4", "diagonal", "random", "there_and_back")
        }
        derivative = _summary(record["lie_derivative"])
        return cls(**{**record, **families, "lie_derivative": derivative})


@dataclass(frozen=True)
class Certificate:
    """Measured invariance of an embedding, on which images, and whether it passed.

    Attributes
    ----------
    n_images : int
        Number of images.
    shape : tuple of three ints
        Channels, height and width of the images in pixels.
    angles : tuple of float
        Angles of the family `diagonal` in degrees.
    mirror : bool
        Whether mirrored images must have the same latents.
    interpolated : bool
        `True` when images were rotated by splines, `False` by a renderer.
    tolerance : float
        Largest error of `ours.d4` relative to the latent's norm that passes.
    failures : tuple of str
        One sentence for each reason not to pass.
    ours : Measurement
        Of the embedding.
    baseline : Measurement, optional
        Of the embedding to compare with.

    Examples
    --------
    >>> from equiclust import certify, simulate_discs
    >>> images, truth = simulate_discs(4, size=32, random_state=0)
    >>> certificate = certify(lambda pixels: pixels.mean(axis=(2, 3)), images, random_state=0)
    >>> certificate.passed, certificate.shape, certificate.failures
    (True, (1, 32, 32), ())
    >>> certificate.ours.d4.relative_to_norm.max < certificate.tolerance
    True
    """

    n_images: int
    shape: tuple[int, int, int]
    angles: tuple[float, ...]
    mirror: bool
    interpolated: bool
    tolerance: float
    failures: tuple[str, ...]
    ours: Measurement
    baseline: Measurement | None = None

    @property
    def passed(self) -> bool:
        """Whether the quarter turns are exact and the latents tell images apart."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """Dictionary that JSON can hold.

        Returns
        -------
        dict
            The attributes and `passed`. Without NaN and infinity; `None` = does not apply.
        """
        record = _plain(asdict(self))
        return {"passed": self.passed, **record}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Certificate:
        """Certificate from the dictionary of `to_dict`, also after a round trip through JSON.

        Parameters
        ----------
        record : mapping

        Returns
        -------
        Certificate

        Raises
        ------
        InputError
            When an entry is missing or unknown.
        """
        fields = {key: value for key, value in record.items() if key != "passed"}
        try:
            baseline = fields["baseline"]
            tuples = {key: tuple(fields[key]) for key in ("shape", "angles", "failures")}
            ours = Measurement.from_dict(fields["ours"])
            rival = None if baseline is None else Measurement.from_dict(baseline)
            return cls(**{**fields, **tuples, "ours": ours, "baseline": rival})
        except (KeyError, TypeError) as error:
            raise InputError(
                f"record must be that of a certificate, got one with a wrong entry: {error}"
            ) from error

    def to_text(self) -> str:
        """Table for reading, with the baseline beside the embedding.

        Returns
        -------
        str
            Aligned lines.
        """
        channels, height, width = self.shape
        outcome = "PASSED" if self.passed else "FAILED"
        rotated = "by splines" if self.interpolated else "by the renderer"
        lines = [
            f"Invariance {outcome}: {self.n_images} images of {channels} x {height} x {width} px, "
            f"rotated {rotated} at angles other than quarter turns",
            *(f"  - {failure}" for failure in self.failures),
            "",
        ]
        return "\n".join(lines + _table(self.ours, self.baseline))


def _summary(values: Any) -> Summary | None:
    return None if values is None else Summary(**values)


def _plain(value: Any) -> Any:
    """The same value with every tuple a list, as JSON gives it back."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _table(ours: Measurement, baseline: Measurement | None) -> list[str]:
    columns = [ours] if baseline is None else [ours, baseline]
    names = ["ours", "baseline"][: len(columns)]
    rows = [list(_rows(measurement)) for measurement in columns]
    label_width = max(len(label) for label, _ in rows[0])
    cell_width = 30
    head = f"{'':{label_width}}" + "".join(f"  {name:>{cell_width}}" for name in names)
    unit = f"{'':{label_width}}" + f"  {_triple('median', '95 %', 'max'):>{cell_width}}" * len(rows)
    body = [
        f"{cells[0][0]:{label_width}}" + "".join(f"  {text:>{cell_width}}" for _, text in cells)
        for cells in zip(*rows, strict=True)
        # Nothing is known of labels where there were none.
        if any(text != _UNKNOWN for _, text in cells)
    ]
    return [head, unit, *body]


def _rows(measurement: Measurement) -> Iterator[tuple[str, str]]:
    """Label and text of every line of one column of the table."""
    families = {
        "quarter turns": measurement.d4,
        "diagonal angles": measurement.diagonal,
        "random angles": measurement.random,
        "there and back": measurement.there_and_back,
    }
    for name, family in families.items():
        yield f"{name}, of the norm", _cells(family.relative_to_norm if family else None)
        yield f"{name}, of the spread", _cells(family.relative_to_spread if family else None)
    yield "Lie derivative, spreads per radian", _cells(measurement.lie_derivative)
    yield "equivariance over random angles, dB", _number(measurement.equivariance_db, ".1f")
    for name, family in families.items():
        yield f"labels changed, {name}", _number(family.flip_rate if family else None, ".2%")
        yield f"ARI of labels, {name}", _number(family.ari if family else None, ".4f")
    yield "spread over norm of the latents", _number(_ratio(measurement), ".2e")


def _ratio(measurement: Measurement) -> float | None:
    return measurement.spread / measurement.norm if measurement.norm else None


def _cells(summary: Summary | None) -> str:
    if summary is None:
        return _UNKNOWN
    return _triple(f"{summary.median:.2e}", f"{summary.p95:.2e}", f"{summary.max:.2e}")


def _triple(first: str, second: str, third: str) -> str:
    return f"{first:>8}  {second:>8}  {third:>8}"


def _number(value: float | None, style: str) -> str:
    return _UNKNOWN if value is None else format(value, style)
