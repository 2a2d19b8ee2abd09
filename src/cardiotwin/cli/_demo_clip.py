"""The part of the demo that begins with an echo clip."""

from collections.abc import Callable
from pathlib import Path

from ._output import Printer

SHOWN = ("ef_percent", "edv_ml", "esv_ml", "emax")

N_FRAMES = 40


def clip_part(printer: Printer, say: Callable[[str], None], folder: Path, seed: int) -> Path:
    """Read a circulation from a synthetic clip, beside the truth, and write its page.

    Args:
        printer: of tables.
        say: prints a line.
        folder: of the result.
        seed: of the patient.
    """
    from .. import circulation, echo, report

    say("making a synthetic echo clip and reading a circulation from it")
    one = echo.Phantom(n_frames=N_FRAMES).clip(0, seed)
    found = echo.predict(one.clip, seed=seed)
    twin = found.identification
    truth = circulation.steady_state(one.circulation)
    true = {**one.circulation.values(), "ef_percent": one.ef_percent}
    true |= {"edv_ml": one.edv_ml, "esv_ml": one.esv_ml}
    printer.table(
        "Synthetic echo clip: 90 % intervals",
        ["", "true", "5 %", "median", "95 %"],
        [
            [name, float(true[name]), *map(float, twin.quantile(name, [0.05, 0.5, 0.95]))]
            for name in SHOWN
        ],
    )
    report.save_beat(
        folder,
        circulation.steady_state(twin.most_probable),
        draws=twin.loops(200, seed),
        title="Circulation read from a synthetic clip",
        name="most probable",
        notes=[
            "Synthetic clip; the networks have seen no others (an inverse crime).",
            "A clip shows no pressure: all pressures have the spread of the prior.",
            *found.flags,
            twin.status,
        ],
        identification=twin,
        clips=found.segmentations,
        compared={"truth": truth},
        overwrite=True,
    )
    return folder / "report.html"
