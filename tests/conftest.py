"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# When numba starts its threads, OpenMP gets as many for torch too, whatever it was told.
if os.environ.get("OMP_NUM_THREADS", "").isdigit():
    os.environ.setdefault("NUMBA_NUM_THREADS", os.environ["OMP_NUM_THREADS"])

# A law is true however busy the machine is.
settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("laws")


SLOW_SEEDS = (0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow))
"""For laws that take many seconds: one seed always, all three with `make slow`."""


@pytest.fixture(params=[0, 1, 2], ids="seed{}".format)
def random_state(request: pytest.FixtureRequest) -> int:
    """Three seeds, so that no test passes by one lucky draw."""
    return request.param


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Nothing is read after a loss of power, so that files need not be on the disk itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def _folder_named_by(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} does not name a folder")
    return Path(value)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real data for evaluation, where `EQUICLUST_DATA` points."""
    return _folder_named_by("EQUICLUST_DATA")


@pytest.fixture(scope="session")
def weights_folder() -> Path:
    """Pretrained ImageNet weights, where `EQUICLUST_WEIGHTS` points."""
    return _folder_named_by("EQUICLUST_WEIGHTS")
