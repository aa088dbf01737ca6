"""Tables: Parquet and CSV become exact NumPy columns, with nulls kept apart from values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clearance.checks.tables import labels_of, nulls, read
from clearance.errors import InvalidInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    table = pa.table(
        {
            "whole": pa.array([1, None, 2**53 + 1]),
            "real": pa.array([1.5, None, 2.5]),
            "flag": pa.array([True, None, False]),
            "word": pa.array(["a", None, "b"]),
            "code": pa.array(["x", "y", None]).dictionary_encode(),
            "at": pa.array([0, None, 1], pa.timestamp("us", "UTC")),
            "pair": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
            "ragged": pa.array([[1], [], None]),
        }
    )
    parquet.write_table(table, tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


def test_integers_with_nulls_stay_exact(path: Path) -> None:
    assert read(path).column("whole").tolist() == [1, None, 2**53 + 1]


def test_nulls_are_found_in_every_kind_of_column(path: Path) -> None:
    table = read(path)
    for name in ("whole", "real", "flag", "word", "at"):
        assert nulls(table.column(name)).tolist() == [False, True, False], name
    assert nulls(table.column("code")).tolist() == [False, False, True]
    assert nulls(table.column("ragged")).tolist() == [False, False, True]


def test_lists_of_one_length_are_a_matrix_and_rows_with_lists_can_be_compared(path: Path) -> None:
    table = read(path)
    assert table.column("pair").shape == (3, 2)
    assert not nulls(table.column("pair")).any()
    assert len(set(table.tuples(tuple(table.columns)))) == 3


def test_equal_rows_are_equal_even_where_they_are_null(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1.5,x\n,x\n,x\n")
    table = read(tmp_path / "t.csv")
    assert table.rows == 3
    assert len(set(table.tuples(("a", "b")))) == 2
    assert table.take(np.array([True, False, True])).rows == 2


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path / "t.parquet")
    assert caught.value.code == "dataset_unreadable"


@pytest.mark.parametrize(
    ("cells", "positive", "expected"),
    [
        ([True, False], 1, [True, False]),
        ([1.0, 0.0], 1, [True, False]),
        ([">50K", "<=50K"], ">50K", [True, False]),
        ([2, 1], 2, [True, False]),
        ([0, 0], 1, [False, False]),
    ],
)
def test_labels_of_every_kind_are_understood(
    tmp_path: Path, cells: list[object], positive: int | str, expected: list[bool]
) -> None:
    parquet.write_table(pa.table({"y": cells}), tmp_path / "t.parquet")
    known, truth = labels_of(read(tmp_path / "t.parquet"), "y", positive)
    assert known.all()
    assert truth.tolist() == expected
