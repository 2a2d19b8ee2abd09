"""What was done, in sentences, with references: made from the settings of a method."""

from dataclasses import dataclass
from typing import Any

from ._labels import show_number, wordy


@dataclass(frozen=True)
class Source:
    """A publication: how it is cited and its DOI."""

    text: str
    doi: str

    @property
    def url(self) -> str:
        """Link that resolves the DOI."""
        return f"https://doi.org/{self.doi}"


BARR = Source(
    "Barr RC, Ramsey M, Spach MS. Relating epicardial to body surface potential distributions by "
    "means of transfer coefficients based on geometry measurements. IEEE Trans Biomed Eng "
    "1977;24:1–11.",
    "10.1109/TBME.1977.326201",
)
DE_MUNCK = Source(
    "de Munck JC. A linear discretization of the volume conductor boundary integral equation "
    "using analytically integrated elements. IEEE Trans Biomed Eng 1992;39:986–990.",
    "10.1109/10.256433",
)
GESELOWITZ = Source(
    "Geselowitz DB. On the theory of the electrocardiogram. Proc IEEE 1989;77:857–876.",
    "10.1109/5.29327",
)
HANSEN_1998 = Source(
    "Hansen PC. Rank-Deficient and Discrete Ill-Posed Problems. SIAM, 1998.",
    "10.1137/1.9780898719697",
)
HANSEN_1987 = Source(
    "Hansen PC. The truncated SVD as a method for regularization. BIT 1987;27:534–553.",
    "10.1007/BF01937276",
)
HANSEN_OLEARY = Source(
    "Hansen PC, O'Leary DP. The use of the L-curve in the regularization of discrete ill-posed "
    "problems. SIAM J Sci Comput 1993;14:1487–1503.",
    "10.1137/0914086",
)
LUKAS = Source(
    "Lukas MA. Robust generalized cross-validation for choosing the regularization parameter. "
    "Inverse Problems 2006;22:1883–1902.",
    "10.1088/0266-5611/22/5/021",
)
RAMANATHAN = Source(
    "Ramanathan C, Jia P, Ghanem R, Calvetti D, Rudy Y. Noninvasive electrocardiographic imaging "
    "(ECGI): application of the generalized minimal residual (GMRes) method. Ann Biomed Eng "
    "2003;31:981–994.",
    "10.1114/1.1588655",
)
YAO = Source(
    "Yao B, Yang H. Physics-driven spatiotemporal regularization for high-dimensional predictive "
    "modeling: a novel approach to solve the inverse ECG problem. Sci Rep 2016;6:39012.",
    "10.1038/srep39012",
)
GREENSITE = Source(
    "Greensite F, Huiskamp G. An improved method for estimating epicardial potentials from the "
    "body surface. IEEE Trans Biomed Eng 1998;45:98–104.",
    "10.1109/10.650360",
)
GHOSH = Source(
    "Ghosh S, Rudy Y. Application of L1-norm regularization to epicardial potential solution of "
    "the inverse electrocardiography problem. Ann Biomed Eng 2009;37:902–912.",
    "10.1007/s10439-009-9665-6",
)
WANG = Source(
    "Wang Y, Rudy Y. Application of the method of fundamental solutions to potential-based "
    "inverse electrocardiography. Ann Biomed Eng 2006;34:1272–1288.",
    "10.1007/s10439-006-9131-7",
)
ZHU = Source(
    "Zhu J, Bilchick KC, Xie J. Sci Rep 2025;15:31747.",
    "10.1038/s41598-025-15687-1",
)
KAROUI = Source(
    "Karoui A, Bear L, Migerditichan P, Zemzemi N. Evaluation of fifteen algorithms for the "
    "resolution of the electrocardiography imaging inverse problem using ex-vivo and in-silico "
    "data. Front Physiol 2018;9:1708.",
    "10.3389/fphys.2018.01708",
)
TARANTOLA = Source(
    "Tarantola A. Inverse Problem Theory and Methods for Model Parameter Estimation. SIAM, 2005.",
    "10.1137/1.9780898717921",
)
SCHULER = Source(
    "Schuler S, Schaufelberger M, Bear LR, et al. Reducing line-of-block artifacts in cardiac "
    "activation maps estimated using ECG imaging. IEEE Trans Biomed Eng 2022;69:2041–2052.",
    "10.1109/TBME.2021.3135154",
)
CLUITMANS = Source(
    "Cluitmans M, Brooks DH, MacLeod R, et al. Validation and opportunities of "
    "electrocardiographic imaging: from technical achievements to clinical applications. "
    "Front Physiol 2018;9:1305.",
    "10.3389/fphys.2018.01305",
)

_TIKHONOV = (
    "At every instant the heart potentials u minimize ‖y − Ru‖² + λ²‖Γu‖², where y are the "
    "body-surface potentials and R is the observation operator"
)
_PENALTIES = {
    "Magnitude": "Γ is the identity (zero order: small potentials are preferred)",
    "Gradient": "Γ is the surface gradient (first order: flat maps are preferred)",
    "Roughness": "Γ is a surface Laplacian (second order: smooth maps are preferred)",
    "GivenRegularizer": "Γ is a matrix given by the user",
}
_LAPLACIANS = {
    "PaperLaplacian": ", that of Zhu et al. (Eq. 15)",
    "CotangentLaplacian": ", the cotangent operator",
}
_ORDERS = {0: "Magnitude", 1: "Gradient", 2: "Roughness"}
_METHODS: dict[str, tuple[str, tuple[Source, ...]]] = {
    "Tikhonov": ("Tikhonov regularization. " + _TIKHONOV, (HANSEN_1998,)),
    "TruncatedSVD": (
        "Truncated singular value decomposition. The solution is spanned by the leading singular "
        "vectors of the observation operator; the number of vectors regularizes",
        (HANSEN_1987,),
    ),
    "ConjugateGradient": (
        "Conjugate gradients on the normal equations, stopped early: the number of iterations "
        "regularizes",
        (HANSEN_1998,),
    ),
    "GMRES": (
        "Generalized minimal residuals, stopped early: the number of iterations regularizes",
        (RAMANATHAN,),
    ),
    "SpatioTemporal": (
        "Spatio-temporal regularization after STRE. All instants are solved together: "
        "Σₜ ‖yₜ − Ruₜ‖² + λ² Σₜ ‖Γuₜ‖² + λ_t² Σₜ ‖ΓDuₜ‖² is minimized, where D takes differences "
        "in time, so that maps are smooth and change steadily",
        (YAO,),
    ),
    "IsotropyPrewhitening": (
        "Isotropy method. The body potentials are projected on their leading temporal "
        "components, every component is inverted on its own, and components lost in noise are "
        "dropped",
        (GREENSITE,),
    ),
    "TotalVariation": (
        "Total variation. The sum of the absolute surface gradient is penalized instead of its "
        "square, so that steep fronts survive",
        (GHOSH,),
    ),
    "FundamentalSolutions": (
        "Method of fundamental solutions. Potentials are superposed from point sources on "
        "surfaces moved inside and outside the conductor; no mesh integrals are needed",
        (WANG,),
    ),
    "PhysicsInformedNetwork": (
        "Physics-informed neural network. A network of space and time is fitted to the "
        "body-surface potentials and to the equations of the tissue together",
        (ZHU,),
    ),
}
_RULES: dict[str, tuple[str, tuple[Source, ...]]] = {
    "Fixed": ("was set by the user", ()),
    "LCurve": (
        "was chosen at the corner of the L-curve (largest curvature of log ‖Γu‖ against "
        "log ‖y − Ru‖)",
        (HANSEN_OLEARY,),
    ),
    "CRESO": (
        "was chosen by CRESO (composite residual and smoothing operator)",
        (
            Source(
                "Johnston PR, Gulrajani RM. A new method for regularization parameter "
                "determination in the inverse problem of electrocardiography. IEEE Trans Biomed "
                "Eng 1997;44:19–39.",
                "10.1109/10.553710",
            ),
        ),
    ),
    "CheckedGCV": (
        "was chosen by robust generalized cross-validation, or at the corner of the L-curve "
        "where the two disagree so far that the errors cannot be white",
        (HANSEN_OLEARY, LUKAS),
    ),
    "Consensus": (
        "is the median, on a logarithmic scale, of what several rules choose",
        (KAROUI,),
    ),
    "LeaveOneLeadOut": (
        "was chosen by predicting every lead from all the others",
        (),
    ),
    "QuasiOptimality": (
        "was chosen where the solution changes least with λ (quasi-optimality)",
        (HANSEN_1998,),
    ),
    "GCV": (
        "was chosen by generalized cross-validation",
        (
            Source(
                "Golub GH, Heath M, Wahba G. Generalized cross-validation as a method for "
                "choosing a good ridge parameter. Technometrics 1979;21:215–223.",
                "10.1080/00401706.1979.10489751",
            ),
        ),
    ),
    "RobustGCV": (
        "was chosen by robust generalized cross-validation",
        (LUKAS, KAROUI),
    ),
    "UCurve": (
        "was chosen at the minimum of the U-curve (1/‖y − Ru‖² + 1/‖Γu‖²)",
        (
            Source(
                "Krawczyk-Stańdo D, Rudnicki M. Regularization parameter selection in discrete "
                "ill-posed problems: the use of the U-curve. Int J Appl Math Comput Sci "
                "2007;17:157–164.",
                "10.2478/v10006-007-0014-3",
            ),
        ),
    ),
    "Discrepancy": (
        "was chosen by the discrepancy principle (the residual equals the noise)",
        (
            Source(
                "Morozov VA. Methods for Solving Incorrectly Posed Problems. Springer, 1984.",
                "10.1007/978-1-4612-5280-1",
            ),
        ),
    ),
    "Oracle": (
        "was chosen by an oracle that knows the truth: a bound for studies, not a method",
        (),
    ),
}


def describe_method(
    settings: dict[str, Any],
    *,
    quantity: str,
    reference: str,
    parameter: str,
    activation: str,
    spread: bool,
) -> tuple[list[str], list[Source]]:
    """Tell the steps of a reconstruction in paragraphs, and cite them.

    Args:
        settings: `Provenance.settings`: class name and fields of the method.
        quantity: "epicardial potential" or "transmembrane potential".
        reference: class name of the reference of the leads.
        parameter: name of the regularization parameter.
        activation: how activation times were found, "" where none are shown.
        spread: whether standard deviations are shown.

    Returns:
        Paragraphs and sources, in the order of citing.

    >>> text, sources = describe_method(
    ...     {"name": "Tikhonov", "order": 2, "rule": {"name": "GCV"}},
    ...     quantity="epicardial potential", reference="CommonAverage",
    ...     parameter="λ", activation="", spread=False,
    ... )
    >>> "second order" in text[1], sources[-1].doi
    (True, '10.3389/fphys.2018.01305')
    """
    sources: list[Source] = []
    paragraphs = [_operator_text(quantity, reference, sources), _method_text(settings, sources)]
    rule = _find(settings, "rule")
    if isinstance(rule, dict) and rule.get("name"):
        name = str(rule["name"])
        text, cited = _RULES.get(name, (f"was chosen by the rule “{wordy(name)}”", ()))
        sources += cited
        paragraphs.append(f"The regularization parameter ({parameter}) {text}.")
    if spread:
        sources.append(TARANTOLA)
        paragraphs.append(
            "Bands show ± 1.645 standard deviations (90 % of a Gaussian). They are right only as "
            "far as their assumptions are, which stand below the uncertainty map."
        )
    if activation:
        sources.append(SCHULER)
        paragraphs.append(
            f"{activation} Smoothing by the inverse solution can make artificial lines of block: "
            "crowded isochrones are not proof of slow conduction."
        )
    sources.append(CLUITMANS)
    return paragraphs, list(dict.fromkeys(sources))


def _operator_text(quantity: str, reference: str, sources: list[Source]) -> str:
    if quantity.startswith("trans"):
        sources += [GESELOWITZ, DE_MUNCK]
        text = (
            "The transmembrane potential on the closed heart surface is an equivalent double "
            "layer in a piecewise homogeneous conductor; only its differences are seen outside."
        )
    else:
        sources += [BARR, DE_MUNCK]
        text = (
            "Heart-surface and body-surface potentials are tied by the boundary integral "
            "equations of a source-free conductor between the two closed surfaces, with linear "
            "triangles, unless the operator was given."
        )
    if reference == "CommonAverage":
        text += (
            " Data and model are measured against the mean of the leads; the spatial mean of "
            "the solution is then undetermined."
        )
    elif reference == "MeanOfLeads":
        text += " Data and model are measured against the same chosen leads."
    return text


def _method_text(settings: dict[str, Any], sources: list[Source]) -> str:
    name = str(settings.get("name", ""))
    text, cited = _METHODS.get(name, (f"Method “{wordy(name) or 'unnamed'}”", ()))
    sources += cited
    penalty = _find(settings, "regularizer")
    kind = penalty.get("name") if isinstance(penalty, dict) else None
    kind = kind or _ORDERS.get(settings.get("order", -1))
    if kind in _PENALTIES:
        text += f"; {_PENALTIES[kind]}"
    laplacian = _find(settings, "laplacian")
    if kind == "Roughness" and isinstance(laplacian, dict):
        text += _LAPLACIANS.get(str(laplacian.get("name")), "")
    numbers = [
        f"{wordy(key)} {show_number(float(value))}"
        for key, value in settings.items()
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and key not in ("order", "seed")
        and not key.startswith("n_")
    ]
    if "Zhu" in text:
        sources.append(ZHU)
    return text + (f" ({', '.join(numbers)})." if numbers else ".")


def _find(settings: dict[str, Any], key: str) -> Any:
    """Return the first entry of that name, in the method or in a method inside it."""
    if key in settings:
        return settings[key]
    for value in settings.values():
        if isinstance(value, dict) and (found := _find(value, key)) is not None:
            return found
    return None
