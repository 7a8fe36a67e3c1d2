"""The version, for modules below the package's own, which imports all of them for type checkers."""

__all__ = ["__version__"]

__version__ = "0.2.0.dev0"
