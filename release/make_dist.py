"""Build and check the archives of the last commit: `make dist`."""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make_dist(output: Path) -> list[Path]:
    """Build the sdist of the last commit, and the wheel from the sdist.

    Parameters
    ----------
    output : path
        Folder of the archives; one that is there with the same name is replaced.

    Returns
    -------
    list of path
        The archives.

    Raises
    ------
    subprocess.CalledProcessError
        When git, the build, or a check fails.
    """
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="equiclust-dist-") as folder:
        clone, built = Path(folder, "clone"), Path(folder, "built")
        _run("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
        _run(sys.executable, "-m", "build", "--outdir", str(built), str(clone))
        _check(clone, sorted(built.iterdir()))
        return [_moved(path, output) for path in sorted(built.iterdir())]


def _check(clone: Path, archives: list[Path]) -> None:
    names = list(map(str, archives))
    _run(sys.executable, "-m", "twine", "check", "--strict", *names)
    wheels = [name for name in names if name.endswith(".whl")]
    _run(sys.executable, "-m", "check_wheel_contents", *wheels, cwd=clone)
    _check_schema("vendor.citation-file-format", clone / "CITATION.cff")
    _check_schema("vendor.github-workflows", *sorted(clone.glob(".github/workflows/*.yml")))


def _check_schema(schema: str, *files: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    _run(*command, *map(str, files))


def _run(*command: str, cwd: Path | None = None) -> None:
    """Run a program, whose many words are shown only if it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, sep="", file=sys.stderr)
        raise subprocess.CalledProcessError(done.returncode, command)


def _moved(path: Path, folder: Path) -> Path:
    target = folder / path.name
    part = target.with_name(target.name + ".part")
    part.write_bytes(path.read_bytes())
    os.replace(part, target)
    return target


def main() -> int:
    """Print the digest of each archive as sha256sum does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR")
    output = parser.parse_args().output
    status = ["git", "-C", str(ROOT), "status", "--porcelain"]
    if subprocess.run(status, capture_output=True, text=True, check=True).stdout:
        print("changes that are not committed are left out", file=sys.stderr)
    for path in make_dist(output):
        print(hashlib.sha256(path.read_bytes()).hexdigest(), "", path)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(error.cmd)} ended with status {error.returncode}")
