"""Published and independently integrated numbers of the circuit.

Made by two other integrators (LSODA at 1e-10, an SDIRK in C); columns in the order of `COLUMNS`,
printed digits as they stand. Case C reproduces five numbers that Simaan et al. 2009 print.
"""

from ..circulation import Circulation

COLUMNS = {
    "paper_edv_ml": 0.01,
    "paper_esv_ml": 0.01,
    "paper_ef_percent": 0.01,
    "edv_ml": 0.01,
    "esv_ml": 0.01,
    "ef_percent": 0.01,
    "lv_peak_mmhg": 0.01,
    "lv_min_mmhg": 0.01,
    "systolic_mmhg": 0.02,
    "diastolic_mmhg": 0.02,
    "mean_aortic_mmhg": 0.01,
    "mean_arterial_mmhg": 0.01,
    "mean_atrial_mmhg": 0.01,
    "co_l_min": 0.00006,
    "stroke_work_mmhg_ml": 0.6,
}
"""Index → allowed difference: 0.01 mL or mmHg or percent, or half the last printed digit and a
tenth of it for its rounding."""

start = Circulation.from_start_volume
CASES = {
    "A": start(140.0),
    "B": start(140.0, period_s=0.8),
    "C": Circulation(period_s=0.8, emin=0.05, stressed_volume_ml=272.0),
    "D": start(140.0, emax=1.0),
    "E": start(140.0, emax=0.6),
    "F": start(140.0, mitral_resistance=0.1),
    "G": start(140.0, aortic_valve_resistance=0.25),
    "H": start(280.0),
    "I": start(140.0, systemic_resistance=2.0),
}
TABLE = {
    "A": "149.003 67.757 54.526 149.188 67.112 55.015 117.719 6.804 "
    "117.56 70.78 95.656 92.389 10.313 4.9246 8379",
    "B": "138.003 68.786 50.156 138.223 68.092 50.738 119.747 6.604 "
    "119.58 79.58 101.288 97.799 10.135 5.2598 7472",
    "C": "136.156 67.606 50.347 136.386 66.919 50.934 117.370 5.412 "
    "117.20 77.60 99.101 95.645 8.811 5.2100 7329",
    "D": "164.728 103.717 37.037 164.903 102.418 37.892 94.538 8.058 "
    "94.38 57.01 75.683 73.196 10.710 3.7491 4818",
    "E": "178.362 133.788 24.991 178.508 132.112 25.991 74.551 9.169 "
    "74.40 45.59 59.378 57.531 11.135 2.7838 2660",
    "F": "126.684 61.933 51.112 128.401 61.381 52.196 105.661 4.207 "
    "105.52 67.08 87.432 84.764 17.744 4.0212 6308",
    "G": "155.792 91.845 41.047 155.946 84.524 45.799 177.364 7.378 "
    "106.26 65.49 84.713 81.871 10.449 4.2853 10775",
    "H": "236.012 103.910 55.973 236.312 102.861 56.472 191.405 11.063 "
    "191.14 115.08 155.531 150.220 16.769 8.0070 22152",
    "I": "122.269 72.409 40.779 122.386 71.915 41.239 126.032 5.782 "
    "125.90 94.89 110.989 108.981 8.038 3.0283 5757",
}  # fmt: skip

PUMP_COLUMNS = (
    "edv_ml esv_ml ef_percent lv_peak_mmhg lv_min_mmhg systolic_mmhg diastolic_mmhg "
    "mean_arterial_mmhg pump_flow_ml_s pump_flow_min_ml_s pump_flow_max_ml_s valve_flow_ml_s "
    "co_l_min mean_atrial_mmhg"
).split()
PUMP_TABLE = {
    8000: "151.05 91.33 39.54 96.09 7.07 100.1 70.2 83.68 42.92 -30.13 160.86 30.61 4.412 10.15",
    10000: "126.31 77.64 38.53 86.91 6.17 111.8 93.7 99.04 89.61 22.84 205.56 0 5.376 9.43",
    12000: "97.64 46.64 52.23 52.92 4.74 133.3 121.8 122.93 114.50 73.61 183.59 0 6.870 8.44",
    13000: "81.24 30.61 62.32 35.26 3.92 145.7 137.8 136.59 128.83 102.23 172.63 0 7.730 7.76",
    14000: "62.94 21.81 65.35 18.89 2.99 159.7 155.5 151.82 145.08 131.88 165.19 0 8.705 6.74",
    15000: "41.75 17.19 58.83 7.23 1.81 177.3 175.3 169.74 164.96 159.22 172.58 0 9.898 4.78",
    15500: "30.34 14.61 51.85 4.63 1.16 187.2 185.9 179.54 176.11 172.48 180.99 0 10.567 3.43",
    16000: "30.49 12.68 58.43 3.24 0.73 196.0 185.8 183.01 180.24 85.56 210.81 0 10.815 2.77",
}
PUMP_PATIENT = start(140.0, emax=1.0, period_s=0.8)
