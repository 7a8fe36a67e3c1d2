"""An equivariant autoencoder as users of escnn write it, of our widths, depth and size of code."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from equiclust.nn.encoder import n_halvings, stage_widths
from equiclust.nn.escnn import import_escnn
from equiclust.nn.network import NetworkConfig

__all__ = ["FullAutoencoder"]

_KERNEL = 5
_SIGMA = 0.66
_DETAIL_SIZE = 16


class FullAutoencoder(nn.Module):
    """Images to images by `R2Conv`, `InnerBatchNorm`, `ReLU`, antialiased pooling and upsampling.

    These are the blocks of escnn's documentation (Cesa, Lang & Weiler 2022). Every stage halves the
    image once, with as many regular fields of D8 as ours at that size; the code has as many numbers
    as ours, at the same two resolutions; the decoder is the mirror image of the encoder.

    Parameters
    ----------
    config : NetworkConfig
        Of the network to compare with.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        escnn = import_escnn()
        self.enn: Any = escnn.nn
        space = escnn.gspaces.flipRot2dOnR2(N=8)

        def regular(fields: int) -> Any:
            return self.enn.FieldType(space, [space.regular_repr] * fields)

        self.images = self.enn.FieldType(space, [space.trivial_repr] * config.in_channels)
        widths = stage_widths(config.fields, n_halvings(config.size))
        types = [regular(width) for width in widths]
        # Sides are halved from the image to the map of 8 x 8; the detail leaves one stage before.
        self.down = nn.ModuleList(self._halving(a, b) for a, b in pairwise([self.images, *types]))
        self.detail = self._convolution(types[-2], regular(config.detail_fields), 1)
        self.narrow = self._convolution(types[-1], regular(config.map_fields), 1)
        self.widen = self._block(regular(config.map_fields), types[-1])
        self.join = self._convolution(regular(config.detail_fields), types[-2], 1)
        self.up = nn.ModuleList(self._doubling(a, b) for a, b in pairwise(types[::-1]))
        self.last = self.enn.SequentialModule(
            self.enn.R2Upsampling(types[0], 2), self._convolution(types[0], self.images, _KERNEL)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Reconstructions of images `(n, c, size, size)`."""
        x = self.enn.GeometricTensor(images, self.images)
        for halving in self.down:
            before, x = x, halving(x)
        code, detail = self.narrow(x), self.detail(before)
        x = self.up[0](self.widen(code)) + self.join(detail)
        for doubling in self.up[1:]:
            x = doubling(x)
        made: Tensor = self.last(x).tensor
        return made

    def _convolution(self, given: Any, made: Any, side: int) -> Any:
        return self.enn.R2Conv(given, made, side, padding=side // 2)

    def _block(self, given: Any, made: Any) -> Any:
        return self.enn.SequentialModule(
            self.enn.R2Conv(given, made, _KERNEL, padding=_KERNEL // 2, bias=False),
            self.enn.InnerBatchNorm(made),
            self.enn.ReLU(made, inplace=True),
        )

    def _halving(self, given: Any, made: Any) -> Any:
        pool = self.enn.PointwiseAvgPoolAntialiased(made, sigma=_SIGMA, stride=2)
        return self.enn.SequentialModule(self._block(given, made), pool)

    def _doubling(self, given: Any, made: Any) -> Any:
        return self.enn.SequentialModule(self.enn.R2Upsampling(given, 2), self._block(given, made))
