"""The web application: look at images, label them, watch a training, on this machine only."""

from equiclust.app.explorer import Explorer, explore

__all__ = ["Explorer", "explore"]
