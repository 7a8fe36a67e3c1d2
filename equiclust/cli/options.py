"""What a run is asked for, checked before anything is read or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ensembles.recipes import Recipe
from equiclust.arguments import check_whole
from equiclust.cli.engine import check_scheduler
from equiclust.cli.inputs import absolute
from equiclust.exceptions import InputError

__all__ = ["RunOptions"]


@dataclass(frozen=True)
class RunOptions:
    """What `equiclust run` was asked for; see the command for each.

    Parameters
    ----------
    inputs : tuple of str
    output : str
    recipe : Recipe
        Everything that decides the result, flags folded in.
    device : str
        Where to train.
    n_jobs : int, optional
        Networks to train at a time.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers train them.
    """

    inputs: tuple[str, ...]
    output: str
    recipe: Recipe
    device: str = "auto"
    n_jobs: int | None = None
    scheduler: str | None = None

    @property
    def config(self) -> dict[str, Any]:
        """What makes the run what it is: all but where it is written and what it is trained on."""
        return {"inputs": absolute(self.inputs), **self.recipe.settings}

    def check(self) -> None:
        """Refuse what cannot work.

        Raises
        ------
        InputError
            When an option has a value that it cannot have.
        """
        if self.n_jobs is not None:
            check_whole("--n-jobs", self.n_jobs)
        _check_device(self.device)
        check_scheduler(self.scheduler)


def _check_device(device: str) -> None:
    import torch

    missing = (device == "cuda" and not torch.cuda.is_available()) or (
        device == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise InputError(f"--device is {device!r}, which is not there; use auto or cpu")
