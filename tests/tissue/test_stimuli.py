import numpy as np
import pytest

from cardiotwin._errors import InputError
from cardiotwin.geometry import PaperLaplacian
from cardiotwin.tissue import (
    AlievPanfilov,
    Excitation,
    ExplicitEuler,
    ExplicitHeun,
    ImplicitDiffusion,
    RungeKutta4,
    Stimulus,
    nearest_nodes,
    simulate_beat,
)

INERT = AlievPanfilov(k=0.0)  # with v = 0 nothing reacts


@pytest.mark.parametrize(
    "stepper", [ExplicitEuler(), ExplicitHeun(), RungeKutta4(), ImplicitDiffusion()]
)
def test_a_current_delivers_its_charge_whatever_the_step(small_ball, stepper):
    beat = simulate_beat(
        small_ball,
        model=INERT,
        diffusion=0.0,
        stimuli=[Stimulus([5], 0.33, 0.47, 2.0), Stimulus([5, 7], 1.0, 0.25, -1.0)],
        n_times=21,
        stepper=stepper,
    )
    end = beat.potentials[:, -1]
    assert end[5] == pytest.approx(2.0 * 0.47 - 0.25, abs=1e-13)
    assert end[7] == pytest.approx(-0.25, abs=1e-13)
    assert np.count_nonzero(end) == 2


def test_an_excitation_sets_its_nodes_at_its_instant_and_no_others(small_ball):
    beat = simulate_beat(
        small_ball,
        model=INERT,
        diffusion=0.0,
        stimuli=[Excitation([1, 2]), Excitation([3], 0.5, 0.8), Excitation([4], 99.0)],
        n_times=11,
    )
    assert (beat.potentials[[1, 2]] == 1).all()
    assert (beat.potentials[3, :5] == 0).all()
    assert (beat.potentials[3, 5:] == 0.8).all()
    assert (beat.potentials[4] == 0).all()


@pytest.mark.parametrize("stepper", [RungeKutta4(), ImplicitDiffusion(dense_up_to=0)])
def test_later_excitations_act_in_both_loops(small_ball, stepper):
    beat = simulate_beat(small_ball, stimuli=[Excitation([3], 0.5)], n_times=11, stepper=stepper)
    assert (beat.potentials[:, :5] == 0).all()
    assert beat.potentials[3, 5] == 1
    assert beat.potentials[:, 10].min() > 0


def test_nearest_nodes_by_radius_and_by_number_agree(epicardium):
    point = [10.0, -5.0, 60.0]
    by_number = nearest_nodes(epicardium, point, n_nodes=12)
    distance = np.linalg.norm(epicardium.vertices_mm - point, axis=1)
    radius = distance[by_number[-1]] * (1 + 1e-12)
    np.testing.assert_array_equal(nearest_nodes(epicardium, point, radius_mm=radius), by_number)
    assert distance[by_number[-1]] <= np.delete(distance, by_number).min()
    np.testing.assert_array_equal(
        Stimulus.near(epicardium, point, n_nodes=12).nodes, np.sort(by_number)
    )


def test_errors_say_what_to_do(small_ball):
    with pytest.raises(InputError, match=r"radius_mm: found no node within 1 mm.*nearest node is"):
        nearest_nodes(small_ball, [0, 0, 0], radius_mm=1.0)
    with pytest.raises(InputError, match="found neither; expected exactly one"):
        Excitation.near(small_ball, [0, 0, 0])
    with pytest.raises(InputError, match="n_nodes: found 50; expected at most 42"):
        nearest_nodes(small_ball, [0, 0, 0], n_nodes=50)
    with pytest.raises(InputError, match="nodes: found no nodes"):
        Stimulus([])
    with pytest.raises(InputError, match=r"stimuli\[0\].nodes: found index 42"):
        simulate_beat(small_ball, stimuli=[Excitation([42])], laplacian=PaperLaplacian())
