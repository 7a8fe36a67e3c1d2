"""A table written block by block is the file of the whole table, byte for byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Column, Table, vstack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equiclust.exceptions import InputError
from equiclust.io.block_tables import BlockTable, joined_tables
from equiclust.io.catalogue import read_table, write_table

NAMES = ["a", "#1", "Kübelwagen 星", 'a "quoted", name', "", "nan", "a longer name than others"]
SUFFIXES = (".ecsv", ".fits", ".vot", ".csv", ".parquet")

texts = st.lists(st.sampled_from(NAMES), min_size=1, max_size=9)


def table(names: list[str], *, with_places: bool = True) -> Table:
    rng = np.random.default_rng(len(names))
    made = Table(meta={"CREATOR": "equiclust"})
    made["id"] = Column(np.array(names, dtype=np.str_), description="name")
    made["label"] = Column(rng.integers(-1, 5, len(names)), description="cluster")
    made["stability"] = Column(rng.random(len(names)), description="p" * 90)
    if with_places:
        made["ra"] = Column(rng.random(len(names)), description="place", unit="deg")
    return made


def assert_same(one: Table, other: Table) -> None:
    assert one.colnames == other.colnames
    for name in one.colnames:
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(other[name]))
        assert (one[name].unit, one[name].description) == (
            other[name].unit,
            other[name].description,
        )


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(names=texts, cut=st.integers(1, 8))
def test_blocks_are_the_whole(tmp_path: Path, suffix: str, names: list[str], cut: int) -> None:
    whole = table(names)
    parts = [part for part in (whole[:cut], whole[cut:]) if len(part)]
    blocks = BlockTable(lambda: parts)
    assert len(blocks) == len(whole)
    assert_same(blocks.joined(), whole)
    blocks.write(tmp_path / f"blocks{suffix}")
    write_table(whole, tmp_path / f"once{suffix}")
    if suffix == ".parquet":
        back = [read_table(tmp_path / f"{name}{suffix}") for name in ("blocks", "once")]
        assert_same(*back)
        assert_same(back[0], whole)
    else:
        written = [(tmp_path / f"{name}{suffix}").read_bytes() for name in ("blocks", "once")]
        assert written[0] == written[1]


@pytest.mark.parametrize("first", [True, False])
def test_places_that_some_parts_lack_are_nan(first: bool) -> None:
    parts = [table(["a", "b"], with_places=first), table(["c"], with_places=not first)]
    whole = BlockTable(lambda: parts).joined()
    assert whole.colnames == ["id", "label", "stability", "ra"]
    assert np.isnan(whole["ra"]).tolist() == (
        [False, False, True] if first else [True, True, False]
    )
    assert whole["ra"].unit == "deg"


def test_joined_is_stacked() -> None:
    parts = [table(["a"]), table(["bb", "c"])]
    assert_same(joined_tables(parts), vstack(parts))


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in one of"):
        BlockTable(lambda: [table(["a"])]).write(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []
