"""The report: one HTML file that tells what a run found, and loads nothing from anywhere."""

from equiclust.report.page import write_report

__all__ = ["write_report"]
