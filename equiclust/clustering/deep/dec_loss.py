r"""The mathematics of deep embedded clustering, as pure functions of tensors.

Xie, J., Girshick, R. & Farhadi, A. 2016, "Unsupervised deep embedding for clustering analysis",
ICML, arXiv:1511.06335.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["assigned", "clustering_loss", "soft_assignment", "target_distribution"]

_AT_ONCE = 4096


def soft_assignment(latents: Tensor, centres: Tensor, degrees_of_freedom: float = 1.0) -> Tensor:
    r"""How much each sample belongs to each cluster, by Student's t-distribution.

    .. math::

        q_{ij} \propto \left(1 + \lVert z_i - \mu_j \rVert^2 / \alpha\right)^{-(\alpha + 1) / 2}

    Parameters
    ----------
    latents : Tensor (n, d)
    centres : Tensor (k, d)
    degrees_of_freedom : float
        :math:`\alpha > 0`: the smaller, the more do far clusters count.

    Returns
    -------
    Tensor (n, k)
        Rows sum to one.
    """
    alpha = degrees_of_freedom
    squared = (latents[:, None] - centres[None]).square().sum(dim=2)
    return torch.softmax(-0.5 * (alpha + 1.0) * torch.log1p(squared / alpha), dim=1)


def assigned(latents: Tensor, centres: Tensor, degrees_of_freedom: float) -> Tensor:
    """`soft_assignment` of any number of samples, in pieces and without gradients."""
    with torch.inference_mode():
        return torch.cat(
            [
                soft_assignment(part, centres, degrees_of_freedom)
                for part in torch.split(latents, _AT_ONCE)
            ]
        )


def target_distribution(assignment: Tensor) -> Tensor:
    r"""What the assignment is drawn to: surer of itself, and fair to small clusters.

    .. math::

        p_{ij} \propto q_{ij}^2 / f_j, \qquad f_j = \sum_i q_{ij}

    Parameters
    ----------
    assignment : Tensor (n, k)
        Of all samples, for the frequencies are theirs.

    Returns
    -------
    Tensor (n, k)
        Rows sum to one.
    """
    tiny = torch.finfo(assignment.dtype).tiny
    weight = assignment.square() / assignment.sum(dim=0).clamp(min=tiny)
    return weight / weight.sum(dim=1, keepdim=True)


def clustering_loss(assignment: Tensor, target: Tensor) -> Tensor:
    r"""Mean Kullback-Leibler divergence :math:`\mathrm{KL}(p_i \Vert q_i)` over the samples.

    Parameters
    ----------
    assignment, target : Tensor (n, k)
    """
    tiny = torch.finfo(assignment.dtype).tiny
    logarithms = target.clamp(min=tiny).log() - assignment.clamp(min=tiny).log()
    return (target * logarithms).sum(dim=1).mean()
