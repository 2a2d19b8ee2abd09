"""The program ``cardiotwin``: verbs, and errors turned into one clear line and an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from .._errors import CardiotwinError
from . import (
    _convert,
    _demo,
    _doctor,
    _echo_app,
    _evaluate,
    _forward,
    _identify,
    _predict,
    _reconstruct,
    _report,
    _reproduce,
    _simulate,
    _trial,
)
from ._output import print_error

# Newer typers bring their own copy of click: asked for through typer, it is the right one.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(
    name="cardiotwin",
    help="Non-invasive, physics-informed digital twins of the heart. Not for clinical use.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from .. import __version__

        print(f"cardiotwin {__version__}")
        raise typer.Exit()
    return wanted


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    del version


for verb in (
    _demo.demo,
    _reconstruct.reconstruct,
    _simulate.simulate,
    _forward.forward,
    _evaluate.evaluate,
    _identify.identify,
    _predict.predict,
    _trial.trial,
    _report.report,
    _convert.convert,
    _reproduce.reproduce,
    _doctor.doctor,
):
    app.command()(verb)
app.add_typer(_echo_app.echo_app, name="echo")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    0: done. 2: bad input, told in one line (with --json as an object with "error" and
    "message"). 130: interrupted.

    Args:
        arguments: what stands behind the program's name; those of the process by default.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in arguments
    # Where a verb is missing, the verbs are shown.
    shown = [*arguments, "--help"] if arguments in ([], ["echo"]) else arguments
    try:
        code = app(args=shown, prog_name="cardiotwin", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nobody is left to be told anything.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        code = 1
    except CardiotwinError as error:
        print_error(type(error).__name__, str(error), as_json)
        code = 2
    except _UsageError as error:
        hint = f"See {error.ctx.command_path} --help." if error.ctx is not None else ""
        print_error("UsageError", f"{error.format_message()} {hint}", as_json)
        code = error.exit_code
    except MemoryError as error:
        print_error("MemoryError", f"not enough memory: {error or 'ask for less'}", as_json)
        code = 2
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print_error("OSError", f"{place}{error.strerror or error}", as_json)
        code = 2
    if code == 130:
        print_error("Interrupted", "interrupted: nothing was half-written", as_json)
    sys.exit(code if isinstance(code, int) else 0)
