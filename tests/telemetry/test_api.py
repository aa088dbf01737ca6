"""Telemetry from outside: routes, client and command line, in process."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from clearance.access.model import Role
from clearance.app import Clearance
from clearance.cli.main import app
from clearance.client.client import Client
from clearance.errors import Forbidden, InvalidInput
from clearance.sdk.events import FIELDS, Event
from clearance.sdk.http_sink import HttpSink
from clearance.sdk.recorder import Recorder
from clearance.telemetry.model import MAX_EVENTS, Label
from tests.conftest import person
from tests.telemetry.events import MONDAY, event, label


def events(*numbers: int) -> list[Event]:
    return [cast(Event, event(number)) for number in numbers]


def test_events_and_labels_go_in_and_the_summary_tells(client: Client) -> None:
    assert client.telemetry.summary().counts == ()
    receipt = client.telemetry.send(events(1, 2, 3))
    assert (receipt.accepted, receipt.table, receipt.table_version) == (3, "events", 1)
    assert client.telemetry.labels([Label(model="car-loan", request_id="r-1", label=1, at=MONDAY)]).accepted == 1
    found = client.telemetry.summary("car-loan")
    assert [(c.version, c.events, c.labelled) for c in found.counts] == [(1, 3, 1)]
    assert found.table_versions == {"events": 1, "labels": 1}
    assert found.files["events"] == 1
    client.models.create("income", owner="ada")
    assert client.telemetry.summary("income").counts == ()


def test_what_the_server_refuses_raises_in_the_client_with_the_place(client: Client, sqlite_parts: Clearance) -> None:
    with pytest.raises(InvalidInput, match="event 1: version is 0") as caught:
        client.telemetry.send([*events(1), cast(Event, event(2, version=0))])
    assert caught.value.details == {"index": 1, "field": "version"}
    with pytest.raises(InvalidInput, match="label 0: label is missing"):
        client.telemetry.labels([cast(Label, {"model": "m", "request_id": "r"})])
    with pytest.raises(InvalidInput, match="nothing to send"):
        client.telemetry.send([])
    assert sqlite_parts.lake.table_versions() == {"events": 0, "labels": 0}


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"{", "application/json", "json_invalid"),
        (b"{}", "application/json", "json_invalid"),
        (b"[]", "application/json", "batch_empty"),
        (b"[1]", "application/json; charset=utf-8", "event_invalid"),
        (b'[{"ts": NaN}]', "application/json", "event_invalid"),
        (b"xx", "application/vnd.apache.arrow.stream", "arrow_invalid"),
        (b"[]", "text/csv", "content_type"),
    ],
)
def test_a_malformed_body_is_refused_as_a_problem(client: Client, body: bytes, kind: str, code: str) -> None:
    answer = client.http.client.post("/api/v1/telemetry/events", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_batch_that_is_too_large_is_refused(client: Client) -> None:
    answer = client.http.client.post("/api/v1/telemetry/events", json=[1] * (MAX_EVENTS + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")
    answer = client.http.client.post("/api/v1/telemetry/events", content=b" " * (64 * 1024 * 1024 + 1))
    assert answer.status_code == 413


def test_arrow_goes_in_like_json(client: Client, sqlite_parts: Clearance) -> None:
    sink = io.BytesIO()
    table = pa.Table.from_pylist([event(number) for number in range(10)])
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    answer = client.http.client.post(
        "/api/v1/telemetry/events",
        content=sink.getvalue(),
        headers={"content-type": "application/vnd.apache.arrow.stream"},
    )
    assert (answer.status_code, answer.json()["accepted"]) == (201, 10)
    client.telemetry.send(events(*range(10)))
    assert sqlite_parts.lake.events("car-loan").num_rows == 10


def test_the_recorder_delivers_over_http_and_counts_what_the_server_refuses(
    client: Client, sqlite_parts: Clearance
) -> None:
    recorder = Recorder(HttpSink("http://local", transport=client.http.client._transport))
    for each in events(*range(50)):
        recorder.record({**each, "score": math.nan})
    assert recorder.flush(20)
    assert recorder.stats().sent == 50
    assert sqlite_parts.lake.events("car-loan")["score"].null_count == 50
    recorder.close()


def test_sending_and_reading_need_their_permissions(as_user: Callable[..., Client]) -> None:
    viewer, auditor, operator = (
        as_user(person(role.value, role)) for role in (Role.VIEWER, Role.AUDITOR, Role.OPERATOR)
    )
    for refused in (
        lambda: viewer.telemetry.send(events(1)),
        viewer.telemetry.summary,
        lambda: auditor.telemetry.labels([Label(model="m", request_id="r", label=1)]),
        auditor.telemetry.compact,
    ):
        with pytest.raises(Forbidden):
            refused()
    operator.telemetry.send(events(1))
    assert auditor.telemetry.summary().counts[0].events == 1


def test_compaction_on_request_says_what_it_did(client: Client) -> None:
    for number in range(3):
        client.telemetry.send(events(number))
    found = {each.table: each for each in client.telemetry.compact(retention_hours=1)}
    assert (found["events"].files_before, found["events"].files_after, found["events"].deleted) == (3, 1, 0)
    with pytest.raises(InvalidInput, match="retention_hours"):
        client.telemetry.compact(retention_hours=0)


def test_large_bulks_are_sent_in_batches(client: Client) -> None:
    assert (
        client.telemetry.labels(Label(model="m", request_id=f"r{n}", label=n % 2) for n in range(10_001)).accepted
        == 10_001
    )


def test_the_interface_describes_the_bodies(client: Client) -> None:
    paths = client.http.client.get("/openapi.json").json()["paths"]
    content = paths["/api/v1/telemetry/events"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "application/vnd.apache.arrow.stream"}


def run(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["--home", str(home), "telemetry", *arguments])


def test_the_commands_send_tell_and_tidy(tmp_path: Path) -> None:
    sent, known = tmp_path / "events.json", tmp_path / "labels.json"
    sent.write_text(json.dumps([event(1), event(2)]))
    known.write_text(json.dumps([label(1)]))
    assert "No events yet" in run(tmp_path / "home", "summary").stdout
    assert "2 events are stored" in run(tmp_path / "home", "send", str(sent)).stdout
    assert json.loads(run(tmp_path / "home", "labels", str(known), "--json").stdout)["accepted"] == 1
    run(tmp_path / "home", "send", str(sent))
    found = json.loads(run(tmp_path / "home", "summary", "--json").stdout)
    assert [(c["events"], c["labelled"]) for c in found["counts"]] == [(2, 1)]
    assert "car-loan" in run(tmp_path / "home", "summary", "car-loan").stdout
    assert "events: 2 files became 1, 0 deleted" in run(tmp_path / "home", "compact").stdout


def test_a_file_that_is_no_list_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    for wrong in (tmp_path / "bad.json", tmp_path / "none.json"):
        assert isinstance(run(tmp_path / "home", "send", str(wrong)).exception, InvalidInput)


def test_the_schema_is_documented_field_by_field() -> None:
    assert set(FIELDS) == set(Event.__annotations__)
    assert all(rule.meaning and rule.opentelemetry for rule in FIELDS.values())
