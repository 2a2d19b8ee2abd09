"""The verb ``echo phantom``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._output import Json, Printer, Seed, check_out


def phantom(
    out: Annotated[
        Path,
        typer.Option(help="Folder to write. Run again with the same settings, clips are added."),
    ],
    n: Annotated[int, typer.Option("--n", min=1, help="Clips.")] = 10,
    views: Annotated[
        str, typer.Option(help="Of A4C, A2C, PSAX, separated by commas: a clip each a patient.")
    ] = "A4C,A2C",
    size: Annotated[int, typer.Option(help="Pixels of a side.")] = 112,
    frames: Annotated[
        int | None, typer.Option(help="Frames of every clip. Default: 1.2 to 2.5 beats.")
    ] = None,
    format: Annotated[
        str, typer.Option(help="npz, avi or gif; the last with 25 to 50 instead of 80 Hz.")
    ] = "npz",
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Write synthetic echo clips with masks, volumes and the parameters of every patient."""
    from ..echo import Phantom, write_phantom

    check_out(out)
    settings: dict[str, Any] = {"size": size, "n_frames": frames}
    if format == "gif":
        settings["frame_rates_hz"] = (25.0, 50.0)
    generator = Phantom(
        tuple(part.strip() for part in views.split(",") if part.strip()), **settings
    )
    printer = Printer(as_json)
    written = write_phantom(out, generator, n, seed, format=format, quiet=as_json)
    printer.say(f"{written.made} clips written, {written.kept} kept")
    printer.say(f"truth: {out / 'truth.csv'}")
    printer.say("Synthetic images: nothing learned from them alone is validated on patients.")
    printer.finish(
        {
            "written": str(out),
            "truth": str(out / "truth.csv"),
            "made": written.made,
            "kept": written.kept,
            "seed": seed,
        }
    )
