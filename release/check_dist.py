"""Install the wheel of dist/ in an empty environment and run the README: `make check-dist`.

Everything happens in a temporary folder outside the repository, with nothing but what pip installs
for the wheel. The demo must write its report; then every example in Python and every command of the
README is run, apart from those of `NOT_RUN`, with the demo's run and simulated files as input.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path

ROOT = Path(__file__).parents[1]

DEMO = "equiclust demo --output demo"

NOT_RUN = {
    "equiclust run": "the demo has trained networks by the same code",
    "equiclust explore": "a server that ends with its user",
    "equiclust certify alexnet": "needs weights that are not in the wheel",
    "equiclust segment cube.fits": "segment is run on maps",
    "equiclust export sorted --samp": "needs a program that listens",
}
"""Beginnings of commands of the README that are left out, and why."""


SURVEY = """
import numpy as np
from astropy.io import fits
from astropy.table import Table, join
from astropy.wcs import WCS

sky = Table.read("sorted/catalogue.ecsv")["id", "ra", "dec"]
sky.write("gaia.vot", format="votable")
kinds = join(sky, Table.read("truth.ecsv")["id", "kind"])
Table(kinds, names=["id", "ra", "dec", "CLASS"]).write("survey.fits")
marks = Table({"id": sky["id"][:4], "kind": ["usual", "interesting", "artefact", "usual"]})
marks.write("marks.csv", format="ascii.csv")
y, x = np.mgrid[32:256:64, 32:256:64]
places = WCS(fits.getheader("map.fits")).pixel_to_world(x.ravel(), y.ravel())
Table({"ra": places.ra, "dec": places.dec}).write("sources.ecsv")
"""
"""A catalogue of sources on the map, and tables about the discs of the demo."""

FILL_IN_LABELS = """
from astropy.table import Table
truth = Table.read("truth.ecsv")
kinds = dict(zip(truth["id"], truth["kind"]))
labels = Table.read("labels.csv", format="ascii.csv", comment="#")
labels["kind"] = [kinds[name] for name in labels["id"]]
labels.write("labels.csv", format="ascii.csv", overwrite=True)
"""
"""What a person does between `suggest` and `teach`, by the true classes."""


def python_examples(readme: str) -> list[str]:
    """Python examples of a README."""
    return _blocks(readme, "python")


def command_blocks(readme: str) -> list[list[str]]:
    """Commands of equiclust in the blocks of a README, without their comments."""
    blocks = _blocks(readme, "")
    lines = [[line.partition(" #")[0].strip() for line in block.splitlines()] for block in blocks]
    return [[line for line in some if line.startswith("equiclust ")] for some in lines]


def _blocks(readme: str, language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return [block for named, block in found if named == language]


def is_run(command: str) -> bool:
    """Whether `NOT_RUN` does not leave the command out."""
    return not command.startswith(tuple(NOT_RUN))


class EmptyEnvironment:
    """An environment that holds one wheel, what it requires, and no more.

    Parameters
    ----------
    folder : path
        An empty folder, in which everything happens.
    wheel : path
    extras : tuple of str
        Extras to install with the wheel.
    """

    def __init__(self, folder: Path, wheel: Path, extras: tuple[str, ...]) -> None:
        self.folder = folder
        self._programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        venv.create(folder / "venv", with_pip=True)
        self.python("-m", "pip", "install", "--quiet", f"{wheel}[{','.join(extras)}]")

    def python(self, *arguments: str, work: Path | None = None) -> str:
        """Run Python in a folder, that of the environment by default, and give what it prints."""
        return self._run([str(self._programs / "python"), *arguments], work or self.folder)

    def command(self, line: str, work: Path | None = None) -> str:
        """Run a command as a shell would that expands patterns of files."""
        work = work or self.folder
        program, *words = shlex.split(line)
        found = [sorted(glob(word, root_dir=work)) or [word] for word in words]
        return self._run([str(self._programs / program), *itertools.chain(*found)], work)

    def _run(self, command: list[str], work: Path) -> str:
        done = subprocess.run(
            command, cwd=work, env=_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = f"{done.stdout}{done.stderr}"
            sys.exit(f"{shlex.join(command)} ended with status {done.returncode}:\n{said}")
        return done.stdout


def _environment() -> dict[str, str]:
    """Variables without those that lead to other code or weights, and nothing is downloaded."""
    hidden = ("EQUICLUST_WEIGHTS", "PYTHONHOME", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "EQUICLUST_OFFLINE": "1"}


def check(wheel: Path, folder: Path) -> None:
    """Run the README from a wheel.

    Parameters
    ----------
    wheel : path
    folder : path
        An empty folder outside the repository.

    Raises
    ------
    SystemExit
        When anything fails; the message says what.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    with _timed("pip install"):
        empty = EmptyEnvironment(folder, wheel, ("frames", "maps", "sky", "zarr"))
    _check_version(empty, wheel)
    with _timed(DEMO):
        empty.command(DEMO)
    _check_report(folder / "demo" / "run" / "report.html")
    for number, example in enumerate(python_examples(readme), 1):
        with _timed(f"example {number} in Python"):
            empty.python("-c", example)
    inputs = _simulated_inputs(empty)
    for number, block in enumerate(command_blocks(readme)):
        _run_block(empty, block, inputs, folder / f"block{number}")


def _check_version(empty: EmptyEnvironment, wheel: Path) -> None:
    version = empty.command("equiclust --version").split()[-1]
    place = empty.python("-c", "import equiclust; print(equiclust.__version__, equiclust.__file__)")
    if not place.startswith(f"{version} {empty.folder}") or f"-{version}-" not in wheel.name:
        sys.exit(f"{wheel.name} says version {version} and is imported as {place}")


def _check_report(path: Path) -> None:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if "</html>" not in text or "data:image" not in text:
        sys.exit(f"the demo wrote no report with pictures at {path}")


def _simulated_inputs(empty: EmptyEnvironment) -> Path:
    """Files by the names that the README has for those of its reader, and the run of the demo."""
    inputs = empty.folder / "inputs"
    inputs.mkdir()
    shutil.copytree(empty.folder / "demo" / "run", inputs / "sorted")
    shutil.copy(empty.folder / "demo" / "discs" / "truth.ecsv", inputs)
    empty.command("equiclust simulate discs -n 6 --size 64 --output new", inputs)
    shutil.copy(next((inputs / "new").glob("*.fits")), inputs / "new" / "disc.fits")
    empty.command("equiclust simulate clouds -n 1 --size 256 --output maps", inputs)
    shutil.copy(inputs / "maps" / "cloud_0000.fits", inputs / "map.fits")
    (inputs / "tiles").mkdir()
    for band in "gr":
        shutil.copy(inputs / "map.fits", inputs / "tiles" / f"a_{band}.fits")
    empty.python("-c", SURVEY, work=inputs)
    empty.command("equiclust simulate frames -n 500 --output scan.nxs", inputs)
    return inputs


def _run_block(empty: EmptyEnvironment, block: list[str], inputs: Path, work: Path) -> None:
    """Run the commands of one block in a folder with the inputs that they do not make."""
    lines = list(filter(is_run, block))
    made = re.findall(r"--output (\S+)", "\n".join(lines))
    shutil.copytree(inputs, work, ignore=shutil.ignore_patterns(*made))
    for line in lines:
        if re.match("equiclust teach .*labels.csv", line):
            empty.python("-c", FILL_IN_LABELS, work=work)
        with _timed(line):
            empty.command(line, work)


@contextmanager
def _timed(what: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    print(f"{time.monotonic() - start:7.1f} s  {what}", flush=True)


def main() -> int:
    """Check the newest wheel of dist/."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("wheel", type=Path, nargs="?", help="default: the newest of dist/")
    wheel = parser.parse_args().wheel or _newest()
    with tempfile.TemporaryDirectory(prefix="equiclust-check-") as folder:
        check(wheel.resolve(), Path(folder).resolve())
    print(f"{wheel.name} runs from an empty environment")
    return 0


def _newest() -> Path:
    wheels = sorted((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        sys.exit("dist/ holds no wheel; run make dist")
    return wheels[-1]


if __name__ == "__main__":
    sys.exit(main())
