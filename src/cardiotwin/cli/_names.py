"""Names of methods and rules for the help texts, which must not load what they name."""

METHODS = (
    "tikhonov0",
    "tikhonov1",
    "tikhonov2",
    "truncated-svd",
    "conjugate-gradient",
    "gmres",
    "spatio-temporal",
    "traveling-wave",
    "isotropy",
    "total-variation",
    "fundamental-solutions",
    "ep-dl",
    "eand-arn",
    "network",
    "four-d-var",
    "weak-4d-var",
)
RULES = (
    "checked-gcv",
    "creso",
    "lcurve",
    "gcv",
    "robust-gcv",
    "ucurve",
    "quasi-optimality",
    "leave-one-out",
    "consensus",
)

METHOD_HELP = f"One of {', '.join(METHODS)}."
RULE_HELP = f"Rule for λ, by default the method's own: {', '.join(RULES)}, fixed:λ, discrepancy:σ."
