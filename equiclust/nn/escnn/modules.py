"""Modules of escnn for what escnn has none of: each with its types and the shape of its output."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn import functional as F

from equiclust.nn.escnn.installation import import_escnn
from equiclust.nn.pooling import InvariantPooling
from equiclust.nn.resampling import BinomialBlur2d, output_size

__all__ = ["GELU", "BinomialPool", "Decoder", "DetailCode", "FieldStatistics", "SeparableBlock"]

_nn = import_escnn().nn
if TYPE_CHECKING:
    EquivariantModule = nn.Module
else:
    EquivariantModule = _nn.EquivariantModule


class _Module(EquivariantModule):
    """What escnn asks of a module with one input."""

    in_type: Any
    out_type: Any

    def forward(self, x: Any) -> Any:
        """Apply the module.

        Parameters
        ----------
        x : escnn.nn.GeometricTensor
            Of the type `in_type`.

        Returns
        -------
        escnn.nn.GeometricTensor
            Of the type `out_type`.
        """
        raise NotImplementedError

    def evaluate_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output.

        Parameters
        ----------
        input_shape : tuple of int
            `(n, c, h, w)`.

        Returns
        -------
        tuple of int
        """
        return (input_shape[0], self.out_type.size, *input_shape[2:])


class GELU(_Module):
    """`torch.nn.GELU` on fields whose channels are only exchanged.

    Parameters
    ----------
    in_type : escnn.nn.FieldType
    """

    def __init__(self, in_type: Any) -> None:
        super().__init__()
        self.in_type = self.out_type = in_type

    def forward(self, x: Any) -> Any:
        """Apply the nonlinearity to every channel."""
        return _nn.GeometricTensor(F.gelu(x.tensor), self.out_type)

    def export(self) -> nn.Module:
        """Make the same without escnn.

        Returns
        -------
        torch.nn.GELU
        """
        return nn.GELU().eval()


class BinomialPool(_Module):
    """`equiclust.nn.BinomialBlur2d` on fields: antialiased, for even sizes too.

    Parameters
    ----------
    in_type : escnn.nn.FieldType
    blur : BinomialBlur2d
        It is copied.
    """

    def __init__(self, in_type: Any, blur: BinomialBlur2d) -> None:
        super().__init__()
        self.in_type = self.out_type = in_type
        self.blur = deepcopy(blur)

    def forward(self, x: Any) -> Any:
        """Blur and sample every channel."""
        return _nn.GeometricTensor(self.blur(x.tensor), self.out_type)

    def evaluate_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output."""
        sides = (
            output_size(side, kernel_size=self.blur.taps, stride=self.blur.stride)
            for side in input_shape[2:]
        )
        return (input_shape[0], self.out_type.size, *sides)

    def export(self) -> nn.Module:
        """Make the same without escnn.

        Returns
        -------
        BinomialBlur2d
        """
        return deepcopy(self.blur).eval()


class SeparableBlock(_Module):
    """`equiclust.nn.SeparableBlock` made of modules of escnn.

    Parameters
    ----------
    depthwise, pointwise, norm, activation : escnn.nn.EquivariantModule
    """

    def __init__(self, depthwise: Any, pointwise: Any, norm: Any, activation: Any) -> None:
        super().__init__()
        self.depthwise, self.pointwise = depthwise, pointwise
        self.norm, self.activation = norm, activation
        self.in_type, self.out_type = depthwise.in_type, norm.out_type
        self.residual = self.in_type == self.out_type

    def forward(self, x: Any) -> Any:
        """Apply the block."""
        y = self.activation(self.norm(self.pointwise(self.depthwise(x))))
        return _nn.GeometricTensor(x.tensor + y.tensor, self.out_type) if self.residual else y


class DetailCode(_Module):
    """Analysis of `equiclust.nn.decoder.DetailCode`, with the synthesis beside it.

    Parameters
    ----------
    analysis : escnn.nn.R2Conv
        Images to their code.
    synthesis : escnn.nn.R2ConvTransposed
        Code to images.
    """

    def __init__(self, analysis: Any, synthesis: Any) -> None:
        super().__init__()
        self.analysis, self.synthesis = analysis, synthesis
        self.in_type, self.out_type = analysis.in_type, analysis.out_type

    def forward(self, x: Any) -> Any:
        """Code of images."""
        return self.analysis(x)

    def decode(self, code: Any) -> Any:
        """Decode a code to images.

        Parameters
        ----------
        code : escnn.nn.GeometricTensor

        Returns
        -------
        escnn.nn.GeometricTensor
        """
        return self.synthesis(code)

    def evaluate_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the code."""
        shape: tuple[int, ...] = self.analysis.evaluate_output_shape(input_shape)
        return shape


class Decoder(EquivariantModule):
    """`equiclust.nn.Decoder` made of modules of escnn: map and detail to images.

    Parameters
    ----------
    coarse, join, fine, last : escnn.nn.EquivariantModule
    """

    def __init__(self, coarse: Any, join: Any, fine: Any, last: Any) -> None:
        super().__init__()
        self.coarse, self.join, self.fine, self.last = coarse, join, fine, last
        self.in_type = (coarse.in_type, join.in_type)
        self.out_type = last.out_type

    def forward(self, encoded: Any, detail: Any) -> Any:
        """Decode both maps to images.

        Parameters
        ----------
        encoded, detail : escnn.nn.GeometricTensor
            Of the two types `in_type`.

        Returns
        -------
        escnn.nn.GeometricTensor
        """
        fields = self.coarse(encoded).tensor + self.join(detail).tensor
        return self.last(self.fine(_nn.GeometricTensor(fields, self.fine.in_type)))

    def evaluate_output_shape(
        self, encoded_shape: tuple[int, ...], detail_shape: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Shape of the images.

        Parameters
        ----------
        encoded_shape, detail_shape : tuple of int
            `(n, c, h, w)` of the two maps.

        Returns
        -------
        tuple of int
        """
        shape: tuple[int, ...] = self.coarse.evaluate_output_shape(encoded_shape)
        for part in (self.fine, self.last):
            shape = part.evaluate_output_shape(shape)
        return shape


class FieldStatistics(_Module):
    """`equiclust.nn.InvariantPooling`: regular fields to trivial ones on a single pixel.

    Parameters
    ----------
    in_type : escnn.nn.FieldType
        Regular fields.
    pooling : InvariantPooling
        It is copied.
    """

    def __init__(self, in_type: Any, pooling: InvariantPooling) -> None:
        super().__init__()
        self.pooling = deepcopy(pooling)
        self.in_type = in_type
        space = in_type.gspace
        self.out_type = _nn.FieldType(space, [space.trivial_repr] * pooling.out_features)

    def forward(self, x: Any) -> Any:
        """Invariant numbers of a map."""
        pooled: Tensor = self.pooling(x.tensor)
        return _nn.GeometricTensor(pooled[:, :, None, None], self.out_type)

    def evaluate_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output."""
        return (input_shape[0], self.out_type.size, 1, 1)
