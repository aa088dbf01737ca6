"""OpenLineage: the real client posts here unchanged, events are taken once and in any order, and ours reach a receiver."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import permutations
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from clearance.access.model import NewToken, Role
from clearance.access.service import issue_token
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.compliance.graph import Direction
from clearance.errors import ClearanceError, Forbidden, InvalidInput, TooLarge, Unavailable
from clearance.integrations.openlineage import emission, service
from clearance.integrations.openlineage.events import read
from clearance.integrations.openlineage.model import Receipt
from clearance.registry.flows import service as flows
from clearance.registry.flows.model import Name, RunState
from clearance.response.service import raise_alert
from clearance.storage.types import metadata
from tests.conftest import person
from tests.delivery.conftest import ADA, prepare, promote
from tests.integrations.openlineage_events import at, dataset, dataset_event, run_event, run_id
from tests.policy import registered
from tests.server.process import Server

REAL_CLIENT = """
import os
from datetime import datetime, timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Dataset, InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    column_lineage_dataset, dataset_version_dataset, error_message_run, ownership_dataset, parent_run,
    schema_dataset, source_code_location_job,
)
from openlineage.client.transport.http import HttpCompression

client = OpenLineageClient()
transport = client.transport
for each in getattr(transport, "transports", [transport]):
    assert each.kind == "http", each.kind
    if os.environ.get("GZIP"):
        each.compression = HttpCompression.GZIP
now = datetime.now(timezone.utc).isoformat()
raw = InputDataset(namespace="postgres://db:5432", name="bank.public.loans", facets={
    "schema": schema_dataset.SchemaDatasetFacet(fields=[
        schema_dataset.SchemaDatasetFacetFields(name="amount", type="FLOAT"),
        schema_dataset.SchemaDatasetFacetFields(name="person", type="STRUCT", fields=[
            schema_dataset.SchemaDatasetFacetFields(name="age", type="INT")])]),
    "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion="41"),
    "ownership": ownership_dataset.OwnershipDatasetFacet(owners=[ownership_dataset.Owner(name="team:data")]),
})
clean = OutputDataset(namespace="s3://lake", name="loans/clean", facets={
    "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(fields={
        "amount": column_lineage_dataset.Fields(inputFields=[column_lineage_dataset.InputField(
            namespace="postgres://db:5432", name="bank.public.loans", field="amount")])}),
})
job = Job(namespace="airflow", name="loans.clean", facets={
    "sourceCodeLocation": source_code_location_job.SourceCodeLocationJobFacet(
        type="git", url="https://example.org/pipelines", version="c0ffee")})
run = Run(runId="01890000-0000-7000-8000-000000000001", facets={
    "parent": parent_run.ParentRunFacet(
        run=parent_run.Run(runId="01890000-0000-7000-8000-000000000000"),
        job=parent_run.Job(namespace="airflow", name="loans"))})
for state in (RunState.START, RunState.COMPLETE):
    client.emit(RunEvent(eventType=state, eventTime=now, run=run, job=job, inputs=[raw], outputs=[clean]))
"""


def take(parts: Clearance, *events: Any) -> list[Receipt]:
    found = []
    for event in events:
        with parts.database.write() as tx:
            found.append(service.receive(tx, ADA, raise_alert, event))
    return found


@pytest.mark.parametrize("compressed", ["", "1"])
def test_the_real_client_posts_here_with_nothing_but_its_two_variables(
    serve: Callable[..., Server], compressed: str
) -> None:
    server = serve()
    server.start()
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(server.home),
        "OPENLINEAGE_URL": server.url,
        "OPENLINEAGE_API_KEY": server.token,
        "GZIP": compressed,
    }
    command = [sys.executable, "-W", "ignore", "-c", REAL_CLIENT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    with server.client() as client:
        events = client.lineage.events("01890000-0000-7000-8000-000000000001")
        assert {event["eventType"] for event in events} == {"START", "COMPLETE"}
        known = {each.named.text: each for each in client.lineage.datasets()}
        raw = known["postgres://db:5432/bank.public.loans"]
        assert [column.name for column in raw.columns] == ["amount", "person", "person.age"]
        assert (raw.versions, raw.facets["ownership"]["owners"][0]["name"]) == (("41",), "team:data")
        graph = client.lineage.graph("postgres://db:5432/bank.public.loans@41", Direction.DOWNSTREAM)
        assert [node.label for node in graph.nodes] == [
            "bank.public.loans@41",
            "loans.clean 01890000",
            "loans/clean",
        ]
        up = client.lineage.graph("s3://lake/loans/clean", Direction.UPSTREAM)
        assert "pipelines@c0ffee" in {node.label for node in up.nodes}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_events_of_a_run_may_come_in_any_order_and_more_than_once(parts: Clearance, order: tuple[int, ...]) -> None:
    events = [
        run_event("clean", 1, kind="START", hours=0, inputs=[dataset("raw")], run_facets={"own": {"a": 1}}),
        run_event("clean", 1, kind="RUNNING", hours=1, run_facets={"own": {"a": 2}}),
        run_event("clean", 1, kind="COMPLETE", hours=2, outputs=[dataset("clean", version="7")]),
    ]
    assert [each.new for each in take(parts, *(events[place] for place in order))] == [1, 1, 1]
    assert [each.new for each in take(parts, *events)] == [0, 0, 0]
    with parts.database.read() as tx:
        run = flows.get_run(tx, run_id(1))
        assert service.events_of(tx, run_id(1)) == tuple(events)
        assert flows.find_dataset(tx, "warehouse/clean@7")[1] == "7"
    assert (run.state, run.started_at, run.ended_at) == (RunState.COMPLETE, at(0), at(2))
    assert run.facets["own"] == {"a": 2}


def test_a_facet_that_nobody_knows_or_that_is_malformed_is_kept_and_says_nothing(sqlite_parts: Clearance) -> None:
    strange = dataset("raw", columns=None, moon={"phase": [1, None]})
    strange["facets"] |= {"schema": "no object", "columnLineage": {"fields": [1]}, "version": {"datasetVersion": 7}}
    take(sqlite_parts, run_event("clean", 1, outputs=[strange]))
    with sqlite_parts.database.read() as tx:
        found, _ = flows.find_dataset(tx, "warehouse/raw")
    assert found.columns == ()
    assert found.facets["moon"]["phase"] == [1, None]
    assert found.facets["schema"] == "no object"


def test_no_secret_of_a_pipeline_is_kept(parts: Clearance) -> None:
    raw = dataset("raw", columns={"token": "TEXT"}, namespace="postgres://etl:hush@db:5432")
    code = {"type": "git", "url": "https://hush@example.org/pipelines.git", "version": "c0ffee"}
    event = run_event(
        "clean",
        1,
        inputs=[raw],
        job_facets={"sourceCodeLocation": code},
        run_facets={"spark_properties": {"properties": {"spark.hadoop.fs.s3a.secret.key": "hush", "spark.cores": "2"}}},
    )
    assert [each.new for each in take(parts, event, event)] == [1, 0]
    with parts.database.read() as tx:
        (kept,) = service.events_of(tx, run_id(1))
        found, _ = flows.find_dataset(tx, "postgres://db:5432/raw")
        tables = [str(tx.execute(sa.select(table)).all()) for table in metadata.sorted_tables]
    assert not any("hush" in each for each in tables)
    assert [column.name for column in found.columns] == ["token"]
    assert kept["job"]["facets"]["sourceCodeLocation"]["url"] == "https://example.org/pipelines.git"
    assert kept["run"]["facets"]["spark_properties"]["properties"]["spark.cores"] == "2"


def test_a_job_or_a_dataset_by_itself_is_told_of_too(sqlite_parts: Clearance) -> None:
    job = run_event("nightly", 1, kind=None, inputs=[dataset("raw")], outputs=[dataset("clean")])
    del job["run"]
    take(sqlite_parts, job, dataset_event(dataset("raw", columns={"a": "INT"})))
    with sqlite_parts.database.read() as tx:
        assert flows.find_job(tx, "airflow/nightly").name == "nightly"
        assert flows.find_dataset(tx, "warehouse/raw")[0].columns[0].type == "INT"


def test_a_run_says_which_version_it_made_in_a_facet_or_as_an_output() -> None:
    as_output = run_event("train", 1, outputs=[dataset("car-loan/3", namespace="clearance")])
    in_facet = run_event("train", 1, run_facets={"clearance_version": {"version": "car-loan/3"}})
    assert {read(as_output).version, read(in_facet).version} == {"car-loan/3"}


def changed(**fields: Any) -> dict[str, Any]:
    return run_event("clean", 1) | fields


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ([], "the event is no object"),
        ({}, "producer is missing"),
        (changed(producer=3), "producer is no text"),
        (changed(eventTime="yesterday"), "eventTime is 'yesterday'"),
        (changed(run={"runId": "7"}), "run.runId is '7', not a UUID"),
        (changed(run=[]), "run is no object"),
        (changed(eventType="DONE"), "eventType is 'DONE'"),
        (changed(job={"namespace": "a"}), "job.name is missing"),
        (changed(inputs={}), "inputs is no list"),
        (changed(inputs=[{"namespace": "a", "name": "b"}, {"name": "b"}]), "inputs[1].namespace is missing"),
        (changed(outputs=[{"namespace": "a", "name": "b", "facets": []}]), "outputs[0].facets is no object"),
        (
            {"producer": "a", "schemaURL": "b", "eventTime": "2026-01-01T00:00:00Z"},
            "neither `run`, `job` nor `dataset`",
        ),
        (changed(job={"namespace": "a", "name": "b\x00"}), "control characters"),
        (changed(job={"namespace": "a", "name": "b" * 3000}), "3000 characters"),
    ],
)
def test_what_is_no_event_is_refused_with_the_field(sqlite_parts: Clearance, event: Any, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        take(sqlite_parts, event)
    assert says in refused.value.message


HALF = "a\ud800"


def deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"deeper": found}
    return found


UNTELLABLE = [
    (run_event("load", 1, inputs=[dataset("raw", columns={HALF: "int"})]), "inputs.0.facets.schema.fields.0.name"),
    (run_event("load", 1, inputs=[dataset("raw", columns={"a": HALF})]), "inputs.0.facets.schema.fields.0.type"),
    (run_event("load", 1, inputs=[dataset("raw", version=HALF)]), "inputs.0.facets.version.datasetVersion"),
    (run_event("load", 1, inputs=[dataset("raw", note={"text": HALF})]), "inputs.0.facets.note.text"),
    (run_event("load", 1, inputs=[dataset("raw", note={HALF: "text"})]), "inputs.0.facets.note has a name"),
    (run_event("load", 1, inputs=[dataset(HALF)]), "inputs.0.name"),
    (run_event(HALF, 1), "job.name"),
    (run_event("load", 1, run_facets={"x": {"number": float("inf")}}), "run.facets.x.number is inf"),
    (run_event("load", 1, run_facets={"x": deep(960)}), "nested too deeply"),
]


@pytest.mark.parametrize(("event", "where"), UNTELLABLE)
def test_what_could_not_be_told_again_is_refused_with_its_place(
    sqlite_parts: Clearance, event: Any, where: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(where)) as caught:
        take(sqlite_parts, event)
    assert caught.value.code == "openlineage_event"


def test_a_batch_keeps_the_others_when_one_can_not_be_told_again(parts: Clearance) -> None:
    bad = [event for event, _ in UNTELLABLE]
    with parts.database.write() as tx:
        receipt = service.receive_batch(tx, ADA, raise_alert, [run_event("load", 1), *bad, run_event("load", 2)])
    assert (receipt.new, [each.index for each in receipt.refused]) == (2, list(range(1, len(bad) + 1)))
    with parts.database.read() as tx:
        assert len(service.events_of(tx, run_id(1))) == 1


def test_a_time_without_a_zone_is_read_as_utc() -> None:
    assert read(changed(eventTime="2026-01-05T09:00:00")).at == at(0)


def test_a_batch_keeps_what_is_good_and_names_the_rest(client: Client) -> None:
    receipt = client.lineage.send_batch([run_event("a", 1), {"no": "event"}, run_event("b", 2), run_event("a", 1)])
    assert (receipt.received, receipt.new) == (4, 2)
    assert [(each.index, "producer is missing" in each.reason) for each in receipt.refused] == [(1, True)]
    with pytest.raises(InvalidInput, match="list of events"):
        client.http.post("/lineage/batch", Receipt, {})


def test_bodies_are_bounded_also_when_they_are_unpacked() -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    with pytest.raises(TooLarge, match="when it is unpacked"):
        service.unpack(bomb, "gzip", 1_000_000)
    for body, encoding, says in (
        (b"{}", "gzip", "is not gzip"),
        (bomb[:-4], "gzip", "broke off"),
        (b"{}", "br", "encoded as 'br'"),
    ):
        with pytest.raises(InvalidInput, match=says):
            service.unpack(body, encoding, 20_000_000)
    assert service.unpack(gzip.compress(b"{}"), "gzip", 10) == b"{}"
    for text in (b"{", b'{"a": NaN}', b"[" * 100_000, b"\xff"):
        with pytest.raises(InvalidInput, match="not JSON"):
            service.parse(text)


def test_only_who_may_write_telemetry_may_send_events(as_user: Callable[..., Client]) -> None:
    assert as_user(person("dag", Role.DEVELOPER)).lineage.send(run_event("a", 1)).new == 1
    with pytest.raises(Forbidden, match=r"telemetry\.write"):
        as_user(person("vic", Role.VIEWER)).lineage.send(run_event("a", 2))


def test_events_of_one_run_from_many_senders_at_once_lose_nothing(parts: Clearance) -> None:
    refused: list[Exception] = []

    def send(number: int) -> None:
        try:
            take(parts, run_event("clean", 1, kind="RUNNING", hours=number, inputs=[dataset(f"raw{number}")]))
        except Exception as error:  # noqa: BLE001  # what any of them met is looked at below
            refused.append(error)

    threads = [Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    with parts.database.read() as tx:
        assert len(service.events_of(tx, run_id(1))) == 8
        assert len(flows.list_datasets(tx).items) == 8


class Lineage:
    """A receiver of OpenLineage events that answers as it is told."""

    def __init__(self) -> None:
        self.received: Queue[dict[str, Any]] = Queue()
        self.headers: dict[str, str] = {}
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.headers = {name.lower(): text for name, text in self.headers.items()} | {"path": self.path}
                if outer.status == 200:
                    outer.received.put(body)
                self.send_response(outer.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def events(self) -> list[dict[str, Any]]:
        found = []
        while not self.received.empty():
            found.append(self.received.get())
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Lineage]:
    made = Lineage()
    yield made
    made.close()


def emit(parts: Clearance, receiver: Lineage, token: str = "s3cret") -> int:
    send = emission.sender(receiver.url, token)
    return emission.emit_due(parts.database, parts.settings.log_origin, receiver.url, send)


def test_what_is_registered_and_what_serves_is_told_once_and_in_order(parts: Clearance, receiver: Lineage) -> None:
    prepare(parts, versions=2)
    promote(parts, 1)
    assert emit(parts, receiver) == 3
    told = receiver.events()
    assert [event["job"]["name"] for event in told] == [
        "car-loan.register",
        "car-loan.register",
        "car-loan.serve.production",
    ]
    assert (receiver.headers["authorization"], receiver.headers["path"]) == ("Bearer s3cret", "/api/v1/lineage")
    assert told[2]["outputs"][0]["name"] == "production/car-loan"
    assert told[2]["inputs"][0] == told[0]["outputs"][0]
    assert emit(parts, receiver) == 0
    assert receiver.events() == []
    for event in told:
        read(event)  # they have the shape that we ask of others


def test_the_data_of_a_version_are_its_inputs_with_digest_and_columns(
    sqlite_parts: Clearance, receiver: Lineage
) -> None:
    registered.register(sqlite_parts)
    emit(sqlite_parts, receiver)
    (event,) = receiver.events()
    assert [each["name"] for each in event["inputs"]] == ["training", "test"]
    facets = event["inputs"][0]["facets"]
    assert facets["version"]["datasetVersion"].startswith("sha256:")
    assert facets["schema"]["fields"] == [{"name": "amount", "type": "int64"}]


def test_a_receiver_that_is_down_is_told_later_and_one_that_refuses_is_passed_over(
    sqlite_parts: Clearance, receiver: Lineage, clock: FixedClock
) -> None:
    prepare(sqlite_parts, versions=2)
    receiver.status = 503
    assert (emit(sqlite_parts, receiver), emit(sqlite_parts, receiver)) == (0, 0)
    with sqlite_parts.database.read() as tx:
        found = emission.progress(tx, receiver.url)
    assert found is not None
    assert (found.attempts, found.sent, "answered 503" in found.error) == (1, 0, True)
    clock.advance(emission._FIRST_RETRY)
    receiver.status = 422
    emit(sqlite_parts, receiver)
    receiver.status = 200
    promote(sqlite_parts, 1)
    assert emit(sqlite_parts, receiver) == 1
    with sqlite_parts.database.read() as tx:
        found = emission.progress(tx, receiver.url)
    assert found is not None
    assert (found.refused, found.sent, found.attempts, found.behind) == (2, 1, 0, 0)


def test_a_process_that_dies_between_sending_and_noting_sends_the_same_event_again(
    sqlite_parts: Clearance, receiver: Lineage
) -> None:
    prepare(sqlite_parts, versions=1)
    send = emission.sender(receiver.url, "")

    class Died(BaseException):
        pass

    def dying(event: Any) -> None:
        send(event)
        raise Died

    with pytest.raises(Died):
        emission.emit_due(sqlite_parts.database, sqlite_parts.settings.log_origin, receiver.url, dying)
    emit(sqlite_parts, receiver)
    first, second = receiver.events()
    assert first == second


def test_an_address_without_a_server_is_unavailable_and_tells_no_secret() -> None:
    with pytest.raises(Unavailable) as refused:
        emission.sender("http://user:hidden@127.0.0.1:9", "")({})
    assert "hidden" not in refused.value.message


def test_a_running_server_tells_by_itself_and_a_second_clearance_understands_it(
    serve: Callable[..., Server],
) -> None:
    other = serve()
    other.start()
    teller = serve(openlineage_url=other.url, openlineage_token=other.token)
    registered.register(teller.parts)
    teller.start()
    with other.client() as client:
        teller.wait_for(lambda: len(list(client.lineage.datasets())) == 3, seconds=90)
    with teller.client() as client:
        found = client.lineage.emission()
    assert found is not None
    assert (found.sent, found.error) == (1, "")


def test_who_has_no_token_is_told_so_in_the_words_that_the_client_shows(serve: Callable[..., Server]) -> None:
    server = serve()
    server.start()
    answer = httpx.post(f"{server.url}/api/v1/lineage", json=run_event("a", 1))
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    with server.parts.database.write() as tx:
        viewer = issue_token(tx, person("root"), NewToken(name="vic", roles=(Role.VIEWER,))).secret
    headers = {"authorization": f"Bearer {viewer}"}
    assert httpx.post(f"{server.url}/api/v1/lineage", json=run_event("a", 1), headers=headers).status_code == 403


def test_events_survive_a_kill(serve: Callable[..., Server], tmp_path: Path) -> None:
    import signal

    server = serve()
    server.start()
    with server.client() as client:
        assert client.lineage.send(run_event("a", 1)).new == 1
    server.end(signal.SIGKILL)
    server.start()
    with server.client() as client:
        assert client.lineage.events(run_id(1)) == (run_event("a", 1),)
        assert client.lineage.send(run_event("a", 1)).new == 0


def test_names_read_alike_are_told_apart(sqlite_parts: Clearance) -> None:
    take(
        sqlite_parts,
        dataset_event(dataset("b/c", namespace="a")),
        dataset_event(dataset("c", namespace="a/b")),
    )
    with sqlite_parts.database.read() as tx, pytest.raises(ClearanceError, match="may mean 2 datasets"):
        flows.find_dataset(tx, "a/b/c")
    assert Name(namespace="a", name="b/c").key != Name(namespace="a/b", name="c").key
