"""The real data that statistics are compared on, where they are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "src" / "clearance" / "demo" / "data", ROOT.parent / "shared" / "data")

NUMERIC = ("car_value", "debt_to_income_ratio", "loan_length", "driver_tenure")
CATEGORICAL = ("salary_range", "repaid_loan_on_prev_car", "size_of_downpayment")


def car_loan(name: str) -> Any:
    """Return a table of the car-loan data (`reference`, `analysis`, `analysis_labels`), or skip with the reason."""
    for folder in FOLDERS:
        if (found := folder / f"car_loan_{name}.parquet").is_file():
            return pq.read_table(found)
    pytest.skip("the car-loan data are not here: " + ", ".join(map(str, FOLDERS)))


def column(table: Any, name: str) -> Any:
    """Return a column as NumPy."""
    return np.asarray(table[name].to_numpy())


def weeks(table: Any) -> Any:
    """Return the Monday of each row's week, as datetime64[D]."""
    days = column(table, "timestamp").astype("datetime64[D]")
    return days - (days.astype(int) + 3) % 7  # day 0 was a Thursday
