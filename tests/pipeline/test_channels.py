"""Images of any number of channels can be run by default."""

from __future__ import annotations

import numpy as np
import pytest

from ensembles.recipes import Recipe
from equiclust.exceptions import EquiclustWarning
from equiclust.images import ImageSet
from equiclust.pipeline.fitting import _encoders
from equiclust.pipeline.settings import RunSettings


@pytest.mark.parametrize("n_channels", [1, 2, 3, 5])
def test_auto_leaves_out_what_cannot_take_the_channels(n_channels: int) -> None:
    images = ImageSet.from_array(np.ones((2, n_channels, 8, 8)))
    settings = RunSettings(images, "out", Recipe())
    if n_channels in (1, 3):
        assert len(_encoders(settings, images)) == 2
        return
    with pytest.warns(EquiclustWarning, match=f"images have {n_channels} channels"):
        assert _encoders(settings, images) == [None]
    asked = RunSettings(images, "out", Recipe().with_(encoder="own,small_alexnet"))
    assert len(_encoders(asked, images)) == 2
