"""Slow science, compared with rivals in the same run: `make bench`."""
