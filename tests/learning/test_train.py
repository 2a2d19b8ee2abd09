import json
import os
import signal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objectives import MatrixFit, NetworkFit, TwoParts, network

from cardiotwin import InputError
from cardiotwin.learning import (
    LBFGS,
    SOAP,
    Adam,
    ConjugateGradient,
    CosineDecay,
    EarlyStop,
    ExponentialDecay,
    FixedWeights,
    GradientNormBalance,
    KeepBest,
    LevenbergMarquardt,
    Problem,
    train,
)
from cardiotwin.learning._borders import partition_objective

FIT, METHOD = NetworkFit(), Adam(1e-2)
START = {"slope": jnp.array([0.0]), "offset": jnp.array([0.0])}


def run(steps, *, objective=FIT, parameters=None, method=METHOD, seed=3, **options):
    options = {"report_every": 10, "quiet": True, **options}
    parameters = network(jax.random.key(0)) if parameters is None else parameters
    return train(objective, parameters, method, steps=steps, seed=seed, **options)


def same(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not():
    one, again, other = run(20), run(20), run(20, seed=4)
    assert same(one.parameters, again.parameters)
    assert same(one.history, again.history)
    assert not same(one.parameters, other.parameters)
    assert again.seconds_compiling == 0.0  # the very same training is compiled once


def test_training_lowers_the_loss_and_reports_every_step():
    found = run(95)
    history = found.history
    assert found.step == 95
    assert found.stopped == "all 95 steps done"
    assert set(history) == {
        "data", "physics", "total", "learning_rate", "weight_data", "weight_physics",
    }  # fmt: skip
    assert all(values.shape == (95,) for values in history.values())
    assert history["total"][-10:].mean() < 0.3 * history["total"][0]
    np.testing.assert_allclose(history["total"], history["data"] + history["physics"], rtol=1e-6)


def test_the_length_of_the_blocks_does_not_matter():
    # Other blocks are other programs to the compiler: equal up to rounding.
    one, other = run(20), run(20, report_every=7)
    np.testing.assert_allclose(one.history["total"], other.history["total"], rtol=1e-3)


@pytest.mark.parametrize("method", [SOAP(1e-2, refresh_every=3), LBFGS()])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path, method):
    balance = GradientNormBalance(refresh_every=4) if isinstance(method, SOAP) else None
    extras = {"weights": balance, "keep_best": KeepBest(memory=0.5), "method": method}

    def cut(step, losses, parameters):
        return "enough" if step in (10, 30) else None

    whole = run(45, **extras)
    options = {"checkpoint": tmp_path / "c", "log": tmp_path / "log.jsonl", **extras}
    first = run(45, callbacks=[cut], **options)
    second = run(45, callbacks=[cut], **options)
    third = run(45, **options)
    assert (first.step, second.step, third.step) == (10, 30, 45)
    assert first.stopped == "enough"
    assert same(whole.parameters, third.parameters)
    assert same(whole.history, third.history)
    rows = [json.loads(row) for row in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 45]
    assert rows[1]["data"] == pytest.approx(whole.history["data"][10:20].mean(), rel=1e-6)
    assert not list(tmp_path.rglob("*.pkl"))
    again = run(45, **options)
    assert same(again.parameters, third.parameters)
    assert again.stopped == "all 45 steps done"


def test_a_training_may_be_prolonged_unless_its_schedule_depends_on_its_length(tmp_path):
    whole = run(45)
    run(20, report_every=10, checkpoint=tmp_path / "constant")
    assert same(whole.parameters, run(45, checkpoint=tmp_path / "constant").parameters)
    cosine = Adam(CosineDecay(1e-2))
    run(10, method=cosine, checkpoint=tmp_path / "cosine")
    with pytest.raises(InputError, match="differs in optimizer"):
        run(20, method=cosine, checkpoint=tmp_path / "cosine")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"seed": 9}, "seed"),
        ({"weights": {"physics": 0.1}}, "weights"),
        ({"parameters": network(jax.random.key(0), width=5)}, "parameters"),
        ({"objective": NetworkFit(n_points=10)}, "objective"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, change, what):
    run(10, checkpoint=tmp_path)
    with pytest.raises(InputError, match=f"differs in .*{what}"):
        run(20, checkpoint=tmp_path, **change)


def test_damaged_checkpoints_are_refused(tmp_path):
    run(10, checkpoint=tmp_path)
    numbers = tmp_path / "state.npz"
    numbers.write_bytes(numbers.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"state\.npz"):
        run(20, checkpoint=tmp_path)
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(InputError, match=r"recipe\.json"):
        run(20, checkpoint=tmp_path)


def test_an_interrupt_ends_after_the_block_and_loses_nothing(tmp_path):
    def press(step, losses, parameters):
        if step == 20:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    cut = run(45, callbacks=[press], checkpoint=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    assert cut.stopped.startswith("interrupted after step")
    assert cut.step in (20, 30)
    assert len(cut.history["total"]) == cut.step
    assert same(run(45, checkpoint=tmp_path).parameters, run(45).parameters)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [SOAP(1e-2, refresh_every=3), LevenbergMarquardt(ConjugateGradient(5))]
)
def test_runs_side_by_side_equal_single_runs(method):
    keys = jax.random.split(jax.random.key(1), 3)
    options = {"method": method, "n_runs": 3}
    many = run(20, parameters=jax.vmap(network)(keys), seed=5, **options)
    assert many.history["total"].shape == (20, 3)
    for i, key in enumerate(keys):
        single = run(20, parameters=network(key), seed=5 + i, method=method)
        np.testing.assert_allclose(
            many.history["total"][:, i], single.history["total"], rtol=2e-3, atol=1e-5
        )
    chosen = run(20, parameters=jax.vmap(network)(keys), seed=[5, 6, 7], **options)
    assert same(many.parameters, chosen.parameters)


def test_balance_makes_the_gradients_equally_long():
    balance = GradientNormBalance(reference="data", memory=0.0, refresh_every=1)
    found = run(5, objective=TwoParts(), parameters=START, method=Adam(1e-3), weights=balance)
    weights = found.history["weight_physics"]
    np.testing.assert_array_equal(found.history["weight_data"], 1.0)
    # At the start, by hand: gradients of the two parts and the first batch.
    batch = TwoParts().draw(jax.random.fold_in(jax.random.key(3), 0))
    problem = Problem(TwoParts().residuals, {})
    lengths = {}
    for name in ("data", "physics"):
        slope = jax.grad(lambda p, name=name: problem.parts(p, batch)[name])(START)
        lengths[name] = np.sqrt(sum(float(jnp.vdot(x, x)) for x in jax.tree.leaves(slope)))
    assert weights[0] * lengths["physics"] == pytest.approx(lengths["data"], rel=1e-4)
    assert weights[0] < 1e-3


def test_balance_averages_over_time():
    averaged = GradientNormBalance(memory=0.9, refresh_every=2)
    sharp = GradientNormBalance(memory=0.0, refresh_every=2)
    # With a vanishing rate the weights of the network stand still and so do the batches' seeds.
    a, s = (
        run(8, method=Adam(1e-12), weights=w).history["weight_physics"] for w in (averaged, sharp)
    )
    expected = s[0]
    for step in range(0, 8, 2):
        expected = s[0] if step == 0 else 0.9 * expected + 0.1 * s[step]
        assert a[step] == a[step + 1] == pytest.approx(expected, rel=1e-5)


def test_fixed_weights_scale_their_part_and_reuse_the_compiled_code():
    run(10, weights={"physics": 0.5})
    found = run(10, weights=FixedWeights({"physics": 0.25}))
    np.testing.assert_allclose(
        found.history["total"],
        found.history["data"] + 0.25 * found.history["physics"],
        rtol=1e-6,
    )
    assert found.seconds_compiling == 0.0


def test_new_arrays_in_an_equinox_objective_compile_nothing():
    start = {"w": jnp.zeros((8, 6))}
    run(10, objective=MatrixFit(seed=0), parameters=start)
    assert run(10, objective=MatrixFit(seed=1), parameters=start).seconds_compiling == 0.0


def test_an_equinox_module_is_trained_and_comes_back_as_one():
    class Scaled(eqx.Module):
        layer: eqx.nn.MLP
        order: jax.Array
        power: int = 2

        def __call__(self, x):
            return self.layer(x[self.order]) ** self.power

    class Fit:
        def draw(self, key):
            return jax.random.uniform(key, (8, 2))

        def residuals(self, model, points):
            return {"data": (jax.vmap(model)(points)[:, 0] - points[:, 0] ** 2) / jnp.sqrt(8.0)}

    layer = eqx.nn.MLP(2, 1, 4, 1, activation=jnp.tanh, key=jax.random.key(0))
    model = Scaled(layer, jnp.array([1, 0]))
    found = run(60, objective=Fit(), parameters=model)
    assert isinstance(found.parameters, Scaled)
    assert found.parameters(jnp.ones(2)).shape == (1,)
    assert same(found.parameters.order, model.order)
    assert found.history["total"][-10:].mean() < 0.5 * found.history["total"][:10].mean()


def test_the_budget_of_time_is_kept():
    run(50, report_every=50)  # compiles, which would count
    found = run(10**7, budget_s=2.0, report_every=50)
    assert "budget" in found.stopped
    assert 0 < found.step < 10**7
    assert found.seconds < 2.5
    assert len(found.history["total"]) == found.step


def test_early_stop():
    stop = EarlyStop(patience=20, relative=0.0, below={"data": 1e-2}, average=5)
    start = {"w": jnp.zeros((8, 6))}
    options = {"objective": MatrixFit(), "parameters": start, "method": Adam(3e-2)}
    low = run(2000, stop=stop, **options)
    assert low.stopped == "reached data < 0.01"
    assert low.history["data"][-5:].mean() < 1e-2 <= low.history["data"][-15:-10].mean()
    flat = run(3000, stop=EarlyStop(patience=100, relative=0.9), **options)
    assert flat.stopped == "total fell by less than 90 % in 100 steps"
    means = flat.history["total"].reshape(-1, 10).mean(1)
    assert means[-10:].mean() > 0.1 * means[-20:-10].mean()


def test_the_best_parameters_are_kept():
    class Away:
        """Its minimum is passed at high speed."""

        def draw(self, key):
            return None

        def residuals(self, x, batch):
            return {"data": x - 1.0}

    options = {"objective": Away(), "parameters": jnp.array([0.0]), "method": Adam(0.3, b1=0.99)}
    best, last = run(12, keep_best=KeepBest(), **options), run(12, **options)
    lowest = best.history["data"].min()
    assert float((best.parameters[0] - 1.0) ** 2) == pytest.approx(lowest, rel=1e-5)
    assert lowest < float((last.parameters[0] - 1.0) ** 2)


def test_a_loss_that_is_not_finite_ends_with_the_last_good_parameters():
    class Cliff:
        def draw(self, key):
            return None

        def residuals(self, x, batch):
            return {"data": jnp.log(x)}

    start = jnp.array([2.0])
    found = run(100, objective=Cliff(), parameters=start, method=Adam(2.5))
    assert "not finite" in found.stopped
    assert "smaller learning rate" in found.stopped
    assert found.step == len(found.history["data"]) == 2
    assert found.parameters[0] == 2.0
    assert np.isfinite(found.history["data"][:-1]).all()
    many = jnp.array([[2.0], [1.0]])
    both = run(30, objective=Cliff(), parameters=many, method=Adam(2.5), n_runs=2)
    assert both.step == 30
    assert "1 of 2 runs ended early" in both.stopped
    assert np.isnan(both.history["total"][5:, 0]).all()
    np.testing.assert_array_equal(both.parameters, many)


def test_progress_lines_name_the_parts(capsys):
    run(20, quiet=False, label="fit")
    text = capsys.readouterr().err
    assert text.startswith("fit: 20/20  data ")
    assert "physics" in text
    assert "s left" in text


def test_schedules_have_the_rates_they_promise():
    cosine = run(20, method=Adam(CosineDecay(1e-2, warmup_steps=5, final_fraction=0.1)))
    rates = cosine.history["learning_rate"]
    np.testing.assert_allclose(rates[:6], 1e-2 * np.arange(6) / 5, atol=1e-8)
    fall = (1 + np.cos(np.pi * np.arange(15) / 15)) / 2
    np.testing.assert_allclose(rates[5:], 1e-2 * (0.1 + 0.9 * fall), rtol=1e-4)
    halved = ExponentialDecay(1.0, half_life_steps=3)
    assert float(halved.rate(6)) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": {"phisics": 1.0}}, "phisics"),
        ({"weights": {"data": -1.0}}, "weights"),
        ({"weights": GradientNormBalance(reference="nothing")}, "nothing"),
        ({"stop": EarlyStop(part="nothing")}, "nothing"),
        ({"keep_best": KeepBest(part="nothing")}, "nothing"),
        ({"n_runs": 3}, "leading axis of 3 runs"),
        ({"seed": [1, 2]}, "n_runs"),
        ({"seed": -1}, "seed"),
        ({"parameters": {"w": 1.0}}, "jnp.array"),
        ({"steps": 0}, "steps"),
        ({"budget_s": 0}, "budget_s"),
    ],
)
def test_bad_input_is_refused_with_advice(change, message):
    with pytest.raises(InputError, match=message):
        run(**{"steps": 10, **change})


def test_an_object_that_is_no_objective_is_refused():
    with pytest.raises(InputError, match=r"draw\(\)"):
        partition_objective(object())
