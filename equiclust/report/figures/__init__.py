"""Figures of the report, and the style, colours and pictures that they share."""
