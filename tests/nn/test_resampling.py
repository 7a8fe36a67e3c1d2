"""Resampling and mask: values known by hand. That they turn with the image is tested elsewhere."""

from __future__ import annotations

import pytest
import torch

from equiclust.exceptions import InputError
from equiclust.nn.resampling import BinomialBlur2d, CenteredUpsample2d, SoftDiscMask


@pytest.mark.parametrize(("taps", "row"), [(4, [1, 3, 3, 1]), (6, [1, 5, 10, 10, 5, 1])])
def test_blur_has_binomial_weights_of_sum_one(taps: int, row: list[int]) -> None:
    weights = torch.tensor(row, dtype=torch.float32) / sum(row)
    torch.testing.assert_close(BinomialBlur2d(taps).kernel[0, 0], torch.outer(weights, weights))


def test_blur_of_two_taps_is_average_pooling() -> None:
    x = torch.randn(2, 3, 8, 6)
    torch.testing.assert_close(BinomialBlur2d(2)(x), torch.nn.functional.avg_pool2d(x, 2))


@pytest.mark.parametrize("taps", [4, 6])
def test_blur_keeps_a_constant_away_from_the_rim_and_halves_the_size(taps: int) -> None:
    y = BinomialBlur2d(taps)(torch.ones(1, 2, 16, 12))
    assert y.shape == (1, 2, 8, 6)
    torch.testing.assert_close(y[..., 1:-1, 1:-1], torch.ones(1, 2, 6, 4))


def test_blur_keeps_channels_apart() -> None:
    x = torch.zeros(1, 3, 8, 8)
    x[:, 1] = 1
    assert BinomialBlur2d()(x).sum((2, 3)).count_nonzero() == 1


def test_blur_survives_a_move_through_no_device() -> None:
    blur = BinomialBlur2d(4).to("meta").to_empty(device="cpu")
    torch.testing.assert_close(blur.kernel, BinomialBlur2d(4).kernel)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_upsampling_keeps_a_constant_and_doubles_the_size(mode: str) -> None:
    y = CenteredUpsample2d(mode)(torch.full((1, 2, 3, 5), 7.0))
    torch.testing.assert_close(y, torch.full((1, 2, 6, 10), 7.0))


def test_bilinear_upsampling_of_a_ramp_is_a_ramp() -> None:
    x = torch.arange(4.0).expand(1, 1, 4, 4)
    y = CenteredUpsample2d("bilinear")(x)
    torch.testing.assert_close(y[0, 0, 0, 1:-1], torch.arange(0.25, 3, 0.5))


def test_mask_is_one_inside_half_at_its_radius_and_zero_in_the_corners() -> None:
    mask = SoftDiscMask(0.5, width=0.03).mask(33, 33)
    assert mask[16, 16] > 0.999
    assert mask[0, 0] < 1e-6
    # 8.25 pixels from the centre lies half the half-width of 16.5 pixels.
    assert mask[16, 24] > 0.5 > mask[16, 25]


def test_mask_of_a_rectangle_is_the_disc_of_its_shorter_side() -> None:
    mask = SoftDiscMask()
    torch.testing.assert_close(mask.mask(10, 16)[:, 3:-3], mask.mask(10, 10))
    assert mask.mask(10, 16)[:, 0].max() < 1e-6


def test_mask_keeps_dtype_and_memory_format() -> None:
    x = torch.randn(2, 4, 6, 6).to(memory_format=torch.channels_last)
    y = SoftDiscMask()(x)
    assert y.dtype == x.dtype
    assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: BinomialBlur2d(1), "taps must be a whole number of at least 2, got 1"),
        (lambda: BinomialBlur2d(0), "taps must be a whole number of at least 2, got 0"),
        (
            lambda: BinomialBlur2d(4, stride=-1),
            "stride must be a whole number of at least 1, got -1",
        ),
        (lambda: CenteredUpsample2d("bicubic"), "mode must be .* got 'bicubic'"),
        (lambda: SoftDiscMask(0), "radius must be positive, got 0"),
        (lambda: SoftDiscMask(width=float("nan")), "width must be positive, got nan"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=sentence):
        make()
