"""The verbs of ``cardiotwin echo``."""

import typer

from . import _echo_inspect, _echo_phantom

echo_app = typer.Typer(
    help="Echocardiographic clips: what a file holds, and synthetic clips with known truth.",
    pretty_exceptions_enable=False,
)

for verb in (_echo_inspect.inspect, _echo_phantom.phantom):
    echo_app.command()(verb)
