"""The library leaves the allocator of the user's process alone; programs may ask for more speed."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from ensembles import parallel_training

# Python announces every look-up of a C function; nothing can call mallopt without one.
_CHILD = """
import sys
looked_up = []
sys.addaudithook(lambda event, args: looked_up.append(args[1]) if event == "ctypes.dlsym" else None)
import numpy as np
import equiclust
from ensembles import KFoldEnsemble
from equiclust.clustering.deep import DeepEmbeddedClustering
from equiclust.nn.baselines import DenseConfig
pixels = np.random.default_rng(0).random((12, 32, 32), dtype=np.float32)
small = {"size": 32, "fields": (2, 4), "max_epochs": 1, "perceptual": None, "device": "cpu"}
autoencoder = equiclust.EquivariantAutoencoder(**small, random_state=0)
autoencoder.fit(pixels).transform(pixels)
KFoldEnsemble(autoencoder, n_clusters=2, n_folds=2, n_jobs=1, random_state=0).fit_members(pixels)
dense = DenseConfig(size=32, widths=(8,), embedding_dim=2)
brief = {"pretrain_epochs": 1, "max_iter": 2, "device": "cpu", "random_state": 0}
DeepEmbeddedClustering(2, network=dense, **brief).fit(pixels[:, None])
print("library:", "mallopt" in looked_up)
from equiclust.nn.allocator import keep_freed_memory
print("asked:", keep_freed_memory() and "mallopt" in looked_up)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is on Linux")
def test_only_a_program_that_asks_changes_the_allocator() -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MALLOC_") and name != "LD_PRELOAD"
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CHILD],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["library: False", "asked: True"], done.stderr


@pytest.mark.parametrize("other_process", [False, True])
def test_the_processes_that_train_members_ask(
    monkeypatch: pytest.MonkeyPatch, other_process: bool
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(parallel_training, "train_member", lambda *_, **__: None)
    monkeypatch.setattr(parallel_training, "keep_freed_memory", lambda: asked.append(True))
    arrays = np.zeros((2, 1, 32, 32), dtype=np.float32), np.zeros((2, 32, 32), dtype=bool)
    parallel_training._train_numbered(0, None, os.getpid() + other_process, *arrays)
    assert bool(asked) == other_process


_RETURNS = """
import numpy as np
from equiclust.memory import used_memory
from equiclust.nn.allocator import keep_freed_memory, return_freed_memory
assert keep_freed_memory()
before = used_memory()
small = [[np.ones(4000), np.ones(10)] for _ in range(5000)]
for pair in small:
    del pair[0]
kept = used_memory()
return_freed_memory()
print(kept - before > 120_000_000, used_memory() - before < 40_000_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is on Linux")
def test_kept_memory_can_be_returned() -> None:
    environment = {name: value for name, value in os.environ.items() if "MALLOC_" not in name}
    child = [sys.executable, "-c", _RETURNS]
    done = subprocess.run(child, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
