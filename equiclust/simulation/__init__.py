"""Simulated images, maps and cubes whose true classes are known."""
