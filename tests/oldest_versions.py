"""The oldest release of every dependency, as constraints for pip: `make oldest`."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["lower_bounds"]

EXTRAS = (
    "asdf", "casa", "cluster", "cutouts", "efficientnet", "frames", "glue", "large", "maps",
    "onnx", "parquet", "sky", "watch", "zarr",
)  # fmt: skip
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)")


def lower_bounds(pyproject: str | Path) -> Iterator[tuple[str, str]]:
    """Name and lower bound of every dependency of the package and of its extras.

    Raises
    ------
    ValueError
        When a dependency has no lower bound or more than that.
    """
    project = tomllib.loads(Path(pyproject).read_text())["project"]
    extras = project["optional-dependencies"]
    for line in [*project["dependencies"], *(line for name in EXTRAS for line in extras[name])]:
        found = _REQUIREMENT.fullmatch(line)
        if found is None:
            raise ValueError(f"a dependency must be written as NAME>=VERSION, got {line!r}")
        yield found[1], found[2]


if __name__ == "__main__":
    for name, version in lower_bounds(sys.argv[1]):
        print(f"{name}=={version}")
