"""Files of trained models of clips: arrays in NPZ, the rest in JSON; those of the package."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError
from .._files import atomic_path

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the models that come with the package."""


def write_model(
    numbers: Path, arrays: Mapping[str, np.ndarray], text: Path, content: Mapping[str, Any]
) -> None:
    """Write the arrays of a model, then what describes them; each file appears whole.

    Args:
        numbers: NPZ file.
        arrays: by name.
        text: JSON file.
        content: ready for JSON.
    """
    with atomic_path(numbers) as temporary:
        np.savez_compressed(temporary, **arrays)  # pyright: ignore[reportArgumentType]
    with atomic_path(text) as temporary:
        written = json.dumps(content, indent=1, ensure_ascii=False)
        temporary.write_text(written + "\n", encoding="utf-8")


def shipped_folder(text: str, verb: str) -> Path:
    """Return the folder of the models that come with the package.

    Args:
        text: name of the JSON file of the model.
        verb: that trains one.

    Raises:
        InputError: the package was built without it.
    """
    if not (SHIPPED / text).exists():
        raise InputError(
            "model",
            found="no model in the package",
            expected="weights beside it",
            advice=f"Train one: cardiotwin echo {verb} --out FOLDER",
        )
    return SHIPPED
