"""What is said of an image is true of the numbers."""

from __future__ import annotations

import numpy as np

from equiclust.evaluation.outlier_reasons import UNMEASURED, outlier_reasons


def test_a_quantity_far_out_is_said_with_its_share_and_no_other() -> None:
    rng = np.random.default_rng(0)
    others = {"size": rng.normal(10, 1, 500), "brightness": rng.normal(5, 2, 500)}
    own = {"size": np.array([10.0, 20.0, 2.0]), "brightness": np.array([5.0, 4.0, 40.0])}
    assert outlier_reasons(own, others) == [
        UNMEASURED,
        "larger than all",
        # The farthest comes first: 17.5 standard deviations and 8.
        "brighter than all, smaller than all",
    ]
    at = np.sort(others["size"])[496]
    (reason,) = outlier_reasons({"size": np.array([at])}, {"size": others["size"]})
    assert reason in (f"larger than {100 * 496 / 500:.3g} %", UNMEASURED)


def test_one_of_a_theme_and_three_at_most() -> None:
    rng = np.random.default_rng(0)
    names = ("size", "brightness", "signal_to_noise", "elongation", "lopsidedness")
    others = {name: rng.normal(size=200) for name in names}
    (reason,) = outlier_reasons({name: np.array([9.0 + k]) for k, name in enumerate(names)}, others)
    assert reason.count("than") == 3
    assert "brighter" not in reason  # less far out than the signal to noise, which has its theme


def test_what_is_not_known_says_nothing() -> None:
    few = {"size": np.arange(5.0)}
    assert outlier_reasons({"size": np.array([99.0])}, few) == [UNMEASURED]
    constant = {"size": np.ones(100)}
    assert outlier_reasons({"size": np.array([99.0])}, constant) == [UNMEASURED]
    missing = {"size": np.append(np.arange(100.0), np.nan)}
    assert outlier_reasons({"size": np.array([np.nan, 999.0])}, missing) == [
        UNMEASURED,
        "larger than all",
    ]
    assert outlier_reasons({"number": np.array([1.0])}, {"number": np.arange(50.0)}) == [UNMEASURED]
