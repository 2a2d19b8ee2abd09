"""What an answer for single patients costs: time, steps, memory."""

import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._precision import double_precision
from .._threads import core_count
from ..hemodynamics import Measurements, Unknowns
from ..hemodynamics._forward import (
    DRAW_LANES,
    SLOPE_LANES,
    Data,
    _circuit,
    _linearize,
    _predict,
)
from ..learning._block import latest_program


class Costs(NamedTuple):
    """What a method costs.

    Attributes:
        seconds: a patient of the batch, without compiling.
        alone: seconds of one more patient, alone, without compiling; None where not measured.
        compiling: seconds of the batch's first time.
        steps: of the training of a patient, or of the identification (iterations to the mode,
            rounds of draws), mean.
        memory_mb: of the whole batch, None where not measured.
        evaluations: of network or vector field at one instant, forward, in the training of a
            patient, mean; of the beat where the simulator is asked.
        numbers: sought for a patient.
        cores: that the process had meanwhile, mean: its processor time over the time of the
            clock, compiling included. Below one where other programs run.
    """

    seconds: float
    alone: float | None
    compiling: float
    steps: float
    memory_mb: float | None
    evaluations: float
    numbers: int
    cores: float

    @property
    def step_ms(self) -> float:
        """Milliseconds of one step for one patient of the batch."""
        return 1000 * self.seconds / self.steps


class Clock:
    """Seconds since it was made, and the cores that this process had in them."""

    def __init__(self):
        self._begun = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        """Time of the clock."""
        return time.perf_counter() - self._begun[0]

    @property
    def cores(self) -> float:
        """Processor time over time of the clock."""
        return (time.process_time() - self._begun[1]) / self.seconds


def program_mb(compiled: Any) -> float:
    """Return what XLA assigns a compiled program: arguments, results and all in between.

    Args:
        compiled: by `jax.jit(…).lower(…).compile()`.
    """
    own = compiled.memory_analysis()
    size = own.argument_size_in_bytes + own.output_size_in_bytes + own.temp_size_in_bytes
    return (size - own.alias_size_in_bytes) / 1e6


def training_mb() -> float:
    """Return what the program of the last training needs: weights, optimizer, data, activations."""
    return program_mb(latest_program())


def identification_mb(patients: Sequence[Measurements], run: Callable[[], Any]) -> float:
    """Return what an identification needs: its largest program on every core, and its arrays.

    Args:
        patients: the batch.
        run: identifies them; NumPy's arrays are traced meanwhile.
    """
    tracemalloc.start()
    try:
        run()
        arrays = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    n_groups = {_linearize: -(-len(patients) // SLOPE_LANES[0]), _predict: core_count()}
    lanes = {_linearize: SLOPE_LANES[0], _predict: DRAW_LANES[0]}
    programs = [
        min(core_count(), n_groups[program]) * _program_of(program, lanes[program], patients)
        for program in (_linearize, _predict)
    ]
    return arrays + max(programs)


@double_precision
def _program_of(program: Any, lanes: int, patients: Sequence[Measurements]) -> float:
    adults = Unknowns.of()
    circuits = _circuit(adults, np.zeros((lanes, len(adults.names))))
    data = Data.of(patients[:1]).take(np.zeros(lanes, int))
    # Compiled already by the identification: nothing is compiled here again.
    return program_mb(program.lower(circuits, data).compile())
