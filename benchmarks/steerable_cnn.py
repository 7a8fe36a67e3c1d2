"""A network as users of escnn write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from equiclust.nn.escnn import import_escnn

__all__ = ["SteerableCNN", "trained_steerable_cnn"]

_SIDE = 29


class SteerableCNN(nn.Module):
    """Classifier of images of 29 x 29 pixels, after the example of escnn's documentation.

    The architecture is that of "E(n)-Equivariant Steerable CNNs - A concrete example"
    (github.com/QUVA-Lab/escnn; Cesa, Lang & Weiler 2022; Weiler & Cesa 2019, arXiv:1911.08251),
    with the mirrors of D8 added and a choice of widths: six blocks of convolution, normalisation
    and ReLU on regular fields, antialiased pooling in between, the maximum over the group, and two
    dense layers.
    """

    def __init__(self, fields: Sequence[int], *, hidden: int, classes: int = 10) -> None:
        super().__init__()
        escnn = import_escnn()
        self.enn: Any = escnn.nn
        space = escnn.gspaces.flipRot2dOnR2(N=8)
        self.input_type = self.enn.FieldType(space, [space.trivial_repr])
        types = [self.enn.FieldType(space, [space.regular_repr] * n) for n in fields]
        mask = self.enn.MaskModule(self.input_type, _SIDE, margin=1)
        self.block1 = self._block(self.input_type, types[0], 7, 1, mask)
        self.block2 = self._block(types[0], types[1], 5, 2)
        self.pool1 = self._pool(types[1], stride=2)
        self.block3 = self._block(types[1], types[2], 5, 2)
        self.block4 = self._block(types[2], types[3], 5, 2)
        self.pool2 = self._pool(types[3], stride=2)
        self.block5 = self._block(types[3], types[4], 5, 2)
        self.block6 = self._block(types[4], types[5], 5, 1)
        self.pool3 = self._pool(types[5], stride=1, padding=0)
        self.gpool = self.enn.GroupPooling(types[5])
        self.head = nn.Sequential(
            nn.Linear(fields[5], hidden),
            nn.BatchNorm1d(hidden),
            nn.ELU(),
            nn.Linear(hidden, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(n, classes)` of images `(n, 1, 29, 29)`."""
        x = self.input_type(images)
        x = self.pool1(self.block2(self.block1(x)))
        x = self.pool2(self.block4(self.block3(x)))
        x = self.gpool(self.pool3(self.block6(self.block5(x))))
        logits: Tensor = self.head(x.tensor.reshape(len(images), -1))
        return logits

    def _block(self, in_type: Any, out_type: Any, side: int, padding: int, *before: Any) -> Any:
        return self.enn.SequentialModule(
            *before,
            self.enn.R2Conv(in_type, out_type, side, padding=padding, bias=False),
            self.enn.InnerBatchNorm(out_type),
            self.enn.ReLU(out_type, inplace=True),
        )

    def _pool(self, fields: Any, **options: int) -> Any:
        return self.enn.PointwiseAvgPoolAntialiased(fields, sigma=0.66, **options)


def trained_steerable_cnn(
    fields: Sequence[int], images: Tensor, classes: Tensor, *, hidden: int, steps: int
) -> SteerableCNN:
    """The classifier in evaluation mode, after some steps of training on 64 images each."""
    network = SteerableCNN(fields, hidden=hidden)
    optimizer = torch.optim.Adam(network.train().parameters(), lr=5e-3)
    for step in range(steps):
        chosen = torch.arange(64 * step, 64 * (step + 1)) % len(images)
        loss = nn.functional.cross_entropy(network(images[chosen]), classes[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        return network.eval()
