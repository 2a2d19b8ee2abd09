"""The golden numbers of `cardiotwin reproduce golden`, for the tests of the circuit."""

from cardiotwin.studies._golden_numbers import CASES as CASES
from cardiotwin.studies._golden_numbers import COLUMNS as COLUMNS
from cardiotwin.studies._golden_numbers import PUMP_COLUMNS as PUMP_COLUMNS
from cardiotwin.studies._golden_numbers import PUMP_PATIENT as PUMP_PATIENT
from cardiotwin.studies._golden_numbers import PUMP_TABLE as PUMP_TABLE
from cardiotwin.studies._golden_numbers import TABLE as TABLE
