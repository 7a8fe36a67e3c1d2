"""A budget of mutants of every reader: none crashes, hangs or takes all memory."""

from __future__ import annotations

import mmap
from collections import Counter
from pathlib import Path

import pytest

from tests.field import fuzz as fuzzing
from tests.field.mutations import KINDS
from tests.field.readers import ACCEPTED, READERS, REFUSED, write_mutant
from tests.field.seeds import SEEDS

# A few seconds of mutants; `make fuzz` reads 10^5.
BUDGET = 600


def test_mutants_are_accepted_or_refused() -> None:
    counts, failures = fuzzing.fuzz(BUDGET, random_state=1)
    assert not failures, fuzzing.table(counts)
    assert set(counts) == set(READERS)
    total = sum(counts.values(), Counter())
    assert total.total() == total[ACCEPTED] + total[REFUSED] >= BUDGET - len(READERS)
    assert all(found[REFUSED] for found in counts.values())


def test_a_number_names_one_mutant(tmp_path: Path) -> None:
    paths = [write_mutant("FITS", 5, 0, tmp_path / name) for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    other = write_mutant("FITS", 6, 0, tmp_path / "c")
    assert other.read_bytes() != paths[0].read_bytes()


@pytest.mark.parametrize("what", ["crash", "end", "hang", "memory"])
def test_what_is_bad_is_counted(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def bad(reader: str, index: int, random_state: int, folder: Path) -> tuple[str, str]:
        if index == 1 and what == "crash":
            return fuzzing.CRASHED, "ValueError"
        if index == 1 and what == "end":
            raise SystemExit(3)
        if index == 1 and what == "hang":
            fuzzing.time.sleep(60)
        if index == 1 and what == "memory":
            # Not from the heap: a process that has run other tests has memory left over there.
            with mmap.mmap(-1, 96 << 20) as taken:
                for _ in range(96):
                    taken.write(b"x" * (1 << 20))
        return ACCEPTED, ""

    monkeypatch.setattr(fuzzing, "read_mutant", bad)
    monkeypatch.setattr(fuzzing, "_SECONDS", 0.5)
    counts, failures = fuzzing.fuzz(6, n_jobs=1, memory_mib=64, readers=("npy",))
    expected = {"hang": fuzzing.TIMED_OUT, "memory": fuzzing.TOO_LARGE}.get(what, fuzzing.CRASHED)
    assert [(one.index, one.what) for one in failures] == [(1, expected)]
    assert counts["npy"] == {ACCEPTED: 5, expected: 1}


def test_every_kind_of_content_has_a_mutation() -> None:
    assert {kind for files in SEEDS.values() for kind, _ in files.values()} <= set(KINDS)
