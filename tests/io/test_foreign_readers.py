"""Tables of ours as other programs read them: units, UCDs, descriptions, missing values, text."""

from __future__ import annotations

import io
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits, votable
from astropy.io.votable.ucd import check_ucd
from astropy.table import Column, MaskedColumn, Table

from equiclust.exceptions import InputError
from equiclust.io.block_tables import BlockTable
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.ucds import add_ucds, set_ucd, ucd_of
from tests.pipeline.run_folders import catalogue_of

FORMATS = (".vot", ".fits", ".ecsv", ".parquet")
# Names that become one identifier, that are no identifiers, and values at the ends of their types.
HOSTILE = {
    "a b": [1, 2, 3],
    "a_b": [4, 5, 6],
    "A b": [7, 8, 9],
    "1x": ["01", "nan", "ab"],
    "]]>&<x>": [True, False, True],
    "text": MaskedColumn(["x", "\u96ea \u2603", "a,b;c|d\"'"], mask=[False, True, False]),
    "number": MaskedColumn([1, 2, 999999], mask=[True, False, False]),
    "small": MaskedColumn(np.array([1, 32767, 16959], np.int16), mask=[True, False, False]),
    "byte": MaskedColumn(np.array([255, 254, 63], np.uint8), mask=[False, True, False]),
    "truth": MaskedColumn([True, False, True], mask=[False, True, False]),
    "real": [np.nan, 1e-300, 0.1],
    "vector": [[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]],
    "long": np.array([2**63 - 1, -(2**62), 0]),
    "half": np.array([1.5, 2.5, -0.1], np.float32),
}  # fmt: skip


def sky_catalogue() -> Table:
    return catalogue_of(np.array([[0.0, 89.5], [359.9, -10.0], [np.nan, np.nan]]))


def as_texts(column: Any) -> list[str]:
    """Values, those that are missing as nothing, numbers as floats."""
    masked = np.ma.asarray(column)
    gone = np.ma.getmaskarray(masked)
    return [
        "" if np.all(lost) or (value.dtype.kind == "f" and np.all(np.isnan(value)))
        else str(value.astype(int).tolist() if value.dtype.kind == "b" else value.tolist())
        for value, lost in ((np.asarray(masked.data[k]), gone[k]) for k in range(len(masked)))
    ]  # fmt: skip


@pytest.mark.parametrize("vectors", [False, True])
@pytest.mark.parametrize("suffix", FORMATS)
def test_values_come_back_whatever_they_are_and_are_called(
    suffix: str, vectors: bool, tmp_path: Path
) -> None:
    table = Table(HOSTILE)
    if not vectors:
        table.remove_column("vector")
    write_table(table, tmp_path / f"x{suffix}")
    found = read_table(tmp_path / f"x{suffix}")
    assert found.colnames == table.colnames
    for name in table.colnames:
        assert as_texts(found[name]) == as_texts(table[name]), name


@pytest.mark.parametrize("infinite", [False, True])
@pytest.mark.parametrize("vectors", [False, True])
def test_votables_are_valid(vectors: bool, infinite: bool, tmp_path: Path) -> None:
    table = Table(HOSTILE)
    if not vectors:
        table.remove_column("vector")
    table["outlier_score"] = [np.inf if infinite else 0.0, 1.0, 2.0]
    write_table(table, tmp_path / "x.vot")
    report = io.StringIO()
    assert votable.validate(str(tmp_path / "x.vot"), output=report), report.getvalue()
    assert read_table(tmp_path / "x.vot")["outlier_score"][0] == (np.inf if infinite else 0.0)
    if shutil.which("stilts"):
        command = ["stilts", "votlint", f"votable={tmp_path / 'x.vot'}"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert not said.stdout + said.stderr


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("suffix", FORMATS)
def test_every_column_says_what_it_is(suffix: str, whole: bool, tmp_path: Path) -> None:
    table, path = sky_catalogue(), tmp_path / f"x{suffix}"
    if whole:
        write_table(table, path)
    else:
        BlockTable(lambda: [table[:2], table[2:]]).write(path)
    found = read_table(path)
    for name in table.colnames:
        assert ucd_of(found[name]) == ucd_of(table[name])
        assert check_ucd(ucd_of(table[name]), check_controlled_vocabulary=True), name
        assert found[name].unit == table[name].unit
        assert found[name].description == table[name].description
    assert found.meta["CREATOR"] == table.meta["CREATOR"]


def test_the_words_of_the_standard_are_used_for_places() -> None:
    table = sky_catalogue()
    said = {name: ucd_of(table[name]) for name in ("id", "label", "stability", "ra", "dec")}
    assert list(said.values()) == [
        "meta.id;meta.main", "meta.code.class", "stat.probability",
        "pos.eq.ra;meta.main", "pos.eq.dec;meta.main",
    ]  # fmt: skip


def test_the_frame_stands_in_a_votable(tmp_path: Path) -> None:
    write_table(sky_catalogue(), tmp_path / "x.vot")
    tree = votable.parse(str(tmp_path / "x.vot"), verify="exception")
    (frame,) = tree.resources[0].coordinate_systems
    assert frame.system == "ICRS"
    fields = {field.name: field for field in tree.get_first_table().fields}
    assert fields["ra"].ref == fields["dec"].ref == frame.ID
    assert fields["label"].ref is None


def test_astropy_reads_the_votable_in_a_parquet_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = sky_catalogue()
    write_table(table, tmp_path / "x.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Table.read(tmp_path / "x.parquet", format="parquet.votable")
    assert found["ra"].unit == "deg"
    assert found["ra"].meta["ucd"] == "pos.eq.ra;meta.main"
    assert found["stability"].description.split() == table["stability"].description.split()


def test_fits_cards_say_it_to_other_programs(tmp_path: Path) -> None:
    table = sky_catalogue()
    write_table(table, tmp_path / "x.fits")
    header = fits.getheader(tmp_path / "x.fits", 1)
    place = table.colnames.index("ra") + 1
    assert header[f"TUCD{place}"] == "pos.eq.ra;meta.main"
    assert header[f"TCOMM{place}"] == table["ra"].description
    # From a file that astropy has not written.
    header.remove("COMMENT", remove_all=True)
    data = fits.getdata(tmp_path / "x.fits", 1)
    fits.BinTableHDU(data, header).writeto(tmp_path / "y.fits")
    found = read_table(tmp_path / "y.fits")
    assert ucd_of(found["ra"]) == "pos.eq.ra;meta.main"
    assert found["ra"].description == table["ra"].description
    assert not [key for key in found.meta if key.startswith(("TUCD", "TCOMM"))]


@pytest.mark.skipif(shutil.which("stilts") is None, reason="stilts is not installed")
@pytest.mark.parametrize("suffix", [".vot", ".fits"])
def test_topcat_reads_units_ucds_and_values(suffix: str, tmp_path: Path) -> None:
    table = sky_catalogue()
    write_table(table, tmp_path / f"x{suffix}")
    out = tmp_path / "out.vot"
    files = [f"in={tmp_path / f'x{suffix}'}", f"out={out}"]
    command = ["stilts", "tpipe", *files, "cmd=clearparams *"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    found = read_table(out)
    assert found.colnames == table.colnames
    for name in table.colnames:
        assert ucd_of(found[name]) == ucd_of(table[name])
        assert str(found[name].unit) == str(table[name].unit)
        assert as_texts(found[name]) == as_texts(table[name])
    assert found["ra"].description == table["ra"].description


def test_what_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="FITS cannot hold the column '\u00e4'"):
        write_table(Table({"\u00e4": [1]}), tmp_path / "x.fits")
    with pytest.raises(InputError, match="VOTable cannot hold 18446744073709551615"):
        write_table(Table({"n": np.array([2**64 - 1], np.uint64)}), tmp_path / "x.vot")
    assert not list(tmp_path.iterdir())


def test_what_is_said_already_is_kept() -> None:
    table = Table({"ra": Column([1.0]), "velocity_low": [2.0], "mine": [3]})
    set_ucd(table["ra"], "pos.eq.ra")
    add_ucds(table)
    assert [ucd_of(column) for column in table.itercols()] == [
        "pos.eq.ra", "spect.dopplerVeloc;stat.min", "",
    ]  # fmt: skip
