"""Synthetic echo clips of virtual patients, of whom everything is known."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock

import jax
import numpy as np
from jaxtyping import Float, UInt8

from .._checks import check_choice, check_count, check_number
from .._errors import InputError
from ..circulation import Circulation
from ..hemodynamics import Unknowns
from ._clip import SMALLEST_SIDE, VIEWS, EchoClip
from ._phantom_image import render
from ._phantom_patients import GROUP, PHASES, Patient, patient_group, phases_of
from ._phantom_scene import Heart, draw_heart, draw_scene
from ._ultrasound import N_TEXTURE

STENOTIC = (0.02, 0.12)
"""Mitral resistance (mmHg s/mL) from which leaflets open less, and at which they open least."""

LARGEST_SIDE = math.ceil((N_TEXTURE + 1) / 1.25) - 1
"""Pixels of a side whose 1.25 samples along a beam, rounded down, fit into the texture."""

Timing = Callable[
    [Patient, np.random.Generator],
    tuple[Float[np.ndarray, " n_frames"], Float[np.ndarray, " n_beats"]],
]
"""From a patient to the times of frames and the lengths of beats, s."""

_ONE_AT_A_TIME = Lock()
# Threads that make clips of one group would otherwise all compute its beats.


@dataclass(frozen=True, eq=False)
class PhantomClip:
    """A synthetic clip and the truth about it.

    Attributes:
        clip: what a reader would give.
        masks: (n_frames, height, width) 1 cavity of the left ventricle, 2 its wall, 3 left atrium,
            0 everything else; the cavity of a short axis holds the papillary muscles.
        volumes_ml: (n_frames,) of the left ventricle, true in three dimensions.
        circulation: the patient's parameters.
        patient: number of the patient; clips of several views share it.
        edv_ml, esv_ml: largest and smallest volume of the patient's beat.
        heart_rate_per_min: beats that pass between the first and the last frame, per time.
        foreshortening: share of the long axis that the plane of the image misses, first frame; 1
            in the short axis.
    """

    clip: EchoClip
    masks: UInt8[np.ndarray, "n_frames height width"]
    volumes_ml: Float[np.ndarray, " n_frames"]
    circulation: Circulation
    patient: int
    edv_ml: float
    esv_ml: float
    heart_rate_per_min: float
    foreshortening: float

    @property
    def ef_percent(self) -> float:
        """True ejection fraction, of the largest and smallest volume."""
        return 100.0 * (1.0 - self.esv_ml / self.edv_ml)


@dataclass(frozen=True)
class Phantom:
    """Generator of synthetic clips, from the apex and of the short axis.

    A circulation drawn from priors gives the volume of the ventricle at every instant; a shape
    with exactly that volume, walls that keep theirs, valve, atria and right ventricle follow;
    scatterers carried by the tissue, smoothed by pulse and beam, compressed and laid into a fan
    give the image. Shapes, poses and settings of the scanner are drawn anew for every clip.

    Args:
        views: a clip of each of these for every patient; "PSAX" is the short axis at the level of
            the papillary muscles, which stands for all that is not seen from the apex.
        size: pixels of a side, 32 to 410.
        frame_rates_hz: lowest and highest.
        beats: shortest and longest clip, in beats.
        n_frames: if given, all clips have so many; of high rates every second or third frame is
            kept, so that they last for as many beats as ``beats`` asks at least.
        variability: standard deviation of the length of beats, relative.
        unknowns: priors of the circulation.

    Raises:
        InputError: an unknown view, or a number out of range.

    >>> clips = Phantom(views=("A4C",), size=64, n_frames=16).clips(2, seed=1)
    >>> one = next(clips)
    >>> one.clip.frames.shape, one.masks.max().item(), 10 < one.ef_percent < 80
    ((16, 64, 64), 3, True)
    """

    views: Sequence[str] = ("A4C",)
    size: int = 112
    frame_rates_hz: tuple[float, float] = (25.0, 80.0)
    beats: tuple[float, float] = (1.2, 2.5)
    n_frames: int | None = None
    variability: float = 0.03
    unknowns: Unknowns = field(default_factory=Unknowns.of)

    def __post_init__(self):
        if not self.views or isinstance(self.views, str):
            raise InputError("views", found=repr(self.views), expected=f"some of {VIEWS}")
        for view in self.views:
            check_choice(view, "views", VIEWS)
        if check_count(self.size, "size", at_least=SMALLEST_SIDE) > LARGEST_SIDE:
            raise InputError(
                "size",
                found=str(self.size),
                expected=f"at most {LARGEST_SIDE} pixels, for which its speckle is made",
                advice="Make clips of that size or below, and enlarge their frames.",
            )
        check_number(self.variability, "variability", at_least=0, at_most=0.3)
        for name, least in (("frame_rates_hz", 5.0), ("beats", 1.0)):
            low, high = getattr(self, name)
            check_number(low, name, at_least=least)
            check_number(high, name, at_least=low)
        if self.n_frames is not None:
            check_count(self.n_frames, "n_frames", at_least=8)

    def clips(self, n: int, seed: int = 0) -> Iterator[PhantomClip]:
        """Yield the first n clips of a seed; with two views, two in a row are of one patient.

        Args:
            n: how many.
            seed: of everything random.
        """
        check_count(n, "n")
        return (self.clip(number, seed) for number in range(n))

    def clip(self, number: int, seed: int = 0) -> PhantomClip:
        """Return one clip of a seed, the same whichever were made before.

        Args:
            number: 0-based; patients have as many clips in a row as there are views.
            seed: of everything random.

        Raises:
            NumericsError: the priors hold hardly a patient who could be alive.
        """
        return self.clip_at(number, seed, self._times)

    def clip_at(self, number: int, seed: int, timing: Timing) -> PhantomClip:
        """Return a clip whose frames are taken at other times.

        Args:
            number: as for `clip`.
            seed: as for `clip`.
            timing: from the patient and a source of randomness to the times of frames after the
                start of a contraction and the lengths of the beats from there, both in s.
        """
        number = check_count(number, "number", at_least=0)
        seed = check_count(seed, "seed", at_least=0)
        person, view = divmod(number, len(self.views))
        with _ONE_AT_A_TIME:
            patient = patient_group(self.unknowns, seed, person // GROUP)[person % GROUP]
        heart = draw_heart(np.random.default_rng([seed, 1, person]), patient.edv_ml)
        rng = np.random.default_rng([seed, 2, number])
        return self._make(patient, heart, self.views[view], rng, timing)

    def _make(
        self, patient: Patient, heart: Heart, view: str, rng: np.random.Generator, timing: Timing
    ) -> PhantomClip:
        times, beats = timing(patient, rng)
        done, within = phases_of(patient, times, beats)
        phase = within * PHASES
        progress = done + within
        every = np.arange(PHASES + 1)
        volumes = np.interp(phase, every, np.append(patient.volume_ml, patient.volume_ml[0]))
        opened = np.interp(phase, every, np.append(patient.opened, patient.opened[0]))
        low, high = STENOTIC
        resistance = float(patient.circulation.mitral_resistance)
        stenosis = np.clip(np.log(resistance / low) / np.log(high / low), 0.0, 1.0)
        scene = draw_scene(rng, heart, view, float(stenosis))
        key = jax.random.key(int(rng.integers(2**31)))
        found = render(scene, volumes, patient.edv_ml, opened, key, self.size)
        return PhantomClip(
            clip=EchoClip(
                found.frames,
                (times - times[0]) * 1000.0,
                found.mm_per_pixel,
                view,
                sector=found.sector,
                name=f"phantom-{patient.number}-{view}",
            ),
            masks=found.masks,
            volumes_ml=volumes,
            circulation=patient.circulation,
            patient=patient.number,
            edv_ml=patient.edv_ml,
            esv_ml=patient.esv_ml,
            heart_rate_per_min=float(60.0 * (progress[-1] - progress[0]) / (times[-1] - times[0])),
            foreshortening=found.missed,
        )

    def _times(
        self, patient: Patient, rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, " n_frames"], Float[np.ndarray, " n_beats"]]:
        """Return times of frames in s after the start of a contraction, and lengths of beats."""
        period = float(patient.circulation.period_s)
        rate = rng.uniform(*self.frame_rates_hz)
        n_beats = rng.uniform(*self.beats)
        n_frames = self.n_frames
        if n_frames is None:
            n_frames = int(np.ceil(n_beats * period * rate))
        else:
            rate /= max(1, int(rate * self.beats[0] * period / n_frames) + 1)
        times = rng.uniform(0.0, period) + np.arange(n_frames) / rate
        lengths = period * (1.0 + self.variability * rng.standard_normal(1000).clip(-3, 3))
        starts = np.cumsum(lengths)
        return times, lengths[: int(np.searchsorted(starts, times[-1])) + 1]
