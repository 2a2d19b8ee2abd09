"""Frames of a synthetic clip with their masks: the heart in the fan of the scanner."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ._heart_shape import CENTRE, Shape, ventricle
from ._labels import ATRIUM, CAVITY, WALL
from ._short_axis import AroundRing, Ring, ring_tissue, rings
from ._tissue_map import (
    Motion,
    Points,
    Surroundings,
    Tissue,
    locate,
    motions,
    tissue,
)
from ._ultrasound import (
    N_TEXTURE,
    Scanner,
    Textures,
    beam_matrices,
    carried,
    compounded,
    gain_db,
    grey_levels,
    smooth,
    textures,
    window,
)


class Pose(NamedTuple):
    """Where the heart lies under the probe; a batch has leading axes.

    Attributes:
        apex_mm: (2,) sideways and downward from the face of the probe to the true apex; in the
            short axis to the middle of the ring.
        lean: angle of the long axis from the vertical, base to the right positive, radians.
    """

    apex_mm: Any
    lean: Any


class Scene(NamedTuple):
    """All that a synthetic clip is made of but the volumes; a batch has leading axes."""

    shape: Shape
    around: Surroundings | AroundRing
    pose: Pose
    scanner: Scanner


class Rendered(NamedTuple):
    """Frames of a clip.

    Attributes:
        frames: (n_frames, size, size) grey levels.
        masks: (n_frames, size, size) labels `CAVITY`, `WALL`, `ATRIUM`, else 0.
        sector: (size, size) whether the pixel lies in the fan.
        mm_per_pixel: side of a pixel.
        missed: share of the long axis that the plane misses in the first frame; the short axis
            misses all of it.
    """

    frames: Any
    masks: Any
    sector: Any
    mm_per_pixel: float
    missed: float


class _Stage(NamedTuple):
    """What all frames of a clip share."""

    own: Textures
    points: Points
    pixels: Points
    gain: Any
    still: Any
    depth: Any
    place: tuple[Any, Any]
    sector: Any
    mm_per_pixel: Any


CHUNK = 8
"""Frames rendered together: one compiled program for clips of any length."""


def render(
    scene: Scene,
    volumes_ml: Float[np.ndarray, " n_frames"],
    edv_ml: float,
    opened: Float[np.ndarray, " n_frames"],
    key: Any,
    size: int,
) -> Rendered:
    """Return the frames and masks of one clip.

    In steps compiled one by one: in one program the compiler would compute the tissue again for
    every sample of the beam that meets it, five times slower.

    Args:
        scene: heart, pose and scanner.
        volumes_ml: (n_frames,) of the left ventricle.
        edv_ml: at end-diastole.
        opened: (n_frames,) how far the mitral valve is open, 0 to 1.
        key: of the random textures.
        size: pixels of a side.
    """
    n_frames = len(volumes_ml)
    stage = _set_up(scene, key, size)
    frames, masks, unseen = [], [], []
    for start in range(0, n_frames, CHUNK):
        rows = np.minimum(np.arange(start, start + CHUNK), n_frames - 1)
        moved, corners, gone = _move(
            scene,
            np.float32(volumes_ml[rows]),
            np.float32(edv_ml),
            np.float32(opened[rows]),
            key,
            rows,
        )
        field = _echoes(scene, stage, corners, _met(scene, stage.points, moved))
        frames.append(_picture(scene.scanner, stage, corners, field))
        masks.append(_label(scene, stage.pixels, moved))
        unseen.append(gone)
    return Rendered(
        np.concatenate(frames)[:n_frames],
        np.concatenate(masks)[:n_frames],
        np.asarray(stage.sector),
        float(stage.mm_per_pixel),
        float(unseen[0]),
    )


@jax.jit
def _move(
    scene: Scene, volumes_ml: Any, edv_ml: Any, opened: Any, key: Any, rows: Any
) -> tuple[Motion | Ring, Any, Any]:
    """Return how frames have moved, (n, 2, 2) corners of their noise, the part not seen."""
    shape = scene.shape
    keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(rows)
    draw = partial(jax.random.randint, shape=(2, 2), minval=0, maxval=N_TEXTURE)
    corners = jax.vmap(draw)(keys)
    if isinstance(scene.around, AroundRing):
        return rings(shape, scene.around, volumes_ml, edv_ml), corners, jnp.ones(())
    heart = ventricle(shape, volumes_ml, edv_ml)
    moved = motions(heart, ventricle(shape, jnp.reshape(edv_ml, (1,)), edv_ml), opened)
    return moved, corners, heart.left[0, 0, 0] / heart.length_mm[0]


@partial(jax.jit, static_argnames=("size",))
def _set_up(scene: Scene, key: Any, size: int) -> _Stage:
    shape, scanner = scene.shape, scene.scanner
    own = textures(key)
    n_ranges, n_beams = int(1.25 * size), int(0.8 * size)
    depth = (jnp.arange(n_ranges) + 0.5)[:, None] / n_ranges
    side = (jnp.arange(n_beams) + 0.5)[None, :] / n_beams * 2.0 - 1.0
    angle, far = side * scanner.half_angle, depth * scanner.depth_mm
    u, v = _in_heart(scene, far * jnp.sin(angle), far * jnp.cos(angle))
    turn = angle - scene.pose.lean + 0.0 * far
    points = locate(shape, u, v, jnp.cos(turn), jnp.sin(turn))

    mm_per_pixel = scanner.depth_mm * jnp.maximum(1.0, 2.0 * jnp.sin(scanner.half_angle)) / size
    across = (jnp.arange(size) + 0.5 - size / 2) * mm_per_pixel
    down = (jnp.arange(size) + 0.5) * mm_per_pixel
    x, z = jnp.meshgrid(across, down)
    r, theta = jnp.hypot(x, z), jnp.arctan2(x, z)
    sector = (r < scanner.depth_mm) & (jnp.abs(theta) < scanner.half_angle)
    place = r / scanner.depth_mm * n_ranges, (theta / scanner.half_angle + 1) * (n_beams / 2)
    return _Stage(
        own=own,
        points=points,
        pixels=locate(shape, *_in_heart(scene, x, z), 0.0, 0.0),
        gain=gain_db(scanner, own, depth, side),
        still=_standing(scanner, own, depth, side),
        depth=depth,
        place=place,
        sector=sector & (r > scanner.footprint_mm),
        mm_per_pixel=mm_per_pixel,
    )


class _Met(NamedTuple):
    """What the samples of the beams meet: see `Tissue`."""

    u: Any
    v: Any
    decibel: Any
    blood: Any


@jax.jit
def _met(scene: Scene, points: Points, moved: Motion | Ring) -> _Met:
    """Return the tissue at all samples of the beams in every frame."""

    def meet(motion: Motion | Ring) -> _Met:
        found = _tissue(scene, points, motion)
        return _Met(found.u, found.v, found.decibel, found.blood)

    return jax.vmap(meet)(moved)


@jax.jit
def _echoes(scene: Scene, stage: _Stage, corners: Any, met: _Met) -> Any:
    """Return complex echoes (n_frames, 2, n_ranges, n_beams) before the beam smooths them."""
    own, shape = stage.own, stage.gain.shape

    def echo(met: _Met, corners: Any) -> Any:
        patches = _patches(own.patches, met.u, met.v) * scene.around.patches_db
        amplitude = 10.0 ** ((met.decibel + patches * (1.0 - met.blood)) / 20.0)
        # Blood flows through the plane: its speckle is new in every frame.
        fresh = window(own.still, corners[0], shape)
        speckle = jnp.where(met.blood > 0.5, fresh, carried(own.scatterers, met.u, met.v))
        return speckle * amplitude + stage.still

    return jax.vmap(echo)(met, corners)


@jax.jit
def _picture(scanner: Scanner, stage: _Stage, corners: Any, field: Any) -> Any:
    """Return grey frames of echoes: beam, gain, noise, compression, scan conversion."""
    n_ranges, n_beams = stage.gain.shape
    axial, lateral = beam_matrices(scanner, n_ranges, n_beams)
    field = axial @ (field @ lateral.T)
    noise = 10.0 ** ((scanner.noise_db + 25.0 * (stage.depth - 1.0)) / 20.0)
    gain = 10.0 ** (stage.gain / 20.0)

    def receive(field: Any, corners: Any) -> Any:
        hiss = window(stage.own.still, corners[1], stage.gain.shape) * noise
        return 0.5 * jnp.sum((field * gain + hiss) ** 2, 0)

    power = jax.vmap(receive)(field, corners)
    grey = grey_levels(scanner, compounded(scanner, power))
    frames = _scan_convert(grey, *stage.place)
    return jnp.round(255.0 * frames * stage.sector).astype(jnp.uint8)


@jax.jit
def _label(scene: Scene, pixels: Points, moved: Motion | Ring) -> Any:
    """Return the masks of all frames."""
    found = jax.vmap(lambda motion: _tissue(scene, pixels, motion))(moved)
    masks = jnp.where(found.atrium > 0.5, ATRIUM, 0)
    masks = jnp.where(found.wall > 0.5, WALL, masks)
    return jnp.where(found.cavity > 0.5, CAVITY, masks).astype(jnp.uint8)


def _tissue(scene: Scene, points: Points, moved: Any) -> Tissue:
    """Return the tissue at the points in one frame, by the kind of the scene."""
    if isinstance(scene.around, AroundRing):
        return ring_tissue(scene.shape, scene.around, points, moved)
    return tissue(scene.shape, scene.around, points, moved)


def _in_heart(scene: Scene, x: Any, z: Any) -> tuple[Any, Any]:
    """Return coordinates (u, v) of the heart of points of the image."""
    pose = scene.pose
    x, z = x - pose.apex_mm[0], z - pose.apex_mm[1]
    cos, sin = jnp.cos(pose.lean), jnp.sin(pose.lean)
    along, across = z * cos + x * sin, x * cos - z * sin
    if isinstance(scene.around, AroundRing):
        # From the middle of the ring, which is where directions are counted from.
        along += CENTRE * scene.shape.length_mm
    return along, across


def _standing(scanner: Scanner, own: Textures, depth: Any, side: Any) -> Any:
    """Return the complex echoes that do not move: haze under the probe and reverberation."""
    n_ranges, n_beams = depth.shape[0], side.shape[1]
    noise = own.still[:, -n_ranges:, -n_beams:]
    near = 10.0 ** (scanner.near_db / 20) * jnp.exp(-depth * scanner.depth_mm / scanner.near_mm)
    half = jnp.exp(-((depth / 0.35) ** 2)) * (1.0 + 0.4 * smooth(own.over_angle[::-1], side))
    haze = 10.0 ** (scanner.haze_db / 20) * jnp.abs(half)
    return noise * (near + haze)


def _patches(knots: Any, u: Any, v: Any) -> Any:
    """Return slow changes of brightness carried by the tissue, 14 and 5 mm between knots."""
    return 0.7 * _bilinear(knots[0], u / 14.0, v / 14.0) + 0.7 * _bilinear(knots[1], u / 5, v / 5)


def _bilinear(knots: Any, x: Any, y: Any) -> Any:
    i, j = jnp.floor(x), jnp.floor(y)
    a, b = x - i, y - j
    i, j = i.astype(jnp.int32) % 32, j.astype(jnp.int32) % 32
    k, m = (i + 1) % 32, (j + 1) % 32
    return (1 - a) * ((1 - b) * knots[i, j] + b * knots[i, m]) + a * (
        (1 - b) * knots[k, j] + b * knots[k, m]
    )


def _scan_convert(grey: Any, row: Any, column: Any) -> Any:
    """Return the polar image at fractional rows and columns, linear in between."""
    n_rows, n_columns = grey.shape[1:]
    row, column = (
        jnp.clip(row - 0.5, 0, n_rows - 1.001),
        jnp.clip(column - 0.5, 0, n_columns - 1.001),
    )
    i, j = jnp.floor(row).astype(jnp.int32), jnp.floor(column).astype(jnp.int32)
    a, b = row - i, column - j
    top = (1 - b) * grey[:, i, j] + b * grey[:, i, j + 1]
    low = (1 - b) * grey[:, i + 1, j] + b * grey[:, i + 1, j + 1]
    return (1 - a) * top + a * low
