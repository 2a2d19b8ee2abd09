"""From tissue to an ultrasound image: speckle, beam, attenuation, shadows, compression, fan."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

N_TEXTURE = 512
"""Samples of the scatterers in each direction; they repeat beyond."""

TEXTURE_MM = 0.5
"""Distance between them."""

N_SMOOTH = 16
"""Knots of the slow random functions of depth and angle."""


class Scanner(NamedTuple):
    """Settings of the machine and what stands between it and the heart; a batch leads.

    Attributes:
        depth_mm: of the image.
        half_angle: of the fan, radians.
        footprint_mm: depth at which the fan begins, cut off by the face of the probe.
        beam: width (standard deviation) of the beam, radians.
        pulse_mm: length (standard deviation) of the pulse.
        lobes_db: brightness of the side lobes, ten times as wide as the beam.
        compound: share of the power that is averaged over neighbours: less speckle.
        floor_db: brightness, against the wall, that is black.
        range_db: from black to white.
        gamma: exponent of the grey map.
        slope_db: change of brightness from the probe to the end of the depth.
        edge_db: how much darker the sides of the fan are.
        depth_db, angle_db: spread of slow random changes over depth and over angle.
        near_db, near_mm: brightness and depth of the haze under the probe.
        haze_db: brightness of the reverberation that stands still in the upper half.
        noise_db: brightness of the electronic noise at full depth.
        shadows: (2, 4) middle angle (relative to the half-angle), half-width, depth in mm from
            which it is dark, and by how many decibels.
    """

    depth_mm: Any
    half_angle: Any
    footprint_mm: Any
    beam: Any
    pulse_mm: Any
    lobes_db: Any
    compound: Any
    floor_db: Any
    range_db: Any
    gamma: Any
    slope_db: Any
    edge_db: Any
    depth_db: Any
    angle_db: Any
    near_db: Any
    near_mm: Any
    haze_db: Any
    noise_db: Any
    shadows: Any


class Textures(NamedTuple):
    """Random fields of one clip.

    Attributes:
        scatterers: (2, N_TEXTURE, N_TEXTURE) complex white noise that tissue carries along.
        still: (2, N_TEXTURE, N_TEXTURE) complex white noise of the image: haze, and, from other
            corners in every frame, blood and electronic noise.
        patches: (2, 32, 32) slow changes of brightness in the tissue.
        over_depth, over_angle: (N_SMOOTH,) knots.
    """

    scatterers: Any
    still: Any
    patches: Any
    over_depth: Any
    over_angle: Any


def textures(key: Any) -> Textures:
    """Return the random fields of a clip."""
    keys = jax.random.split(key, 5)
    field = (2, N_TEXTURE, N_TEXTURE)
    return Textures(
        scatterers=jax.random.normal(keys[0], field, jnp.float32),
        still=jax.random.normal(keys[1], field, jnp.float32),
        patches=jax.random.normal(keys[2], (2, 32, 32), jnp.float32),
        over_depth=jax.random.normal(keys[3], (N_SMOOTH,), jnp.float32),
        over_angle=jax.random.normal(keys[4], (N_SMOOTH,), jnp.float32),
    )


def carried(texture: Any, u: Any, v: Any) -> Any:
    """Return complex scatterers (2, …) at material points: those of the nearest sample.

    A pulse is several samples long, so that the jumps between them are not seen.
    """
    i = jnp.round(u / TEXTURE_MM).astype(jnp.int32) % N_TEXTURE
    j = jnp.round(v / TEXTURE_MM).astype(jnp.int32) % N_TEXTURE
    return texture.reshape(2, -1)[:, i * N_TEXTURE + j]


def window(texture: Any, corner: Any, shape: tuple[int, int]) -> Any:
    """Return a part (2, …) of the noise that stands still."""
    return jax.lax.dynamic_slice(texture, (0, corner[0], corner[1]), (2, *shape))


def smooth(knots: Any, place: Any) -> Any:
    """Return a smooth function through knots at places from 0 to 1."""
    x = jnp.clip(place, 0.0, 1.0) * (N_SMOOTH - 1.001)
    low = jnp.floor(x).astype(jnp.int32)
    t = x - low
    t = t * t * (3.0 - 2.0 * t)
    return knots[low] * (1.0 - t) + knots[low + 1] * t


def gain_db(scanner: Scanner, own: Textures, depth: Any, side: Any) -> Any:
    """Return how much brighter the image is made at depths and angles, both relative."""
    gain = scanner.slope_db * depth
    gain += scanner.depth_db * smooth(own.over_depth, depth)
    gain += scanner.angle_db * smooth(own.over_angle, 0.5 + 0.5 * side)
    gain -= scanner.edge_db * jnp.clip((jnp.abs(side) - 0.4) / 0.6, 0.0, 1.0) ** 2
    for k in range(2):
        middle, half, start, dark = scanner.shadows[k]
        across = jnp.clip(1.5 - jnp.abs(side - middle) / half, 0.0, 1.0)
        gain -= dark * across * jnp.clip((depth * scanner.depth_mm - start) / 6.0, 0.0, 1.0)
    return gain


def spread(size: int, width: Any) -> Any:
    """Return the matrix that smooths by a Gaussian whose squared weights sum to 1.

    White noise of variance 1 keeps it. A product of matrices is faster here than a convolution.
    """
    place = jnp.arange(size, dtype=jnp.float32)
    weights = jnp.exp(-0.5 * ((place[:, None] - place[None, :]) / width) ** 2)
    return weights / jnp.sqrt(jnp.sum(weights**2, axis=1, keepdims=True))


def beam_matrices(scanner: Scanner, n_ranges: int, n_beams: int) -> tuple[Any, Any]:
    """Return how pulse and beam smooth over ranges and over beams."""
    # A pulse or beam finer than the grid smooths nothing.
    pulse = jnp.maximum(scanner.pulse_mm * n_ranges / scanner.depth_mm, 0.3)
    beam = jnp.maximum(scanner.beam * n_beams / (2.0 * scanner.half_angle), 0.3)
    lobes = 10.0 ** (scanner.lobes_db / 20.0) * spread(n_beams, 10.0 * beam)
    return spread(n_ranges, pulse), spread(n_beams, beam) + lobes


def compounded(scanner: Scanner, power: Any) -> Any:
    """Return power of which a share is averaged over its neighbours (last two axes)."""

    def mean(size: int, width: float) -> Any:
        weights = spread(size, width)
        return weights / jnp.sum(weights, axis=1, keepdims=True)

    wide = mean(power.shape[-2], 1.2) @ (power @ mean(power.shape[-1], 1.6).T)
    return power + scanner.compound * (wide - power)


def grey_levels(scanner: Scanner, power: Any) -> Any:
    """Return grey levels 0 to 1 of squared amplitudes after logarithmic compression."""
    decibel = 10.0 * jnp.log10(power + 1e-12)
    grey = jnp.clip((decibel - scanner.floor_db) / scanner.range_db, 0.0, 1.0)
    return grey**scanner.gamma
