"""What a task and its cases are, so that a folder of results is not continued with others."""

import ast
import dataclasses
import functools
import hashlib
import inspect
import json
import re
import textwrap
from typing import Any

import numpy as np

MAX_DEPTH = 12


def fingerprint_columns(columns: dict[str, np.ndarray]) -> str:
    """Return a hash of names and values, whatever the order of the columns.

    >>> columns = {"a": np.array([1.0]), "b": np.array(["x"])}
    >>> fingerprint_columns(columns) == fingerprint_columns(dict(reversed(columns.items())))
    True
    """
    digest = hashlib.sha256()
    for name, values in sorted(columns.items()):
        digest.update(json.dumps([name, values.dtype.kind, len(values)]).encode())
        digest.update(_bytes(values))
    return digest.hexdigest()[:16]


def describe_task(task: Any) -> Any:
    """Return a task as plain JSON: name, settings, and a hash of its own source code.

    Functions that the task calls are not followed; the version of cardiotwin stands for its own.

    >>> describe_task(functools.partial(max, key=abs))["keywords"]
    {'key': 'builtins.abs'}
    """
    return _describe(task, MAX_DEPTH)


def _describe(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if depth == 0:
        return type(value).__qualname__
    inner = functools.partial(_describe, depth=depth - 1)
    if isinstance(value, dict):
        return {str(key): inner(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [inner(item) for item in value]
    if isinstance(value, functools.partial):
        parts = {"arguments": inner(value.args), "keywords": inner(value.keywords)}
        return {"partial": inner(value.func), **parts}
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        digest = hashlib.sha256(_bytes(array)).hexdigest()[:16]
        return f"{array.dtype}{list(array.shape)} sha256 {digest}"
    if hasattr(value, "__qualname__"):
        return _describe_code(value, inner)
    kind = type(value)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    else:
        names = sorted(getattr(value, "__dict__", {}))
    settings = {name: inner(getattr(value, name, None)) for name in names}
    if not settings and kind.__module__ == "builtins":
        # Never an address: it is another one in the next process.
        return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    return {"type": inner(kind), **settings}


def _describe_code(value: Any, inner: Any) -> Any:
    """Describe a function, method or class."""
    value = inspect.unwrap(value)
    name = f"{value.__module__}.{value.__qualname__}"
    described: dict[str, Any] = {}
    if inspect.ismethod(value):
        described["of"] = inner(value.__self__)
    for label in ("__defaults__", "__kwdefaults__", "__closure__"):
        held = getattr(value, label, None)
        if held and label == "__closure__":
            held = [_content(cell) for cell in held]
        if held:
            described[label.strip("_")] = inner(held)
    try:
        source = textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        return {"name": name, **described} if described else name
    try:
        # Comments and layout may change.
        source = ast.unparse(ast.parse(source))
    except SyntaxError:
        pass
    return {"name": name, "source": hashlib.sha256(source.encode()).hexdigest()[:16], **described}


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _bytes(values: np.ndarray) -> bytes:
    if values.dtype.kind == "U":
        return json.dumps(values.tolist()).encode()
    return values.dtype.str.encode() + np.ascontiguousarray(values).tobytes()
