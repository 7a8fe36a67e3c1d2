"""All writes of all commands: `python -m tests.field.faults [COMMAND ...]` prints a table.

What is replaced differs from what replaces it, so that old and new files cannot be mistaken for
each other. With ``--few`` it tries some writes of four commands, most of them where files take
their places.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data_adapters import write_fits
from equiclust.cli import main
from equiclust.io.atomic import read_json, write_json
from equiclust.io.run_folder import RunFolder
from equiclust.io.staging import digest_of, recover
from equiclust.pipeline import fitting, model_certificate
from equiclust.simulation.discs import simulate_discs
from tests.cutouts.surveys import make_survey
from tests.field.fault_injection import KILLED, Fault, Kind, count_writes, run_with_fault

__all__ = ["KINDS", "Scene", "make_scenes", "sweep", "trial"]

KINDS: tuple[Kind, ...] = ("fails", "full", "killed")
# They differ from call to call.
_TIMES = {"seconds", "started", "finished", "digest", "timing"}
_DIGESTS = {"parts", "outputs"}
FEW: dict[str, dict[Kind, tuple[int, ...]]] = {
    "predict": {"fails": (9, -6), "full": (9, -6), "killed": (9, -6)},
    "predict again": {"fails": (-1, -2), "killed": (-12,)},
    "check": {"fails": (-1, -3)},
    "run": {"killed": (-30,)},
}
# They tell how far the work is; the second one is whole at every moment, of which it is.
_NOT_COMPARED = ("run.log", "progress.json")


@dataclass(frozen=True)
class Scene:
    """A command, in a folder of its own.

    Parameters
    ----------
    name : str
    words : callable
        Command line, for the folder.
    main : str
        The output that comes last, as a path in the folder.
    before : callable, optional
        Puts what the command needs into the folder.
    """

    name: str
    words: Callable[[Path], list[str]]
    main: str
    before: Callable[[Path], object] = lambda folder: None


def make_scenes(material: Path) -> dict[str, Scene]:
    """Scenes of all commands, with images, a run and a map that are made once.

    Parameters
    ----------
    material : Path
        Empty folder.

    Returns
    -------
    dict of str to Scene
    """
    discs = material / "discs"
    images, _ = simulate_discs(8, size=32, classes=("smooth", "cavity"), random_state=0)
    write_fits(images, discs)
    (discs / "bad.fits").write_text("no image")
    small = ["--size", "32", "--max-epochs", "1", "--latent-dim", "4", "--method", "kmeans"]
    small += ["--n-folds", "1", "--pretrained", "false", "--reliability", "0", "--n-clusters", "2"]

    def run(folder: Path) -> list[str]:
        return ["run", str(discs), "--output", str(folder / "sorted"), *small]

    assert main(run(material)) == 0
    done = material / "sorted"
    values = np.random.default_rng(0).normal(size=(48, 48)).astype(np.float32)
    values[:, 24:] = values[:, 24:].cumsum(axis=0)
    fits.writeto(material / "sky.fits", values)

    def segment(folder: Path) -> list[str]:
        few = ["--n-pairs", "64", "--max-epochs", "1", "--n-jobs", "1", "--n-clusters", "2"]
        return ["segment", str(material / "sky.fits"), "--output", str(folder / "k.fits"), *few]

    def predict(folder: Path) -> list[str]:
        return ["predict", str(done), str(discs), "--output", str(folder / "k.ecsv")]

    others = material / "others"
    shutil.copytree(discs, others)
    (others / "bad.fits").rename(others / "worse.fits")
    next(others.glob("disc_*.fits")).unlink()

    def again(folder: Path) -> None:
        assert main(["predict", str(done), str(others), "--output", str(folder / "k.ecsv")]) == 0

    def similar(folder: Path) -> list[str]:
        return ["similar", str(done), str(discs), "-n", "1", "--output", str(folder / "k.png")]

    def copied(folder: Path) -> RunFolder:
        shutil.copytree(done, folder / "sorted")
        return RunFolder(folder / "sorted")

    def reported(folder: Path) -> None:
        run = copied(folder)
        with run.outputs.replaced([run.report_html.name]) as drafts:
            (drafts / run.report_html.name).write_text("an older report")

    def checked(folder: Path) -> None:
        run = copied(folder)
        names = (run.metrics_json.name, run.invariance_json.name)
        with run.outputs.replaced(names) as drafts:
            write_json(drafts / names[0], {**read_json(run.metrics_json), "check": {}})
            write_json(drafts / names[1], {"passed": False})

    def simulate(folder: Path) -> list[str]:
        few = ["-n", "2", "--size", "32", "--output", str(folder / "made")]
        return ["simulate", "discs", *few]

    survey = make_survey(material, n=8, bands="g", margin=0.0)

    def cut(name: str) -> Callable[[Path], list[str]]:
        words = ["cutouts", str(survey.catalogue), *survey.images, "--size", "8"]
        return lambda folder: [*words, "--output", str(folder / name)]

    scenes = (
        Scene("run", run, "sorted/catalogue.ecsv"),
        Scene("segment", segment, "k.fits"),
        Scene("predict", predict, "k.ecsv"),
        Scene("predict again", predict, "k.ecsv", again),
        Scene("similar", similar, "k.png"),
        Scene("report", lambda f: ["report", str(f / "sorted")], "sorted/report.html", reported),
        Scene("check", lambda f: ["check", str(f / "sorted")], "sorted/invariance.json", checked),
        Scene("simulate", simulate, "made/truth.ecsv"),
        Scene("cutouts", cut("k.fits"), "k.fits"),
        Scene("cutouts folder", cut("k"), "k/s003.fits"),
        Scene("cutouts store", cut("k.zarr"), "k.zarr/zarr.json"),
    )
    return {scene.name: scene for scene in scenes}


def without_training_twice(patch: pytest.MonkeyPatch) -> None:
    """Certificates and audits are made once: they write nothing, and take most of the time."""
    kept: dict[str, Any] = {}

    def once(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def known(*arguments: Any, **options: Any) -> Any:
            if name not in kept:
                kept[name] = function(*arguments, **options)
            return kept[name]

        return known

    certify = once("certificate", fitting.certify_model)
    patch.setattr(fitting, "certify_model", certify)
    patch.setattr(model_certificate, "certify_model", certify)
    patch.setattr(fitting, "audit_confounders", once("audit", fitting.audit_confounders))


def trial(scene: Scene, n: int, kind: Kind, place: Path, expected: dict[str, Any]) -> str:
    """Let the n-th write of a command fail, and repeat the command.

    Parameters
    ----------
    scene : Scene
    n : int
        From 1.
    kind : {"fails", "full", "killed"}
    place : Path
        Empty folder.
    expected : dict
        What `snapshot` gives without a fault.

    Returns
    -------
    str
        What is wrong; empty when nothing is.
    """
    folder, scratch = place / "work", place / "scratch"
    prepare(scene, folder, scratch)
    before = snapshot(folder)
    broken = run_with_fault(lambda: main(scene.words(folder)), Fault(folder, n, kind), scratch)
    after = snapshot(folder)
    if broken.status not in ({KILLED} if kind == "killed" else {0, 2}):
        return f"status {broken.status}: {broken.said[-300:]}"
    if "Traceback" in broken.said:
        return f"traceback: {broken.said[-300:]}"
    if kind != "killed" and any(".partial-" in name for name in after if "mine" not in name):
        return "left-overs of a failed write"
    if wrong := _half(scene, before, after, expected, kind):
        return wrong
    if kind == "killed" and (wrong := _not_recovered(scene, folder, before, expected)):
        return f"after recovery: {wrong}"
    if scene.name == "simulate" and scene.main in after:
        # It is finished, and is never written again.
        return ""
    repeated = run_with_fault(lambda: main(scene.words(folder)), Fault(folder), scratch)
    if repeated.status != 0:
        return f"repeated: status {repeated.status}: {repeated.said[-300:]}"
    found = snapshot(folder)
    differing = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    return f"repeated: other {sorted(differing)}" if differing else ""


def _half(
    scene: Scene,
    before: dict[str, Any],
    after: dict[str, Any],
    expected: dict[str, Any],
    kind: Kind,
) -> str:
    """The user's files are as before; and if the main output is there, all are old or all new.

    Only a process that is killed may leave the main output missing where there was one.
    """
    lost = [name for name in before if "mine" in name and after.get(name) != before[name]]
    if lost:
        return f"the user's {lost} changed"
    if scene.main not in after:
        missing = scene.main in before and kind != "killed"
        return f"{scene.main!r} is lost" if missing else ""
    names = {name for name in {**before, **expected} if not name.startswith("sorted/checkpoints")}
    if scene.name == "run" and "sorted/report.html" not in after:
        # The report is made of the finished run, and made again where it is missing.
        names -= {"sorted/report.html", "sorted/manifest.json"}
    if scene.main in before and all(after.get(name) == before.get(name) for name in names):
        return ""
    differing = [name for name in names if after.get(name) != expected.get(name)]
    return f"half: {sorted(differing)}" if differing else ""


def _not_recovered(
    scene: Scene, folder: Path, before: dict[str, Any], expected: dict[str, Any]
) -> str:
    """What a killed process has moved away is put back, in a copy of its folder."""
    copy = folder.with_name("recovered")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, symlinks=True)
    recover(copy, below=True)
    return _half(scene, before, snapshot(copy), expected, "fails")


def prepare(scene: Scene, folder: Path, scratch: Path) -> None:
    """The folder of a scene, with files of the user beside what will be written."""
    for one in (folder, scratch):
        shutil.rmtree(one, ignore_errors=True)
        one.mkdir(parents=True)
    scene.before(folder)
    for name in ("mine.txt", "k.mine.ecsv", ".partial-mine/mine.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"of the user: {name}")


def undisturbed(scene: Scene, place: Path, kind: Kind) -> tuple[int, dict[str, Any]]:
    """Number of writes of a command, and what it leaves when nothing fails."""
    folder, scratch = place / "work", place / "scratch"
    prepare(scene, folder, scratch)
    count = count_writes(lambda: main(scene.words(folder)), folder, scratch, kind)
    return count, snapshot(folder)


def snapshot(folder: Path) -> dict[str, Any]:
    """Content of all files, without the times that are written in them."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): _content(path) for path in files}


def _content(path: Path) -> Any:
    if path.name in _NOT_COMPARED or path.suffix == ".ckpt":
        assert path.suffix != ".json" or isinstance(json.loads(path.read_bytes()), dict)
        return "not compared"
    data = path.read_bytes()
    if path.suffix == ".json":
        try:
            return _timeless(json.loads(data), path.parent)
        except ValueError:
            return data
    if path.suffix == ".jsonl":
        return [_timeless(json.loads(line), path.parent) for line in data.splitlines()]
    if path.suffix == ".html" and data.rstrip().endswith(b"</html>"):
        return "a whole page"
    return re.sub(rb"updated \S+", b"updated", data) if path.suffix == ".fits" else data


def _timeless(value: Any, folder: Path) -> Any:
    """Without times; and of digests whether they are those of the files that lie there."""
    if isinstance(value, list):
        return [_timeless(one, folder) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _agreement(one, folder)
        if name in _DIGESTS and isinstance(one, dict)
        else _timeless(one, folder)
        for name, one in value.items()
        if name not in _TIMES
    }


def _agreement(digests: dict[str, str], folder: Path) -> dict[str, bool]:
    """Whether every file is the one that was written with the others."""
    return {
        name: (folder / name).exists() and digest_of(folder / name) == digest
        for name, digest in digests.items()
    }


def sweep(scene: Scene, place: Path, kind: Kind, chosen: Iterable[int] | None = None) -> list[str]:
    """Failures of a command over all of its writes, or over some.

    Parameters
    ----------
    scene : Scene
    place : Path
    kind : {"fails", "full", "killed"}
    chosen : iterable of int, optional
        Numbers of the writes, from 1; negative ones count from the last. Default all.

    Returns
    -------
    list of str
        One line for each failure.
    """
    count, expected = undisturbed(scene, place, kind)
    numbers = range(1, count + 1) if chosen is None else chosen
    found = []
    for number in numbers:
        n = number if number > 0 else count + 1 + number
        if wrong := trial(scene, n, kind, place, expected):
            found.append(f"{scene.name}, {kind} at write {n} of {count}: {wrong}")
    return found


def print_table(names: Sequence[str], *, few: bool = False) -> int:
    """Sweep over all writes of the commands named, or of all; the number of failures."""
    failures = 0
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        place = Path(scratch)
        (place / "weights").mkdir()
        patch.setenv("EQUICLUST_WEIGHTS", str(place / "weights"))
        without_training_twice(patch)
        scenes = make_scenes(place / "material")
        print(f"{'command':<16}{'fault':<10}{'failures':>10}{'seconds':>9}", flush=True)
        for name in names or (FEW if few else scenes):
            for kind in FEW[name] if few else KINDS:
                started = time.monotonic()
                found = sweep(scenes[name], place, kind, FEW[name][kind] if few else None)
                took = time.monotonic() - started
                print(f"{name:<16}{kind:<10}{len(found):>10}{took:>9.0f}", flush=True)
                for line in found:
                    print(f"  {line}", flush=True)
                failures += len(found)
    return failures


if __name__ == "__main__":
    chosen = [word for word in sys.argv[1:] if word != "--few"]
    sys.exit(min(print_table(chosen, few="--few" in sys.argv), 1))
