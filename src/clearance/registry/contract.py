"""The contract of a model: what columns it takes and gives, and where a request breaks it; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from numbers import Integral, Real
from typing import Any

from clearance.errors import InvalidInput
from clearance.values import request, value

_FP32_MAX = 3.4028234663852886e38
_INT64 = range(-(2**63), 2**63)
_SHOWN = 60


class Datatype(StrEnum):
    """Tensor types, in the words of the Open Inference Protocol v2 (BYTES are UTF-8 strings)."""

    FP32 = "FP32"
    FP64 = "FP64"
    INT64 = "INT64"
    BOOL = "BOOL"
    BYTES = "BYTES"


_PLAIN_TYPES: dict[Datatype, frozenset[type]] = {
    Datatype.FP32: frozenset({int, float}),
    Datatype.FP64: frozenset({int, float}),
    Datatype.INT64: frozenset({int}),
    Datatype.BOOL: frozenset({bool}),
    Datatype.BYTES: frozenset({str}),
}
_RANGES: dict[Datatype, tuple[float, float]] = {
    Datatype.FP32: (-_FP32_MAX, _FP32_MAX),
    Datatype.FP64: (-math.inf, math.inf),
    Datatype.INT64: (-(2**63), 2**63 - 1),
}
NUMERIC = frozenset({Datatype.FP32, Datatype.FP64, Datatype.INT64})


@request
class Field:
    """A column: `shape` is (-1,) for one value a row, (-1, n) for n; bounds are inclusive."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...] = (-1,)
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str | int, ...] | None = None

    @property
    def width(self) -> int:
        """Values in a row."""
        return self.shape[1] if len(self.shape) > 1 else 1


@request
class ModelContract:
    """What a model takes and what it gives."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...] = ()


@value
class Violation:
    """One place where columns break a contract; `rule` is a stable word, `row` counts from 0."""

    field: str
    rule: str
    message: str
    row: int | None = None


def violations(
    contract: ModelContract, columns: Mapping[str, Sequence[Any]], *, limit: int = 20
) -> tuple[Violation, ...]:
    """Return where columns of inputs break the contract, the first `limit` of them; nothing when they fit.

    Args:
        contract: what the model takes.
        columns: input name → one value a row (a sequence of n for shape (-1, n)); lists or NumPy arrays.
        limit: most violations to look for.
    """
    return tuple(islice(_violations(contract, columns), limit))


def check_contract(contract: ModelContract) -> None:
    """Refuse a contract that can't be meant.

    Raises:
        InvalidInput: code `bad_contract`, naming the field and what is wrong with it.
    """
    if not contract.inputs:
        raise _bad("it has no inputs")
    for side, fields in (("input", contract.inputs), ("output", contract.outputs)):
        seen: set[str] = set()
        for field in fields:
            if field.name in seen:
                raise _bad(f"{side} {field.name!r} stands there twice")
            seen.add(field.name)
            if fault := _fault(field):
                raise _bad(f"{side} {field.name!r}: {fault}")


def _bad(what: str) -> InvalidInput:
    return InvalidInput(f"the contract is wrong: {what}", code="bad_contract")


def _fault(field: Field) -> str | None:
    bounds = [bound for bound in (field.minimum, field.maximum) if bound is not None]
    faults = {
        "a name has 1 to 200 printable characters": not field.name.isprintable() or not 1 <= len(field.name) <= 200,
        "its shape must be [-1] or [-1, n] with n of one or more": len(field.shape) not in {1, 2}
        or field.shape[0] != -1
        or field.width < 1,
        "bounds are for numbers": bool(bounds) and field.datatype not in NUMERIC,
        "a bound is not finite": not all(map(math.isfinite, bounds)),
        "its minimum is above its maximum": len(bounds) == 2 and bounds[0] > bounds[1],
        "categories must be there when they are given": field.categories == (),
        "categories of BYTES are strings": field.datatype == Datatype.BYTES
        and not all(isinstance(word, str) for word in field.categories or ()),
        "categories of INT64 are integers": field.datatype == Datatype.INT64
        and not all(isinstance(word, int) for word in field.categories or ()),
        "categories are for BYTES and INT64": field.categories is not None
        and field.datatype not in {Datatype.BYTES, Datatype.INT64},
    }
    return next((fault for fault, present in faults.items() if present), None)


def _violations(contract: ModelContract, columns: Mapping[str, Sequence[Any]]) -> Iterator[Violation]:
    known = {field.name for field in contract.inputs}
    for name in columns:
        if name not in known:
            yield Violation(field=name, rule="unknown", message=f"{_shown(name)} is not an input of this model")
    rows: int | None = None
    for field in contract.inputs:
        if field.name not in columns:
            yield Violation(field=field.name, rule="missing", message=f"{field.name} is missing")
            continue
        column = _plain(columns[field.name])
        rows = len(column) if rows is None else rows
        if len(column) != rows:
            message = f"{field.name} has {len(column)} rows, the inputs before it {rows}"
            yield Violation(field=field.name, rule="rows", message=message)
        if not fits(field, column):
            yield from look_closely(field, column)


def fits(field: Field, column: Sequence[Any]) -> bool:
    """Tell quickly, by looking at the column as a whole, that every value fits; False says only that one must look closer."""
    types = set(map(type, column))
    if field.width != 1 or not types or not types <= _PLAIN_TYPES[field.datatype]:
        return False
    if field.datatype in NUMERIC and not _numbers_fit(field, column):
        return False
    return field.categories is None or set(column) <= set(field.categories)


def _numbers_fit(field: Field, column: Sequence[Any]) -> bool:
    try:
        if not all(map(math.isfinite, column)):
            return False
    except OverflowError:  # an integer beyond any double
        return False
    low, high = min(column), max(column)
    least, most = _RANGES[field.datatype]
    representable = low >= least and high <= most
    above = field.minimum is None or low >= field.minimum
    below = field.maximum is None or high <= field.maximum
    return representable and above and below


def look_closely(field: Field, column: Sequence[Any]) -> Iterator[Violation]:
    """Yield what is wrong with a column, value by value."""
    fault_of = _value_check(field)
    for row, cell in enumerate(column):
        cells = [cell] if field.width == 1 and not _is_row(cell) else cell
        if not _is_row(cells) or len(cells) != field.width:
            yield _violation(field, row, ("shape", f"is not a row of {field.width}"))
            continue
        for item in cells:
            if fault := fault_of(item):
                yield _violation(field, row, fault)


def _violation(field: Field, row: int, fault: tuple[str, str]) -> Violation:
    rule, what = fault
    return Violation(field=field.name, rule=rule, message=f"{field.name}, row {row}: {what}", row=row)


def _value_check(field: Field) -> Callable[[Any], tuple[str, str] | None]:
    """Return a function from a value to (rule, what is wrong), or None when it fits."""
    allowed = None if field.categories is None else frozenset(field.categories)

    def fault(item: Any) -> tuple[str, str] | None:
        if item is None or (isinstance(item, float) and math.isnan(item)):
            return None if field.nullable else ("null", "it is empty, and may not be")
        if wrong := _type_fault(field.datatype, item):
            return wrong
        if field.minimum is not None and item < field.minimum:
            return "minimum", f"{_shown(item)} is below the minimum {field.minimum:g}"
        if field.maximum is not None and item > field.maximum:
            return "maximum", f"{_shown(item)} is above the maximum {field.maximum:g}"
        if allowed is not None and item not in allowed:
            return "categories", f"{_shown(item)} is none of the {len(allowed)} categories"
        return None

    return fault


def _type_fault(datatype: Datatype, item: Any) -> tuple[str, str] | None:
    if datatype == Datatype.BYTES:
        fits = isinstance(item, str)
    elif datatype == Datatype.BOOL:
        fits = isinstance(item, bool)
    elif datatype == Datatype.INT64:
        fits = isinstance(item, Integral) and not isinstance(item, bool)
    else:
        fits = isinstance(item, Real) and not isinstance(item, bool)
    if not fits:
        return "type", f"{_shown(item)} is not {datatype}"
    if datatype == Datatype.INT64 and int(item) not in _INT64:
        return "range", f"{_shown(item)} does not fit {datatype}"
    if datatype == Datatype.FP32 and abs(item) > _FP32_MAX:
        return "range", f"{_shown(item)} does not fit {datatype}"
    if datatype == Datatype.FP64 and not _finite(item):
        return "range", f"{_shown(item)} does not fit {datatype}"
    return None


def _finite(item: Any) -> bool:
    try:
        return math.isfinite(item)
    except OverflowError:  # an integer beyond any double
        return False


def _plain(column: Any) -> Sequence[Any]:
    found: Sequence[Any] = column.tolist() if hasattr(column, "tolist") else column
    return found


def _is_row(cell: Any) -> bool:
    return isinstance(cell, Sequence) and not isinstance(cell, str | bytes)


def _shown(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
