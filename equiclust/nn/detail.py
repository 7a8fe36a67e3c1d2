"""Fine detail, which the equivariant map is too coarse to hold: a linear code of small windows."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from equiclust.nn.convolution import LiftingConv2d
from equiclust.nn.groups import Group

__all__ = ["DETAIL_SIZE", "DetailCode"]

DETAIL_SIZE = 16
"""Side of the code in windows."""

_INITIAL_CONTRAST = 0.1


class DetailCode(nn.Module):
    """Images `(n, c, size, size)` to fields `(n, fields * order, 16, 16)` and back, both linear.

    Every window is twice as wide as the step between windows, as in the lapped transforms of image
    coding (Malvar & Staelin 1989, IEEE Trans. ASSP 37, 553), and is seen by filters that turn with
    the group. The windows lie centred on the image, so quarter turns and mirrors are exact.

    Parameters
    ----------
    group : Group
    channels : int
        Of the images.
    fields : int
    size : int
        Side of the images, 32 times a power of two.
    """

    def __init__(self, group: Group, channels: int, fields: int, size: int) -> None:
        super().__init__()
        self.step = size // DETAIL_SIZE
        self.analysis = LiftingConv2d(group, channels, fields, 2 * self.step, bias=False)
        self.synthesis = LiftingConv2d(group, channels, fields, 2 * self.step, bias=False)
        with torch.no_grad():
            self.synthesis.weight.mul_(_INITIAL_CONTRAST)

    def encode(self, images: Tensor) -> Tensor:
        """The code of images."""
        filters = self.analysis.expanded()[0]
        return functional.conv2d(images, filters, stride=self.step, padding=self.step // 2)

    def decode(self, code: Tensor) -> Tensor:
        """What a code says of the images."""
        filters = self.synthesis.expanded()[0]
        return functional.conv_transpose2d(code, filters, stride=self.step, padding=self.step // 2)
