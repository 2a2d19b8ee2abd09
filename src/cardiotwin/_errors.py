"""The exceptions: a message names the place, what was found, what was expected, what to do."""


class CardiotwinError(Exception):
    """Base of every error that cardiotwin raises on purpose."""


class InputError(CardiotwinError, ValueError):
    """An argument, a file or a field of either cannot be used as it is.

    Args:
        where: the argument or file (with its field or line) at fault.
        found: what stands there.
        expected: what should stand there.
        advice: what the user can do about it.

    >>> print(InputError("rate_hz", found="-1.0", expected="a positive number", advice="Give Hz."))
    rate_hz: found -1.0; expected a positive number. Give Hz.
    """

    def __init__(self, where: str, *, found: str, expected: str, advice: str = ""):
        self.where, self.found, self.expected, self.advice = str(where), found, expected, advice
        super().__init__(f"{where}: found {found}; expected {expected}. {advice}".rstrip())

    def __reduce__(self):
        return _rebuild, (type(self), self.where, self.found, self.expected, self.advice)


class GeometryError(InputError):
    """A surface is open, inside out, self-intersecting, degenerate, or in the wrong place."""


class UnitError(InputError):
    """A quantity has the size of another unit (metres given as millimetres), or no unit at all."""


class FileFormatError(InputError):
    """A file is truncated, hostile, or not of the format that its name or the caller claims."""


class NumericsError(CardiotwinError, ArithmeticError):
    """A computation cannot be carried out stably (singular, unstable, not converging)."""


class MissingDependencyError(CardiotwinError, ImportError):
    """An optional library is needed for what was asked; the message gives the pip command."""


def _rebuild(kind: type[InputError], where: str, found: str, expected: str, advice: str):
    return kind(where, found=found, expected=expected, advice=advice)
