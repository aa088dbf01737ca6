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


def car_loan(name: str, *needs: str) -> Any:
    """Return a table of the car-loan data (`reference`, `analysis`, `analysis_labels`), or skip with the reason.

    The copy in the demo leaves out the predictions that came with the data: a test names the columns it `needs`.
    """
    for folder in FOLDERS:
        found = folder / f"car_loan_{name}.parquet"
        if found.is_file() and set(needs) <= set(pq.read_schema(found).names):
            return pq.read_table(found)
    pytest.skip(f"no car-loan data with {needs or 'any columns'} in " + ", ".join(map(str, FOLDERS)))


def column(table: Any, name: str) -> Any:
    """Return a column as NumPy."""
    return np.asarray(table[name].to_numpy())


def weeks(table: Any) -> Any:
    """Return the Monday of each row's week, as datetime64[D]."""
    days = column(table, "timestamp").astype("datetime64[D]")
    return days - (days.astype(int) + 3) % 7  # day 0 was a Thursday
