"""What is refused as an argument, and that nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from equiclust.exceptions import InputError
from equiclust.validation import (
    check_choice,
    check_names,
    check_positive,
    check_share,
    check_whole,
    is_auto,
)


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (lambda v: check_whole("n", v), (1, 10**30, np.int64(3), np.uint8(1))),
        (lambda v: check_whole("n", v, 0), (0, np.int8(0))),
        (lambda v: check_positive("n", v), (1e-300, 1, np.float32(2))),
        (lambda v: check_share("n", v), (0, 1, 0.5, np.float64(1))),
        (lambda v: check_choice("n", v, ("a", "b")), ("a", "b")),
        (lambda v: check_names("n", v, ("a", "b")), ({}, {"a": 1}, ["b", "a"])),
    ],
)
def test_what_fits_passes(check: Callable[[Any], None], good: tuple[Any, ...]) -> None:
    for value in good:
        check(value)


@pytest.mark.parametrize(
    ("check", "bad", "said"),
    [
        (
            lambda v: check_whole("n", v),
            (0, -1, 1.0, True, "1", None),
            "whole number of at least 1",
        ),
        (lambda v: check_whole("n", v, 2), (1, np.int64(0)), "whole number of at least 2"),
        (lambda v: check_positive("n", v), (0, -1.0, float("nan"), True, "1", None), "above 0"),
        (lambda v: check_share("n", v), (-0.1, 1.1, float("nan"), False, "a"), "from 0 to 1"),
        (
            lambda v: check_choice("n", v, ("a", "b")),
            ("c", "", None, 1, ["a"], np.array(["a", "b"])),
            "one of a, b",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_name_and_value(
    check: Callable[[Any], None], bad: tuple[Any, ...], said: str
) -> None:
    for value in bad:
        with pytest.raises(InputError) as refused:
            check(value)
        assert (
            str(refused.value)
            == f"n must be {'a ' * said.startswith('whole')}{said}, got {value!r}"
        )


def test_the_first_unknown_name_is_told() -> None:
    with pytest.raises(InputError, match=r"^views must use the names a, b, got 'c'$"):
        check_names("views", {"a": 1, "c": 2, "d": 3}, ("a", "b"))


@pytest.mark.parametrize("other", ["Auto", "", 0, None, True, ["auto"], np.array(["auto", "auto"])])
def test_the_word_auto_alone_is_auto(other: object) -> None:
    assert is_auto("auto")
    assert is_auto(np.str_("auto"))
    assert not is_auto(other)
