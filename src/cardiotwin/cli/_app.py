"""The program ``cardiotwin``: verbs, and errors turned into one clear line and an exit code."""

import sys

import typer

from .._errors import CardiotwinError
from . import (
    _convert,
    _demo,
    _doctor,
    _evaluate,
    _forward,
    _reconstruct,
    _report,
    _reproduce,
    _simulate,
)
from ._output import print_error

app = typer.Typer(
    name="cardiotwin",
    help="Non-invasive, physics-informed digital twins of the heart. Not for clinical use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in (
    _demo.demo,
    _reconstruct.reconstruct,
    _simulate.simulate,
    _forward.forward,
    _evaluate.evaluate,
    _report.report,
    _convert.convert,
    _reproduce.reproduce,
    _doctor.doctor,
):
    app.command()(verb)


def main() -> None:
    """Run the command line; exit 2 on bad input, 130 on interrupt."""
    try:
        app()
    except CardiotwinError as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: nothing was half-written", file=sys.stderr)
        sys.exit(130)
