"""Networks to escnn and back, and a network of escnn read, certified and exported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import rotate, zoom
from sklearn.datasets import load_digits
from torch import Tensor, nn

from benchmarks.steerable_cnn import trained_steerable_cnn
from benchmarks.tables import Table
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.evaluation.invariance import certify
from equiclust.nn import export_network, from_escnn, to_escnn
from equiclust.simulation.discs import simulate_discs

__all__ = ["autoencoder_table", "steerable_cnn_table"]

_STEPS = 10
_FIELDS, _HIDDEN, _TRAINING_STEPS = (2, 4, 4, 6, 6, 8), 64, 120
_SIDE, _N_TRAINING, _N_CERTIFIED = 29, 1400, 48


def autoencoder_table() -> Table:
    """A trained D8 autoencoder beside its copy in escnn: what they give and how they train."""
    images, _ = simulate_discs(120, size=64, random_state=0)
    ours = EquivariantAutoencoder(perceptual=None, max_epochs=5, random_state=0).fit(images)
    network, x = ours.network_, torch.tensor(ours.prepared(images).pixels[:32])
    module = to_escnn(ours)
    back = from_escnn(module)
    rows = [*_agreement("in escnn", network, module, x), *_agreement("read back", network, back, x)]
    again = ours.with_network(back).transform(images)
    rows.append(_row("read back, latents of transform", _relative(ours.transform(images), again)))
    changed = [
        float((value - back.state_dict()[name]).abs().max())
        for name, value in network.state_dict().items()
    ]
    rows.append(_row("read back, weights and statistics", max(changed)))
    for name, optimizer, rate in (("Adam", torch.optim.Adam, 1e-3), ("SGD", torch.optim.SGD, 1e-4)):
        losses = [_losses(part, optimizer, x, rate) for part in (network, module)]
        theirs = np.array(losses[1]) / np.array(losses[0]) - 1
        steps = f"{_STEPS} steps of {name}, loss {losses[0][0]:.3g} to {losses[0][-1]:.3g}"
        rows.append(_row(steps, float(np.abs(theirs).max())))
    return Table("escnn_autoencoder", "A trained D8 autoencoder, its copy in escnn and back", rows)


def _agreement(
    where: str, network: nn.Module, other: nn.Module, images: Tensor
) -> Iterator[dict[str, Any]]:
    for training in (False, True):
        mode = "training" if training else "evaluation"
        with torch.no_grad():
            wanted, found = (deepcopy(part).train(training)(images) for part in (network, other))
        for name, a, b in zip(("latents", "outputs"), wanted, found, strict=True):
            yield _row(f"{where}, {name}, {mode}", _relative(a.numpy(), b.numpy()))


def _row(quantity: str, difference: float) -> dict[str, Any]:
    return {"quantity": quantity, "largest relative difference": difference}


def _relative(wanted: npt.ArrayLike, found: npt.ArrayLike) -> float:
    """Largest difference in units of the largest value."""
    a, b = np.asarray(wanted), np.asarray(found)
    return float(np.abs(a - b).max() / np.abs(a).max())


def _losses(network: nn.Module, optimizer: Any, images: Tensor, rate: float) -> list[float]:
    """Losses of further steps on a copy: reconstruction, and the spread of the latents."""
    network = deepcopy(network).train()
    steps = optimizer(network.parameters(), lr=rate)
    losses = []
    for _ in range(_STEPS):
        latents, made = network(images)
        spread = (1 - (latents.var(dim=0) + 1e-4).sqrt()).relu().mean()
        loss = 10 * (made - images).square().mean() + spread
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(float(loss.detach()))
    return losses


def steerable_cnn_table() -> Table:
    """The D8 example of escnn's documentation on turned digits: as it is, read, and exported."""
    torch.manual_seed(0)
    images, classes = _turned_digits()
    train, test = slice(_N_TRAINING), slice(_N_TRAINING, None)
    theirs = trained_steerable_cnn(
        _FIELDS, images[train], classes[train], hidden=_HIDDEN, steps=_TRAINING_STEPS
    )
    read = from_escnn(theirs, images=images[:2])
    exported = export_network(read)
    embeds: dict[str, Callable[[Tensor], Tensor]] = {"escnn": theirs, "read": read}
    embeds |= {"exported": exported, "torch.export": _program(exported, images[:2])}
    if find_spec("onnx") and find_spec("onnxruntime"):
        embeds["ONNX"] = _onnx(exported, images[:2])
    embeds |= {"read, double": _doubled(read), "exported, double": _doubled(exported)}
    wanted = _apply(theirs)(images[test])
    rows = []
    for name, embed in embeds.items():
        start = time.perf_counter()
        logits = _apply(embed)(images[test])
        seconds = time.perf_counter() - start
        rows.append(
            {
                "network": name,
                "difference from escnn": _relative(wanted, logits),
                "accuracy": float((logits.argmax(1) == classes[test].numpy()).mean()),
                "ms an image": 1e3 * seconds / len(logits),
                **_certificate(embed, images[test][:_N_CERTIFIED]),
            }
        )
    return Table("escnn_steerable_cnn", "escnn's documented example with D8, turned digits", rows)


def _certificate(embed: Callable[[Tensor], Tensor], images: Tensor) -> dict[str, Any]:
    certificate = certify(
        _apply(embed), images.numpy(), predict=lambda logits: logits.argmax(1), random_state=0
    )
    ours = certificate.ours
    exact, other = ours.d4.relative_to_norm, ours.random.relative_to_spread
    return {
        "certificate": "passed" if certificate.passed else "FAILED",
        "quarter turns and mirrors, most": exact.max if exact else float("nan"),
        "random angles, median of the spread": other.median if other else float("nan"),
        "labels changed there": ours.random.flip_rate,
    }


def _apply(embed: Callable[[Tensor], Tensor]) -> Callable[[Any], npt.NDArray[np.float32]]:
    def apply(images: Any) -> npt.NDArray[np.float32]:
        with torch.no_grad():
            batches = torch.split(torch.as_tensor(images), 64)
            return np.concatenate([np.asarray(embed(batch)) for batch in batches])

    return apply


def _doubled(network: nn.Module) -> Callable[[Tensor], Tensor]:
    doubled = deepcopy(network).double()
    return lambda batch: doubled(batch.double())


def _program(network: nn.Module, images: Tensor) -> Callable[[Tensor], Tensor]:
    n = torch.export.Dim("n")
    program = torch.export.export(network, (images,), dynamic_shapes=({0: n},))
    with TemporaryDirectory() as folder:
        path = Path(folder, "network.pt2")
        torch.export.save(program, path)
        return torch.export.load(path).module()


def _onnx(network: nn.Module, images: Tensor) -> Callable[[Tensor], Tensor]:
    import onnxruntime

    with TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        torch.onnx.export(
            network,
            (images,),
            path,
            input_names=["images"],
            dynamic_axes={"images": {0: "n"}},
            dynamo=False,
        )
        session = onnxruntime.InferenceSession(path.read_bytes())
    return lambda batch: torch.tensor(session.run(None, {"images": batch.numpy()})[0])


def _turned_digits() -> tuple[Tensor, Tensor]:
    """Handwritten digits `(n, 1, 29, 29)` of scikit-learn, turned at random, and their classes."""
    digits, rng = load_digits(), np.random.RandomState(0)
    turned = [
        rotate(
            np.pad(zoom(digit, 2.5, order=3), ((4, 5), (4, 5))),
            rng.uniform(0, 360),
            reshape=False,
            order=3,
        )
        for digit in digits.images / 16.0
    ]
    pixels = torch.tensor(np.stack(turned), dtype=torch.float32)[:, None]
    return pixels, torch.tensor(digits.target, dtype=torch.int64)
