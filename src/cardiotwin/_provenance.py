"""What made a result: version, settings, seed, time."""

import dataclasses
import hashlib
import json
import platform
from datetime import UTC, datetime
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Who computed a result, when, and with which settings.

    Attributes:
        version: version of cardiotwin.
        created: UTC time in ISO 8601.
        python: version of Python.
        seed: the seed that all randomness came from, None where nothing is random.
        settings: plain description of the method (names and numbers, ready for JSON).
        fingerprint: hash of version, seed and settings: equal fingerprints mean equal recipes.
    """

    version: str
    created: str
    python: str
    seed: int | None
    settings: dict[str, Any]
    fingerprint: str


def make_provenance(settings: object, *, seed: int | None = None) -> Provenance:
    """Describe ``settings`` (a method object or a dictionary) as made here and now.

    >>> make_provenance({"method": "Tikhonov"}, seed=1).settings
    {'method': 'Tikhonov'}
    """
    from . import __version__

    plain = describe(settings)
    recipe = json.dumps([__version__, seed, plain], sort_keys=True)
    return Provenance(
        version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        python=platform.python_version(),
        seed=seed,
        settings=plain if isinstance(plain, dict) else {"value": plain},
        fingerprint=hashlib.sha256(recipe.encode()).hexdigest()[:16],
    )


def describe(value: Any) -> Any:
    """Turn a method object into plain JSON: dataclasses by class name and fields, arrays by shape.

    >>> describe({"lambda": np.float64(0.5)})
    {'lambda': 0.5}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"name": type(value).__name__, **fields}
    if isinstance(value, dict):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        if value.size <= 16:
            return value.tolist()
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:12]
        return {"array": list(value.shape), "sha256": digest}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return repr(value)
