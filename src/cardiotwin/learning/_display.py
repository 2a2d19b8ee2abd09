"""Progress of a training: a bar on a terminal, plain lines elsewhere, always the error stream."""

import sys
import time
from typing import Any

SECONDS_BETWEEN_LINES = 5.0


class Silence:
    """Show nothing."""

    def __enter__(self) -> "Silence":
        return self

    def __exit__(self, *reason: object) -> None:
        pass

    def show(self, step: int, losses: dict[str, float], seconds_left: float) -> None:
        """Take the state of the training and ignore it."""


class Lines(Silence):
    """Print a line every few seconds."""

    def __init__(self, label: str, steps: int):
        self.label, self.steps, self.last = label, steps, time.monotonic()

    def show(self, step: int, losses: dict[str, float], seconds_left: float) -> None:
        """Print step, losses and time left, unless a line was printed just before."""
        now = time.monotonic()
        if now - self.last < SECONDS_BETWEEN_LINES and step < self.steps:
            return
        self.last = now
        print(
            f"{self.label}: {step}/{self.steps}  {_text(losses)}  {seconds_left:.0f} s left",
            file=sys.stderr,
        )


class Bar(Silence):
    """A bar with the losses and the time left."""

    def __init__(self, label: str, steps: int, done: int):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.progress: Any = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self.task = self.progress.add_task(label, total=steps, completed=done, text="compiling")

    def __enter__(self) -> "Bar":
        self.progress.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self.progress.stop()

    def show(self, step: int, losses: dict[str, float], seconds_left: float) -> None:
        """Move the bar."""
        text = f"{_text(losses)}  {seconds_left:.0f} s left"
        self.progress.update(self.task, completed=step, text=text)


def make_display(label: str, steps: int, done: int, quiet: bool) -> Silence:
    """Return what fits the error stream."""
    if quiet:
        return Silence()
    return Bar(label, steps, done) if sys.stderr.isatty() else Lines(label, steps)


def _text(losses: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.1e}" for name, value in losses.items())
