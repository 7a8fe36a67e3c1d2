"""Preprocessing commutes with turns and mirrors, can be undone, and names what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from equiclust.exceptions import InputError
from equiclust.images import Image, ImageSet
from equiclust.preprocessing import Preprocessor
from equiclust.preprocessing.background import border, noise
from equiclust.preprocessing.resize import operator, resize
from equiclust.preprocessing.stretch import STRETCHES, stretch_named
from equiclust.simulation.discs import simulate_discs

Transform = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]

QUARTERS = [
    pytest.param(
        lambda a, k=k, m=m: np.rot90(a[..., ::-1] if m else a, k, axes=(-2, -1)), id=f"{k}{'m' * m}"
    )
    for k in range(4)
    for m in (False, True)
]
sides = st.integers(1, 40)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def scenes(draw: st.DrawFn) -> Image:
    """A blob on noise, off centre, of any unit and shape, with holes."""
    rng = np.random.default_rng(draw(seeds))
    channels, height, width = draw(st.integers(1, 3)), draw(sides), draw(sides)
    y, x = np.mgrid[:height, :width]
    at = rng.uniform(0, 1, 2) * (height, width)
    blob = np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / draw(st.floats(1.0, 100.0)))
    pixels = blob + draw(st.floats(0, 0.5)) * rng.standard_normal((channels, height, width))
    pixels = pixels * draw(st.sampled_from([1e-30, 1.0, -5.0, 1e30])) + draw(st.floats(-3, 3))
    mask = rng.uniform(size=(height, width)) < draw(st.sampled_from([0.0, 0.0, 0.1, 0.5]))
    return Image.from_values(pixels, "scene", mask=mask)


@st.composite
def preprocessors(draw: st.DrawFn) -> Preprocessor:
    return Preprocessor(
        size=draw(st.integers(1, 48)),
        background=draw(st.sampled_from(["border", "none", "median"])),
        stretch=draw(st.sampled_from(sorted(STRETCHES))),
        percentiles=draw(st.sampled_from([(0, 100), (1.0, 99.9), (5, 95)])),
        center=draw(st.sampled_from(["none", "centroid", "peak"])),
        canonical=draw(st.sampled_from(["none", "scale", "inclination", "affine"])),
        circular_mask=draw(st.sampled_from([None, 0.9, 1.0])),
    )


@pytest.mark.parametrize("turn", QUARTERS)
@settings(max_examples=60, deadline=None)
@given(scene=scenes(), preprocessor=preprocessors())
def test_commutes_with_quarter_turns_and_mirrors(
    turn: Transform, scene: Image, preprocessor: Preprocessor
) -> None:
    rotated = Image.from_values(turn(scene.pixels), "scene", mask=turn(scene.mask))
    here, there = (preprocessor.process(ImageSet((image,))) for image in (scene, rotated))
    assert len(here.images) == len(there.images)
    for straight, rotated in zip(here.images, there.images, strict=True):
        np.testing.assert_array_equal(turn(straight.mask), rotated.mask)
        # The steepest curve, the square root, turns 1e-15 at 0 into 3e-8.
        np.testing.assert_allclose(turn(straight.pixels), rotated.pixels, rtol=1e-6, atol=2e-7)


@given(length=sides, size=sides, offset=st.floats(-40, 40))
def test_a_resize_matrix_is_its_own_mirror_image_bit_for_bit(
    length: int, size: int, offset: float
) -> None:
    there = operator(length, size, scale=length / size, offset=offset)
    back = operator(length, size, scale=length / size, offset=-offset)
    np.testing.assert_array_equal(there, back[::-1, ::-1])


@given(length=sides, size=sides)
def test_a_resize_keeps_flux_constants_and_centre(length: int, size: int) -> None:
    matrix = operator(length, size, scale=length / size)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    if size <= length:
        np.testing.assert_allclose(matrix.sum(axis=0), size / length)
    if size == length:
        np.testing.assert_array_equal(matrix, np.eye(size))


@settings(max_examples=30, deadline=None)
@given(seed=seeds, small=st.integers(1, 12), factor=st.integers(2, 5))
def test_shrinking_by_a_whole_factor_is_the_mean_of_blocks(
    seed: int, small: int, factor: int
) -> None:
    side = small * factor
    pixels = np.random.default_rng(seed).standard_normal((2, 3, side, side))
    result, hidden = resize(pixels, np.zeros((side, side), dtype=bool), size=small)
    blocks = pixels.reshape(2, 3, small, factor, small, factor).mean(axis=(3, 5))
    np.testing.assert_allclose(result, blocks, atol=1e-12)
    assert not hidden.any()


@pytest.mark.parametrize("size", [7, 8, 16, 31, 30, 61])
def test_an_offset_is_a_shift_of_what_lies_in_the_frame(size: int) -> None:
    pixels = np.random.default_rng(0).standard_normal((1, 1, 31, 31))
    no_mask = np.zeros((31, 31), dtype=bool)
    shifted = np.zeros_like(pixels)
    shifted[..., :-4, 7:] = pixels[..., 4:, :-7]
    left_behind = ~no_mask
    left_behind[:-4, 7:] = False
    there, hidden = resize(pixels, no_mask, size=size, offsets=np.array([[4.0, -7.0]]))
    here, empty = resize(shifted, left_behind, size=size)
    # At its edge an enlarged image is held, which a cropped one does elsewhere.
    inner = np.s_[3:-3, 3:-3] if size > 31 else np.s_[:, :]
    both = ~hidden[0][inner] & ~empty[0][inner]
    np.testing.assert_allclose(there[0, 0][inner][both], here[0, 0][inner][both], atol=1e-12)
    assert both.sum() > size * size / 3
    assert (hidden != empty).mean() <= (4 / size if size > 31 else 0)


def test_masked_values_never_leak() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(size=(1, 1, 20, 20))
    mask = rng.uniform(size=(20, 20)) < 0.4
    spoiled = np.where(mask, 1e30, pixels)
    for size in (5, 13, 20, 33):
        clean, hidden = resize(pixels, mask, size=size)
        dirty, _ = resize(spoiled, mask, size=size)
        np.testing.assert_array_equal(clean, dirty)
        assert clean.min() >= 0.0
        assert clean.max() <= 1.0
        assert (clean[0, 0][hidden[0]] == 0).all()


def test_a_pixel_is_masked_when_less_than_half_of_it_is_valid() -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[:2, 0] = True
    mask[2:, 2:] = [[True, True], [True, False]]
    _, hidden = resize(np.ones((1, 1, 4, 4)), mask, size=2)
    np.testing.assert_array_equal(hidden[0], [[False, False], [False, True]])


@pytest.mark.parametrize(("height", "width"), [(10, 40), (40, 10), (7, 9)])
@pytest.mark.parametrize("size", [8, 20, 64])
def test_the_empty_part_beside_a_rectangle_is_masked(height: int, width: int, size: int) -> None:
    rng = np.random.default_rng(0)
    image = Preprocessor(size=size).transform(rng.uniform(size=(1, height, width)))[0]
    part = min(height, width) / max(height, width)
    assert abs((~image.mask).mean() - part) <= 1 / size + 1e-9
    assert image.shape == (1, size, size)


@settings(max_examples=60, deadline=None)
@given(scene=scenes(), preprocessor=preprocessors())
def test_the_original_values_come_back_between_the_limits(
    scene: Image, preprocessor: Preprocessor
) -> None:
    assume(preprocessor.canonical in ("none", "scale"))
    images, records, _ = preprocessor.process(ImageSet((scene,)))
    back = preprocessor.inverse_transform(images, json.loads(json.dumps(records)))
    for image, restored, record in zip(images, back, records, strict=True):
        offsets = np.array([[record["center_y"], record["center_x"]]])
        zooms = np.array([record["scale"] * preprocessor.size / max(scene.shape[1:])])
        plain, _ = resize(
            scene.pixels[None], scene.mask, size=preprocessor.size, offsets=offsets, zooms=zooms
        )
        lower, upper = record["lower"], record["upper"]
        expected = np.where(image.mask, 0.0, np.clip(plain[0], lower, upper))
        scale = max(abs(lower), abs(upper))
        np.testing.assert_allclose(restored.pixels, expected, rtol=0, atol=2e-6 * scale)
        assert image.pixels.min() >= 0.0
        assert image.pixels.max() <= 1.0
        assert (image.pixels[:, image.mask] == 0).all()


CURVES = {
    "linear": lambda t: t,
    "sqrt": np.sqrt,
    "asinh": lambda t: np.arcsinh(t / 0.1) / np.arcsinh(1 / 0.1),
    "log": lambda t: np.log1p(t / 1e-3) / np.log1p(1 / 1e-3),
}


@pytest.mark.parametrize("name", STRETCHES)
def test_a_stretch_rises_from_0_to_1_and_has_an_inverse(name: str) -> None:
    t = np.linspace(0, 1, 1001)
    stretch = stretch_named(name)
    stretched = stretch(t, clip=False)
    assert (np.diff(stretched) > 0).all()
    np.testing.assert_allclose(stretched[[0, -1]], [0, 1])
    np.testing.assert_allclose(stretch.inverse(stretched, clip=False), t, atol=1e-12)
    np.testing.assert_allclose(stretched, CURVES[name](t), rtol=1e-12)
    # As float32 they are equal to the last bit.
    np.testing.assert_array_equal(np.float32(stretched), np.float32(CURVES[name](t)))


def test_the_noise_of_a_border_is_its_standard_deviation() -> None:
    pixels = np.random.default_rng(0).normal(5.0, 2.0, (3, 2, 200, 200))
    ring = border(np.zeros((200, 200), dtype=bool))
    assert noise(pixels, ring) == pytest.approx(pixels[:, :, ring].std(axis=(1, 2)), rel=0.05)
    # A few sources in it change nothing.
    pixels[:, :, 0, :40] += 1e6
    assert noise(pixels, ring) == pytest.approx(2.0, rel=0.05)


def _disc(side: int, at: tuple[float, float], sky: float = 0.0) -> npt.NDArray[np.float64]:
    y, x = (axis - (side - 1) / 2 for axis in np.mgrid[:side, :side])
    return sky + 10 * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 18)


@pytest.mark.parametrize("center", ["centroid", "peak"])
@pytest.mark.parametrize("side", [50, 51])
def test_an_object_off_centre_is_brought_to_the_middle(center: str, side: int) -> None:
    at = (4.0, -7.0) if side % 2 else (4.5, -6.5)
    noise = 0.1 * np.random.default_rng(0).standard_normal((side, side))
    preprocessor = Preprocessor(size=side, center=center)
    record = preprocessor.describe((_disc(side, at, sky=100.0) + noise)[None])[0]
    np.testing.assert_allclose([record["center_y"], record["center_x"]], at, atol=0.3)
    [middle] = preprocessor.transform(_disc(side, at)[None])
    [expected] = preprocessor.transform(_disc(side, (0.0, 0.0))[None])
    both = ~(middle.mask | expected.mask)
    np.testing.assert_allclose(
        middle.pixels[0][both], expected.pixels[0][both], atol=0.01 if side % 2 else 0.06
    )


def _ring(radius: float, side: int, noise: float, seed: int) -> np.ndarray:
    y, x = (np.mgrid[:side, :side] - (side - 1) / 2) / (side / 2)
    ring = np.exp(-(((np.hypot(x, y) / radius - 1) / 0.2) ** 2))
    return ring + noise * np.random.default_rng(seed).standard_normal((side, side))


@pytest.mark.parametrize("radius", [0.2, 0.5, 0.7])
@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_objects_of_any_size_come_out_alike(radius: float, noise: float, random_state: int) -> None:
    preprocessor = Preprocessor(size=64, canonical="scale")
    images = [_ring(r, 128, noise, random_state) for r in (radius, 0.4)]
    small, reference = preprocessor.fit_transform(np.stack(images)).pixels[:, 0]
    assert np.corrcoef(small.ravel(), reference.ravel())[0, 1] > (0.99 if noise == 0 else 0.95)
    scales = [record["scale"] for record in preprocessor.describe(np.stack(images))]
    assert scales[0] / scales[1] == pytest.approx(radius / 0.4, rel=0.05)


def _inclined(ratio: float, angle: float, width: float, side: int) -> npt.NDArray[np.float64]:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    along = y * np.cos(angle) - x * np.sin(angle)
    across = (y * np.sin(angle) + x * np.cos(angle)) / ratio
    r = np.hypot(along, across) / width
    return np.exp(-(r**4)) * (1.0 + 0.8 * np.cos(12.0 * r))


@pytest.mark.parametrize("ratio", [0.4, 0.5, 0.8])
@pytest.mark.parametrize("size", [32, 96, 128])
@pytest.mark.parametrize("canonical", ["inclination", "affine"])
def test_a_ring_seen_from_the_side_comes_out_as_seen_from_above(
    canonical: str, ratio: float, size: int
) -> None:
    inclined, above = _inclined(ratio, 0.7, 40.0, 128), _inclined(1.0, 0.0, 40.0, 128)
    preprocessor = Preprocessor(size=size, canonical=canonical)
    found, expected = preprocessor.transform(np.stack([inclined, above])).pixels[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.05)
    records = preprocessor.describe(np.stack([inclined, above]))
    assert [record["axis_ratio"] for record in records] == pytest.approx([ratio, 1.0], abs=0.01)


@pytest.mark.parametrize(("canonical", "same"), [("inclination", False), ("affine", True)])
def test_only_affine_frames_forget_the_size(canonical: str, same: bool) -> None:
    pair = np.stack([_inclined(0.6, 0.3, width, 128) for width in (30.0, 45.0)])
    small, large = Preprocessor(size=64, canonical=canonical).transform(pair).pixels[:, 0]
    assert np.allclose(small, large, atol=0.1) == same


@pytest.mark.parametrize("canonical", ["scale", "inclination", "affine"])
def test_a_texture_has_neither_size_nor_inclination(canonical: str, random_state: int) -> None:
    texture = np.random.default_rng(random_state).standard_normal((3, 64, 64))
    plain, undone = (
        Preprocessor(size=24, canonical=kind).fit_transform(texture).pixels
        for kind in ("none", canonical)
    )
    np.testing.assert_array_equal(plain, undone)


def test_equal_peaks_share_the_centre() -> None:
    frame = np.zeros((1, 9, 9))
    frame[0, 1, 2] = frame[0, 5, 2] = 1.0
    record = Preprocessor(center="peak").describe(frame)[0]
    assert (record["center_y"], record["center_x"]) == (-1.0, -2.0)


@pytest.mark.parametrize(("background", "dark"), [("border", 0.0), ("median", 0.0), ("none", 0.05)])
def test_the_background_of_an_object_on_a_sky_becomes_black(background: str, dark: float) -> None:
    sky = 50 + 0.3 * np.random.default_rng(1).standard_normal((64, 64))
    frame = (sky + _disc(64, (0, 0)))[None]
    image = Preprocessor(size=64, background=background).transform(frame)[0]
    assert np.median(image.pixels[0][border(image.mask)]) == pytest.approx(dark, abs=0.03)


@pytest.mark.parametrize("depth", [0.0, 1.0], ids=["texture", "dark object"])
@pytest.mark.parametrize("background", ["border", "median"])
def test_what_is_no_object_on_a_sky_keeps_its_dark_parts(background: str, depth: float) -> None:
    texture = 0.5 * np.random.default_rng(2).standard_normal((64, 64))
    frame = (50 + texture - depth * _disc(64, (0, 0)))[None]
    taken = Preprocessor(size=64, background=background).transform(frame)
    ignored = Preprocessor(size=64, background="none").transform(frame)
    np.testing.assert_array_equal(taken.pixels, ignored.pixels)


def test_the_border_follows_a_masked_edge() -> None:
    y, x = np.mgrid[-20:21, -20:21]
    ring = border(y**2 + x**2 > 15**2)
    assert ring.any()
    assert (np.maximum(abs(y), abs(x))[ring] >= 12).all()
    assert not (ring & (y**2 + x**2 > 15**2)).any()


def test_limits_hold_for_all_channels_together() -> None:
    rng = np.random.default_rng(0)
    colours = rng.uniform(size=(4, 3, 16, 16)) * np.array([1.0, 2.0, 4.0])[:, None, None]
    preprocessor = Preprocessor(size=16, percentiles=(0, 100), background="none")
    shown = preprocessor.transform(colours).pixels
    assert shown.shape == (4, 3, 16, 16)
    np.testing.assert_allclose(shown.max(axis=(2, 3)).mean(axis=0), [0.25, 0.5, 1.0], atol=0.01)


def test_mixed_channels_are_averaged_to_one() -> None:
    rng = np.random.default_rng(0)
    colour = Image.from_values(rng.uniform(size=(3, 8, 8)), "colour")
    grey = Image.from_values(colour.pixels.mean(axis=0), "grey")
    both = Preprocessor(size=8).transform(ImageSet((colour, grey)))
    np.testing.assert_allclose(both[0].pixels, both[1].pixels, atol=1e-6)
    assert both.pixels.shape == (2, 1, 8, 8)
    assert Preprocessor(size=8, channels=3).transform(ImageSet((colour, grey))).shapes == {
        (3, 8, 8)
    }


def test_an_image_is_treated_alike_alone_and_in_a_set() -> None:
    rng = np.random.default_rng(0)
    shapes = [(12, 12), (9, 14), (12, 12), (14, 9), (9, 14)]
    images = ImageSet(
        tuple(
            Image.from_values(
                rng.standard_normal(shape), str(i), mask=rng.uniform(size=shape) < 0.1 * (i % 2)
            )
            for i, shape in enumerate(shapes)
        )
    )
    preprocessor = Preprocessor(size=10, center="centroid")
    together = preprocessor.process(images)
    assert together.images.ids == images.ids
    for image, processed, record in zip(images, together.images, together.records, strict=True):
        [alone] = preprocessor.transform(ImageSet((image,)))
        np.testing.assert_allclose(alone.pixels, processed.pixels, atol=1e-7)
        assert record["id"] == image.id


def test_images_with_nothing_to_show_are_listed_and_the_rest_goes_on() -> None:
    rng = np.random.default_rng(0)
    good = Image.from_values(rng.uniform(size=(8, 8)), "good")
    edge = np.full((9, 9), np.nan)
    edge[0, 0] = 1.0
    bad = (
        Image.from_values(np.full((8, 8), np.nan), "void"),
        Image.from_values(np.full((7, 9), 3.7), "flat"),
        Image.from_values(edge, "corner"),
    )
    images, unusable = Preprocessor(circular_mask=0.5).usable(ImageSet((bad[0], good, *bad[1:])))
    assert images.ids == ("good",)
    assert images[0] is good
    reasons = {image.id: reason for image, reason in unusable}
    assert list(reasons) == ["void", "flat", "corner"]
    assert "masked" in reasons["void"]
    assert "3.7" in reasons["flat"]
    assert "no valid pixel" in reasons["corner"]
    for image in bad:
        with pytest.raises(InputError, match=image.id):
            Preprocessor(circular_mask=0.5).transform(ImageSet((image,)))


def test_a_single_hot_pixel_is_an_image() -> None:
    frame = np.zeros((1, 64, 64))
    frame[0, 30, 30] = 1.0
    assert Preprocessor(size=64).transform(frame).pixels.sum() == 1.0


def test_no_images_stay_no_images() -> None:
    processed = Preprocessor().process(ImageSet())
    assert (len(processed.images), processed.records, processed.unusable) == (0, (), ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", 12.5),
        ("size", True),
        ("background", "sky"),
        ("stretch", "cubic"),
        ("center", "middle"),
        ("percentiles", (99, 1)),
        ("percentiles", (0, 101)),
        ("percentiles", 99.0),
        ("circular_mask", 0.0),
        ("circular_mask", "no"),
        ("channels", "rgb"),
        ("channels", 0),
    ],
)
def test_illegal_parameters_are_named(name: str, value: object) -> None:
    parameters: dict[str, Any] = {name: value}
    with pytest.raises(InputError, match=name):
        Preprocessor(**parameters).fit(np.ones((1, 4, 4)))
    with pytest.raises(InputError, match=name):
        Preprocessor(**parameters).transform(np.ones((1, 4, 4)))


def test_channels_that_cannot_become_others_are_named() -> None:
    with pytest.raises(InputError, match=r"'00000' has 2 channels"):
        Preprocessor(channels=3).transform(np.ones((1, 2, 4, 4)))


def test_records_must_fit_the_images() -> None:
    with pytest.raises(InputError, match="2 images, got 0 records"):
        Preprocessor().inverse_transform(np.ones((2, 4, 4)), ())


def test_parameters_survive_json_and_a_pipeline() -> None:
    preprocessor = Preprocessor(size=9, stretch="asinh", percentiles=(0, 99), circular_mask=0.9)
    again = Preprocessor(**json.loads(json.dumps(preprocessor.get_params())))
    frames = np.random.default_rng(0).uniform(size=(2, 12, 12))
    expected = preprocessor.transform(frames).pixels
    for baseline in (again, clone(preprocessor), make_pipeline(preprocessor)):
        np.testing.assert_array_equal(baseline.fit_transform(frames).pixels, expected)


@pytest.mark.parametrize(
    ("options", "is_kept"),
    [
        ({"size": 48, "canonical": "none"}, True),
        ({"size": 48, "canonical": "scale"}, False),
        ({"size": 48, "canonical": "inclination"}, False),
        ({"size": 48, "canonical": "none", "center": "peak"}, False),
        ({"size": 24, "canonical": "none"}, False),
    ],
)
def test_coordinates_are_kept_where_no_pixel_moves(options: dict[str, Any], is_kept: bool) -> None:
    images, _ = simulate_discs(2, size=48, max_offset=0.2, random_state=0)
    assert all(image.wcs is not None and image.beam is not None for image in images)
    preprocessor = Preprocessor(**options)
    processed = preprocessor.transform(images)
    for before, after in zip(images, processed, strict=True):
        assert (after.wcs, after.beam) == ((before.wcs, before.beam) if is_kept else (None, None))
    records = preprocessor.describe(images)
    restored = preprocessor.inverse_transform(processed, records)
    assert [image.wcs for image in restored] == [image.wcs for image in processed]
