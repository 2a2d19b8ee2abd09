"""Names on the command line → method, rule and reference objects."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .._checks import check_choice, check_number
from .._errors import InputError
from ..ecgi import (
    CRESO,
    GCV,
    GMRES,
    AsRecorded,
    CheckedGCV,
    CommonAverage,
    ConjugateGradient,
    Consensus,
    Discrepancy,
    Fixed,
    FourDVar,
    FundamentalSolutions,
    InverseMethod,
    IsotropyPrewhitening,
    LCurve,
    LeaveOneLeadOut,
    MeanOfLeads,
    QuasiOptimality,
    Reference,
    RobustGCV,
    Rule,
    SpatioTemporal,
    Tikhonov,
    TotalVariation,
    TravelingWave,
    TruncatedSVD,
    UCurve,
    WeakFourDVar,
    presets,
)

RULES = {
    "checked-gcv": CheckedGCV,
    "creso": CRESO,
    "lcurve": LCurve,
    "gcv": GCV,
    "robust-gcv": RobustGCV,
    "ucurve": UCurve,
    "quasi-optimality": QuasiOptimality,
    "leave-one-out": LeaveOneLeadOut,
    "consensus": Consensus,
}


def _without_rule(
    name: str, make: Callable[[], InverseMethod]
) -> Callable[[dict[str, Any]], InverseMethod]:
    def method(rule: dict[str, Any]) -> InverseMethod:
        if rule:
            raise InputError(
                "rule",
                found=f"{type(rule['rule']).__name__} for {name}",
                expected="no rule: this method has no λ to choose",
                advice="Leave out --rule.",
            )
        return make()

    return method


METHODS: dict[str, Callable[[dict[str, Any]], InverseMethod]] = {
    "tikhonov0": lambda rule: Tikhonov(order=0, **rule),
    "tikhonov1": lambda rule: Tikhonov(order=1, **rule),
    "tikhonov2": lambda rule: Tikhonov(order=2, **rule),
    "truncated-svd": lambda rule: TruncatedSVD(**rule),
    "conjugate-gradient": lambda rule: ConjugateGradient(**rule),
    "gmres": lambda rule: GMRES(**rule),
    "spatio-temporal": lambda rule: SpatioTemporal(**rule),
    "traveling-wave": _without_rule("traveling-wave", TravelingWave),
    "isotropy": lambda rule: IsotropyPrewhitening(**rule),
    "total-variation": lambda rule: TotalVariation(**rule),
    "fundamental-solutions": lambda rule: FundamentalSolutions(**rule),
    "ep-dl": _without_rule("ep-dl", presets.ep_dl),
    "eand-arn": _without_rule("eand-arn", presets.eand_arn),
    "network": _without_rule("network", presets.best),
    "four-d-var": _without_rule("four-d-var", FourDVar),
    "weak-4d-var": _without_rule("weak-4d-var", WeakFourDVar),
}
REFERENCES = {"average": CommonAverage, "as-recorded": AsRecorded}


def choose_rule(text: str | None) -> Rule | None:
    """Return the rule of a name, ``fixed:LAMBDA`` or ``discrepancy:SIGMA``; None for none."""
    if text is None:
        return None
    name, _, number = text.partition(":")
    if name in ("fixed", "discrepancy"):
        value = check_number(number, f"rule {name}", above=0, advice=f"Write {name}:0.01.")
        return Fixed(value) if name == "fixed" else Discrepancy(value)
    return RULES[check_choice(text, "rule", [*RULES, "fixed:VALUE", "discrepancy:SIGMA"])]()


def choose_method(name: str, rule: str | None, seed: int = 0) -> InverseMethod:
    """Return the method of a name, with the rule or with its own default rule, and the seed."""
    chosen = choose_rule(rule)
    method: Any = METHODS[check_choice(name, "method", METHODS)](
        {} if chosen is None else {"rule": chosen}
    )
    return replace(method, seed=seed) if hasattr(method, "seed") else method


def choose_reference(text: str) -> Reference:
    """Return the reference of ``average``, ``as-recorded`` or ``leads:0,1,2``."""
    if text.startswith("leads:"):
        return MeanOfLeads(numbers(text.removeprefix("leads:"), "reference"))
    return REFERENCES[check_choice(text, "reference", [*REFERENCES, "leads:0,1,2"])]()


def numbers(text: str, where: str) -> list[int]:
    """Return the whole numbers of a comma-separated list."""
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(
            where, found=repr(text), expected="whole numbers separated by commas"
        ) from None
