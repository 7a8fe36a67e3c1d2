"""Random views of images in a batch: what an object might have looked like on another night."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as functional
from torch import Tensor

from equiclust.autoencoder.draws import BatchPart, Draws
from equiclust.exceptions import InputError
from equiclust.validation import is_real, shown

__all__ = ["Augmentation"]

# Of powers of zero the gradient is no number, and interpolation undershoots it.
_DARKEST = 1e-4
_KNOTS = 4
# Of a disc that is seen edge-on nothing is left.
_MOST_TILTED = 0.9
_SMOOTHING_TAPS = (1.0, 4.0, 6.0, 4.0, 1.0)


@dataclass(frozen=True)
class Augmentation:
    """Limits of random augmentation; each step is drawn anew for each image.

    Parameters
    ----------
    angle : float, default 1.0
        Largest rotation about the centre either way, in half turns: 1 is any rotation, 0 none.
    scale : float, default 0.2
        Largest natural logarithm of the magnification.
    shear : float, default 0.15
        Largest natural logarithm of the stretch along a random axis.
    tilt : float, default 0.0
        Largest inclination, in right angles, under which the image is seen as a flat disc: it is
        squeezed along a random axis, and the cosine of the inclination is uniform. 0.9, which is
        81 degrees, at most. For images that are not deprojected; it is 0 unless asked for.
    bending : float, default 0.0
        Standard deviation of a smooth random displacement, in half sides of the image, drawn on
        a grid of 4 x 4 knots (Simard, Steinkraus & Platt 2003). For strokes and other soft things;
        it is 0 unless asked for.
    smoothing : float, default 0.3
        Probability of a binomial smoothing (variance of two square pixels).
    contrast : float, default 0.5
        Largest natural logarithm of the exponent on all values: whether an image was shown with a
        linear or another stretch says nothing of the object.
    gain : float, default 0.2
        Largest natural logarithm of the factor on all values.
    mirror : float, default 0.5
        Probability of a mirror.
    noise : float, default 0.03
        Largest standard deviation of white noise, in units of the image range.

    Examples
    --------
    >>> from equiclust import EquivariantAutoencoder
    >>> from equiclust.autoencoder import Augmentation
    >>> Augmentation(tilt=0.5, mirror=0.0)
    Augmentation(angle=1.0, scale=0.2, shear=0.15, tilt=0.5, ..., mirror=0.0, noise=0.03)

    An autoencoder takes what differs from the defaults:

    >>> autoencoder = EquivariantAutoencoder(augmentation={"tilt": 0.5, "mirror": 0.0})
    """

    angle: float = 1.0
    scale: float = 0.2
    shear: float = 0.15
    tilt: float = 0.0
    bending: float = 0.0
    smoothing: float = 0.3
    contrast: float = 0.5
    gain: float = 0.2
    mirror: float = 0.5
    noise: float = 0.03

    def __post_init__(self) -> None:
        for step in fields(self):
            value = getattr(self, step.name)
            if not is_real(value) or not 0 <= value <= 1:
                raise InputError(f"augmentation {step.name} must lie in 0 to 1, got {shown(value)}")

    def __call__(
        self,
        images: Tensor,
        mask: Tensor,
        generator: torch.Generator,
        *,
        part: BatchPart | None = None,
    ) -> tuple[Tensor, Tensor]:
        """One random view of every image.

        Parameters
        ----------
        images : Tensor (n, c, h, w)
        mask : Tensor (n, 1, h, w), bool
            `True` = ignore.
        generator : torch.Generator
            On the CPU, whatever the device of the images.
        part : BatchPart, optional
            The rows of a batch that the images are; by default they are the whole batch.

        Returns
        -------
        images : Tensor (n, c, h, w)
            Masked pixels are 0.
        mask : Tensor (n, 1, h, w), bool
            The mask moved along, with what came in from outside the frame.
        """
        draws = Draws(generator, part or BatchPart(len(images)))
        matrices = self._matrices(draws)
        bend = self._bend(images, draws)
        views, hidden = _warp(images, mask, matrices, bend) if self._moves else (images, mask)
        views = self._smooth(views, draws)
        exponent = self._spread(self.contrast, draws).exp()
        if self.contrast:
            views = views.clamp(min=_DARKEST) ** _column(exponent, views)
        views = views * _column(self._spread(self.gain, draws).exp(), views)
        level = self.noise * draws.uniform()
        grain = draws.normal(*views.shape[1:]).to(views)
        views = views + _column(level, views) * grain
        return views.masked_fill(hidden, 0.0), hidden

    def rotate(
        self,
        images: Tensor,
        mask: Tensor,
        generator: torch.Generator,
        *,
        part: BatchPart | None = None,
    ) -> tuple[Tensor, Tensor]:
        """One random rotation of every image, and nothing else.

        Parameters
        ----------
        images : Tensor (n, c, h, w)
        mask : Tensor (n, 1, h, w), bool
            `True` = ignore.
        generator : torch.Generator
            On the CPU, whatever the device of the images.
        part : BatchPart, optional
            The rows of a batch that the images are; by default they are the whole batch.

        Returns
        -------
        images : Tensor (n, c, h, w)
            Masked pixels are 0.
        mask : Tensor (n, 1, h, w), bool
            The mask rotated along, with what came in from outside the frame.
        """
        draws = Draws(generator, part or BatchPart(len(images)))
        angles = self._angles(draws.uniform())
        views, hidden = _warp(images, mask, _rotation(angles))
        return views.masked_fill(hidden, 0.0), hidden

    @property
    def _moves(self) -> bool:
        return any((self.angle, self.scale, self.shear, self.tilt, self.bending, self.mirror))

    def _bend(self, images: Tensor, draws: Draws) -> Tensor | None:
        """Displacements `(n, h, w, 2)` between the knots, by bicubic interpolation."""
        if not self.bending:
            return None
        knots = self.bending * draws.normal(2, _KNOTS, _KNOTS)
        field = functional.interpolate(
            knots.to(images), size=images.shape[2:], mode="bicubic", align_corners=True
        )
        return field.permute(0, 2, 3, 1)

    def _spread(self, limit: float, draws: Draws) -> Tensor:
        return limit * (2.0 * draws.uniform() - 1.0)

    def _matrices(self, draws: Draws) -> Tensor:
        """`(n, 2, 2)`: turn, magnify, mirror, and stretch along a random axis."""
        turn, axis = draws.uniform(2).unbind()
        turn, axis = self._angles(turn), 2.0 * math.pi * axis
        magnify = self._spread(self.scale, draws).exp()
        stretch = self._spread(self.shear, draws).exp()
        mirror = torch.where(draws.uniform() < self.mirror, -1.0, 1.0)
        scales = torch.diag_embed(torch.stack([magnify * mirror, magnify], dim=-1))
        along = torch.diag_embed(torch.stack([stretch, 1.0 / stretch], dim=-1).sqrt())
        matrices = _rotation(turn) @ scales @ _rotation(axis) @ along @ _rotation(-axis)
        return matrices @ self._tilts(draws) if self.tilt else matrices

    def _tilts(self, draws: Draws) -> Tensor:
        """`(n, 2, 2)`: to look up a disc that is squeezed, its minor axis is stretched."""
        share, axis = draws.uniform(2).unbind()
        cosine = 1.0 - share * (1.0 - math.cos(0.5 * math.pi * min(self.tilt, _MOST_TILTED)))
        squeeze = torch.diag_embed(torch.stack([torch.ones_like(cosine), 1.0 / cosine], dim=-1))
        return _rotation(math.pi * axis) @ squeeze @ _rotation(-math.pi * axis)

    def _angles(self, shares: Tensor) -> Tensor:
        """From shares of a full turn, 0 to 1, to angles either way, in radians."""
        return self.angle * 2.0 * math.pi * torch.where(shares < 0.5, shares, shares - 1.0)

    def _smooth(self, images: Tensor, draws: Draws) -> Tensor:
        if self.smoothing == 0:
            return images
        chosen = draws.uniform() < self.smoothing
        taps = torch.tensor(_SMOOTHING_TAPS, dtype=images.dtype, device=images.device)
        kernel = torch.outer(taps, taps) / taps.sum() ** 2
        channels = images.shape[1]
        smooth = functional.conv2d(
            functional.pad(images, (2, 2, 2, 2), mode="replicate"),
            kernel.expand(channels, 1, -1, -1),
            groups=channels,
        )
        return torch.where(_column(chosen, images, keep_dtype=True), smooth, images)


def _rotation(angles: Tensor) -> Tensor:
    cosine, sine = angles.cos(), angles.sin()
    rows = torch.stack([cosine, -sine, sine, cosine], dim=-1)
    return rows.reshape(-1, 2, 2)


def _column(values: Tensor, images: Tensor, *, keep_dtype: bool = False) -> Tensor:
    """One value an image, shaped to broadcast over the image."""
    dtype = values.dtype if keep_dtype else images.dtype
    return values.to(device=images.device, dtype=dtype)[:, None, None, None]


def _warp(
    images: Tensor, mask: Tensor, matrices: Tensor, bend: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    affine = functional.pad(matrices, (0, 1)).to(images)
    grid = functional.affine_grid(affine, list(images.shape), align_corners=False)
    grid = grid if bend is None else grid + bend
    warped = functional.grid_sample(
        images, grid, mode="bicubic", padding_mode="zeros", align_corners=False
    )
    if not bool(mask.any()):
        return warped, mask
    shown = functional.grid_sample(
        (~mask).to(images), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    # The sky around an object is empty: in an image without a mask, the zeros that come in from
    # outside count as sky.
    has_mask = mask.flatten(1).any(dim=1)[:, None, None, None]
    return warped, (shown < 0.5) & has_mask
