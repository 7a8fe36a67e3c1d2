"""``python -m equiclust`` is the command line."""

import sys

from equiclust.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
