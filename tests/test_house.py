"""The house: rooms import downward only, importing is light and changes nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cardiotwin

SOURCE = Path(cardiotwin.__file__).parent
ROOMS = (
    "geometry signals learning compute tissue ecgi circulation hemodynamics echo report studies cli"
).split()
MODULES = sorted(SOURCE.rglob("*.py"))


def _rooms_imported(path: Path) -> set[str]:
    package = ["cardiotwin", *path.relative_to(SOURCE).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".")
            base = [part for part in base if part]
            names = [".".join([*base, alias.name]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "cardiotwin" and len(parts) > 1 and parts[1] in ROOMS:
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_rooms_import_only_from_lower_rooms(path):
    # `python -m cardiotwin` is the command line under another name.
    parts = ("cli",) if path.name == "__main__.py" else path.relative_to(SOURCE).parts
    imported = _rooms_imported(path)
    if parts[0] not in ROOMS:
        assert not imported, f"{path.name} stands below all rooms but imports {imported}"
        return
    floor = ROOMS.index(parts[0])
    above = {room for room in imported if ROOMS.index(room) > floor}
    assert not above, f"{'/'.join(parts)} imports from upper rooms {above}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_modules_stay_readable(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.strip()


def test_import_loads_no_heavy_library():
    heavy = ("jax", "scipy", "plotly", "meshio")
    code = f"import sys, cardiotwin; print([m for m in {heavy} if m in sys.modules])"
    assert _run(code) == "[]"


def test_import_takes_less_than_half_a_second():
    code = "import time; s=time.perf_counter(); import cardiotwin; print(time.perf_counter()-s)"
    assert min(float(_run(code)) for _ in range(3)) < 0.5


def test_using_the_package_leaves_global_precision_and_threads_alone():
    code = """
import threading, warnings
import numpy as np, jax, scipy.sparse, scipy.special, scipy.signal, scipy.spatial
before = (jax.config.jax_enable_x64, threading.active_count(), np.geterr(), list(warnings.filters))
from cardiotwin import geometry, tissue
sphere = geometry.zoo.sphere(42, 50.0)
tissue.simulate_beat(sphere, n_times=3)
after = (jax.config.jax_enable_x64, threading.active_count(), np.geterr(), list(warnings.filters))
print(before == after)
"""
    assert _run(code) == "True"


def test_public_names_are_documented():
    from importlib import import_module

    missing = []
    for room in ROOMS[:-1]:
        module = import_module(f"cardiotwin.{room}")
        for name, value in vars(module).items():
            public = not name.startswith("_") and getattr(value, "__module__", "").startswith(
                f"cardiotwin.{room}"
            )
            if public and callable(value) and not (value.__doc__ or "").strip():
                missing.append(f"{room}.{name}")
    assert not missing
