"""A beat: volumes, pressures and flows over the cycle, with its clinical indices."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from .._provenance import Provenance
from ._circulation import Circulation
from ._indices import Indices
from ._lvad import Lvad

OK = "periodic"
"""Status of a beat that repeats itself."""


@dataclass(frozen=True, eq=False)
class Beat:
    """One beat of one patient, or of a batch.

    Waveforms are (…, n_times) with the shape of the batch in front; times begin with the
    contraction and end with the next. For several beats in a row (`simulate`) the shape is
    (…, n_beats, n_times).

    Attributes:
        times_s: time within the beat, s; fine where valves move, coarse in late diastole.
        volume_ml: of the left ventricle, with Vd.
        lv_mmhg: ventricular pressure.
        atrial_mmhg: left atrial pressure.
        aortic_mmhg: pressure of the aortic root.
        arterial_mmhg: pressure of the systemic arteries.
        mitral_ml_s: flow through the mitral valve, backward negative.
        aortic_valve_ml_s: flow through the aortic valve, backward negative.
        aortic_ml_s: flow through the aorta, behind where a pump returns its blood.
        pump_ml_s: flow through the pump, 0 without one.
        indices: clinical indices, of the shape of the batch.
        period_residual: largest change of a state from the start of the beat to its end,
            relative to the stressed volume: the certificate that the beat repeats itself.
        beats: how many beats were simulated until then.
        status: "periodic", or what went wrong; waveforms and indices are NaN then.
        circulation: the parameters.
        lvad: the pump, None without one.
        provenance: version, settings.
    """

    times_s: Float[np.ndarray, "*batch n_times"]
    volume_ml: Float[np.ndarray, "*batch n_times"]
    lv_mmhg: Float[np.ndarray, "*batch n_times"]
    atrial_mmhg: Float[np.ndarray, "*batch n_times"]
    aortic_mmhg: Float[np.ndarray, "*batch n_times"]
    arterial_mmhg: Float[np.ndarray, "*batch n_times"]
    mitral_ml_s: Float[np.ndarray, "*batch n_times"]
    aortic_valve_ml_s: Float[np.ndarray, "*batch n_times"]
    aortic_ml_s: Float[np.ndarray, "*batch n_times"]
    pump_ml_s: Float[np.ndarray, "*batch n_times"]
    indices: Indices
    period_residual: Float[np.ndarray, "*batch"]
    beats: Int[np.ndarray, "*batch"]
    status: Shaped[np.ndarray, "*batch"]
    circulation: Circulation
    lvad: Lvad | None
    provenance: Provenance

    @property
    def succeeded(self) -> Any:
        """Whether the beat repeats itself, for each patient."""
        return self.status == OK

    @property
    def stressed_volume_ml(self) -> Float[np.ndarray, "*batch n_times"]:
        """(V − Vd) + Cr P_LA + Cs P_A + Ca P_Ao: the same at all times."""
        own = {name: value[..., None] for name, value in self.circulation.values().items()}
        return (
            self.volume_ml
            - own["v0_ml"]
            + own["atrial_compliance"] * self.atrial_mmhg
            + own["arterial_compliance"] * self.arterial_mmhg
            + own["aortic_compliance"] * self.aortic_mmhg
        )

    @property
    def state(self) -> Float[np.ndarray, "n_states *batch"]:
        """State at the start: V − Vd, P_LA, P_A, P_Ao, Q and, under a pump, its flow."""
        return self._state_at(0)

    @property
    def end_state(self) -> Float[np.ndarray, "n_states *batch"]:
        """State at the end, where the next beat begins."""
        return self._state_at(-1)

    def _state_at(self, index: int) -> Float[np.ndarray, "n_states *batch"]:
        parts = [
            self.volume_ml[..., index] - self.circulation.v0_ml,
            self.atrial_mmhg[..., index],
            self.arterial_mmhg[..., index],
            self.aortic_mmhg[..., index],
            self.aortic_ml_s[..., index],
        ]
        return np.stack(parts if self.lvad is None else [*parts, self.pump_ml_s[..., index]])

    def __getitem__(self, index: Any) -> "Beat":
        """Return the beat of one patient, or of some."""
        waves = {name: getattr(self, name)[index] for name in WAVEFORMS}
        lvad = self.lvad
        if lvad is not None:
            speeds = np.broadcast_to(lvad.speed_rpm, self.status.shape)
            lvad = replace(lvad, speed_rpm=speeds[index])
        return replace(
            self,
            **waves,
            indices=self.indices.map(lambda value: np.asarray(value[index])),
            period_residual=np.asarray(self.period_residual[index]),
            beats=np.asarray(self.beats[index]),
            status=np.asarray(self.status[index]),
            circulation=self.circulation[index],
            lvad=lvad,
        )


WAVEFORMS = (
    "times_s",
    "volume_ml",
    "lv_mmhg",
    "atrial_mmhg",
    "aortic_mmhg",
    "arterial_mmhg",
    "mitral_ml_s",
    "aortic_valve_ml_s",
    "aortic_ml_s",
    "pump_ml_s",
)
"""Names of the waveforms of a `Beat`."""
