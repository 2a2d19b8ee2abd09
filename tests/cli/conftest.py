import json
from dataclasses import dataclass

import numpy as np
import pytest

from cardiotwin.cli import main


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        # NaN and Infinity are no JSON: other programs refuse them.
        def refuse(name):
            raise AssertionError(f"{name} in JSON")

        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture
def cardiotwin(capsys):
    """Run the program inside this process, as the installed script does."""

    def run(*arguments) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        caught = capsys.readouterr()
        return Answer(left.value.code, caught.out, caught.err)

    return run


@pytest.fixture(scope="session")
def patient(tmp_path_factory):
    """A small simulated patient, made by the verb ``simulate``."""
    path = tmp_path_factory.mktemp("patient") / "patient.npz"
    with pytest.raises(SystemExit) as left:
        size = ["--heart-nodes", "100", "--torso-nodes", "100", "--samples", "40"]
        main(["simulate", "--out", str(path), *size, "--noise", "0.001"])
    assert left.value.code == 0
    return path


@pytest.fixture
def rewrite(patient, tmp_path):
    """Write the patient again with some arrays changed, or left out where None."""

    def write(name="changed.npz", **changes):
        with np.load(patient) as archive:
            arrays = {key: archive[key] for key in archive.files}
        arrays = {k: v for k, v in {**arrays, **changes}.items() if v is not None}
        path = tmp_path / name
        np.savez_compressed(path, **arrays)
        return path

    return write
