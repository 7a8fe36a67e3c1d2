"""Seeds for torch, without touching those of anyone else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded(request: pytest.FixtureRequest) -> Iterator[None]:
    seed = request.getfixturevalue("random_state") if "random_state" in request.fixturenames else 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
