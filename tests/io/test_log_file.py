"""The log of a piece of work: what came before its file, what goes wrong, and the loggers after."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from equiclust.exceptions import InputError
from equiclust.io.log_file import logged


def test_the_file_has_what_came_before_it_and_after(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with logged() as log:
        logging.getLogger("equiclust.somewhere").info("before")
        log.write_to(path)
        logging.getLogger("data_adapters.somewhere").info("after")
        log.write_to(path)
        logging.getLogger("ensembles.somewhere").warning("at last")
    logging.getLogger("equiclust.somewhere").info("too late")
    lines = path.read_text().splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["before", "after", "at last"]


def test_the_loggers_are_left_as_they_were() -> None:
    loggers = [logging.getLogger(name) for name in ("equiclust", "data_adapters", "ensembles")]
    before = [(logger.level, logger.handlers[:]) for logger in loggers]
    with logged():
        pass
    assert [(logger.level, logger.handlers[:]) for logger in loggers] == before


def test_an_unexpected_error_is_logged_and_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with pytest.raises(ZeroDivisionError) as caught, logged() as log:
        log.write_to(path)
        raise ZeroDivisionError("not expected")
    assert caught.value.__notes__ == [str(path)]
    assert "Traceback" in path.read_text()
    assert "not expected" in path.read_text()


def test_an_error_of_the_package_is_logged_without_traceback(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with pytest.raises(InputError) as caught, logged() as log:
        log.write_to(path)
        raise InputError("no such file")
    assert not hasattr(caught.value, "__notes__")
    assert "no such file" in path.read_text()
    assert "Traceback" not in path.read_text()
