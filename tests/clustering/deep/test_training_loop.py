"""One training loop: when it evaluates, what it trains, and the teacher that follows a student."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from equiclust.clustering.deep.initialization import pretrain
from equiclust.clustering.deep.mean_teacher import MeanTeacher
from equiclust.clustering.deep.training_loop import Batches, TrainingLoop


def _batches(n: int = 10, batch_size: int = 3, seed: int = 0) -> Batches:
    samples = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))
    return Batches(samples, batch_size, seed, torch.device("cpu"))


@pytest.mark.parametrize(
    ("max_iter", "interval", "expected"),
    [(7, 3, [0, 3, 6, 7]), (6, 3, [0, 3, 6]), (0, 5, [0]), (2, 9, [0, 2])],
)
def test_samples_are_evaluated_first_last_and_in_between(
    max_iter: int, interval: int, expected: list[int]
) -> None:
    weight, seen, steps = nn.Parameter(torch.zeros(4)), [], []
    loop = TrainingLoop([weight], _batches(), max_iter=max_iter, learning_rate=0.1)

    def loss(chosen: Tensor, views: Tensor) -> Tensor:
        steps.append(chosen)
        return (views @ weight - 1.0).square().mean()

    loop.run(loss, lambda step: bool(seen.append(step)), interval=interval)
    assert seen == expected
    assert len(steps) == max_iter


def test_an_evaluation_can_end_the_training() -> None:
    weight, steps = nn.Parameter(torch.ones(4)), []
    loop = TrainingLoop([weight], _batches(), max_iter=9, learning_rate=0.1)
    loop.run(
        lambda _, views: (views @ weight).square().mean(),
        lambda step: step == 4,
        interval=2,
        after_step=lambda: steps.append(weight.detach().clone()),
    )
    assert len(steps) == 4


def test_an_epoch_shows_each_sample_once_and_the_seed_decides_the_order() -> None:
    batches = _batches(n=9, batch_size=3)
    source, again = batches.forever(), batches.forever()
    drawn = [next(source)[0] for _ in range(6)]
    for epoch in (drawn[:3], drawn[3:]):
        assert sorted(torch.cat(epoch).tolist()) == list(range(9))
    assert all(torch.equal(one, next(again)[0]) for one in drawn)


def test_where_nothing_is_to_be_learned_nothing_moves() -> None:
    weight = nn.Parameter(torch.ones(4))
    loop = TrainingLoop([weight], _batches(), max_iter=5, learning_rate=0.1)
    loop.run(lambda chosen, views: None, lambda step: False, interval=2)
    assert torch.equal(weight, torch.ones(4))


class _Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(4, 2), nn.Linear(2, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        latents = self.down(x)
        return latents, self.up(latents)


def test_a_record_of_pretraining_is_the_mean_error_of_its_epoch() -> None:
    torch.manual_seed(0)
    network, batches, heard = _Pair(), _batches(n=12, batch_size=4), []
    with torch.no_grad():
        source = batches.forever()
        views = [next(source)[1] for _ in range(3)]
        expected = np.mean([float(functional.mse_loss(network(v)[1], v)) for v in views])
    history = pretrain(network, batches, epochs=4, learning_rate=1e-9, on_epoch=heard.append)
    assert history == heard
    assert [record["epoch"] for record in history] == [0.0, 1.0, 2.0, 3.0]
    assert history[0]["mse"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
def test_the_teacher_is_the_running_mean_of_the_student(momentum: float) -> None:
    torch.manual_seed(1)
    networks = MeanTeacher(nn.Linear(4, 3), nn.Linear(3, 2), threshold=0.5, momentum=momentum)
    expected = [p.detach().clone() for p in networks.student.parameters()]
    for _ in range(3):
        with torch.no_grad():
            for k, parameter in enumerate(networks.student.parameters()):
                parameter.add_(torch.randn_like(parameter))
                expected[k] = momentum * expected[k] + (1 - momentum) * parameter
        networks.update_teacher()
    for found, wanted in zip(networks.teacher.parameters(), expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_a_teacher_that_is_never_certain_teaches_nothing() -> None:
    networks = MeanTeacher(nn.Linear(4, 3), nn.Linear(3, 2), threshold=1.0, momentum=0.9)
    images = torch.zeros(5, 4)
    assert networks.loss(images, images) is None
    networks.threshold = 0.0
    loss = networks.loss(images, images)
    assert loss is not None
    assert loss > 0
