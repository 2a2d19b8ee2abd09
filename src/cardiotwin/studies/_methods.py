"""The methods of the tables, told by each case what its inversion believes."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from .. import ecgi
from ..tissue import AlievPanfilov, MitchellSchaeffer
from ._cells import Build, Setting


def tikhonov_oracle(setting: Setting) -> ecgi.InverseMethod:
    """Second-order Tikhonov with the best λ, which needs the truth: the table must say oracle."""
    return ecgi.Tikhonov(order=2, rule=ecgi.Oracle(setting.case.truth), uncertainty=False)


def tikhonov(setting: Setting) -> ecgi.InverseMethod:
    """Second-order Tikhonov as a user would run it."""
    del setting
    return ecgi.Tikhonov(order=2, uncertainty=False)


def spatio_temporal(setting: Setting) -> ecgi.InverseMethod:
    """STRE with both parameters chosen without the truth."""
    del setting
    return ecgi.SpatioTemporal(uncertainty=False)


def traveling_wave(setting: Setting) -> ecgi.InverseMethod:
    """The traveling-wave prior, which has no parameter to choose."""
    del setting
    return ecgi.TravelingWave(uncertainty=False)


def physics(make: Callable[[], Any], **changes: Any) -> Build:
    """Return the builder of a method with a tissue model: D, seed and steps as the case has them.

    Args:
        make: makes the method with its own settings.
        changes: settings that differ from these.
    """

    def build(setting: Setting) -> ecgi.InverseMethod:
        method = make()
        told: dict[str, Any] = {"diffusion": setting.case.diffusion, "seed": setting.seed}
        names = {item.name for item in fields(method)}
        if setting.budget.steps is not None and "steps" in names:
            told["steps"] = setting.budget.steps
        if "quiet" in names:
            told["quiet"] = True
        return replace(method, **told, **changes)

    return build


def preset(name: str, **settings: Any) -> Build:
    """Return the builder of one of `ecgi.presets`, by name, with these settings of its own."""

    def make() -> Any:
        return getattr(ecgi.presets, name)(**settings)

    return physics(make)


def four_d_var() -> Any:
    """Return the strong constraint; simulated potentials have the amplitude 1."""
    return ecgi.FourDVar(gain=1.0)


def weak_four_d_var(setting: Setting) -> ecgi.InverseMethod:
    """Return the weak constraint, told the same as the strong one."""
    method = ecgi.WeakFourDVar(seed=setting.seed)
    told = {"gain": 1.0, "diffusion": setting.case.diffusion}
    return replace(method, strong=replace(method.strong, **told))


def best_of_ionic_models(setting: Setting) -> ecgi.InverseMethod:
    """The recommended network with either ionic model, and the data to choose between them."""
    models = (AlievPanfilov(), MitchellSchaeffer())
    return ecgi.LowestLoss([preset("best", model=model)(setting) for model in models])


ASSIMILATION: dict[str, Build] = {
    "4D-Var": physics(four_d_var),
    "weak 4D-Var": weak_four_d_var,
}


def four_d_var_moved() -> Any:
    """Return the strong constraint with the place of the heart estimated too."""
    return ecgi.FourDVar(gain=1.0, unknown=(ecgi.UnknownPose(),))


def four_d_var_free() -> Any:
    """Return the strong constraint with diffusion and amplitude estimated too."""
    return ecgi.FourDVar(unknown=(ecgi.UnknownDiffusion(),))
