"""Run the benchmarks: `python -m benchmarks [NAME ...] [--output FOLDER]`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.tables import Table
from equiclust.nn.allocator import keep_freed_memory

# Tables as JSON, and networks that were trained for them.
RESULTS = Path("benchmark_results")


def _with_data(name: str) -> Path | None:
    """Folder of the networks and tables of a benchmark, None when there is no real data for it."""
    if "EQUICLUST_DATA" in os.environ:
        return RESULTS / name
    logging.warning("benchmark %s needs EQUICLUST_DATA, which is not set; it is skipped", name)
    return None


def _speed() -> Iterator[Table]:
    from benchmarks.speed import speed_table

    yield speed_table()


def _equal_loss() -> Iterator[Table]:
    from benchmarks.equal_loss import equal_loss_table

    if _with_data("equal_loss"):
        yield equal_loss_table()


def _escnn() -> Iterator[Table]:
    from benchmarks.escnn_networks import autoencoder_table, steerable_cnn_table

    yield autoencoder_table()
    yield steerable_cnn_table()


def _discs() -> Iterator[Table]:
    from benchmarks.discs import discs_table

    # Seeds side by side, each on one core: the table is about quality.
    yield discs_table(n_jobs=os.cpu_count() or 1)


def _invariance() -> Iterator[Table]:
    from benchmarks.invariance import angles_table, sizes_table, trained_pair

    pair = trained_pair(64)
    yield sizes_table(*pair)
    yield angles_table(*pair)


def _exxa() -> Iterator[Table]:
    from benchmarks.exxa import exxa_tables

    if folder := _with_data("exxa"):
        yield from exxa_tables(folder)


def _calibration() -> Iterator[Table]:
    from benchmarks.calibration import calibration_table

    yield calibration_table()


def _n_clusters() -> Iterator[Table]:
    from benchmarks.n_clusters import n_clusters_tables

    yield from n_clusters_tables(n_jobs=os.cpu_count() or 1)


def _pretrained() -> Iterator[Table]:
    from benchmarks.pretrained import pretrained_table

    yield pretrained_table()


def _resume() -> Iterator[Table]:
    from benchmarks.resume import resume_table

    yield resume_table()


def _clouds() -> Iterator[Table]:
    from benchmarks.segmentation import clouds_tables

    yield from clouds_tables()


def _real_maps() -> Iterator[Table]:
    from benchmarks.real_maps import real_maps_table

    if folder := _with_data("real_maps"):
        yield real_maps_table(folder)


def _large_cube() -> Iterator[Table]:
    from benchmarks.large_cube import large_cube_table

    yield large_cube_table()


def _brain() -> Iterator[Table]:
    from benchmarks.brain import brain_table

    if folder := _with_data("brain"):
        yield brain_table(folder)


def _inclination() -> Iterator[Table]:
    from benchmarks.inclination import inclination_tables

    if folder := _with_data("inclination"):
        yield from inclination_tables(folder, n_jobs=os.cpu_count())


def _mnist() -> Iterator[Table]:
    from benchmarks.digits import mnist_table

    if folder := _with_data("mnist"):
        yield mnist_table(folder)


def _rotated_mnist() -> Iterator[Table]:
    from benchmarks.digits import rotated_mnist_table

    if folder := _with_data("mnist"):
        yield rotated_mnist_table(folder)


def _steel() -> Iterator[Table]:
    from benchmarks.steel import steel_tables

    if folder := _with_data("steel"):
        yield from steel_tables(folder)


def _clustpy() -> Iterator[Table]:
    from benchmarks.clustpy import clustpy_table

    if _with_data("clustpy"):
        yield clustpy_table()


def _collapse() -> Iterator[Table]:
    from benchmarks.collapse import collapse_table

    yield collapse_table()


def _compare_sky() -> Iterator[Table]:
    from benchmarks.compare_sky import compare_sky_table

    yield compare_sky_table()


def _encoders() -> Iterator[Table]:
    from benchmarks.encoders import encoders_tables

    yield from encoders_tables()


def _encoder_information() -> Iterator[Table]:
    from benchmarks.encoder_information import encoder_information_table

    if _with_data("encoder_information"):
        yield encoder_information_table()


def _encoder_sets() -> Iterator[Table]:
    from benchmarks.encoder_sets import encoder_sets_table

    if folder := _with_data("encoder_sets"):
        yield encoder_sets_table(folder)


def _frames() -> Iterator[Table]:
    from benchmarks.frames import frames_tables

    yield from frames_tables()


def _cutouts() -> Iterator[Table]:
    from benchmarks.cutouts import cutouts_tables

    yield from cutouts_tables()


def _runs() -> Iterator[Table]:
    from benchmarks.runs import runs_table

    yield runs_table(RESULTS / "runs")


def _teaching() -> Iterator[Table]:
    from benchmarks.teaching import teaching_tables

    if folder := _with_data("teaching"):
        yield from teaching_tables(folder)


def _partitions() -> Iterator[Table]:
    from benchmarks.partitions import partitions_tables

    if folder := _with_data("partitions"):
        yield from partitions_tables(folder)


def _explore() -> Iterator[Table]:
    from benchmarks.explore import explore_table

    yield explore_table()


def _survey() -> Iterator[Table]:
    from benchmarks.survey import survey_tables

    yield from survey_tables(results=RESULTS / "survey")


def _sky_formats() -> Iterator[Table]:
    from benchmarks.sky_formats import sky_formats_tables

    yield from sky_formats_tables()


def _texture_mosaics() -> Iterator[Table]:
    from benchmarks.texture_mosaics import mosaics_table

    if _with_data("texture_mosaics"):
        yield mosaics_table()


def _accelerator() -> Iterator[Table]:
    from benchmarks.accelerator import accelerator_table

    yield accelerator_table()


def _large_clustering() -> Iterator[Table]:
    from benchmarks.large_clustering import large_clustering_tables

    yield from large_clustering_tables()


def _anomaly_search() -> Iterator[Table]:
    from benchmarks.anomaly_search import anomaly_table

    yield anomaly_table()


def _other_latents() -> Iterator[Table]:
    from benchmarks.other_latents import other_latents_table

    if _with_data("other_latents"):
        yield other_latents_table()


def _inputs() -> Iterator[Table]:
    from benchmarks.inputs import inputs_tables

    yield from inputs_tables()


BENCHMARKS: dict[str, Callable[[], Iterator[Table]]] = {
    "speed": _speed,
    "accelerator": _accelerator,
    "equal_loss": _equal_loss,
    "escnn": _escnn,
    "invariance": _invariance,
    "discs": _discs,
    "exxa": _exxa,
    "calibration": _calibration,
    "n_clusters": _n_clusters,
    "pretrained": _pretrained,
    "resume": _resume,
    "clouds": _clouds,
    "real_maps": _real_maps,
    "texture_mosaics": _texture_mosaics,
    "large_clustering": _large_clustering,
    "large_cube": _large_cube,
    "brain": _brain,
    "inclination": _inclination,
    "mnist": _mnist,
    "rotated_mnist": _rotated_mnist,
    "steel": _steel,
    "clustpy": _clustpy,
    "collapse": _collapse,
    "compare_sky": _compare_sky,
    "encoders": _encoders,
    "encoder_information": _encoder_information,
    "encoder_sets": _encoder_sets,
    "frames": _frames,
    "cutouts": _cutouts,
    "inputs": _inputs,
    "runs": _runs,
    "partitions": _partitions,
    "teaching": _teaching,
    "explore": _explore,
    "survey": _survey,
    "anomaly_search": _anomaly_search,
    "other_latents": _other_latents,
    "sky_formats": _sky_formats,
}


def main() -> int:
    """Print every table as Markdown as soon as it is complete, and write it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"one or more of {', '.join(BENCHMARKS)}; by default all",
    )
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(BENCHMARKS)}, got {', '.join(unknown)}")
    keep_freed_memory()
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("benchmarks").setLevel(logging.INFO)
    for name in chosen.names or BENCHMARKS:
        for table in BENCHMARKS[name]():
            print(f"\n{table.to_markdown()}\n\n-> {table.write(chosen.output)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
