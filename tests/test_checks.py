"""The border: what is refused, and what the message says."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin import CardiotwinError, FileFormatError, InputError
from cardiotwin._checks import (
    check_array,
    check_choice,
    check_count,
    check_file,
    check_indices,
    check_number,
)
from cardiotwin._files import atomic_path


def test_array_message_names_shape_and_transposition():
    with pytest.raises(InputError, match=r"points: found shape \(3, 5\); expected shape \(n, 3\)"):
        check_array(np.zeros((3, 5)), "points", shape=("n", 3))
    with pytest.raises(InputError, match="transposed"):
        check_array(np.zeros((3, 5)), "points", shape=("n", 3))


def test_array_message_counts_and_places_missing_values():
    values = np.zeros((4, 3))
    values[2, 1] = np.nan
    with pytest.raises(InputError, match=r"1 values that are NaN or infinite.*\(2, 1\)"):
        check_array(values, "points", shape=("n", 3))


@pytest.mark.parametrize("value", [["a", "b"], [[1], [1, 2]], [1j], None, object()])
def test_array_refuses_what_is_not_numbers(value):
    with pytest.raises(InputError, match="values"):
        check_array(value, "values", shape=("n",))


def test_one_based_indices_are_recognized():
    with pytest.raises(InputError, match="1-based: subtract 1"):
        check_indices([1, 2, 3], "leads", upper=3)


@given(st.lists(st.integers(-5, 10), min_size=1))
def test_indices_pass_exactly_when_in_range(values):
    if all(0 <= value < 6 for value in values):
        assert check_indices(values, "leads", upper=6).tolist() == values
    else:
        with pytest.raises(InputError, match="indices from 0 to 5"):
            check_indices(values, "leads", upper=6)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_number_passes_exactly_inside_its_bounds(value):
    if 0 < value <= 2:
        assert check_number(value, "x", above=0, at_most=2) == value
    else:
        with pytest.raises(InputError, match="> 0 and ≤ 2"):
            check_number(value, "x", above=0, at_most=2)


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None])
def test_count_refuses_what_is_not_a_positive_whole_number(value):
    with pytest.raises(InputError, match="whole number"):
        check_count(value, "n")


def test_choice_suggests_the_nearest_name():
    with pytest.raises(InputError, match="Did you mean 'creso'"):
        check_choice("crseo", "rule", ["creso", "gcv"])


def test_file_errors_name_the_path_and_a_near_name(tmp_path):
    (tmp_path / "heart.tri").write_text("x")
    with pytest.raises(FileFormatError, match=r"Did you mean heart\.tri"):
        check_file(tmp_path / "haert.tri")
    with pytest.raises(FileFormatError, match="a folder"):
        check_file(tmp_path)
    (tmp_path / "empty.tri").touch()
    with pytest.raises(FileFormatError, match="an empty file"):
        check_file(tmp_path / "empty.tri")


def test_interrupted_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_errors_survive_a_trip_between_processes():
    error = InputError("a", found="b", expected="c", advice="d")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert isinstance(again, CardiotwinError) and isinstance(again, ValueError)
