"""Image sets larger than memory, sorted: time and memory of a whole `equiclust run`.

``python -m benchmarks.survey_run 100 1000 10000 100000`` takes any numbers of images.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.survey import BOUND, exponents, timed_command, write_survey
from benchmarks.tables import Table
from equiclust.io.atomic import read_json

__all__ = ["survey_run_tables"]

_PARTS = ("training", "number of clusters", "clustering", "encoding")


def survey_run_tables(
    numbers: Sequence[int], options: Sequence[str], *, place: str | None = None
) -> list[Table]:
    """One row for each number, then the exponent of the time against the number.

    Parameters
    ----------
    numbers : sequence of int
        Of images.
    options : sequence of str
        Further options of ``equiclust run``.
    place : str, optional
        Folder with room for the images, 4 kB each; a temporary one by default.

    Returns
    -------
    list of Table
    """
    rows = []
    for number in numbers:
        with TemporaryDirectory(dir=place) as folder:
            rows.append(_measured(Path(folder), number, options))
        print(rows[-1], flush=True)
    told = " ".join(["equiclust run --size 64 --max-memory", BOUND, *options])
    tables = [Table("survey_run", f"`{told}`, one Zarr store", rows)]
    if len(numbers) > 1:
        tables.append(Table("survey_run_exponents", "Time against number", exponents(rows)))
    return tables


def _measured(folder: Path, number: int, options: Sequence[str]) -> dict[str, Any]:
    source, _ = write_survey(folder, number, "zarr")
    files = [path for path in source.rglob("*") if path.is_file()]
    words = ["run", str(source), "--size", "64", "--max-memory", BOUND, *options, "--output"]
    target = folder / "sorted"
    ran = timed_command([*words, str(target)], files)
    metrics = read_json(target / "metrics.json")
    parts = metrics["timing"]["parts"]
    return {
        "images": number,
        "format": "zarr",
        "learned from": metrics["provenance"]["n_images"],
        "seconds": ran.seconds,
        **{f"{name} / s": parts.get(name, 0.0) for name in _PARTS},
        "network and clusters": metrics["timing"]["learning"],
        "peak memory / GB": ran.peak_bytes / 1e9,
        "clusters": metrics["clusters"]["n_clusters"],
    }


def main() -> int:
    """Measure any numbers of images; options that are not known here are those of the run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.survey_run", description=main.__doc__
    )
    parser.add_argument("numbers", nargs="+", type=int, metavar="N")
    parser.add_argument("--place", help="folder with room for 4 kB an image")
    parser.add_argument("--output", type=Path, default=Path("benchmark_results"))
    chosen, options = parser.parse_known_args()
    for table in survey_run_tables(chosen.numbers, options, place=chosen.place):
        print(f"\n{table.to_markdown()}\n\n-> {table.write(chosen.output)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
