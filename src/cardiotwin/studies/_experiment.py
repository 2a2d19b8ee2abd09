"""A table of the paper as a list of cells: filled, set beside the published numbers, drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from .._types import PathLike
from ..report import make_template
from ._cells import Budget, Cell, Keep, Runner, notes, rows, spread
from ._table import StudyTable

PANELS = (("RE", "relative_error", "re"), ("MSE", "mse", "mse"), ("CC", "correlation", "cc"))


@dataclass(frozen=True, eq=False)
class Experiment:
    """A study whose cells are filled run by run; calling it fills and shows it.

    Attributes:
        name: of the study, of its run table and of its command.
        title: what was measured.
        cells: its cells, in the order of the table.
        label: names a cell in the figure.
        remarks: sentences for below the table.
        seeds: how many seeds a cell should have.
    """

    name: str
    title: str
    cells: tuple[Cell, ...]
    label: Callable[[Cell], str]
    remarks: tuple[str, ...] = ()
    seeds: int = 10

    def __call__(
        self,
        data: PathLike | None = None,
        *,
        quick: bool = False,
        seed: int = 0,
        seeds: int | None = None,
        runs: PathLike | None = None,
        budget: Budget | None = None,
        only: Sequence[str] = (),
    ) -> StudyTable:
        """Fill the missing runs and make table and figure of all there are.

        Args:
            data: not used, the case is simulated.
            quick: a small case and short training, in a run table of its own.
            seed: the first seed.
            seeds: how many seeds a cell should have; 0 computes nothing.
            runs: folder of the run tables; None keeps nothing.
            budget: another size than full or quick.
            only: names of the methods to run; what there is of others is shown.
        """
        del data
        runner = self.runner(runs, quick=quick, seed=seed, seeds=seeds, budget=budget)
        wanted = [cell for cell in self.cells if not only or cell.method in only]
        runner.fill(wanted, keep=self.keeper(runner))
        columns, table = rows(runner, self.cells)
        return StudyTable(
            self.title,
            columns,
            table,
            [*notes(runner, self.cells), *self.remarks],
            {"scores": bars(runner, self.cells, self.label, self.title)},
        )

    def runner(
        self,
        runs: PathLike | None,
        *,
        quick: bool,
        seed: int,
        seeds: int | None,
        budget: Budget | None,
    ) -> Runner:
        """Open the run table."""
        options = {"seeds": seeds, "usual": self.seeds, "budget": budget}
        return Runner.make(self.name, runs, quick=quick, seed=seed, **options)

    def keeper(self, runner: Runner) -> Keep | None:
        """Return what is called with every new reconstruction."""
        del runner
        return None


def bars(
    runner: Runner, cells: Sequence[Cell], label: Callable[[Cell], str], title: str
) -> go.Figure:
    """Draw RE, MSE and CC of the cells, mean ± SD over seeds, published numbers as diamonds."""
    figure: Any = make_subplots(1, 3, subplot_titles=[name for name, _, _ in PANELS])
    for place, (_, attribute, short) in enumerate(PANELS, 1):
        for case in dict.fromkeys(cell.case for cell in cells):
            group = [cell for cell in cells if cell.case == case]
            found = [
                spread([getattr(run, attribute) for run in runner.runs(cell)]) for cell in group
            ]
            figure.add_bar(
                x=[label(cell) for cell in group],
                y=[mean for mean, _ in found],
                error_y={"array": [sd or 0.0 for _, sd in found], "thickness": 1},
                name="Eq. 15 truth" if case == "matched" else case,
                legendgroup=case,
                showlegend=place == 1,
                marker={"color": "#0072b2" if case == "matched" else "#8a9099"},
                row=1,
                col=place,
            )
        beside = [
            (label(cell), number)
            for cell in cells
            if cell.published and (number := getattr(cell.published, short)) is not None
        ]
        figure.add_scatter(
            x=[name for name, _ in beside],
            y=[number[0] for _, number in beside],
            error_y={"array": [number[1] or 0.0 for _, number in beside], "thickness": 1},
            mode="markers",
            marker={"symbol": "diamond", "size": 9, "color": "#d55e00"},
            name="published",
            legendgroup="published",
            showlegend=place == 1,
            row=1,
            col=place,
        )
    figure.update_layout(
        template=make_template(),
        title={"text": title, "y": 0.98, "yanchor": "top"},
        barmode="group",
        margin={"t": 110},
        legend={"y": 1.1},
    )
    figure.update_yaxes(rangemode="tozero", col=1)
    figure.update_yaxes(rangemode="tozero", col=2)
    return figure
