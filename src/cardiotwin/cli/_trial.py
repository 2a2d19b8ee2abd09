"""The verb ``trial``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._errors import InputError
from ._output import Json, Printer, Seed

if TYPE_CHECKING:
    from ..hemodynamics import Cohort


def trial(
    out: Annotated[
        Path,
        typer.Option(help="Folder to write. Run again with the same settings, the trial goes on."),
    ],
    patients: Annotated[
        int,
        typer.Option(min=1, help="Virtual patients to enrol; with --from, draws of all together."),
    ] = 1000,
    identified: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FOLDER_OR_FILE",
            help="Draw the patients from what `identify --out` wrote, the same number of each "
            "identified patient; also a folder of such folders; repeatable.",
        ),
    ] = None,
    untrusted: Annotated[
        bool,
        typer.Option("--untrusted", help="Take identifications that failed their own checks."),
    ] = False,
    speeds: Annotated[
        str, typer.Option(help="Arms with a pump at a fixed speed: rpm, separated by commas.")
    ] = "8000,9000,10000,11000,12000",
    gamma: Annotated[
        float | None,
        typer.Option(help="One more arm: each at the own speed of suction divided by this."),
    ] = None,
    optimize: Annotated[
        bool,
        typer.Option(
            "--optimize",
            help="One more arm: each at the speed of the largest cardiac output with mean "
            "arterial pressure of 65 to 100 mmHg and without suction.",
        ),
    ] = False,
    randomize: Annotated[
        bool,
        typer.Option(
            "--randomize", help="One arm a patient, by lot. Default: every patient gets every arm."
        ),
    ] = False,
    confidence: Annotated[
        float, typer.Option(help="Of all intervals: 0.95 stands for 95 %.")
    ] = 0.95,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, tcp://host:port.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run the failed rows of --out again.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Write report.html too.")] = True,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Run an in-silico trial of a pump (LVAD) in virtual patients with heart failure.

    Candidates are drawn from the priors of adults and get systolic and diastolic failure with
    vasoconstriction and retained volume; enrolled are those with EF ≤ 35 %, mean arterial
    pressure of 50 to 130 mmHg and LVEDP ≥ 10 mmHg. With --from, candidates are draws of identified
    patients as they are, without criteria. The first arm has no pump.
    """
    from ..compute import DaskCluster, ThisMachine
    from ..hemodynamics import (
        NO_SUCTION,
        Arm,
        Between,
        ByPatient,
        FixedSpeed,
        Largest,
        OptimizedSpeed,
        Paired,
        Randomized,
        Strata,
        SuctionFraction,
        Trial,
        run_trial,
    )
    from ..hemodynamics._trial_statistics import check_confidence

    printer = Printer(as_json)
    if untrusted and not identified:
        raise InputError(
            "untrusted", found="--untrusted without --from", expected="both, or neither",
            advice="Patients drawn from priors were not identified.",
        )  # fmt: skip
    # Before anything is computed.
    confidence = check_confidence(confidence)
    rpm = _speeds(speeds)
    arms = [Arm("no pump"), *(Arm(f"{own:g} rpm", speed=FixedSpeed(own)) for own in rpm)]
    if gamma is not None:
        arms.append(Arm(f"suction speed / {gamma:g}", speed=SuctionFraction(gamma)))
    if optimize:
        constraints = (NO_SUCTION, Between("mean_arterial_mmhg", 65.0, 100.0))
        arms.append(Arm("best speed", speed=OptimizedSpeed(Largest("co_l_min"), constraints)))
    backend = ThisMachine() if dask is None else DaskCluster(dask)
    options: dict[str, Any] = {"backend": backend, "out": out / "screening", "quiet": as_json}
    if identified:
        cohort = _identified_patients(identified, patients, seed, untrusted, options)
    else:
        cohort = _failing_hearts(patients, seed, options)
    printer.say(f"{cohort.screened} screened, {len(cohort)} enrolled")
    plan = Trial(
        cohort,
        tuple(arms),
        Randomized(seed) if randomize else Paired(),
        subgroups=(ByPatient() if identified else Strata("ef_percent", (15.0, 25.0)),),
        title=f"LVAD in {patients} virtual patients",
        confidence=confidence,
    )
    result = run_trial(
        plan, backend=backend, out=out / "cases", retry_failed=retry_failed, quiet=as_json
    )
    written = result.write(out)
    if report:
        from ..report import write_trial_report

        written.append(write_trial_report(result, out / "report.html"))
    _show(printer, result, [str(path) for path in written])


def _failing_hearts(n: int, seed: int, options: dict[str, Any]) -> "Cohort":
    from ..hemodynamics import (
        Between,
        Cohort,
        DiastolicFailure,
        SystolicFailure,
        Vasopressor,
        VolumeLoading,
    )

    return Cohort.from_priors(
        n,
        seed,
        condition=(
            SystolicFailure(0.4, dilation_ml=50.0),
            DiastolicFailure(1.2),
            Vasopressor(1.2),
            VolumeLoading(60.0),
        ),
        eligibility=(
            Between("ef_percent", at_most=35.0),
            Between("mean_arterial_mmhg", 50.0, 130.0),
            Between("lvedp_mmhg", at_least=10.0),
        ),
        **options,
    )


def _identified_patients(
    paths: list[Path], n: int, seed: int, untrusted: bool, options: dict[str, Any]
) -> "Cohort":
    from ..hemodynamics import Cohort
    from ..report import load_identifications

    found = load_identifications(paths)
    return Cohort.from_identifications(
        list(found.values()), n, seed, patient=list(found), untrusted=untrusted, **options
    )


def _speeds(text: str) -> list[float]:
    from .._checks import check_number

    found = [check_number(part, "speeds", above=0) for part in text.split(",") if part.strip()]
    if not found or len(set(found)) < len(found):
        raise InputError(
            "speeds", found=repr(text), expected="different speeds in rpm, separated by commas"
        )
    return found


def _show(printer: Printer, result, written: list[str]) -> None:
    from ..hemodynamics._trial_writing import EF_NOTE, interval, patient_table, percent, trial_facts

    account = result.accounting
    printer.table(
        "Where everybody is",
        ["arm", "allocated", "analysed", "no admissible speed", "failed"],
        [
            [own.arm, own.allocated, own.analysed, own.infeasible, own.failed]
            for own in account.arms
        ],
    )
    if account.by_patient:
        printer.table("Draws of each patient", *patient_table(result))
    rows = []
    for arm in result.trial.arms:
        row = [arm.name]
        for index in ("co_l_min", "mean_arterial_mmhg", "mean_atrial_mmhg", "ef_percent"):
            row.append(interval(result.outcome(arm.name, index).after))
        rows.append(row)
    head = ["arm", "CO (L/min)", "MAP (mmHg)", "LA pressure (mmHg)", "EF (%)"]
    level = percent(result.trial.confidence)
    printer.table(f"Means with {level} intervals", head, rows)
    printer.say(EF_NOTE)
    for path in written:
        printer.say(f"wrote {path}")
    printer.finish({**trial_facts(result), "written": written})
