"""Sorts scientific images by shape, whatever way they happen to lie on the sky."""

__version__ = "0.1.0"
