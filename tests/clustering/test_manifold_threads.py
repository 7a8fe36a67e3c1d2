"""An embedding leaves torch the threads that it had: numba's start would give it more."""

from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
import numpy as np
import torch
from equiclust.clustering.manifold import embed
before = torch.get_num_threads()
embed(np.random.default_rng(0).normal(size=(60, 3)), 2, seed=0)
assert torch.get_num_threads() == before == 1, torch.get_num_threads()
"""


def test_the_first_embedding_of_a_process_leaves_torch_its_threads() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("NUMBA_NUM_THREADS", None)
    subprocess.run([sys.executable, "-c", _PROGRAM], check=True, env=environment)
