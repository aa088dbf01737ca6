"""Which group each row belongs to: values, lists of values, or comparisons such as `>= 25 and < 40`; pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearance.checks.parameters import Attribute, Scalar
from clearance.checks.tables import Table, nulls
from clearance.errors import InvalidInput

MISSING = "(missing)"
OTHER = "(other)"
MAXIMUM_GROUPS = 50

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_COMPARISON = re.compile(r"\s*(<=|>=|==|<|>)\s*(-?\d+(?:\.\d+)?)\s*")


def attribute(given: str | Attribute) -> Attribute:
    """Return the attribute that a suite names, in full."""
    return Attribute(name=given) if isinstance(given, str) else given


def assign(table: Table, given: Attribute) -> NDArray[np.object_]:
    """Return the name of each row's group [N]; nulls are `(missing)`, what no group takes is `(other)`.

    Raises:
        InvalidInput: no such column, a comparison that can't be read or applied, or far too many values.
    """
    column = table.column(given.column or given.name)
    empty = nulls(column)
    if given.groups:
        names = np.full(table.rows, OTHER, dtype=np.object_)
        for name, members in given.groups.items():
            names[~empty & _inside(column, empty, members, given.name)] = name
    else:
        names = np.array([_text(cell) for cell in column.tolist()], dtype=np.object_)
    names[empty] = MISSING
    if (found := len(set(names.tolist()))) > MAXIMUM_GROUPS:
        raise InvalidInput(
            f"the attribute {given.name!r} has {found} groups, more than {MAXIMUM_GROUPS}",
            code="groups_too_many",
            hint='give it `groups`, such as {young: "< 25", older: ">= 25"}',
        )
    return names


def intersect(parts: Sequence[NDArray[np.object_]]) -> NDArray[np.object_]:
    """Return the names of the groups of an intersection: `Female & Black`."""
    joined: dict[tuple[str, ...], str] = {}  # few names for many rows: each is put together once
    made = np.empty(len(parts[0]), dtype=np.object_)
    rows = zip(*(part.tolist() for part in parts), strict=True)
    made[:] = [joined.get(row) or joined.setdefault(row, " & ".join(row)) for row in rows]
    return made


def _inside(
    column: NDArray[Any], empty: NDArray[np.bool_], members: str | tuple[Scalar, ...], name: str
) -> NDArray[np.bool_]:
    if not isinstance(members, str):
        wanted = set(members)
        return np.fromiter((cell in wanted for cell in column.tolist()), dtype=np.bool_, count=len(column))
    inside = ~empty
    try:
        numbers = np.where(empty, 0.0, column).astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"the attribute {name!r} holds text, which {members!r} can't compare",
            code="group_expression",
            hint="name its values in a list",
        ) from None
    for part in members.split(" and "):
        comparison = _COMPARISON.fullmatch(part)
        if comparison is None:
            raise InvalidInput(
                f"the group {members!r} of {name!r} can't be read at {part!r}",
                code="group_expression",
                hint="write comparisons joined by `and`: `>= 25 and < 40`",
            )
        inside &= _OPERATORS[comparison[1]](numbers, float(comparison[2]))
    return inside


def _text(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
