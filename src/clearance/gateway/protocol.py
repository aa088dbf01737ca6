"""The tensors of the Open Inference Protocol v2 (JSON over HTTP), to columns and back; pure.

Specification: github.com/kserve/open-inference-protocol, `specification/protocol/inference_rest.md`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clearance.errors import InvalidInput
from clearance.registry.contract import Datatype
from clearance.sdk.events import MAX_TEXT, ahead_fault, shown, time_fault, when

TIME_PARAMETER = "clearance_ts"
MOST_DIMENSIONS = 8
_SIZES = range(1, 2**31)


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What was asked: columns by name (one list of `rows` values each) and their types, the id, the time a replay claims."""

    id: str | None
    columns: Mapping[str, list[Any]]
    datatypes: Mapping[str, Datatype]
    rows: int
    at: datetime | None


def parse(body: bytes) -> InferenceRequest:
    """Read a request.

    Raises:
        InvalidInput: no JSON, no inputs, or a tensor whose name, datatype, shape and data do not fit each other; the
            message names the tensor.
    """
    document = _document(body)
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise _malformed("`inputs` has no tensors", "send one tensor per feature of the model")
    columns: dict[str, list[Any]] = {}
    datatypes: dict[str, Datatype] = {}
    for place, tensor in enumerate(inputs):
        name, column = _column(tensor, place)
        if name in columns:
            raise _malformed(f"tensor {name!r} stands there twice")
        columns[name] = column
        datatypes[name] = Datatype(tensor["datatype"])
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        shown = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
        raise _malformed(f"the tensors have different numbers of rows: {shown}", "send every feature for every row")
    request_id = document.get("id")
    if request_id is not None:
        check_id(request_id, "`id`")
    return InferenceRequest(request_id, columns, datatypes, lengths.pop(), _time(document.get("parameters")))


def check_id(found: Any, where: str) -> None:
    """Refuse what can't be the id of a request: it is told in a header and finds the request's labels. Empty is none.

    Raises:
        InvalidInput: it is no text, too long, or has characters that no header may have.
    """
    if not isinstance(found, str):
        raise _malformed(f"{where} is not a text")
    if len(found) > MAX_TEXT:
        raise _malformed(f"{where} has {len(found)} characters, allowed are {MAX_TEXT}", "such as a UUID")
    if not (found.isascii() and (found.isprintable())):
        raise _malformed(f"{where} has characters other than printable ASCII", "such as a UUID")


def check_datatypes(asked: InferenceRequest, declared: Mapping[str, Datatype]) -> Iterator[tuple[str, str]]:
    """Yield the tensors whose datatype is not the one the model declares, and what is wrong; numbers are not converted."""
    for name, datatype in asked.datatypes.items():
        if name in declared and datatype is not declared[name]:
            yield name, f"{name} has the datatype {datatype}, the model takes {declared[name]}"


def check_time(asked: InferenceRequest, now: datetime) -> None:
    """Refuse a request that claims to be of the future.

    Raises:
        InvalidInput: more than `MOST_AHEAD` after the server's clock.
    """
    if asked.at is not None and (fault := ahead_fault(asked.at, now)):
        raise _bad_time(fault)


def answer(
    model: str, version: int, request_id: str, outputs: Mapping[str, tuple[Datatype, list[Any]]]
) -> dict[str, Any]:
    """Return the body of an answer, one tensor of shape [rows] for each output."""
    return {
        "model_name": model,
        "model_version": str(version),
        "id": request_id,
        "outputs": [
            {"name": name, "datatype": datatype.value, "shape": [len(data)], "data": data}
            for name, (datatype, data) in outputs.items()
        ],
    }


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _malformed("the body is not a JSON object")
    return document


def _column(tensor: Any, place: int) -> tuple[str, list[Any]]:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise _malformed(f"tensor {place} has no name")
    name: str = tensor["name"]
    if tensor.get("datatype") not in tuple(Datatype):
        raise _malformed(
            f"tensor {name!r} has the datatype {tensor.get('datatype')!r}", "one of " + ", ".join(Datatype)
        )
    shape, data = tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or not shape:
        raise _malformed(f"tensor {name!r} has no shape", "such as [rows, 1]")
    if len(shape) > MOST_DIMENSIONS:
        raise _malformed(f"tensor {name!r} has {len(shape)} dimensions, allowed are {MOST_DIMENSIONS}")
    if shape[0] == 0:
        raise _malformed(f"tensor {name!r} has no rows")
    if wrong := [size for size in shape if type(size) is not int or size not in _SIZES]:
        raise _malformed(
            f"tensor {name!r} has {shown(wrong[0])} in its shape: sizes are whole numbers, 1 or more",
            "such as [rows, 1]",
        )
    if not isinstance(data, list):
        raise _malformed(f"tensor {name!r} has no data")
    flat = _flat(data)
    if len(flat) != math.prod(shape):
        raise _malformed(f"tensor {name!r} has {len(flat)} values, its shape {shape} needs {math.prod(shape)}")
    width = math.prod(shape[1:])
    return name, flat if width == 1 else [flat[start : start + width] for start in range(0, len(flat), width)]


def _flat(data: list[Any]) -> list[Any]:
    while data and isinstance(data[0], list):
        if not all(isinstance(child, list) for child in data):
            return data
        data = [item for child in data for item in child]
    return data


def _time(parameters: Any) -> datetime | None:
    text = parameters.get(TIME_PARAMETER) if isinstance(parameters, dict) else None
    if text is None:
        return None
    if fault := time_fault(text):
        raise _bad_time(fault)
    return when(text)


def _bad_time(fault: str) -> InvalidInput:
    return _malformed(f"the parameter {TIME_PARAMETER} {fault}", "leave it out, unless old requests are sent again")


def _malformed(what: str, hint: str = "see the Open Inference Protocol, version 2") -> InvalidInput:
    return InvalidInput(what, code="tensor_malformed", hint=hint)
