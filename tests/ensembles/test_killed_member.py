"""A member that is killed between two epochs goes on from the last one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ensembles import KFoldEnsemble
from equiclust.simulation.shapes import simulate_shapes
from tests.ensembles.test_kfold import SETTINGS, tiny

_SCRIPT = "import sys; from tests.ensembles.test_killed_member import train; train(sys.argv[1])"
_ROOT = Path(__file__).parents[2]


def train(checkpoints: str | Path | None) -> tuple[KFoldEnsemble, list[int]]:
    """A small fit, and how many epochs were done at every report."""
    images, _ = simulate_shapes(24, size=32, classes=("ring", "bar"), random_state=0)
    reported: list[int] = []
    ensemble = KFoldEnsemble(tiny(max_epochs=8), **SETTINGS, n_jobs=1, random_state=0)
    ensemble.fit(
        images, checkpoints=checkpoints, on_progress=lambda done, *_: reported.append(done)
    )
    return ensemble, reported


def test_a_killed_member_goes_on_from_its_last_epoch(tmp_path: Path) -> None:
    undisturbed, every = train(None)
    member = tmp_path / "member_00"
    process = subprocess.Popen([sys.executable, "-c", _SCRIPT, str(tmp_path)], cwd=_ROOT)
    while process.poll() is None and not any(member.glob("*.ckpt")):
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (member / "finished").exists()
    resumed, reported = train(tmp_path)
    assert len(reported) < len(every) == 24
    assert np.array_equal(resumed.latents_, undisturbed.latents_)
    assert np.array_equal(resumed.labels_, undisturbed.labels_)
