"""Broken, cut and malicious files give one kind of error, never a crash and never silence."""

import warnings

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin import CardiotwinError, InputError
from cardiotwin.signals import Recording, read_recording, write_recording

TOLD = {"unit": "mV", "rate_hz": 1000.0}
ENDINGS = [".csv", ".npz", ".igb", ".mat", ".edf", ".bdf", ".hea", ".txt", ".dat", ".asc"]


@pytest.fixture(scope="module")
def good_files(tmp_path_factory):
    """One good file of every format, as bytes."""
    folder = tmp_path_factory.mktemp("good")
    values = np.random.default_rng(1).normal(size=(3, 50)).round(3)
    recording = Recording(values, 1000, "mV", names=["a", "b", "c"])
    for ending in (".csv", ".npz", ".igb"):
        write_recording(folder / f"x{ending}", recording)
    scipy.io.savemat(
        folder / "x.mat", {"ts": {"potvals": values, "unit": "mV"}}, do_compression=True
    )
    scipy.io.savemat(folder / "u.mat", {"ts": {"potvals": values, "unit": "mV"}})
    scipy.io.savemat(folder / "v4.mat", {"potvals": values}, format="4")
    np.savetxt(folder / "x.txt", values)
    np.savetxt(folder / "x.dat", values.ravel())
    edfio = pytest.importorskip("edfio")
    edfio.Edf([edfio.EdfSignal(values[0], 50, label="a", physical_dimension="mV")]).write(
        folder / "x.edf"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wfdb = pytest.importorskip("wfdb")
        wfdb.wrsamp(
            "w",
            fs=1000,
            units=["mV"] * 3,
            sig_name=list("abc"),
            p_signal=values.T,
            fmt=["16"] * 3,
            adc_gain=[1000.0] * 3,
            baseline=[0] * 3,
            write_dir=str(folder),
        )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def attempt(path, **options):
    """Read; success must be a sound recording, failure must be ours."""
    try:
        recording = read_recording(path, **options)
    except CardiotwinError as error:
        assert len(str(error)) > 20
        return None
    assert np.isfinite(recording.samples).all() and recording.samples.size
    assert recording.samples.nbytes < 2**26
    return recording


def options_for(ending):
    return TOLD | ({"n_channels": 3} if ending in (".txt", ".dat", ".asc") else {})


@pytest.mark.parametrize("ending", ENDINGS)
@given(content=st.binary(min_size=1, max_size=400))
def test_random_bytes(tmp_path_factory, ending, content):
    path = tmp_path_factory.getbasetemp() / f"random{ending}"
    path.write_bytes(content)
    attempt(path, **options_for(ending))


@pytest.mark.parametrize(
    "name", ["x.csv", "x.npz", "x.igb", "x.mat", "u.mat", "v4.mat", "x.edf", "x.txt", "w.hea"]
)
@given(data=st.data())
def test_truncated_and_altered_files(tmp_path_factory, good_files, name, data):
    folder = tmp_path_factory.getbasetemp()
    (folder / "w.dat").write_bytes(good_files["w.dat"])
    content = bytearray(good_files[name])
    # Headers stand in front: most changes are made there.
    front = st.integers(0, min(len(content), 600) - 1) | st.integers(0, len(content) - 1)
    changes = data.draw(st.lists(st.tuples(front, st.integers(0, 255)), max_size=6))
    for place, value in changes:
        content[place] = value
    length = data.draw(st.integers(1, len(content)) | st.just(len(content)))
    path = folder / name
    path.write_bytes(bytes(content[:length]))
    attempt(path, **(options_for(path.suffix) if name != "w.hea" else {}))


@pytest.mark.parametrize("name", ["x.npz", "x.igb", "x.edf", "x.mat", "u.mat"])
def test_half_a_file_is_refused(tmp_path, good_files, name):
    path = tmp_path / name
    content = good_files[name]
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=name):
        read_recording(path, **TOLD)


def test_half_a_signal_file_is_refused(tmp_path, good_files):
    (tmp_path / "w.hea").write_bytes(good_files["w.hea"])
    (tmp_path / "w.dat").write_bytes(good_files["w.dat"][:100])
    with pytest.raises(InputError, match=r"100 bytes.*at least 300 bytes.*truncated"):
        read_recording(tmp_path / "w.hea")


@pytest.mark.parametrize(
    "name", ["x.csv", "x.npz", "x.igb", "x.mat", "u.mat", "v4.mat", "x.edf", "x.txt", "x.dat"]
)
def test_the_unharmed_files_are_read(tmp_path, good_files, name):
    path = tmp_path / name
    path.write_bytes(good_files[name])
    options = {"unit": "mV"} if name == "x.edf" else options_for(path.suffix)
    assert attempt(path, **options) is not None


def test_matlab_data_type_that_crashes_other_readers(tmp_path, good_files):
    content = bytearray(good_files["u.mat"])
    numbers = content.index(b"\x09\x00\x00\x00\xb0\x04")
    content[numbers] = 107
    path = tmp_path / "u.mat"
    path.write_bytes(content)
    with pytest.raises(InputError, match="data type 107 where numbers should be"):
        read_recording(path, **TOLD)


@given(
    fields=st.dictionaries(
        st.sampled_from(
            ["x", "y", "z", "t", "type", "systeme", "inc_t", "dim_t", "org_t", "unites"]
        ),
        st.sampled_from(
            ["0", "1", "3", "1e300", "-1", "nan", "99999999999999", "float", "mV", "é"]
        ),
    )
)
def test_igb_headers_of_any_content(tmp_path_factory, fields):
    path = tmp_path_factory.getbasetemp() / "fields.igb"
    words = " ".join(f"{key}:{value}" for key, value in fields.items())
    path.write_bytes(words.encode().ljust(1023) + b"\x0c" + bytes(12))
    attempt(path, **TOLD)
