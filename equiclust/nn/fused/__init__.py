"""The exported encoder for processors, in compiled loops that stay within the cache."""

from equiclust.nn.fused.encoder import FusedEncoder

__all__ = ["FusedEncoder"]
