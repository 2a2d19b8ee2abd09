"""A few circulations, solved once for all tests of figures and pages."""

from functools import cache
from pathlib import Path

import numpy as np

from cardiotwin import report
from cardiotwin.circulation import Beat, Circulation, steady_state

PUMPED = Path(__file__).parent / "pumped"
VOLUMES = np.array([200.0, 260.0, 320.0, 380.0])
RESISTANCES = np.array([0.7, 1.0, 1.4, 1.9])


@cache
def patients() -> Beat:
    """Sixteen: preload (4), afterload (4), draws (6), leaking valves (2)."""
    rng = np.random.default_rng(5)
    volume, resistance, emax = np.full((3, 16), [[282.71], [1.0], [2.0]])
    mitral_leak, aortic_leak = np.zeros((2, 16))
    volume[:4] = VOLUMES
    resistance[4:8] = RESISTANCES
    emax[8:14] *= np.exp(0.1 * rng.normal(size=6))
    resistance[8:14] *= np.exp(0.1 * rng.normal(size=6))
    mitral_leak[14], aortic_leak[15] = 1.0, 1.0
    return steady_state(
        Circulation(
            stressed_volume_ml=volume,
            systemic_resistance=resistance,
            emax=emax,
            mitral_leak=mitral_leak,
            aortic_leak=aortic_leak,
        )
    )


def healthy() -> Beat:
    return patients()[5]


def draws() -> Beat:
    return patients()[8:14]


def pumped() -> Beat:
    """A failing ventricle under a pump at 13000 rpm: the aortic valve stays shut.

    Read from a folder that version 0.1.0 wrote: a program for it takes long to compile, and what
    is written must stay readable.
    """
    return _pumped().beat


def pumped_slowly() -> Beat:
    """The same at 8000 rpm: the aortic valve opens."""
    return _pumped().compared["8000 rpm"]


@cache
def _pumped() -> report.SavedBeat:
    return report.load_beat(PUMPED)


def failed() -> Beat:
    """A beat that was not found."""
    from dataclasses import replace

    beat = healthy()
    blank = np.full_like(beat.volume_ml, np.nan)
    status = np.asarray("not periodic after 60 beats")
    return replace(beat, volume_ml=blank, lv_mmhg=blank, status=status)
