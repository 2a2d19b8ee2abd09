import numpy as np
import pytest

from cardiotwin._errors import InputError, NumericsError
from cardiotwin.tissue import AlievPanfilov, MitchellSchaeffer, plane_wave


def test_the_front_rises_as_steeply_as_the_exact_one():
    # u = 1 / (1 + exp((x − ct) √(k/2D))) with c = (1 − 2a) √(kD/2) rises at (1 − 2a) k / 8.
    model = AlievPanfilov(e0=0.0, mu1=0.0)
    wave = plane_wave(model, diffusion=10.0, duration_tu=5.0)
    u = wave.at(np.array([-0.1, 0.1]))[0]
    assert np.isclose((u[1] - u[0]) / 0.2, (1 - 2 * 0.1) * 8 / 8, rtol=0.02)


def test_the_shape_in_time_does_not_depend_on_diffusion():
    elapsed = np.linspace(-3, 40, 200)
    u, v = plane_wave(AlievPanfilov(), diffusion=10.0, duration_tu=40.0).at(elapsed)
    other_u, other_v = plane_wave(AlievPanfilov(), diffusion=2.5, duration_tu=40.0).at(elapsed)
    assert np.allclose(u, other_u, atol=1e-9) and np.allclose(v, other_v, atol=1e-9)


def test_the_wave_is_an_action_potential_and_comes_back_to_rest():
    wave = plane_wave(MitchellSchaeffer(), diffusion=10.0, duration_tu=150.0)
    u, h = wave.at(np.array([-30.0, 0.0, 10.0, 150.0]))
    assert u[0] == 0.0 and h[0] == 1.0
    assert u[2] > 0.8 > u[1] > 0.4
    assert u[3] < 1e-3 and h[3] > 0.95


def test_tissue_that_does_not_conduct_is_an_error():
    with pytest.raises(NumericsError, match="does not conduct"):
        plane_wave(AlievPanfilov(a=0.6), diffusion=10.0, duration_tu=10.0)


def test_bad_diffusion_is_an_error():
    with pytest.raises(InputError, match="diffusion"):
        plane_wave(AlievPanfilov(), diffusion=0.0)
