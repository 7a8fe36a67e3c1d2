"""How long a run trains when nobody says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.pipeline.default_epochs import default_epochs


def epochs(n: int, size: int, *, pretrained: bool = False) -> int:
    return default_epochs(n, EquivariantAutoencoder(size=size, pretrained=pretrained))


SIZES = st.sampled_from([32, 64, 128, 256])


@given(n=st.integers(2, 2000), size=SIZES)
def test_within_limits(n: int, size: int) -> None:
    assert 30 <= epochs(n, size) <= 300


@given(n=st.integers(2, 2000), size=st.sampled_from([32, 64, 128]))
def test_known_weights_shorten_it(n: int, size: int) -> None:
    assert 10 <= epochs(n, size, pretrained=True) <= epochs(n, size)


@given(n=st.integers(5000, 20_000), size=SIZES)
def test_many_images_make_as_many_views(n: int, size: int) -> None:
    """The number of epochs is whole, so that half of one too many or too few is to be expected."""
    training = n - round(0.1 * n)
    assert abs(epochs(n, size) - 120_000 / training) <= 0.5


@given(n=st.integers(2, 10**7))
def test_every_image_is_seen(n: int) -> None:
    assert epochs(n, 64, pretrained=True) >= 1


@given(n=st.integers(72, 50_000), more=st.integers(100, 1000), size=SIZES)
def test_more_images_need_no_more_epochs(n: int, more: int, size: int) -> None:
    assert epochs(n + more, size) <= epochs(n, size)


@given(n=st.integers(2, 10_000))
def test_smaller_images_get_no_fewer_epochs(n: int) -> None:
    assert epochs(n, 64) >= epochs(n, 128)
