"""Non-invasive, physics-informed digital twins of the heart.

Rooms load when they are first used, so that ``import cardiotwin`` stays light:

>>> import cardiotwin as ct
>>> ct.geometry.Surface.__name__
'Surface'
"""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from typing import Any as _Any

from ._errors import (
    CardiotwinError as CardiotwinError,
)
from ._errors import (
    FileFormatError as FileFormatError,
)
from ._errors import (
    GeometryError as GeometryError,
)
from ._errors import (
    InputError as InputError,
)
from ._errors import (
    MissingDependencyError as MissingDependencyError,
)
from ._errors import (
    NumericsError as NumericsError,
)
from ._errors import (
    UnitError as UnitError,
)

__version__ = _version("cardiotwin")

_ROOMS = (
    "circulation",
    "compute",
    "ecgi",
    "echo",
    "geometry",
    "hemodynamics",
    "learning",
    "report",
    "signals",
    "studies",
    "tissue",
)


def __getattr__(name: str) -> _Any:
    if name in _ROOMS:
        return _import_module(f"cardiotwin.{name}")
    raise AttributeError(f"module 'cardiotwin' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
