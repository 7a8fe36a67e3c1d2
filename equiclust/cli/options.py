"""What a run is asked for, checked before anything is read or written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from equiclust.cli.inputs import absolute
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.preprocessing import Preprocessor

__all__ = ["RunOptions"]

_LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class RunOptions:
    """What `equiclust run` was asked for; see the command for each."""

    inputs: tuple[str, ...]
    output: str
    n_clusters: int | Literal["auto"]
    n_folds: int
    size: int
    method: str
    seed: int
    latent_dim: int
    max_epochs: int | Literal["auto"]
    group: str
    stretch: str
    percentiles: tuple[float, float]
    center: str
    canonical: str
    device: str

    @property
    def preprocessing(self) -> dict[str, Any]:
        """Parameters of the `Preprocessor`."""
        names = ("size", "stretch", "percentiles", "center", "canonical")
        return {name: getattr(self, name) for name in names}

    @property
    def config(self) -> dict[str, Any]:
        """What makes the run what it is: all but where it is written and what it is trained on."""
        chosen = {**asdict(self), "inputs": absolute(self.inputs)}
        return {name: chosen[name] for name in chosen if name not in ("output", "device")}

    def check(self) -> None:
        """Refuse what cannot work.

        Raises
        ------
        InputError
            When an option has a value that it cannot have.
        """
        from equiclust.clustering import make_clusterer
        from equiclust.nn.network import NetworkConfig

        Preprocessor(**self.preprocessing).fit(ImageSet())
        NetworkConfig(group=self.group, size=self.size, latent_dim=self.latent_dim)
        if self.n_clusters != "auto":
            make_clusterer(self.method, self.n_clusters)
        if self.max_epochs != "auto" and self.max_epochs < 1:
            raise InputError(f"--max-epochs must be at least 1, got {self.max_epochs}")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise InputError(f"--seed must be from 0 to {_LARGEST_SEED}, got {self.seed}")
        _check_device(self.device)


def _check_device(device: str) -> None:
    import torch

    missing = (device == "cuda" and not torch.cuda.is_available()) or (
        device == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise InputError(f"--device is {device!r}, which is not there; use auto or cpu")
