"""Random hearts and random acquisitions: how synthetic clips differ from each other."""

from typing import NamedTuple

import jax
import numpy as np

from ._heart_shape import Shape
from ._phantom_image import Pose, Scene
from ._short_axis import AroundRing
from ._tissue_map import Surroundings
from ._ultrasound import Scanner


class Heart(NamedTuple):
    """The form of one patient's ventricle, common to all views.

    Attributes:
        length_mm: long axis at end-diastole.
        widest, pointed: of the profile, see `Shape`.
        bumps: (2, 2, 3) of the two sides in the views A4C and A2C.
        eccentricity: width in A4C over width in A2C.
        longitudinal: share of the long axis in the ejection.
        asynergy: difference of the radial motion in the two views.
        wall_mm: thickness at end-diastole.
        atrium_mm: length of the left atrium.
    """

    length_mm: float
    widest: float
    pointed: float
    bumps: np.ndarray
    eccentricity: float
    longitudinal: float
    asynergy: float
    wall_mm: float
    atrium_mm: float


def draw_heart(rng: np.random.Generator, edv_ml: float) -> Heart:
    """Return a heart of this size.

    The long axis is 88 mm at 120 mL and grows less than the width: dilated hearts are round.
    Spreads are ours: 6 % of the length, 5 % of the ratio of the two widths.
    """
    normal, between = rng.standard_normal, rng.uniform
    return Heart(
        length_mm=88.0 * (edv_ml / 120.0) ** 0.3 * np.exp(0.06 * normal()),
        widest=between(0.55, 0.72),
        pointed=np.exp(0.12 * normal()),
        bumps=0.025 * normal((2, 2, 3)),
        eccentricity=np.exp(0.05 * normal()),
        longitudinal=between(0.14, 0.26),
        asynergy=0.04 * normal(),
        wall_mm=between(7.5, 12.5),
        atrium_mm=between(40.0, 60.0),
    )


def draw_scene(rng: np.random.Generator, heart: Heart, view: str, stenosis: float = 0.0) -> Scene:
    """Return one acquisition of a heart.

    Args:
        rng: source of randomness.
        heart: the patient's.
        view: "A4C", "A2C" or "PSAX".
        stenosis: how much less the leaflets open, 0 to 1.
    """
    if view == "PSAX":
        return _draw_short_axis(rng, heart)
    four = view == "A4C"
    own, other = (0, 1) if four else (1, 0)
    sign = 1.0 if four else -1.0
    shape = Shape(
        length_mm=heart.length_mm,
        widest=heart.widest,
        pointed=heart.pointed,
        bumps=heart.bumps[own],
        other_bumps=heart.bumps[other].mean(0),
        bend=0.03 * rng.standard_normal(),
        eccentricity=heart.eccentricity**sign,
        longitudinal=heart.longitudinal,
        asynergy=sign * heart.asynergy,
        # Foreshortening of 3 degrees is common; 8 degrees cut off a tenth of the long axis.
        tilt=np.tan(np.radians(abs(3.0 * rng.standard_normal()))),
        wall_mm=heart.wall_mm,
    )
    around = _draw_surroundings(rng, heart, four, stenosis)
    apex = rng.uniform(12.0, 32.0)
    pose = Pose(
        apex_mm=np.array([rng.normal(2.0 if four else 0.0, 6.0), apex]),
        lean=rng.normal(0.08 if four else 0.0, 0.12),
    )
    depth = apex + heart.length_mm + heart.atrium_mm * rng.uniform(0.7, 1.15)
    scene = Scene(shape, around, pose, draw_scanner(rng, depth))
    return jax.tree.map(np.float32, scene)


def _draw_short_axis(rng: np.random.Generator, heart: Heart) -> Scene:
    """Return a short axis of a heart; its widths are those that the two views from the apex see."""
    normal, between = rng.standard_normal, rng.uniform
    shape = Shape(
        length_mm=heart.length_mm,
        widest=heart.widest,
        pointed=heart.pointed,
        bumps=heart.bumps[0],
        other_bumps=heart.bumps[1].mean(0),
        bend=0.0,
        eccentricity=heart.eccentricity,
        longitudinal=heart.longitudinal,
        asynergy=heart.asynergy,
        tilt=0.0,
        wall_mm=heart.wall_mm,
    )
    # Seen from the front of the chest: the muscles at 4 and 8 o'clock, the right heart left above.
    muscles = [
        [np.radians(side * between(105.0, 145.0)), between(4.0, 7.0), between(0.2, 1.1)]
        for side in (1.0, -1.0)
    ]
    around = AroundRing(
        level=between(0.42, 0.62),
        waves=0.02 * normal((2, 2)),
        right_mm=between(12.0, 28.0) * (rng.random() < 0.9),
        right_angle=np.radians(-between(35.0, 75.0)),
        right_reach=np.radians(between(60.0, 85.0)),
        papillary=np.array(muscles),
        blood_db=between(-24.0, -13.0),
        background_db=between(-8.0, 0.0),
        pericardium_db=between(4.0, 14.0),
        fibre_db=between(2.0, 9.0),
        patches_db=between(4.0, 9.0),
    )
    # A cylinder of the largest volume would have this radius.
    outer = 0.3 * heart.length_mm + heart.wall_mm
    middle = outer + between(20.0, 42.0)
    pose = Pose(
        apex_mm=np.array([rng.normal(2.0, 5.0), middle]),
        lean=rng.normal(0.0, 0.35),
    )
    scanner = draw_scanner(rng, middle + outer + between(8.0, 40.0))
    return jax.tree.map(np.float32, Scene(shape, around, pose, scanner))


def _draw_surroundings(
    rng: np.random.Generator, heart: Heart, four: bool, stenosis: float
) -> Surroundings:
    between = rng.uniform
    return Surroundings(
        atrium_mm=heart.atrium_mm,
        atrium_width=between(1.0, 1.35),
        right=1.0 if four else 0.0,
        right_mm=between(22.0, 38.0),
        right_apex=between(0.2, 0.45),
        leaflets=np.array([between(0.55, 0.7), between(0.35, 0.5)]),
        opening=between(1.0, 1.4) * (1.0 - 0.6 * stenosis),
        papillary=np.array([between(0.4, 0.6), between(4.0, 9.0), rng.choice([-1.0, 0.0, 1.0])]),
        blood_db=between(-24.0, -13.0),
        background_db=between(-8.0, 0.0),
        pericardium_db=between(4.0, 14.0),
        valve_db=between(2.0, 10.0),
        deep_db=between(0.0, 10.0),
        fibre_db=between(2.0, 9.0),
        patches_db=between(4.0, 9.0),
    )


def draw_scanner(rng: np.random.Generator, depth_mm: float) -> Scanner:
    """Return the settings of a scanner for a depth."""
    between = rng.uniform
    # One shadow in the fan in three clips of ten, one at a side, of lung or rib, in all.
    shadows = [
        [between(-1, 1), between(0.1, 0.3), between(5, 60), between(0, 20) * (rng.random() < 0.3)],
        [rng.choice([-1.0, 1.0]), between(0.1, 0.3), between(5, 60), between(3, 14)],
    ]
    return Scanner(
        depth_mm=depth_mm,
        half_angle=between(0.58, 0.76),
        footprint_mm=between(2.0, 6.0),
        beam=np.radians(between(0.5, 1.1)),
        pulse_mm=between(0.4, 0.9),
        lobes_db=between(-34.0, -24.0),
        compound=between(0.0, 0.8),
        floor_db=between(-40.0, -24.0),
        range_db=between(45.0, 65.0),
        gamma=between(0.75, 1.5),
        slope_db=rng.normal(-1.0, 3.0),
        edge_db=between(0.0, 13.0),
        depth_db=between(1.0, 3.0),
        angle_db=between(1.0, 5.0),
        near_db=between(0.0, 12.0),
        near_mm=between(4.0, 10.0),
        haze_db=between(-27.0, -13.0),
        noise_db=between(-32.0, -16.0),
        shadows=np.array(shadows),
    )
