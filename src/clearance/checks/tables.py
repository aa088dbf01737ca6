"""A dataset in memory as NumPy columns, and how Parquet and CSV become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearance.checks.parameters import Scalar
from clearance.errors import InvalidInput

_PARQUET_MAGIC = b"PAR1"  # parquet.apache.org/docs/file-format


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """N rows by column name: numbers as their NumPy type with NaN for null; anything else with nulls as objects with None.

    Each column is [N]; lists of numbers of one length w are [N, w].
    """

    columns: Mapping[str, NDArray[Any]]
    rows: int

    def column(self, name: str) -> NDArray[Any]:
        """Return a column [N].

        Raises:
            InvalidInput: code `column_missing`.
        """
        if name not in self.columns:
            raise InvalidInput(
                f"the dataset has no column {name!r}", code="column_missing", hint="it has " + ", ".join(self.columns)
            )
        return self.columns[name]

    def take(self, rows: NDArray[Any] | slice) -> Table:
        """Return some of the rows: by index, by mask or by slice."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Table(columns, len(next(iter(columns.values()))) if columns else 0)

    def tuples(self, names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        """Yield each row of some columns as a tuple that compares equal to that of an equal row (null is None)."""
        lists = []
        for name in names:
            column = self.column(name)
            cells = map(_hashable, column.tolist())
            lists.append([None if null else cell for cell, null in zip(cells, nulls(column), strict=True)])
        return zip(*lists, strict=True)


def nulls(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where a column is null: None, NaN, or not a time."""
    empty: NDArray[np.bool_]
    if column.dtype.kind in "fmM":
        empty = np.isnan(column) if column.dtype.kind == "f" else np.isnat(column)
        return empty if empty.ndim == 1 else np.logical_or.reduce(empty, axis=1)
    if column.dtype.kind == "O":
        return np.fromiter((cell is None for cell in column), dtype=np.bool_, count=len(column))
    return np.zeros(len(column), dtype=np.bool_)


def labels_of(table: Table, name: str, positive: Scalar) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows have a label, and which of all rows have the positive one.

    Raises:
        InvalidInput: no such column; no labels; or more than two different ones; or none is the positive one.
    """
    column = table.column(name)
    known = ~nulls(column)
    found = set(column[known].tolist())
    if not found:
        raise InvalidInput(f"the label column {name!r} is empty", code="labels_missing")
    if len(found) > 2 or (positive not in found and len(found) > 1):
        few = ", ".join(repr(each) for each in sorted(found, key=str)[:5])
        raise InvalidInput(
            f"the label column {name!r} holds {few}; expected {positive!r} and one other",
            code="labels_unexpected",
            hint="set `label` and `positive` in the suite",
        )
    is_positive = np.fromiter((cell == positive for cell in column.tolist()), dtype=np.bool_, count=table.rows)
    return known, is_positive


def read(path: Path) -> Table:
    """Read a Parquet or CSV file.

    Raises:
        InvalidInput: it is neither; code `dataset_unreadable`.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == _PARQUET_MAGIC
        found = parquet.read_table(path) if is_parquet else csv.read_csv(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the dataset can't be read: {str(error)[:300]}",
            code="dataset_unreadable",
            hint="it must be Parquet or CSV",
        ) from error
    columns = {name: _to_numpy(column) for name, column in zip(found.column_names, found.columns, strict=True)}
    return Table(columns, int(found.num_rows))


def _to_numpy(column: Any) -> NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    exact = pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
    if exact and column.null_count:  # never through floats: they can't hold every integer
        made = np.empty(len(column), dtype=np.object_)
        made[:] = column.to_pylist()
        return made
    if pa.types.is_nested(column.type):
        return _nested(column.to_pylist())
    found: NDArray[Any] = column.to_numpy()
    return found


def _nested(cells: list[Any]) -> NDArray[Any]:
    """Return lists of numbers, all of one length, as [N, w]; anything else as objects [N]."""
    widths = {len(cell) if isinstance(cell, list) else 0 for cell in cells}
    if len(widths) == 1 and widths != {0} and all(type(item) in {int, float} for cell in cells for item in cell):
        return np.array(cells)
    made = np.empty(len(cells), dtype=np.object_)
    made[:] = cells
    return made


def _hashable(cell: Any) -> Any:
    return repr(cell) if isinstance(cell, list | dict) else cell
