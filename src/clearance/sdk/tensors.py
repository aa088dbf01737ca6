"""Table columns as the arrays that a model's inputs take, exactly or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearance.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One input or output: its name, its datatype in OIP words, and how many columns it has beside the batch."""

    name: str
    datatype: str
    width: int
    rank: int


def to_input(tensor: Tensor, column: NDArray[Any]) -> NDArray[Any]:
    """Return a table column as the array that an input takes: its exact type, shape [N,w] or [N].

    Integers become floats, booleans numbers, and None in floats NaN; beyond the precision of FP32 nothing is rounded,
    and nothing is guessed: text never becomes a number.

    Raises:
        InvalidInput: a value does not fit; the message names the field, the row (from 0) and the value.
    """
    array = np.asarray(column)
    made: NDArray[Any] = _CONVERT[tensor.datatype](tensor.name, array if array.ndim == 1 else array.reshape(-1))
    if made.size % tensor.width or array.ndim > 2 or (array.ndim == 2 and array.shape[1] != tensor.width):
        raise InvalidInput(
            f"field {tensor.name!r} has shape {list(array.shape)}, the model wants [N,{tensor.width}]",
            code="column_shape",
            details={"field": tensor.name},
        )
    return made if tensor.rank == 1 else made.reshape(-1, tensor.width)


def _floats(kind: type[np.floating[Any]]) -> Any:
    def convert(name: str, array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind in "iub":
            return array.astype(kind)
        if array.dtype.kind != "f":
            values = [np.nan if each is None else each for each in _objects(array)]
            _refuse(name, values, lambda each: isinstance(each, int | float | np.number | np.bool_), "a number")
            array = np.asarray(values, dtype=np.float64)
        with np.errstate(over="ignore"):
            made = array.astype(kind, copy=False)
        _refuse_overflow(name, array, made)
        return made

    return convert


def _integers(kind: type[np.signedinteger[Any]]) -> Any:
    bounds = np.iinfo(kind)

    def fits(each: Any) -> bool:
        if isinstance(each, bool | np.bool_):
            return True
        if not isinstance(each, int | float | np.number):
            return False
        return bool(np.isfinite(each) and bounds.min <= each <= bounds.max and float(each).is_integer())

    def convert(name: str, array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind == "b" or (array.dtype.kind in "iu" and np.can_cast(array.dtype, kind)):
            return array.astype(kind, copy=False)
        values = _objects(array)
        _refuse(name, values, fits, f"a whole number of {bounds.bits} bits")
        return np.asarray([int(each) for each in values], dtype=kind)

    return convert


def _booleans(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind != "b":
        values = _objects(array)
        _refuse(
            name,
            values,
            lambda each: isinstance(each, int | float | np.number | np.bool_) and each in {0, 1},
            "a boolean",
        )
        return np.asarray([bool(each) for each in values], dtype=np.bool_)
    return array


def _strings(name: str, array: NDArray[Any]) -> NDArray[Any]:
    values = [_text(each) for each in _objects(array)]
    _refuse(name, values, lambda each: isinstance(each, str), "text (UTF-8)")
    made = np.empty(len(values), dtype=np.object_)
    made[:] = values
    return made


def _text(item: Any) -> Any:
    if not isinstance(item, bytes):
        return item
    try:
        return item.decode()
    except UnicodeDecodeError:
        return item  # refused, and shown, by the caller


_CONVERT: dict[str, Callable[[str, NDArray[Any]], NDArray[Any]]] = {
    "FP32": _floats(np.float32),
    "FP64": _floats(np.float64),
    "INT64": _integers(np.int64),
    "INT32": _integers(np.int32),
    "BOOL": _booleans,
    "BYTES": _strings,
}


def _objects(array: NDArray[Any]) -> list[Any]:
    found: list[Any] = array.tolist()
    return found


def _refuse(name: str, values: list[Any], fits: Any, wanted: str) -> None:
    for row, each in enumerate(values):
        if not fits(each):
            raise InvalidInput(
                f"field {name!r}, row {row}: {each!r} is not {wanted}",
                code="column_type",
                hint="send the type that the model's contract declares",
                details={"field": name, "row": row},
            )


def _refuse_overflow(name: str, given: NDArray[Any], made: NDArray[Any]) -> None:
    beyond = np.flatnonzero(np.isinf(made) & np.isfinite(given))
    if beyond.size:
        row = int(beyond[0])
        raise InvalidInput(
            f"field {name!r}, row {row}: {given[row]!r} is too large for {made.dtype}",
            code="column_type",
            details={"field": name, "row": row},
        )
