"""Numbers that the studies of twins are judged by, against cases that can be counted."""

import numpy as np
import pytest
from scipy.stats import norm

from cardiotwin.studies._clip_answers import held, mae
from cardiotwin.studies._echo_stenosis import ARMS, WIDE, auc, auc_variance

SICK = np.arange(40) % 2 == 1


def test_the_auc_counts_pairs_in_the_right_order(rng):
    assert auc(SICK.astype(float), SICK) == 1
    assert auc(-SICK.astype(float), SICK) == 0
    assert auc(np.zeros(40), SICK) == 0.5
    score = rng.integers(0, 6, 40).astype(float)
    well, ill = score[~SICK], score[SICK]
    pairs = (ill[:, None] > well) + 0.5 * (ill[:, None] == well)
    assert auc(score, SICK) == pytest.approx(pairs.mean())
    assert auc(np.exp(score), SICK) == pytest.approx(auc(score, SICK))


def test_its_variance_is_that_of_repeated_draws(rng):
    """For exponential scores, for which Hanley and McNeil's formula is exact."""
    ill = 3.0 * rng.exponential(size=(4000, 20))
    well = rng.exponential(size=(4000, 20))
    score, sick = np.concatenate([ill, well], 1), np.arange(40) < 20
    found = [auc(own, sick) for own in score]
    assert np.mean(found) == pytest.approx(0.75, abs=0.01)
    assert np.var(found) == pytest.approx(auc_variance(0.75, 20), rel=0.08)
    assert auc_variance(1.0, 20) == 0


def test_arms_lie_within_what_the_twins_are_told():
    for prior, low, high in ((ARMS["open"], 0.0, 0.0102), (ARMS["stenosed"], 0.0295, 0.102)):
        ends = prior.value(np.array([-3.0, 3.0]))
        assert ends[0] > low and ends[1] < high
        assert np.abs(WIDE.coordinate(ends)).max() < 3


def test_intervals_hold_what_they_should(rng):
    draws = rng.standard_normal((3000, 400)) + rng.standard_normal(3000)[:, None]
    truth = draws[:, 0]
    assert held(draws[:, 1:], truth) == pytest.approx(90, abs=2)
    draws[0, 1:3] = np.nan
    assert np.isfinite(held(draws[:, 1:], truth))
    noise = norm.ppf((np.arange(3000) + 0.5) / 3000)
    assert mae(noise[:, None], np.zeros(3000)) == pytest.approx(np.sqrt(2 / np.pi), abs=0.01)
