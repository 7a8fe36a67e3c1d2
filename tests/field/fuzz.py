"""Mutate valid files of every kind, read them, and count what neither works nor is refused.

    python -m tests.field.fuzz --mutants 100000 --random-state 0
    python -m tests.field.fuzz --only FITS:1234 --keep FOLDER

The second one reads a single mutant in this process, and leaves it in a folder. Mutants are read by
worker processes: one that takes more than ten seconds, or ends its process, is counted and its
worker replaced. The exit status is 1 if there is any such mutant, one that raises anything but the
package's own errors, or one that takes more memory than allowed.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from tests.field.readers import ACCEPTED, CRASHED, READERS, REFUSED, read_mutant, write_mutant
from tests.field.seeds import MODEL

__all__ = ["Failure", "fuzz", "main", "table"]

TIMED_OUT, TOO_LARGE = "over 10 s", "above memory"
BAD = (CRASHED, TIMED_OUT, TOO_LARGE)
_SECONDS = 10.0
_MIB = 1 << 20
# Shares of the mutants: what takes long is read less often.
_SHARES = {MODEL: 0.2, "regions": 0.4, "folder": 0.4}
_SHOWN = 40

Mutant = tuple[str, int]


@dataclass(frozen=True)
class Failure:
    """A mutant that neither works nor is refused.

    Parameters
    ----------
    reader : str
    index : int
        Its number, for ``--only``.
    what : str
        One of `BAD`.
    message : str
    """

    reader: str
    index: int
    what: str
    message: str


@dataclass
class _Worker:
    """A process that reads one mutant after the other."""

    random_state: int
    memory_mib: int
    folder: Path
    mutant: Mutant | None = None
    since: float = 0.0
    process: Any = field(init=False)
    pipe: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, self.random_state, self.memory_mib, self.folder)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def give(self, mutant: Mutant | None) -> None:
        self.mutant, self.since = mutant, time.monotonic()
        with suppress(BrokenPipeError):
            self.pipe.send(mutant)

    def replace(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.start()


def _work(pipe: Connection, random_state: int, memory_mib: int, folder: Path) -> None:
    """Read the mutants that come through the pipe, until None comes."""
    # What libraries print is of no use here, and there is much of it.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    torch.set_num_threads(1)
    size = _status("VmSize")
    # The address space is twice the bound, for what is reserved and never used.
    limit = (size + 2 * memory_mib) * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    _forget_peak()
    while (mutant := pipe.recv()) is not None:
        before = _status("VmRSS")
        what, message = read_mutant(*mutant, random_state, folder)
        taken = _status("VmHWM") - before
        if taken > memory_mib or "MemoryError" in message:
            what, message = TOO_LARGE, f"{taken} MiB: {message}"
            _forget_peak()
        pipe.send((what, message))


def _forget_peak() -> None:
    """From now on `VmHWM` is the peak of what is used from now on. It takes milliseconds."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> int:
    """A size from the kernel's record of this process, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) // 1024
    return 0


def fuzz(
    n_mutants: int,
    *,
    random_state: int = 0,
    n_jobs: int = 2,
    memory_mib: int = 1024,
    readers: tuple[str, ...] = READERS,
) -> tuple[Mapping[str, Counter[str]], list[Failure]]:
    """Read mutants of the files of every reader.

    Parameters
    ----------
    n_mutants : int
        Of all readers together.
    random_state : int, default 0
        The same mutants at every call.
    n_jobs : int, default 2
        Processes.
    memory_mib : int, default 1024
        Most memory that reading one small file may take, in MiB.
    readers : tuple of str, default all
        Which to try.

    Returns
    -------
    counts : dict of str to Counter
        By reader, how many mutants came to what.
    failures : list of Failure
        Those that came to something bad.
    """
    mutants = _mutants(n_mutants, readers)
    counts: dict[str, Counter[str]] = {reader: Counter() for reader in readers}
    failures: list[Failure] = []
    if MODEL in readers:
        # Fitted here, so that the workers find it in their memory.
        with tempfile.TemporaryDirectory() as folder:
            write_mutant(MODEL, 0, random_state, Path(folder) / "m")
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        places = [Path(folder) / str(k) / "mutant" for k in range(n_jobs)]
        workers = [_Worker(random_state, memory_mib, place) for place in places]
        try:
            for (reader, index), what, message in _results(workers, mutants):
                counts[reader][what] += 1
                if what in BAD:
                    failures.append(Failure(reader, index, what, message))
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.join()
    return counts, failures


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _mutants(n_mutants: int, readers: tuple[str, ...]) -> Iterator[Mutant]:
    total = sum(_SHARES.get(reader, 1.0) for reader in readers)
    for reader in readers:
        count = max(1, round(n_mutants * _SHARES.get(reader, 1.0) / total))
        yield from zip(itertools.repeat(reader, count), range(count), strict=False)


def _results(
    workers: list[_Worker], mutants: Iterator[Mutant]
) -> Iterator[tuple[Mutant, str, str]]:
    for worker in workers:
        worker.give(next(mutants, None))
    while busy := [worker for worker in workers if worker.mutant is not None]:
        ready = wait([worker.pipe for worker in busy], timeout=0.2)
        for worker in busy:
            if worker.pipe in ready:
                what, message = _answer(worker)
            elif time.monotonic() - worker.since > _SECONDS:
                what, message = TIMED_OUT, "it was ended"
                worker.replace()
            else:
                continue
            assert worker.mutant is not None
            yield worker.mutant, what, message
            worker.give(next(mutants, None))


def _answer(worker: _Worker) -> tuple[str, str]:
    try:
        what, message = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        ended = worker.process.exitcode
        worker.replace()
        return CRASHED, f"the process ended with status {ended}"
    return what, message


def table(counts: Mapping[str, Counter[str]]) -> str:
    """Lines of a table: one for each reader, and one for all.

    Parameters
    ----------
    counts : mapping of str to Counter
        As from `fuzz`.

    Returns
    -------
    str
    """
    columns = (ACCEPTED, REFUSED, *BAD)
    rows = [("reader", "mutants", *columns)]
    for name, found in (*counts.items(), ("all", sum(counts.values(), Counter()))):
        rows.append((name, str(found.total()), *(str(found[what]) for what in columns)))
    return "\n".join(f"{row[0]:<16}" + "".join(f"{cell:>17}" for cell in row[1:]) for row in rows)


def main(arguments: list[str] | None = None) -> int:
    """Parse arguments, print the table and the failures, and return the exit status.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the command line by default.

    Returns
    -------
    int
        1 if any mutant came to something bad.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.field.fuzz", description=__doc__)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--random-state", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--memory-mib", type=int, default=1024)
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    parser.add_argument("--only", metavar="READER:NUMBER", help="read this mutant alone")
    parser.add_argument("--keep", type=Path, default=Path("mutant"), help="where to leave it")
    given = parser.parse_args(arguments)
    if given.only:
        reader, index = given.only.rsplit(":", 1)
        print(*read_mutant(reader, int(index), given.random_state, given.keep), sep=": ")
        return 0
    started = time.monotonic()
    counts, failures = fuzz(
        given.mutants,
        random_state=given.random_state,
        n_jobs=given.jobs,
        memory_mib=given.memory_mib,
        readers=tuple(given.readers),
    )
    print(table(counts))
    print(f"{time.monotonic() - started:.0f} s")
    for one in failures[:_SHOWN]:
        print(f"{one.reader}:{one.index}: {one.what}: {one.message}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
