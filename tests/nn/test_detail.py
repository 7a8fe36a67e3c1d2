"""The code of fine detail is linear, and turns with the image."""

from __future__ import annotations

import pytest
import torch

from equiclust.nn.decoder import DetailCode
from equiclust.nn.groups import Group


@pytest.mark.parametrize("size", [32, 64, 128])
def test_it_turns_with_the_image(size: int) -> None:
    torch.manual_seed(0)
    code = DetailCode(Group("D8"), 1, 2, size).double()
    image = torch.rand(1, 1, size, size, dtype=torch.float64)
    with torch.no_grad():
        made = code.decode(code.encode(image))
        for turns in range(4):
            for mirrored in (False, True):
                moved = torch.rot90(image, turns, (2, 3))
                expected = torch.rot90(made, turns, (2, 3))
                if mirrored:
                    moved, expected = moved.flip(3), expected.flip(3)
                torch.testing.assert_close(code.decode(code.encode(moved)), expected)


def test_it_is_linear() -> None:
    code = DetailCode(Group("D8"), 2, 1, 64)
    first, second = torch.rand(2, 1, 2, 64, 64)
    with torch.no_grad():
        whole = code.encode(2.0 * first - second)
        torch.testing.assert_close(
            whole, 2.0 * code.encode(first) - code.encode(second), atol=1e-4, rtol=1e-4
        )
        assert whole.shape == (1, 16, 16, 16)
        assert code.decode(whole).shape == first.shape
