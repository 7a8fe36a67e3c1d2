"""Files that packages keep open are closed behind every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.data_adapters.objects.kinds_of_input import OPENED


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()
