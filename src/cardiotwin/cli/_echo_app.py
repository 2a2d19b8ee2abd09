"""The verbs of ``cardiotwin echo``."""

import typer

from . import _echo_inspect, _echo_phantom, _echo_segment, _echo_train, _echo_train_twins

echo_app = typer.Typer(
    help="Echocardiographic clips: what a file holds, synthetic ones, the left ventricle in them.",
    pretty_exceptions_enable=False,
)

for verb in (
    _echo_inspect.inspect,
    _echo_phantom.phantom,
    _echo_segment.segment,
    _echo_train.train,
    _echo_train_twins.train_twins,
):
    echo_app.command()(verb)
