"""Every format gives back what was written, with the unit and rate that somebody stated."""

import warnings

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from cardiotwin import FileFormatError, InputError, UnitError
from cardiotwin.signals import Recording, read_recording, write_recording
from cardiotwin.signals.formats import read_ascii, read_dat, read_igb, write_igb


@pytest.fixture
def beat(rng):
    samples = rng.normal(size=(3, 40))
    return Recording(samples, 500.0, "mV", names=["RA", "V1", "lead 3"], start_ms=-12.0)


@pytest.mark.parametrize("ending", [".csv", ".npz"])
def test_round_trip_is_exact(tmp_path, beat, ending):
    path = tmp_path / f"beat{ending}"
    write_recording(path, beat)
    again = read_recording(path)
    np.testing.assert_array_equal(again.samples, beat.samples)
    assert again.names == beat.names
    assert (again.unit, again.rate_hz, again.start_ms) == ("mV", 500.0, -12.0)


@pytest.mark.parametrize(("precision", "error"), [("float", 3e-7), ("double", 0.0)])
def test_igb_keeps_numbers_and_clock(tmp_path, beat, precision, error):
    path = tmp_path / "phie.igb"
    write_igb(path, beat, precision=precision)
    again = read_recording(path)
    np.testing.assert_allclose(again.samples, beat.samples, rtol=0, atol=error)
    assert (again.unit, again.rate_hz, again.start_ms) == ("mV", 500.0, -12.0)


@pytest.mark.parametrize(
    ("order", "kind", "dtype"),
    [
        ("big_endian", "float", ">f4"),
        ("little_endian", "short", "<i2"),
        ("big_endian", "double", ">f8"),
    ],
)
def test_igb_written_by_others(tmp_path, order, kind, dtype):
    values = np.arange(12).reshape(4, 3)
    head = f"# made by hand\r\nx:3 y:1 z:1 t:4 type:{kind} systeme:{order}\r\ndim_t:6 unites_t:ms "
    path = tmp_path / "vm.igb"
    path.write_bytes(head.encode().ljust(1023) + b"\x0c" + values.astype(dtype).tobytes())
    recording = read_igb(path, unit="mV")
    np.testing.assert_array_equal(recording.samples, values.T)
    assert recording.rate_hz == 500.0


def igb(tmp_path, head, payload=b""):
    path = tmp_path / "x.igb"
    path.write_bytes(head.encode().ljust(1023) + b"\x0c" + payload)
    return path


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("x:3 t:4 type:float", "48 bytes"),
        ("x:999999999 y:999999999 z:1 t:99 type:double", "0 bytes after the header"),
        ("y:3 t:4 type:float", "at least x and type"),
        ("x:-3 type:float", "whole numbers"),
        ("x:nan type:float", "a number"),
        ("x:3 type:vec3f", "one of byte"),
        ("x:3 type:float systeme:vax", "one of little_endian"),
        ("x:3 type:short facteur:0.1", "facteur"),
    ],
)
def test_igb_that_lies_is_refused(tmp_path, head, message):
    with pytest.raises(FileFormatError, match=message):
        read_igb(igb(tmp_path, head), unit="mV", rate_hz=1000)


def test_igb_without_clock_asks_for_the_rate(tmp_path):
    path = igb(tmp_path, "x:1 t:2 type:float unites:mV inc_t:1", bytes(8))
    with pytest.raises(InputError, match=r"rate_hz.*Pass rate_hz"):
        read_igb(path)
    assert read_igb(path, rate_hz=2000).rate_hz == 2000


def test_openCARP_dat_runs_through_the_nodes_first(tmp_path):
    path = tmp_path / "vm.dat"
    path.write_text("\n".join(map(str, range(6))))
    recording = read_recording(path, unit="mV", rate_hz=1000, n_channels=3)
    np.testing.assert_array_equal(recording.samples, [[0, 3], [1, 4], [2, 5]])
    with pytest.raises(FileFormatError, match="multiple of 4"):
        read_dat(path, n_channels=4, rate_hz=1000, unit="mV")


def test_ascii_matrix_is_oriented_by_the_caller(tmp_path, rng):
    matrix = rng.normal(size=(5, 3))
    path = tmp_path / "case.txt"
    np.savetxt(path, matrix)
    options = {"unit": "mV", "rate_hz": 2000}
    rows = read_recording(path, n_channels=5, **options)
    columns = read_recording(path, n_channels=3, **options)
    np.testing.assert_allclose(rows.samples, columns.samples.T)
    assert "columns of the 5 × 3 matrix" in columns.notes[0]
    np.testing.assert_array_equal(
        read_ascii(path, rows="samples", **options).samples, columns.samples
    )
    with pytest.raises(InputError, match="5 or 3"):
        read_recording(path, n_channels=4, **options)
    with pytest.raises(InputError, match="rows='channels'"):
        read_ascii(path, **options)


@pytest.mark.parametrize(
    ("text", "names", "unit", "rate"),
    [
        ("time_ms,I_mV,II_mV\n0,1,2\n2,3,4\n", ("I", "II"), "mV", 500),
        ("t (s);V1 (uV)\n0.000;1\n0.001;2\n0.002;3\n", ("V1",), "uV", 1000),
        ("Time [us]\tI (mV)\tII (uV)\n0\t1\t1000\n500\t2\t3000\n", ("I", "II"), "mV", 2000),
        ("# unit: mV\n\ntime_s,lead 1\n0,1\n0.25,2\n", ("lead 1",), "mV", 4),
    ],
)
def test_csv_says_names_units_and_rate(tmp_path, text, names, unit, rate):
    path = tmp_path / "ecg.csv"
    path.write_text(text)
    recording = read_recording(path)
    assert (recording.names, recording.unit) == (names, unit)
    assert recording.rate_hz == pytest.approx(rate, rel=1e-12)


def test_csv_brings_all_channels_to_one_unit(tmp_path):
    path = tmp_path / "ecg.csv"
    path.write_text("time_ms,a_mV,b_uV\n0,1,1000\n1,2,3000\n")
    np.testing.assert_allclose(read_recording(path).samples, [[1, 2], [1, 3]])


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("I,II\n1,2\n3,4\n", UnitError, r"no unit.*Pass unit"),
        ("I_mV\n1\n2\n", InputError, r"no sampling rate.*Pass rate_hz"),
        ("time,I_mV\n0,1\n1,2\n", InputError, r"time column without a unit.*time_ms"),
        ("time_ms,I_mV\n0,1\n1,2\n9,3\n", FileFormatError, "evenly spaced"),
        ("time_ms,I_mV,p_mmHg\n0,1,2\n1,2,3\n", UnitError, r"mV, mmHg.*channels="),
        ("1,2\n3,4\n", FileFormatError, "numbers where the names"),
        ("time_ms,I_mV\n0,1\n1,x\n", FileFormatError, "table of numbers"),
        ("time_ms,I_mV\n0,1\n1,2,3\n", FileFormatError, "table of numbers"),
        ("time_ms,I_mV\n0,1,7\n1,2,3\n", FileFormatError, "2 names over 3 columns"),
        ("time_ms,I_mV\n", FileFormatError, "table of numbers"),
        ("# unit: mV\n", FileFormatError, "no header line"),
    ],
)
def test_csv_that_cannot_be_understood(tmp_path, text, kind, message):
    path = tmp_path / "ecg.csv"
    path.write_text(text)
    with pytest.raises(kind, match=message):
        read_recording(path)


def test_gaps_are_bridged_and_told(tmp_path):
    path = tmp_path / "ecg.csv"
    path.write_text("time_ms,a_mV,b_mV,c_mV\n0,1,1,\n1,,2,\n2,3,3,\n")
    recording = read_recording(path)
    np.testing.assert_allclose(recording.samples, [[1, 2, 3], [1, 2, 3], [0, 0, 0]])
    assert recording.missing == ("a", "c")
    assert any("1 absent samples of a" in note for note in recording.notes)


def test_caller_may_not_contradict_the_file(tmp_path, beat):
    path = tmp_path / "beat.csv"
    write_recording(path, beat)
    with pytest.raises(UnitError, match=r"unit='uV' for a file that says 'mV'.*in_unit"):
        read_recording(path, unit="uV")
    with pytest.raises(InputError, match="rate_hz=1000 for a file that says 500 Hz"):
        read_recording(path, rate_hz=1000)


def test_npz_lists_what_could_be_meant(tmp_path, rng):
    path = tmp_path / "case.npz"
    heart, torso = rng.normal(size=(4, 9)), rng.normal(size=(9, 5))
    np.savez(path, heart_mV=heart, torso_uV=torso, plain=heart, fs_hz=1000, leads=list("abcde"))
    with pytest.raises(InputError, match=r"2 arrays .*one of: heart_mV, torso_uV"):
        read_recording(path)
    np.testing.assert_array_equal(read_recording(path, key="heart_mV").samples, heart)
    torso_recording = read_recording(path, key="torso_uV", channels=["b"])
    np.testing.assert_array_equal(torso_recording.samples, torso.T[1:2])
    with pytest.raises(UnitError, match="Pass unit"):
        read_recording(path, key="plain")
    with pytest.raises(InputError, match=r"'nothing'.*heart_mV"):
        read_recording(path, key="nothing")


def test_npz_with_python_objects_or_false_sizes_is_refused(tmp_path):
    import zipfile

    path = tmp_path / "bad.npz"
    np.savez(path, samples_mV=np.array([[{}]], dtype=object), fs_hz=1)
    with pytest.raises(FileFormatError, match="Python objects"):
        read_recording(path)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999, 9999999), }"
    body = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("samples_mV.npy", body)
    with pytest.raises(FileFormatError, match=r"\(9999999, 9999999\)"):
        read_recording(path, rate_hz=1000)


def test_matlab_is_searched_by_name_then_by_shape(tmp_path, rng):
    values = rng.normal(size=(6, 30))
    path = tmp_path / "run.mat"
    other = rng.normal(size=(8, 8))
    series = {"potvals": values, "unit": "uV", "samplefrequency": 2000.0, "label": "run 1"}
    scipy.io.savemat(path, {"ts": series, "other": other})
    recording = read_recording(path)
    np.testing.assert_allclose(recording.samples, values)
    assert (recording.unit, recording.rate_hz) == ("uV", 2000)
    text = " ".join(recording.notes)
    for guess in ("ts.potvals", "rows of the 6 × 30", "'uV' taken from ts.unit", "ts.samplefreq"):
        assert guess in text

    scipy.io.savemat(path, {"a": values, "b": other})
    with pytest.raises(InputError, match="one of: a, b"):
        read_recording(path, unit="mV", rate_hz=1000)
    turned = read_recording(path, key="a", unit="mV", rate_hz=1000, n_channels=30)
    np.testing.assert_allclose(turned.samples, values.T)


@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_structures_cells_and_number_types(tmp_path, rng, compressed):
    path = tmp_path / "run.mat"
    values = rng.integers(-90, 90, size=(5, 20))
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = values.astype("i2"), "two words"
    content = {
        "deep": {"deeper": {"potvals": values.astype("f4"), "unit": "µV", "fs": 500}},
        "cells": cells,
        "empty": np.zeros((0, 3)),
        "flag": np.array([[True, False]]),
        "complex": np.array([[1j]]),
        "sparse": scipy.sparse.eye_array(3, format="csc"),
    }
    scipy.io.savemat(path, content, do_compression=compressed)
    first = read_recording(path)
    second = read_recording(path, key="cells[0]", unit="uV", rate_hz=500)
    np.testing.assert_array_equal(first.samples, values)
    np.testing.assert_array_equal(second.samples, values)
    assert (first.unit, first.rate_hz) == ("uV", 500)
    scipy.io.savemat(path, {"potvals": values * 1.0}, format="4")
    np.testing.assert_array_equal(read_recording(path, unit="mV", rate_hz=1).samples, values)


def test_matlab_7_3(tmp_path, rng):
    h5py = pytest.importorskip("h5py")
    values = rng.normal(size=(6, 30))
    path = tmp_path / "run.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["ts/potvals"] = values.T
        file["ts/unit"] = np.array([[109], [86]], dtype=np.uint16)
        file["ts/unit"].attrs["MATLAB_class"] = np.bytes_("char")
        file["ts/fs"] = np.array([[1000.0]])
    recording = read_recording(path)
    np.testing.assert_allclose(recording.samples, values)
    assert (recording.unit, recording.rate_hz) == ("mV", 1000)
    with h5py.File(path, "w") as file:
        file.create_dataset("potvals", shape=(10**6, 10**6), chunks=(100, 100), dtype="f8")
    with pytest.raises(FileFormatError, match="what the file can hold"):
        read_recording(path, unit="mV", rate_hz=1000)


@pytest.fixture
def wfdb_record(tmp_path, rng):
    pytest.importorskip("wfdb")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wfdb

        values = np.round(rng.normal(size=(50, 3)), 3)
        wfdb.wrsamp(
            "rec",
            fs=1000,
            units=["mV", "uV", "mmHg"],
            sig_name=["I", "II", "ABP"],
            p_signal=values,
            fmt=["16"] * 3,
            adc_gain=[1000.0] * 3,
            baseline=[0] * 3,
            write_dir=str(tmp_path),
        )
    return tmp_path / "rec.hea", values


def test_wfdb(wfdb_record):
    path, values = wfdb_record
    with pytest.raises(UnitError, match=r"mV, mmHg, uV.*channels="):
        read_recording(path)
    for name in (path, path.with_suffix(".dat")):
        ecg = read_recording(name, channels=["I", "II"])
        np.testing.assert_allclose(ecg.samples, values.T[:2] * [[1], [1e-3]], atol=1e-9)
        assert (ecg.unit, ecg.rate_hz, ecg.names) == ("mV", 1000, ("I", "II"))
    assert read_recording(path, channels=["ABP"]).unit == "mmHg"


def test_wfdb_that_lies_is_refused(wfdb_record):
    path, _ = wfdb_record
    text = path.read_text()
    path.write_text(text.replace(" 50", " 999999999999", 1))
    with pytest.raises(FileFormatError, match="300 bytes"):
        read_recording(path)
    path.write_text(text.replace("rec.dat", "../../etc/passwd"))
    with pytest.raises(FileFormatError, match="plain file name"):
        read_recording(path)
    path.write_text(text)
    path.with_suffix(".dat").write_bytes(b"")
    with pytest.raises(FileFormatError, match="empty file"):
        read_recording(path)


@pytest.mark.parametrize("form", ["edf", "bdf"])
def test_edf_and_bdf(tmp_path, rng, form):
    edfio = pytest.importorskip("edfio")
    make, whole = (edfio.EdfSignal, edfio.Edf) if form == "edf" else (edfio.BdfSignal, edfio.Bdf)
    values = rng.normal(size=(2, 1000))
    signals = [
        make(row, 500, label=label, physical_dimension=unit)
        for row, label, unit in zip(values, ["ECG I", "ECG II"], ["mV", "uV"], strict=True)
    ]
    signals.append(make(values[0, ::5], 100, label="slow", physical_dimension="mV"))
    path = tmp_path / f"ecg.{form}"
    whole(signals).write(path)
    with pytest.raises(FileFormatError, match=r"different rates.*slow 100 Hz.*channels="):
        read_recording(path)
    recording = read_recording(path, channels=["ECG I", "ECG II"])
    np.testing.assert_allclose(recording.samples, values * [[1], [1e-3]], atol=1e-3)
    assert (recording.unit, recording.rate_hz) == ("mV", 500)
    path.write_bytes(path.read_bytes().replace(b"uV ", "µV ".encode("latin-1")))
    assert read_recording(path, channels=["ECG II"]).unit == "uV"


def test_unknown_ending_is_refused_with_the_list(tmp_path, beat):
    path = tmp_path / "beat.xyz"
    path.write_text("1")
    with pytest.raises(FileFormatError, match=r"'.xyz'.*\.igb"):
        read_recording(path)
    with pytest.raises(FileFormatError, match=r"\.csv, \.npz, \.igb"):
        write_recording(path, beat)
    with pytest.raises(FileFormatError, match="nothing there"):
        read_recording(tmp_path / "absent.csv")


def test_nothing_is_left_behind_by_a_failed_write(tmp_path):
    recording = Recording([[1.0, 2.0]], 1000, "mV", names=["a,b"])
    with pytest.raises(InputError, match="'a,b'"):
        write_recording(tmp_path / "x.csv", recording)
    assert list(tmp_path.iterdir()) == []


def test_measured_recordings_read_straight_from_their_folders(shared_data):
    ecg = read_recording(shared_data("ecg_ptb_s0010") / "s0010_re.npz")
    assert (ecg.n_channels, ecg.n_samples, ecg.rate_hz, ecg.unit) == (15, 38400, 1000, "mV")
    assert ecg.names[:3] == ("i", "ii", "iii")
    i, ii, iii = ecg.samples[:3]
    assert np.abs(i + iii - ii).max() < 2e-3
    tank = read_recording(
        shared_data("ecgi_utah_tank_sock128") / "sock128_tank192.npz", key="torso_potentials_mV"
    )
    assert (tank.n_channels, tank.n_samples) == (192, 608)
    map_ = shared_data("ecgi_human_bspm_subject1") / "subject1.npz"
    with pytest.raises(UnitError):
        read_recording(map_, key="bspm_qrs")
    assert read_recording(map_, key="bspm_qrs", unit="mV", rate_hz=2000).duration_ms == 155
