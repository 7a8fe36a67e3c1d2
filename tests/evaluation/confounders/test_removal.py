"""What confounders explain is taken out of latents, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.table import Table
from sklearn.base import clone
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from equiclust.evaluation.confounders import (
    ConfounderRemoval,
    measure_confounders,
    remove_confounders,
)
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.simulation.discs import simulate_discs

Floats = npt.NDArray[np.float64]
NAMES = ("elongation", "brightness", "signal_to_noise", "size", "edge")


def measures(rng: np.random.Generator, n: int) -> Table:
    """Independent measures, some of which are missing, and an orientation."""
    columns = {
        "orientation": rng.uniform(0.0, 180.0, n),
        "elongation": rng.random(n),
        "brightness": 10.0 ** rng.normal(size=n),
        "signal_to_noise": 10.0 ** rng.normal(1.0, 0.2, n),
        "size": rng.uniform(0.1, 0.3, n),
        "edge": rng.random(n) * (rng.random(n) < 0.3),
    }
    missing = rng.random(n) < 0.1
    for name in ("elongation", "size", "edge"):
        columns[name] = np.where(missing, np.nan, columns[name])
    return Table({"id": [f"{i}" for i in range(n)], **columns})


def latents(rng: np.random.Generator, table: Table, strength: float = 1.0) -> Floats:
    """Two kinds, which are independent of the measures, and what the measures do to them."""
    n = len(table)
    size = np.nan_to_num((table["size"] - 0.2) / 0.06)
    light = np.log10(table["brightness"])
    kinds = 4.0 * rng.integers(2, size=n)[:, None] * np.eye(8)[0]
    bent = np.outer(size**2 + size * light, np.eye(8)[1]) + np.outer(light, np.eye(8)[2])
    return kinds + strength * (bent + np.outer(size, np.ones(8))) + 0.3 * rng.normal(size=(n, 8))


def predicted(x: Floats, target: Floats) -> float:
    """Share of a measure that a polynomial of the latents predicts of held-out images."""
    half = len(x) // 2
    model = make_pipeline(
        StandardScaler(), PolynomialFeatures(2), StandardScaler(), RidgeCV(10.0 ** np.arange(5))
    )
    return float(model.fit(x[:half], target[:half]).score(x[half:], target[half:]))


def test_no_measure_is_predictable_afterwards(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    table = measures(rng, 800)
    before = latents(rng, table)
    after = remove_confounders(before, table)
    targets = {"size": np.nan_to_num(table["size"] - 0.2), "light": np.log10(table["brightness"])}
    for target in targets.values():
        assert predicted(before, target) > 0.8
        assert predicted(after, target) < 0.05
    # The kinds are still two.
    kinds = before[:, 0] - before[:, 3] > 2.0
    assert abs(after[kinds, 0].mean() - after[~kinds, 0].mean()) > 3.5


def test_what_is_independent_is_left_alone(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    table = measures(rng, 200)
    before = latents(rng, table, strength=0.0)
    removal = ConfounderRemoval().fit(before, table)
    assert removal.explained_variance_ratio_ < 0.02
    change = removal.transform(before, table) - before
    assert np.square(change).sum() < 0.02 * np.square(before - before.mean(0)).sum()


def test_the_share_removed_is_that_of_new_images(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    table = measures(rng, 1600)
    before = latents(rng, table)
    removal = ConfounderRemoval().fit(before[:300], table[:300])
    new, known = before[300:], table[300:]
    left = np.square(removal.transform(new, known) - before[:300].mean(0)).sum()
    share = 1 - left / np.square(new - before[:300].mean(0)).sum()
    assert removal.explained_variance_ratio_ == pytest.approx(share, abs=0.05)
    assert 0.3 < share < 0.8


def test_erasure_leaves_nothing_linear_and_needs_no_measures() -> None:
    rng = np.random.default_rng(0)
    table = measures(rng, 300)
    before = latents(rng, table)
    removal = ConfounderRemoval(["size", "brightness"], method="erasure").fit(before, table)
    after = removal.transform(before)
    light = np.log10(table["brightness"])
    light = np.clip(light, *np.quantile(light, [0.01, 0.99]))
    assert np.abs(np.corrcoef(after.T, light)[-1, :-1]).max() < 0.05
    np.testing.assert_allclose(removal.transform(after), after, atol=1e-9)
    assert np.linalg.matrix_rank(after - after.mean(0)) == 8 - removal.n_terms_ == 5
    change = np.square(after - before).sum() / np.square(before - before.mean(0)).sum()
    assert removal.explained_variance_ratio_ == pytest.approx(change)


def test_neither_turns_nor_mirrors_of_the_images_change_anything() -> None:
    images = simulate_discs(24, size=32, max_inclination=60.0, random_state=0)[0]
    before = np.random.default_rng(0).normal(size=(24, 3))
    before[:, 0] += 3 * np.asarray(measure_confounders(images)["elongation"])
    found = []
    for turns, mirror in ((0, 1), (1, 1), (2, 1), (0, -1), (3, -1)):
        moved = [np.rot90(one.pixels[..., ::mirror], turns, (1, 2)) for one in images]
        turned = ImageSet(
            tuple(
                replace(one, pixels=np.ascontiguousarray(pixels))
                for one, pixels in zip(images, moved, strict=True)
            )
        )
        known = measure_confounders(turned)
        found.append(remove_confounders(before, known, names=["elongation", "brightness"]))
    assert np.abs(found[0] - before).max() > 0.1
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-6)


@pytest.mark.parametrize("method", ["polynomial", "erasure"])
def test_neither_order_nor_unit_matter(method: Any) -> None:
    rng = np.random.default_rng(0)
    table = measures(rng, 120)
    before = latents(rng, table)
    after = remove_confounders(before, table, method=method)
    order = rng.permutation(120)
    again = remove_confounders(before[order], table[order], method=method)
    np.testing.assert_allclose(again, after[order], atol=1e-9)
    table["brightness"], table["size"] = 1e-30 * table["brightness"], 7.0 * table["size"]
    scaled = remove_confounders(1e200 * before, table, method=method)
    np.testing.assert_allclose(scaled, 1e200 * after, atol=1e190, rtol=1e-6)


@pytest.mark.parametrize("n", [1, 4, 12, 40, 150])
@pytest.mark.parametrize("method", ["polynomial", "erasure"])
def test_it_is_the_same_when_read_again(method: Any, n: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(n)
    table = measures(rng, n)
    before = latents(rng, table).astype(np.float32)
    removal = ConfounderRemoval(["brightness", "size"], method=method).fit(before, table)
    removal.save(tmp_path)
    read = ConfounderRemoval.load(tmp_path)
    assert read.get_params() == removal.get_params()
    for name in ("names_", "n_terms_", "explained_variance_ratio_", "n_features_in_"):
        assert getattr(read, name) == getattr(removal, name)
    after = read.transform(before, table)
    assert after.dtype == np.float32
    np.testing.assert_array_equal(after, removal.transform(before, table))
    # No more terms than the images can bear: nothing is removed of few.
    assert removal.n_terms_ <= n / 5
    if not removal.n_terms_:
        np.testing.assert_array_equal(after, before)


def test_more_images_bear_more_terms() -> None:
    rng = np.random.default_rng(0)
    table = measures(rng, 400)
    n_terms = [
        ConfounderRemoval(["size", "brightness"]).fit(np.ones((n, 2)), table[:n]).n_terms_
        for n in (5, 15, 25, 30)
    ]
    # Two measures and an indicator of what is missing; their squares; their product.
    assert n_terms == [0, 3, 5, 6]


def test_images_beyond_the_sample_are_changed_as_those_at_its_edge(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    table = measures(rng, 300)
    before = latents(rng, table)
    removal = ConfounderRemoval().fit(before, table)
    known = np.abs(removal.transform(before, table) - before).max()
    far = table[np.zeros(6, dtype=int)]
    far["brightness"] = [1e300, 1e-300, 0.0, -5.0, np.nan, 1e9]
    far["size"] = [1e300, -1e300, 0.0, 40.0, np.nan, 1e9]
    change = removal.transform(np.zeros((6, 8)), far)
    assert np.isfinite(change).all()
    assert np.abs(change).max() < 3 * known
    # However far, it is the same.
    np.testing.assert_array_equal(change[0], change[5])


def test_orientation_is_never_used() -> None:
    rng = np.random.default_rng(0)
    table = measures(rng, 100)
    before = latents(rng, table) + np.asarray(table["orientation"])[:, None]
    removal = ConfounderRemoval().fit(before, table)
    assert removal.names_ == NAMES
    turned = table.copy()
    turned["orientation"] = 0.0
    np.testing.assert_array_equal(
        removal.transform(before, turned), removal.transform(before, table)
    )
    with pytest.raises(InputError, match="names cannot hold 'orientation'"):
        remove_confounders(before, table, names=["orientation"])


def test_arrays_do_as_well_as_tables_and_masked_entries_are_missing() -> None:
    rng = np.random.default_rng(0)
    table = measures(rng, 100)
    before = latents(rng, table)
    array = np.stack([table[name] for name in NAMES], axis=1)
    masked = Table(table, masked=True, copy=True)
    masked["size"].mask = np.isnan(table["size"])
    masked["size"].data.data[masked["size"].mask] = 99.0
    after = remove_confounders(before, table)
    np.testing.assert_array_equal(remove_confounders(before, array), after)
    np.testing.assert_array_equal(remove_confounders(before, masked), after)
    removal = clone(ConfounderRemoval(NAMES, method="polynomial"))
    assert removal.fit(before, array).names_ == NAMES
    assert list(removal.get_feature_names_out()) == [f"x{i}" for i in range(8)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "magic"}, "method must be 'polynomial' or 'erasure', got 'magic'"),
        ({"names": "size"}, "names must be a sequence of text or None, got 'size'"),
        ({"names": []}, r"names must be different, one or more, got \[\]"),
        ({"names": ["size", "size"]}, "names must be different"),
        ({"names": ["colour"]}, "confounders must have a column 'colour', got id, orientation"),
        ({"latents": np.zeros(5)}, r"X must have shape \(n, d\)"),
        ({"latents": np.full((5, 2), np.nan)}, "X must be finite"),
        ({"latents": np.zeros((4, 2))}, r"a row for each of the 4 latents.*got shape \(5, 5\)"),
        ({"confounders": np.zeros((5, 0))}, r"column for each of the measures, got shape \(5, 0\)"),
        ({"confounders": np.zeros(5)}, r"got shape \(5,\)"),
        ({"confounders": np.full((5, 1), np.inf)}, "finite, or NaN where there is none"),
        ({"confounders": [["big"]] * 5}, "confounders must be real numbers"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], message: str) -> None:
    table = measures(np.random.default_rng(0), 5)
    arguments = {"latents": np.zeros((5, 2)), "confounders": table, **given}
    with pytest.raises(InputError, match=message):
        remove_confounders(**arguments)


def test_parameters_are_checked_in_fit() -> None:
    for names in ("size", 5, [1]):
        with pytest.raises(InputError, match="names must be a sequence of names"):
            ConfounderRemoval(names).fit(np.zeros((5, 2)), np.zeros((5, 1)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="method must be one of polynomial, erasure, got None"):
        ConfounderRemoval(method=None).fit(np.zeros((5, 2)), np.zeros((5, 1)))  # type: ignore[arg-type]


def test_new_latents_must_fit_and_have_measures() -> None:
    rng = np.random.default_rng(0)
    table = measures(rng, 50)
    removal = ConfounderRemoval().fit(latents(rng, table), table)
    with pytest.raises(InputError, match="X must have 8 columns as in fit, got 3"):
        removal.transform(np.zeros((50, 3)), table)
    with pytest.raises(InputError, match="confounders must be given"):
        removal.transform(np.zeros((50, 8)))


def test_damage_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = measures(rng, 50)
    removal = ConfounderRemoval().fit(latents(rng, table), table)
    terms = removal._terms
    for name, wrong in (
        ("factors", terms.factors + 90),
        ("term_means", terms.term_means[1:]),
        ("spread", terms.spread[1:]),
    ):
        removal._terms = replace(terms, **{name: wrong})
        removal.save(tmp_path)
        with pytest.raises(InputError, match="damaged ConfounderRemoval"):
            ConfounderRemoval.load(tmp_path)
