r"""The mathematics of deep embedded clustering, as pure functions of tensors.

Xie, J., Girshick, R. & Farhadi, A. 2016, "Unsupervised deep embedding for clustering analysis",
ICML, arXiv:1511.06335.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["assign_all", "clustering_loss", "soft_assignment", "target_distribution"]

_CHUNK_SIZE = 4096


def soft_assignment(latents: Tensor, centres: Tensor, degrees_of_freedom: float = 1.0) -> Tensor:
    r"""Membership of each sample in each cluster, by Student's t-distribution.

    .. math::

        q_{ij} \propto \left(1 + \lVert z_i - \mu_j \rVert^2 / \alpha\right)^{-(\alpha + 1) / 2}

    Parameters
    ----------
    latents : Tensor (n, d)
        :math:`z`.
    centres : Tensor (k, d)
        :math:`\mu`, in the same unit.
    degrees_of_freedom : float, default 1.0
        :math:`\alpha > 0`: the smaller, the more weight distant clusters have.

    Returns
    -------
    Tensor (n, k)
        Rows sum to one.
    """
    alpha = degrees_of_freedom
    squared = (latents[:, None] - centres[None]).square().sum(dim=2)
    return torch.softmax(-0.5 * (alpha + 1.0) * torch.log1p(squared / alpha), dim=1)


def assign_all(latents: Tensor, centres: Tensor, degrees_of_freedom: float) -> Tensor:
    """`soft_assignment` of any number of samples, in chunks and without gradients.

    Parameters
    ----------
    latents : Tensor (n, d)
        Samples.
    centres : Tensor (k, d)
        Cluster centres, in the same unit.
    degrees_of_freedom : float
        As in `soft_assignment`.

    Returns
    -------
    Tensor (n, k)
        Rows sum to one.
    """
    with torch.inference_mode():
        return torch.cat(
            [
                soft_assignment(chunk, centres, degrees_of_freedom)
                for chunk in torch.split(latents, _CHUNK_SIZE)
            ]
        )


def target_distribution(assignment: Tensor) -> Tensor:
    r"""Target of the assignment: sharper than it, and balanced between clusters.

    .. math::

        p_{ij} \propto q_{ij}^2 / f_j, \qquad f_j = \sum_i q_{ij}

    Parameters
    ----------
    assignment : Tensor (n, k)
        :math:`q` of all samples, from which the frequencies :math:`f` are taken.

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
        :math:`q` and :math:`p`.

    Returns
    -------
    Tensor ()
        In nats, at least 0.
    """
    tiny = torch.finfo(assignment.dtype).tiny
    logarithms = target.clamp(min=tiny).log() - assignment.clamp(min=tiny).log()
    return (target * logarithms).sum(dim=1).mean()
