"""Grey images made by rules: noise, grains, scratches, cells, pits, weaves, discs and strokes.

What a network of photographs sees in scientific images is mostly texture and outline. Such images
have both, of every scale and direction, and nobody has a right in them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

__all__ = ["SIDE", "procedural_image"]

Field = npt.NDArray[np.float64]
Generator = np.random.Generator

SIDE = 256
"""Height and width of an image in pixels."""

_Y, _X = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
_KY, _KX = np.meshgrid(*[np.fft.fftfreq(SIDE)] * 2, indexing="ij")


def procedural_image(seed: int) -> npt.NDArray[np.uint8]:
    """Draw an image.

    Parameters
    ----------
    seed : int
        The same seed gives the same image.

    Returns
    -------
    ndarray (256, 256), uint8
    """
    rng = np.random.default_rng(seed)
    field = _unit(_drawn(rng))
    chance = rng.random()
    if chance < 0.2:
        edge = _noise(rng, slope=rng.uniform(2, 4)) * rng.uniform(2, 20) + rng.normal()
        share = _step(edge)
        field = field * share + _unit(_drawn(rng)) * (1 - share)
    elif chance < 0.4:
        field = field + _unit(_drawn(rng)) * rng.uniform(0.2, 1)
    return _photographed(rng, field)


def _drawn(rng: Generator) -> Field:
    return _KINDS[rng.choice(len(_KINDS), p=_SHARES)](rng)


def _photographed(rng: Generator, field: Field) -> npt.NDArray[np.uint8]:
    """An image of a field under uneven light, blurred, with noise and any contrast."""
    if rng.random() < 0.3:
        field = field + _smooth(rng) * rng.uniform(0.2, 1.5)
    if rng.random() < 0.3:
        field = ndimage.gaussian_filter(field, 10 ** rng.uniform(-0.5, 0.6))
    if rng.random() < 0.4:
        field = field + rng.normal(size=field.shape) * field.std() * 10 ** rng.uniform(-2, -0.3)
    clipped = rng.choice([0, 0.1, 0.5, 1])
    low, high = np.percentile(field, [clipped, 100 - clipped])
    grey = np.clip((field - low) / (high - low + 1e-6), 0, 1)
    if rng.random() < 0.3:
        grey = grey ** np.exp(0.4 * rng.normal())
    if rng.random() < 0.35:
        # It takes a while to import.
        from skimage import exposure

        grey = exposure.equalize_adapthist(grey, kernel_size=SIDE // 8, clip_limit=0.01)
    if rng.random() < 0.15:
        grey = 1 - grey
    pixels: npt.NDArray[np.uint8] = np.round(255 * grey).astype(np.uint8)
    return pixels


def _unit(field: Field) -> Field:
    scaled: Field = (field - field.mean()) / (field.std() + 1e-6)
    return scaled


def _step(field: Field) -> Field:
    return 1 / (1 + np.exp(-np.clip(field, -50, 50)))


def _turned(dy: Field, dx: Field, angle: float) -> tuple[Field, Field]:
    """Coordinates along a direction and across it."""
    return (
        np.cos(angle) * dx + np.sin(angle) * dy,
        np.cos(angle) * dy - np.sin(angle) * dx,
    )


def _angle(rng: Generator) -> float:
    return float(rng.uniform(0, np.pi))


def _noise(rng: Generator, *, slope: float | None = None, stretch: float | None = None) -> Field:
    """Gaussian noise of a power law or of one band, often drawn out in one direction."""
    if stretch is None:
        stretch = rng.uniform(1, 8) if rng.random() < 0.4 else 1.0
    along, across = _turned(_KY, _KX, _angle(rng))
    k = np.sqrt(along**2 * stretch + across**2 / stretch)
    k[0, 0] = 1
    if slope is None and rng.random() < 0.35:
        band = np.log(k / 10 ** rng.uniform(-1.7, -0.5)) / rng.uniform(0.1, 0.7)
        amplitude = np.exp(-0.5 * band**2) / np.maximum(k, 1e-3) ** 0.5
    else:
        amplitude = k ** (-(rng.uniform(0.5, 3.5) if slope is None else slope) / 2 - 0.5)
    amplitude[0, 0] = 0
    return _unit(np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * amplitude).real)


def _smooth(rng: Generator) -> Field:
    return _noise(rng, slope=3.0, stretch=1.0)


def _distorted(rng: Generator) -> Field:
    """Noise through a curve: ridges, valleys, islands or stripes."""
    field = _noise(rng)
    curves: tuple[Callable[[Field], Field], ...] = (
        lambda z: z,
        np.abs,
        lambda z: -np.abs(z),
        lambda z: np.tanh(z * rng.uniform(1, 8) + rng.normal()),
        lambda z: np.exp(z * rng.uniform(0.3, 1)),
        lambda z: (z > rng.normal()).astype(float),
        lambda z: np.sin(z * rng.uniform(1, 6)),
    )
    return curves[rng.integers(len(curves))](field)


def _leaves(rng: Generator) -> Field:
    """Grains that hide one another, their sizes by a power law (dead leaves; Matheron 1968)."""
    field = np.zeros((SIDE, SIDE))
    power, least, most = rng.uniform(1.5, 3.5), rng.uniform(0.008, 0.04), rng.uniform(0.08, 0.4)
    ends = least ** (1 - power), most ** (1 - power)
    shape, direction, aligned = rng.integers(4), _angle(rng), rng.random() < 0.5
    for _ in range(int(10 ** rng.uniform(1, 2.9))):
        radius = (ends[0] + rng.random() * (ends[1] - ends[0])) ** (1 / (1 - power))
        centre = rng.uniform(-0.55, 0.55, 2)
        angle = direction + 0.2 * rng.normal() if aligned else _angle(rng)
        place = _window(centre, radius)
        along, across = _turned(_Y[place] - centre[0], _X[place] - centre[1], angle)
        across = across / (rng.uniform(0.2, 1) if shape else 1.0)
        inside = (
            along**2 + across**2 < radius**2,
            along**2 + across**2 < radius**2,
            np.maximum(np.abs(along), np.abs(across)) < 0.8 * radius,
            np.abs(along) + np.abs(across) < radius,
        )[shape]
        slope = rng.normal() / radius if rng.random() < 0.3 else 0.0
        field[place] = np.where(inside, rng.normal() + slope * along, field[place])
    return field + _noise(rng) * rng.uniform(0.05, 0.5) if rng.random() < 0.5 else field


def _window(centre: npt.NDArray[np.float64], radius: float) -> tuple[slice, slice]:
    """Pixels within a radius of a centre, in both axes."""
    reach = int(radius * SIDE) + 2
    middles = ((centre + 0.5) * SIDE).astype(int)
    first, second = (slice(max(m - reach, 0), max(m + reach, 0)) for m in middles)
    return first, second


def _lines(rng: Generator) -> Field:
    """Scratches or fibres, more or less in one direction, over noise."""
    field = np.zeros((SIDE, SIDE))
    direction, spread = _angle(rng), rng.choice([0.03, 0.2, 3])
    width, sign = 10 ** rng.uniform(-2.6, -1.5), rng.choice([-1, 1, 0])
    bends = _smooth(rng) * rng.uniform(0, 0.03)
    for _ in range(int(10 ** rng.uniform(0.3, 1.9))):
        across, along = _turned(_Y, _X, direction + spread * rng.normal())
        across = across - rng.uniform(-0.6, 0.6) + bends
        along = np.abs(along - rng.uniform(-0.5, 0.5))
        profile = np.exp(-0.5 * (across / (width * np.exp(0.5 * rng.normal()))) ** 2)
        strength = (sign or rng.choice([-1, 1])) * rng.uniform(0.5, 2)
        field += strength * profile * _step(80 * (rng.uniform(0.05, 0.9) / 2 - along))
    return field * rng.uniform(1, 4) + _noise(rng) * rng.uniform(0.1, 1)


def _cells(rng: Generator) -> Field:
    """Grains about random points, with or without their borders (Voronoi)."""
    n = int(10 ** rng.uniform(1, 3))
    points = rng.uniform(-0.6, 0.6, (n, 2))
    angle, flat = _angle(rng), rng.uniform(0.3, 1)
    axes = np.array([[np.cos(angle), -np.sin(angle) * flat], [np.sin(angle), np.cos(angle) * flat]])
    bend = rng.uniform(0, 0.06)
    bent = np.stack([axis + _smooth(rng) * bend * rng.random() for axis in (_Y, _X)], -1)
    distances, nearest = cKDTree(points @ axes).query(bent.reshape(-1, 2) @ axes, k=2)
    border = distances[:, 1] - distances[:, 0]
    grains = rng.normal(size=n)[nearest[:, 0]]
    field = (
        grains,
        -3 * np.exp(-border * rng.uniform(20, 150)),
        20 * distances[:, 0],
        grains - 2 * np.exp(-border * rng.uniform(50, 200)),
    )[rng.integers(4)]
    return np.asarray(field).reshape(SIDE, SIDE) + _noise(rng) * rng.uniform(0, 0.5)


def _blobs(rng: Generator) -> Field:
    """Pits or specks with sharp or soft edges, over noise."""
    field = np.zeros((SIDE, SIDE))
    width, sign = 10 ** rng.uniform(-2.2, -1), rng.choice([-1, 1, 0])
    direction, aligned = _angle(rng), rng.random() < 0.5
    bent = [axis + _noise(rng, slope=2.5, stretch=1.0) * 0.02 * rng.random() for axis in (_Y, _X)]
    for _ in range(int(10 ** rng.uniform(0.5, 2.3))):
        y, x = rng.uniform(-0.5, 0.5, 2)
        along, across = _turned(bent[0] - y, bent[1] - x, direction if aligned else _angle(rng))
        own = width * np.exp(0.6 * rng.normal())
        radius = np.hypot(along / own, across / (own * rng.uniform(0.2, 1)))
        strength = (sign or rng.choice([-1, 1])) * rng.uniform(0.5, 2)
        field += strength * _step((1 - radius) * rng.choice([2, 6, 20]))
    return 2 * field + _noise(rng) * rng.uniform(0.1, 1)


def _warped(rng: Generator) -> Field:
    """Noise whose pixels were moved by other noise, as in marble (Perlin 1985)."""
    field, reach = _distorted(rng), rng.uniform(5, 40)
    moved = [(axis + 0.5) * SIDE + _smooth(rng) * reach for axis in (_Y, _X)]
    return np.asarray(ndimage.map_coordinates(field, moved, order=1, mode="wrap"))


def _gratings(rng: Generator) -> Field:
    """Stripes, or two crossing ones."""
    angle, n_waves = _angle(rng), 10 ** rng.uniform(0.5, 1.8)
    phase = _smooth(rng) * rng.uniform(0, 3)
    field = np.sin(2 * np.pi * n_waves * _turned(_Y, _X, angle)[0] + phase)
    if rng.random() < 0.4:
        other = _turned(_Y, _X, angle + rng.uniform(0.5, 2))[0]
        field = field * np.sin(2 * np.pi * n_waves * rng.uniform(0.5, 2) * other + phase)
    if rng.random() < 0.4:
        field = np.sign(field)
    return field + _noise(rng) * rng.uniform(0.05, 0.8)


def _rings(rng: Generator) -> Field:
    """An inclined disc with rings, arms or clumps."""
    y, x = rng.uniform(-0.1, 0.1, 2)
    along, across = _turned(_Y - y, _X - x, _angle(rng))
    across = across / rng.uniform(0.3, 1)
    radius, azimuth = np.hypot(along, across), np.arctan2(across, along)
    field = np.exp(-radius * rng.uniform(2, 15))
    for _ in range(rng.integers(0, 5)):
        profile = np.exp(
            -0.5 * ((radius - rng.uniform(0.05, 0.45)) / 10 ** rng.uniform(-2.2, -1)) ** 2
        )
        winding = rng.choice([0, 1]) * radius * rng.uniform(5, 40)
        wave = np.cos(rng.integers(1, 5) * azimuth + rng.uniform(0, 6) + winding)
        field = field + rng.uniform(0.2, 1) * profile * (1 + rng.choice([0, 1]) * wave)
    for _ in range(rng.integers(0, 6)):
        square = (_Y - y - 0.15 * rng.normal()) ** 2 + (_X - x - 0.15 * rng.normal()) ** 2
        field = field + rng.uniform(0.2, 1) * np.exp(-0.5 * square / 10 ** rng.uniform(-4, -2))
    return field * rng.uniform(1, 4) + _noise(rng) * float(rng.choice([0, 0.02, 0.2]))


def _strokes(rng: Generator) -> Field:
    """Some lines as of a pen."""
    field = np.zeros((SIDE, SIDE))
    width = 10 ** rng.uniform(-2, -1.2)
    for _ in range(rng.integers(1, 5)):
        heading = np.cumsum(rng.normal(size=60) * rng.uniform(0.02, 0.35)) + rng.uniform(0, 6)
        path = np.cumsum(np.stack([np.sin(heading), np.cos(heading)]), axis=1)
        path = path * rng.uniform(0.004, 0.02)
        path += 0.1 * rng.normal(size=(2, 1)) - path.mean(axis=1, keepdims=True)
        between = np.linspace(0, 1, 6)[:, None, None]
        dense = (1 - between) * path[:, :-1] + between * path[:, 1:]
        pixels = np.clip((dense + 0.5) * SIDE, 0, SIDE - 1).astype(int)
        free = np.ones((SIDE, SIDE), dtype=bool)
        free[pixels[:, 0], pixels[:, 1]] = False
        distance = ndimage.distance_transform_edt(free) / SIDE
        field = np.maximum(field, _step((width - distance) * SIDE * 0.8))
    return 3 * field + _noise(rng) * float(rng.choice([0, 0.05, 0.3]))


_WEIGHTED: tuple[tuple[Callable[[Generator], Field], float], ...] = (
    (_distorted, 1.5),
    (_noise, 1.0),
    (_leaves, 1.5),
    (_lines, 1.5),
    (_cells, 1.0),
    (_blobs, 1.3),
    (_warped, 1.3),
    (_gratings, 0.7),
    (_rings, 1.2),
    (_strokes, 0.7),
)
_KINDS = tuple(kind for kind, _ in _WEIGHTED)
_SHARES = np.array([weight for _, weight in _WEIGHTED]) / sum(weight for _, weight in _WEIGHTED)
