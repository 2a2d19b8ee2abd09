"""Progress of many cases: a bar on a terminal, plain lines elsewhere, always the error stream."""

import sys
import time
from typing import Any

SECONDS_BETWEEN_LINES = 5.0


class Silence:
    """Count, and show nothing.

    Args:
        label: what the work is.
        total: number of cases.
        done: cases that are done before the start.
        failed: those among them that failed.
    """

    def __init__(self, label: str, total: int, done: int = 0, failed: int = 0):
        self.label, self.total, self.before = label, total, done
        self.done, self.failed, self.start = done, failed, time.perf_counter()

    def __enter__(self) -> "Silence":
        return self

    def __exit__(self, *reason: object) -> None:
        pass

    def add(self, done: int, failed: int) -> None:
        """Count cases that have just ended."""
        self.done += done
        self.failed += failed
        self.show()

    def show(self) -> None:
        """Show nothing."""

    def text(self) -> str:
        """Return failures, rate and time left."""
        spent = max(time.perf_counter() - self.start, 1e-9)
        rate = (self.done - self.before) / spent
        left = f", {(self.total - self.done) / rate:.0f} s left" if rate else ""
        return f"{self.failed} failed, {rate:.3g} a second{left}"


class Lines(Silence):
    """Print a line every few seconds, and one at the end."""

    last = 0.0

    def show(self) -> None:
        """Print the state, unless a line was printed just before."""
        now = time.perf_counter()
        if self.done < self.total and now - max(self.last, self.start) < SECONDS_BETWEEN_LINES:
            return
        self.last = now
        print(f"{self.label}: {self.done}/{self.total}, {self.text()}", file=sys.stderr)


class Bar(Silence):
    """A bar with the failures, the rate and the time left."""

    def __enter__(self) -> "Bar":
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
        self.task = self.progress.add_task(
            self.label, total=self.total, completed=self.done, text=""
        )
        self.progress.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self.progress.stop()

    def show(self) -> None:
        """Move the bar."""
        self.progress.update(self.task, completed=self.done, text=self.text())


def make_display(label: str, total: int, done: int, failed: int, quiet: bool) -> Silence:
    """Return what fits the error stream."""
    kind = Silence if quiet else Bar if sys.stderr.isatty() else Lines
    return kind(label, total, done, failed)
