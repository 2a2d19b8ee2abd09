"""The verb ``doctor``."""

from dataclasses import asdict

from ._output import Json, Out, Printer, Seed


def doctor(as_json: Json = False, seed: Seed = 0, out: Out = None) -> None:
    """Print versions, devices, memory, optional parts and the installed size."""
    del seed
    from .._doctor import diagnose
    from .._files import atomic_path

    found = diagnose()
    printer = Printer(as_json)
    rows = [["cardiotwin", found.version], ["Python", found.python], ["machine", found.machine]]
    rows += [["cores", found.cpu_count], ["memory", f"{found.memory_gb} GB"]]
    rows += [["JAX devices", ", ".join(found.devices)], ["browser", found.browser or "none found"]]
    printer.table("This installation", ["part", "found"], rows)
    printer.table(
        "Packages",
        ["package", "version", "MB"],
        [[name, version, found.size_mb.get(name)] for name, version in found.versions.items()]
        + [["whole environment", None, found.size_mb["whole environment"]]],
    )
    printer.table("Optional", ["package", "state"], [list(item) for item in found.optional.items()])
    if out is not None:
        import json

        with atomic_path(out) as temporary:
            temporary.write_text(json.dumps(asdict(found), indent=2))
    printer.finish(asdict(found))
