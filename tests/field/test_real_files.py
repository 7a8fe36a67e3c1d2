"""Files that other packages ship: refused in a sentence, or read as astropy reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from tests.field import real_files
from tests.field.real_files import check_file, check_header, fits_files, header_files

PACKAGES = real_files.installed_packages(("astropy", "astrodendro", "radio_beam", "regions"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("package", PACKAGES)
def test_files_of_a_package(package: str) -> None:
    outcomes = [check_file(path) for path in fits_files(PACKAGES[package])]
    assert {str(found.path): found.wrong for found in outcomes if found.wrong} == {}
    assert all(found.images or found.refused for found in outcomes)


@pytest.mark.filterwarnings("ignore")
def test_headers_of_every_projection(tmp_path: Path) -> None:
    tried = [check_header(path, tmp_path) for path in header_files(PACKAGES["astropy"])[::3]]
    found = [outcome for outcome in tried if outcome is not None]
    assert len(found) > 10
    assert {str(outcome.path): outcome.wrong for outcome in found if outcome.wrong} == {}


def test_a_difference_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "map.fits"
    values = np.random.default_rng(0).normal(size=(5, 6))
    fits.writeto(path, values)
    assert check_file(path).wrong == []
    monkeypatch.setattr(real_files, "cube_of", lambda hdu, wcs: 1.001 * values[None])
    assert check_file(path).wrong == ["[0] 30 pixels"]
