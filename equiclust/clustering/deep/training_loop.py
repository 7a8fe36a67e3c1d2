"""The one training loop of this package: batches, Adam, a warm-up and a cosine.

It is a loop of its own and not Lightning's: it looks at all samples between steps, replaces
parameters on the way and may end at any step, and Lightning makes such short trainings of small
networks 1.3 to 2 times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.schedule import warm_cosine

__all__ = ["Batches", "TrainingLoop"]

_MIN_INTERVAL, _MAX_INTERVAL = 20, 140


@dataclass(frozen=True, eq=False)
class Batches:
    """Samples in batches, in a new order every epoch, as they are or as augmented views.

    Parameters
    ----------
    samples : Tensor (n, ...)
        All samples, on the processor.
    batch_size : int
        Samples in a batch, at most `n`.
    seed : int
        Decides order and views.
    device : torch.device
        Where the batches go.
    augmentation : Augmentation, optional
        Makes the views, of images `(n, c, h, w)`; by default there are none.
    """

    samples: Tensor
    batch_size: int
    seed: int
    device: torch.device
    augmentation: Augmentation | None = None

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch; a last one that is not full waits for the next order."""
        return max(len(self.samples) // self.batch_size, 1)

    @property
    def update_interval(self) -> int:
        """Steps between two evaluations of all samples: one epoch, but from 20 to 140."""
        return min(max(self.per_epoch, _MIN_INTERVAL), _MAX_INTERVAL)

    def forever(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batch after batch, epoch after epoch.

        Yields
        ------
        chosen : Tensor (b,), int64
            Indices of the samples.
        views : Tensor (b, ...)
            The samples, or views of them, on `device`.
        """
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            order = torch.randperm(len(self.samples), generator=generator)
            for i in range(self.per_epoch):
                chosen = order[i * self.batch_size : (i + 1) * self.batch_size]
                yield chosen, self._views(chosen, generator)

    def _views(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        samples = self.samples[chosen].to(self.device)
        if self.augmentation is None:
            return samples
        mask = torch.zeros_like(samples[:, :1], dtype=torch.bool)
        return self.augmentation(samples, mask, generator)[0]


class TrainingLoop:
    """Adam over batches, its learning rate warmed up and then lowered along a cosine.

    Parameters
    ----------
    parameters : iterable of Parameter
        What is trained; those without `requires_grad` stay as they are.
    batches : Batches
        What it is trained on.
    max_iter : int
        Most steps.
    learning_rate : float
        The highest learning rate.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        batches: Batches,
        *,
        max_iter: int,
        learning_rate: float,
    ) -> None:
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        self.batches, self.max_iter = batches, max_iter
        self._optimizer = torch.optim.Adam(trained, lr=learning_rate)
        self._schedule = warm_cosine(self._optimizer, max_iter)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return float(self._schedule.get_last_lr()[0])

    def reset_momentum(self, parameter: nn.Parameter) -> None:
        """Forget the running means of gradients of a parameter that was replaced.

        Parameters
        ----------
        parameter : Parameter
            One of those that are trained.
        """
        self._optimizer.state.pop(parameter, None)

    def run(
        self,
        loss: Callable[[Tensor, Tensor], Tensor | None],
        evaluate: Callable[[int], bool],
        *,
        interval: int,
        after_step: Callable[[], None] | None = None,
    ) -> None:
        """Train until `max_iter`, or until an evaluation ends it.

        Parameters
        ----------
        loss : callable
            The loss `()` of a batch, from its `chosen` and `views` (see `Batches.forever`); None
            where a batch has nothing to teach, and no parameter moves.
        evaluate : callable
            Called with the number of steps done, before the first step, every `interval` steps and
            after the last; returns whether to stop.
        interval : int
            Steps between two evaluations.
        after_step : callable, optional
            Called after every step.
        """
        source = self.batches.forever()
        for step in range(self.max_iter + 1):
            last = step == self.max_iter
            if (last or step % interval == 0) and (evaluate(step) or last):
                return
            self._step(loss(*next(source)))
            if after_step is not None:
                after_step()

    def _step(self, loss: Tensor | None) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        if loss is not None:
            loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()
