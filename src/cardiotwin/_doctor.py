"""What this installation consists of: versions, devices, memory, optional parts, size."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

OPTIONAL = {
    "wfdb": ("io", "PhysioNet recordings (.hea, .dat)"),
    "edfio": ("io", "EDF recordings"),
    "h5py": ("io", "MATLAB 7.3 files"),
    "distributed": ("cluster", "many cases on a Dask cluster"),
}
REQUIRED = ("numpy", "scipy", "jax", "jaxlib", "jaxtyping", "plotly", "typer", "rich", "meshio")


@dataclass(frozen=True)
class Diagnosis:
    """State of an installation, ready for a table or for JSON.

    Attributes:
        version: of cardiotwin.
        python: version and build.
        machine: operating system and processor.
        cpu_count: cores this process may use.
        memory_gb: total memory, None where it cannot be told.
        devices: JAX devices.
        versions: required packages and their versions.
        optional: optional package → version, or the command that installs it.
        size_mb: installed size of each required package and of the whole environment's site folder.
        browser: name of a browser for looking at reports, None if there is none on the path.
    """

    version: str
    python: str
    machine: str
    cpu_count: int
    memory_gb: float | None
    devices: list[str]
    versions: dict[str, str]
    optional: dict[str, str]
    size_mb: dict[str, float]
    browser: str | None


def diagnose() -> Diagnosis:
    """Look at the installation without changing it.

    >>> diagnose().version.count(".")
    2
    """
    import jax

    from . import __version__
    from ._threads import core_count

    optional = {}
    for name, (extra, purpose) in OPTIONAL.items():
        present = find_spec(name) is not None
        optional[name] = (
            metadata.version(name)
            if present
            else f"missing ({purpose}): pip install 'cardiotwin[{extra}]'"
        )
    sizes = {name: _size_mb(name) for name in REQUIRED if find_spec(name)}
    sizes["cardiotwin"] = round(_folder_mb(Path(__file__).parent), 1)
    site = Path(str(metadata.distribution("numpy").locate_file(""))).resolve()
    sizes["whole environment"] = round(_folder_mb(site), 1)
    return Diagnosis(
        version=__version__,
        python=f"{platform.python_version()} ({platform.python_implementation()})",
        machine=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu_count=core_count(),
        memory_gb=_memory_gb(),
        devices=[str(device) for device in jax.devices()],
        versions={name: metadata.version(name) for name in REQUIRED if find_spec(name)},
        optional=optional,
        size_mb=sizes,
        browser=next(
            (
                b
                for b in ("chromium", "chromium-browser", "google-chrome", "firefox")
                if shutil.which(b)
            ),
            None,
        ),
    )


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _size_mb(package: str) -> float:
    files = metadata.distribution(package).files or []
    paths = (Path(str(file.locate())) for file in files)
    return round(sum(p.stat().st_size for p in paths if p.is_file()) / 2**20, 1)


def _folder_mb(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20
