"""A template for adapters of other packages: it reads grey pictures in the format PGM.

Copy this file into a package of your own, change what reads the format, and name the class in the
``pyproject.toml`` of the package::

    [project]
    name = "equiclust-pgm"
    version = "0.1.0"
    dependencies = ["equiclust"]

    [project.entry-points."equiclust.adapters"]
    pgm = "equiclust_pgm:PgmAdapter"

Once the package is installed, `equiclust.run`, ``equiclust run``, `data_adapters.read` and all the
others read such files. The test of the package is one call::

    from data_adapters.testing import check_adapter

    def test_contract():
        check_adapter(PgmAdapter(), "tests/ramp.pgm", expected=[[8, 9], [4, 5], [0, 1]])

An adapter of files with many images, which need not fit into memory, has `read_parts` too; see
`data_adapters.adapter.PartAdapter`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from data_adapters.adapter import reason_of
from data_adapters.size_claims import check_claim
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

__all__ = ["PgmAdapter"]

# The kind, width, height and largest value, with comments between them.
_HEADER = re.compile(rb"P5(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)\s")
_LONGEST_HEADER = 4096


class PgmAdapter:
    """Reads one image from a binary PGM file of 8 or 16 bits."""

    suffixes = (".pgm",)

    def read(self, path: Path, part: str = "") -> tuple[Image, ...]:
        """The image of a file.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Must be empty: such a file has no parts.

        Returns
        -------
        tuple of Image
            Of one image. The first row of pixels is the lowest one.

        Raises
        ------
        UnreadableFileError
            When the file cannot be read; the message is one sentence.
        """
        path = Path(path)
        if part:
            raise UnreadableFileError(f"{path}: a PGM file has no part {part!r}")
        try:
            with path.open("rb") as file:
                found = _HEADER.match(file.read(_LONGEST_HEADER))
                if found is None:
                    raise UnreadableFileError(f"{path}: it is no binary PGM file")
                width, height, largest = map(int, found.groups())
                # Before memory is taken for what the file claims.
                check_claim(path, width * height)
                dtype = np.dtype(">u2" if largest > 255 else "u1")
                file.seek(found.end())
                content = file.read(width * height * dtype.itemsize)
            values = np.frombuffer(content, dtype).reshape(height, width)
        except UnreadableFileError:
            raise
        except (OSError, ValueError) as error:
            raise UnreadableFileError(f"{path}: {reason_of(path, error)}") from error
        # Pictures begin with the highest row.
        return (Image.from_values(values[::-1], path.stem, path=str(path)),)
