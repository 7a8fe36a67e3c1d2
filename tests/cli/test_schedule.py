"""How long a run trains when nobody says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from equiclust.cli.schedule import default_epochs

SIZES = st.sampled_from([32, 64, 128, 256])


@given(n=st.integers(2, 100_000), size=SIZES)
def test_within_limits(n: int, size: int) -> None:
    assert 30 <= default_epochs(n, size) <= 300


@given(n=st.integers(72, 50_000), more=st.integers(100, 1000), size=SIZES)
def test_more_images_need_no_more_epochs(n: int, more: int, size: int) -> None:
    assert default_epochs(n + more, size) <= default_epochs(n, size)


@given(n=st.integers(2, 10_000))
def test_smaller_images_get_no_fewer_epochs(n: int) -> None:
    assert default_epochs(n, 64) >= default_epochs(n, 128)
