"""The studies of identification at the size that fits a test run."""

import numpy as np
import pytest

from cardiotwin import FileFormatError, studies
from cardiotwin.studies._swine import read_swine


@pytest.fixture(scope="module")
def calibration():
    return studies.STUDIES["calibration"].run(None, quick=True)


@pytest.mark.slow
def test_the_posterior_means_what_it_says(calibration):
    pooled = calibration.rows[-1]
    assert pooled[0] == "all"
    # 40 patients, ten parameters each: 90 % ± 6 at three standard errors and more.
    assert 84 < pooled[1] < 96
    assert pooled[4] > 1e-3


@pytest.mark.slow
def test_what_is_measured_is_known_better(calibration):
    widths = dict(zip(calibration.column("parameter"), calibration.column("width"), strict=True))
    assert widths["period_s"] < 0.6 < 3 < widths["mitral_resistance"] < 3.7
    scores = np.array(calibration.column("CRPS"))
    # Knowing nothing scores 0.56 on a standard normal.
    assert scores[0] < 0.1 and scores[-1] < 0.5


@pytest.mark.slow
def test_each_measurement_narrows_something():
    table = studies.STUDIES["information"].run(None, quick=True)
    shrunk = table.column("peak LV interval shrinks by")
    assert shrunk[0] == 1.0 and shrunk[-1] > 2.5


def test_swine_beats_are_the_measured_ones(shared_data):
    folder = shared_data("hemo_swine_pv_nhlbi")
    beats = read_swine(folder)
    assert len(beats) >= 18
    # The second beat is the first whole one in the published table: EDV 91.7, ESV 55.8 mL.
    assert beats[1].volumes_ml.max() == pytest.approx(91.7, abs=0.1)
    assert beats[1].volumes_ml.min() == pytest.approx(55.8, abs=0.1)
    assert beats[1].lv_mmhg.max() == pytest.approx(56.8, abs=0.5)
    assert beats[1].work() == pytest.approx(1886, rel=0.1)
    table = studies.STUDIES["swine"].run(folder.parent, quick=True)
    peaks = [row[5:9] for row in table.rows]
    assert all(low < measured < high for measured, _, low, high in peaks)
    assert "90 % interval" in table.notes[0]


def test_a_missing_recording_is_named(tmp_path):
    with pytest.raises(FileFormatError, match="swine_ivc_occlusion"):
        read_swine(tmp_path)
