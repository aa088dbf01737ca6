"""Callers of the demo: rows become requests of the Open Inference Protocol v2, sent one after the other over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx

from clearance.client.http import error_of
from clearance.errors import VerificationFailed
from clearance.registry.contract import ModelContract
from clearance.values import timestamp

if TYPE_CHECKING:
    import pandas as pd

VERSION_HEADER = "x-clearance-version"


@dataclass(frozen=True)
class Call:
    """A request to come: its id, its body, and the `id` of the loan in each of its rows."""

    request_id: str
    body: bytes
    loans: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """What the gateway said: the version that answered, as `car-loan/1`, and label and probability of each row."""

    version: str
    labels: tuple[int, ...]
    probabilities: tuple[float, ...]


def by_day(contract: ModelContract, rows: pd.DataFrame, prefix: str) -> Iterator[Call]:
    """Yield one request for each day (UTC) of the rows, stamped with the time of its first row."""
    for day, of_day in rows.groupby(rows["timestamp"].dt.strftime("%Y-%m-%d"), sort=True):
        yield call(contract, of_day, f"{prefix}-{day}", at=of_day["timestamp"].iloc[0].to_pydatetime())


def in_batches(contract: ModelContract, rows: pd.DataFrame, prefix: str, size: int) -> Iterator[Call]:
    """Yield requests of `size` rows, stamped by the gateway when they arrive."""
    for start in range(0, len(rows), size):
        yield call(contract, rows.iloc[start : start + size], f"{prefix}-{start // size}")


def call(contract: ModelContract, rows: pd.DataFrame, request_id: str, *, at: datetime | None = None) -> Call:
    """Return one request.

    Args:
        contract: which columns, and of which type.
        rows: with these columns, and perhaps an `id`.
        request_id: what the events and labels of this request are found by.
        at: when it happened, for a replay; None for now.
    """
    body: dict[str, Any] = {
        "id": request_id,
        "inputs": [
            {
                "name": field.name,
                "shape": [len(rows), 1],
                "datatype": field.datatype.value,
                "data": rows[field.name].tolist(),
            }
            for field in contract.inputs
        ],
    }
    if at is not None:
        body["parameters"] = {"clearance_ts": timestamp(at)}
    loans = tuple(rows["id"].tolist()) if "id" in rows else ()
    return Call(request_id, json.dumps(body, separators=(",", ":")).encode(), loans)


def send(http: httpx.Client, model: str, request: Call, *, version: int | None = None) -> Answer:
    """Ask the gateway.

    Args:
        http: with a token that may predict.
        model: name of the model; the gateway chooses the version.
        request: what to ask.
        version: ask this version and no other.

    Raises:
        ClearanceError: the gateway refuses; the error is the one it raised.
        VerificationFailed: the answer has another number of rows.
    """
    path = f"/v2/models/{model}" + ("" if version is None else f"/versions/{version}") + "/infer"
    headers = {"content-type": "application/json", "x-request-id": request.request_id}
    response = http.post(path, content=request.body, headers=headers)
    if response.is_error:
        raise error_of(response)
    outputs = {output["name"]: output["data"] for output in response.json()["outputs"]}
    answer = Answer(
        response.headers[VERSION_HEADER],
        tuple(int(label) for label in outputs["label"]),
        tuple(float(share) for share in outputs["probability"]),
    )
    if request.loans and len(answer.labels) != len(request.loans):
        raise VerificationFailed(
            f"{len(request.loans)} rows were asked for, {len(answer.labels)} answered", code="rows_differ"
        )
    return answer
