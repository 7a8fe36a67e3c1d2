"""Small simulated images, and one finished run that tests read and do not change."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from data_adapters import write_fits
from equiclust.cli import main
from equiclust.evaluation.invariance import certify
from equiclust.simulation.discs import simulate_discs

N_DISCS = 12


@contextmanager
def without_weights(folder: Path) -> Iterator[None]:
    """An empty folder of weights: the perceptual term is off and nothing is downloaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EQUICLUST_WEIGHTS", str(folder))
        yield


@pytest.fixture(scope="module", autouse=True)
def _no_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with without_weights(tmp_path_factory.mktemp("weights")):
        yield


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Lightning ignores Ctrl-C after the first one."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(scope="session")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discs")
    images, _ = simulate_discs(N_DISCS, size=40, classes=("smooth", "cavity"), random_state=0)
    write_fits(images, folder)
    return folder


def run_arguments(discs: Path, output: Path, *more: str) -> list[str]:
    """A run that takes a second or two."""
    small = ["--size", "32", "--max-epochs", "3", "--latent-dim", "8", "--method", "kmeans"]
    small += ["--n-folds", "1", "--pretrained", "false", "--reliability", "0"]
    return ["run", str(discs), "--output", str(output), *small, "--n-clusters", "2", *more]


@pytest.fixture(scope="session")
def finished(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "finished"
    with without_weights(tmp_path_factory.mktemp("weights")):
        assert main(run_arguments(discs, folder)) == 0
    return folder


@contextmanager
def in_a_hurry() -> Iterator[None]:
    """Runs whose report nobody reads: it is empty, and the certificate is of few rotations.

    Quarter turns and mirrors, which decide whether it passes, are all measured. The plain network
    is hardly trained.
    """
    few_rotations = partial(certify, angles=(45.0,), n_random_angles=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("equiclust.report.write_report", lambda run: run.report_html.touch())
        patch.setattr("equiclust.pipeline.model_certificate._BASELINE_EPOCHS", 1)
        patch.setattr("equiclust.pipeline.model_certificate.certify", few_rotations)
        yield


@pytest.fixture
def hurried() -> Iterator[None]:
    with in_a_hurry():
        yield


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call with a command line that must be refused; gives the sentence."""

    def call(*words: str) -> str:
        capsys.readouterr()
        assert main(list(words)) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert "Traceback" not in said.err
        (line,) = said.err.splitlines()
        assert line.startswith("equiclust: error: ")
        return line

    return call
