"""Units of recorded quantities: stated by the file or by the caller, never guessed."""

from .._errors import UnitError

# Whole numbers, so that converting to a smaller unit is exact.
UNITS_PER_VOLT = {"V": 1.0, "mV": 1e3, "uV": 1e6}
UNITS = (*UNITS_PER_VOLT, "mmHg", "normalized")

_SPELLINGS = {
    "v": "V",
    "volt": "V",
    "volts": "V",
    "mv": "mV",
    "millivolt": "mV",
    "millivolts": "mV",
    "uv": "uV",
    "µv": "uV",
    "μv": "uV",
    "microvolt": "uV",
    "microvolts": "uV",
    "mmhg": "mmHg",
    "normalized": "normalized",
    "normalised": "normalized",
}


def check_unit(unit: object, where: str = "unit") -> str:
    """Return one of `UNITS`, or raise UnitError with the list of them."""
    if unit in UNITS:
        return str(unit)
    near = recognize_unit(unit) if isinstance(unit, str) else None
    raise UnitError(
        where,
        found="no unit" if unit is None else repr(unit)[:60],
        expected="one of " + ", ".join(map(repr, UNITS)),
        advice=f"Did you mean {near!r}?"
        if near
        else "Say which one the numbers are in: it is never guessed.",
    )


def recognize_unit(text: str) -> str | None:
    """Return the unit that a file spells as ``text``, or None if it is not one of ours."""
    cleaned = text.strip()
    # "MV" would be megavolts: only the all-lower and the standard spelling are taken.
    if cleaned in UNITS:
        return cleaned
    return _SPELLINGS.get(cleaned) or (
        _SPELLINGS.get(cleaned.lower()) if cleaned != "MV" and len(cleaned) > 1 else None
    )


def conversion_factor(source: str, target: str, where: str = "unit") -> float:
    """Return the number that turns values in ``source`` into values in ``target``."""
    check_unit(target, where)
    if source == target:
        return 1.0
    if source not in UNITS_PER_VOLT or target not in UNITS_PER_VOLT:
        raise UnitError(
            where,
            found=f"{target!r} asked of a recording in {source!r}",
            expected=f"a unit that {source!r} can be converted to",
            advice="Only V, mV and uV convert into one another.",
        )
    return UNITS_PER_VOLT[target] / UNITS_PER_VOLT[source]
