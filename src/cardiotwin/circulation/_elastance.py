"""How stiff the left ventricle is during a beat."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PEAK = 0.99718
"""t / Tmax of the true maximum of the double Hill function (0.3 % before Tmax)."""

PEAK_VALUE = 0.99606
"""Double Hill function there: the largest elastance is 0.4 % of the range below Emax."""


def contraction_time(period_s: Any) -> Any:
    """Return Tmax = 0.2 s + 0.15 Tc, when the elastance is largest.

    Simaan et al. 2009, Eq. 3.

    >>> contraction_time(1.0)
    0.35
    """
    return 0.2 + 0.15 * period_s


def double_hill(tn: Any) -> Any:
    """Return En(tn) = 1.55 · x^1.9 / (1 + x^1.9) / (1 + z^21.9), x = tn/0.7, z = tn/1.17.

    Args:
        tn: time since the start of the contraction over Tmax, ≥ 0, any shape.

    Simaan et al. 2009, Eq. 2.

    >>> print(f"{double_hill(1.0):.4f}")
    0.9960
    """
    # Compiled code brings its own numbers; everybody else gets those of NumPy.
    xp = jnp if isinstance(tn, jax.Array) else np
    # The logarithm of zero would spoil derivatives where the contraction starts.
    log_tn = xp.log(xp.maximum(tn, 1e-12))
    rise = 1 / (1 + xp.exp(-1.9 * (log_tn - np.log(0.7))))
    fall = 1 / (1 + xp.exp(21.9 * (log_tn - np.log(1.17))))
    return 1.55 * rise * fall


def elastance(time_s: Any, period_s: Any, emin: Any, emax: Any) -> Any:
    """Return E(t) = (Emax − Emin) En(t / Tmax) + Emin in mmHg/mL within one beat.

    Args:
        time_s: time since the start of the contraction, in [0, Tc].
        period_s: duration of a beat Tc.
        emin: smallest elastance, mmHg/mL.
        emax: elastance that the largest comes near to, mmHg/mL.

    Simaan et al. 2009, Eq. 1.

    >>> print(f"{elastance(0.0, 1.0, 0.06, 2.0):.3f}")
    0.060
    """
    return (emax - emin) * double_hill(time_s / contraction_time(period_s)) + emin
