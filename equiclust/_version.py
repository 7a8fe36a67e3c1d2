"""The version, for modules below the package's own, which imports all of them for type checkers.

It is the one that comes next; in an archive, that of the git tag (``release/build_backend.py``).
"""

__all__ = ["__version__"]

__version__ = "0.2.0.dev0"
