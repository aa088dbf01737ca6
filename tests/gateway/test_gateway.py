"""The gateway over real parts: a signed ONNX model in the store, decisions, pointers, telemetry in the lake."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from clearance import server
from clearance.access.model import Principal, Role
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.client.transport import InProcessTransport
from clearance.clock import SystemClock
from clearance.compliance import history
from clearance.compliance import service as compliance
from clearance.compliance.page import html as page
from clearance.delivery import service as delivery
from clearance.delivery.model import NewPromotion, NewRollout, RollbackRequest, Step
from clearance.evidence import service as evidence
from clearance.gateway.routes import Routes
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.contract import Datatype, Field, ModelContract
from clearance.registry.model import File, NewModel, NewVersion
from clearance.response import service as response
from clearance.settings import load
from tests.conftest import person
from tests.sdk.onnx_models import loan_model

ADA = person("ada")
PACK = """
name: signed
version: "1"
description: What is signed and in use may serve; tests of the gateway need no more.
environments: ["*"]
risks: [standard]
parameters: {}
approvals: {count: 0}
longest_waiver_days: 30
rules:
  - id: signed
    title: The artifact is signed
    severity: block
    expression: signature_valid && version.status == 'registered'
    message: it is not signed, or {version.status}
    sources: [X4]
"""
CONTRACT = ModelContract(
    inputs=(
        Field(name="amount", datatype=Datatype.FP32, minimum=0),
        Field(name="terms", datatype=Datatype.INT64, minimum=1, maximum=120),
        Field(name="employed", datatype=Datatype.INT64),
        Field(name="region", datatype=Datatype.BYTES, categories=("north", "south", "west")),
    ),
    outputs=(Field(name="label", datatype=Datatype.INT64), Field(name="probability", datatype=Datatype.FP32)),
)

BODY = {"inputs": [{"name": "amount", "datatype": "FP32", "shape": [1], "data": [1.0]}]}


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Clearance]:
    """An installation whose gateway looks for changes often, with loans/1 in production."""
    made = Clearance(replace(load({}, home=tmp_path / "home"), routing_refresh_seconds=0.05), SystemClock())
    with made.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=PACK))
        registry.create_model(tx, ADA, NewModel(name="loans", owner="user:ada"))
    add_version(made, b"one")
    promote(made, 1)
    yield made
    made.close()


@pytest.fixture
def http(parts: Clearance) -> Iterator[httpx.Client]:
    app: Any = server.create(parts, console=False)
    with httpx.Client(
        base_url="http://local", transport=InProcessTransport(lambda: app, {"clearance.principal": ADA})
    ) as client:
        yield client


def add_version(parts: Clearance, note: bytes, *, sign: bool = True) -> int:
    files = []
    for path, content in (("model.onnx", loan_model()), ("NOTE", note)):
        digest, size = parts.blobs.put(iter([content]))
        files.append(File(path=path, size=size, sha256=digest))
    with parts.database.write() as tx:
        new = NewVersion(files=tuple(files), contract=CONTRACT)
        version = registry.register_version(tx, ADA, parts.blobs, "loans", new)
        if sign:
            evidence.sign_artifact(tx, ADA, parts.keyring, parts.blobs, parts.scratch(), "loans", version.number)
    return version.number


def promote(parts: Clearance, number: int) -> bool:
    with parts.database.write() as tx:
        return delivery.promote(tx, ADA, parts.gate, NewPromotion(model="loans", number=number)).moved


def ask(
    http: httpx.Client, request_id: str = "r1", path: str = "/v2/models/loans/infer", **changes: Any
) -> httpx.Response:
    columns: dict[str, tuple[str, list[Any]]] = {
        "amount": ("FP32", [30.0, 12.5]),
        "terms": ("INT64", [24, 60]),
        "employed": ("INT64", [1, 0]),
        "region": ("BYTES", ["north", "west"]),
    }
    columns |= changes
    inputs = [
        {"name": name, "datatype": datatype, "shape": [len(data), 1], "data": data}
        for name, (datatype, data) in columns.items()
        if data
    ]
    return http.post(path, json={"inputs": inputs}, headers={"x-request-id": request_id})


def spoil(parts: Clearance, number: int) -> None:
    """Change a byte of a version's note, so that the gateway refuses to load it."""
    with parts.database.read() as tx:
        note = next(file for file in registry.get_version(tx, "loans", number).files if file.path == "NOTE")
    path = parts.blobs.path(note.sha256)
    path.chmod(0o600)
    path.write_bytes(b"twp")


def until(condition: Any) -> None:
    """Wait at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def test_an_admitted_version_answers_by_the_protocol_and_every_row_lands_in_the_lake(
    http: httpx.Client, parts: Clearance
) -> None:
    answer = ask(http)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-clearance-version"] == "loans/1"
    outputs = {output["name"]: output for output in answer.json()["outputs"]}
    assert outputs["label"]["shape"] == outputs["probability"]["shape"] == [2]
    assert all(0 <= share <= 1 for share in outputs["probability"]["data"])
    until(lambda: parts.lake.joined("loans").num_rows == 2)
    rows = parts.lake.joined("loans").to_pylist()
    assert [(row["request_id"], row["row"], row["status"], row["version"]) for row in rows] == [
        ("r1", 0, "ok", 1),
        ("r1", 1, "ok", 1),
    ]
    assert [row["score"] for row in rows] == pytest.approx(outputs["probability"]["data"])
    metadata = http.get("/v2/models/loans").json()
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["amount", "terms", "employed", "region"]
    assert http.get("/v2/health/ready").json() == {"ready": True}
    assert http.get("/v2/models/loans/ready").json() == {"name": "loans", "ready": True}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"amount": ("FP32", [])}, "amount"),
        ({"region": ("BYTES", ["north", "mars"])}, "region"),
        ({"terms": ("INT64", [24, 999])}, "terms"),
        ({"employed": ("INT64", ["yes", "no"])}, "employed"),
        ({"colour": ("BYTES", ["red", "blue"])}, "colour"),
        ({"terms": ("FP64", [24, 60])}, "terms has the datatype FP64, the model takes INT64"),
        ({"amount": ("FP64", [30.0, 12.5])}, "amount has the datatype FP64, the model takes FP32"),
    ],
)
def test_a_request_that_breaks_the_contract_is_refused_with_the_field_and_counted(
    http: httpx.Client, parts: Clearance, changes: dict[str, Any], message: str
) -> None:
    refused = ask(http, **changes)
    assert (refused.status_code, refused.json()["code"]) == (422, "contract_violation")
    assert message in refused.json()["detail"]
    assert refused.json()["error"] == refused.json()["detail"]
    until(lambda: parts.lake.joined("loans").num_rows == 1)
    assert parts.lake.joined("loans").to_pylist()[0]["status"] == "rejected"


def test_what_does_not_serve_is_not_found(http: httpx.Client) -> None:
    assert ask(http, path="/v2/models/nothing/infer").json()["code"] == "model_not_serving"
    assert ask(http, path="/v2/models/loans/versions/9/infer").json()["code"] == "version_not_serving"
    assert ask(http, path="/v2/models/loans/versions/1/infer").status_code == 200
    assert ask(http, path="/v2/models/loans/infer?environment=staging").status_code == 404


def test_only_whoever_may_write_telemetry_may_say_when_it_happened(parts: Clearance) -> None:
    app: Any = server.create(parts, console=False)
    caller = Principal(name="user:vic", roles=(Role.VIEWER,))
    with httpx.Client(
        base_url="http://local", transport=InProcessTransport(lambda: app, {"clearance.principal": caller})
    ) as client:
        assert ask(client).json()["code"] == "permission_missing"


def test_a_flipped_byte_is_refused_audited_and_paged_while_the_version_in_service_goes_on(
    http: httpx.Client, parts: Clearance
) -> None:
    assert ask(http).status_code == 200
    number = add_version(parts, b"two")
    with parts.database.read() as tx:
        version = registry.get_version(tx, "loans", number)
    note = next(file for file in version.files if file.path == "NOTE")
    path = parts.blobs.path(note.sha256)
    path.chmod(0o600)
    path.write_bytes(b"twp")
    assert promote(parts, number)
    until(lambda: parts.gateway.status().refusals)
    refusal = parts.gateway.status().refusals[0]
    assert (refusal.number, refusal.code) == (number, "blob_corrupt")
    answer = ask(http)
    assert (answer.status_code, answer.headers["x-clearance-version"]) == (200, "loans/1")
    with parts.database.read() as tx:
        assert [entry.subject for entry in log.entries(tx, event=Event.LOAD_REFUSED).items] == [f"model/loans/{number}"]
        assert [alert.severity for alert in response.list_alerts(tx, model="loans").items] == ["page"]
    path.write_bytes(b"two")  # mended: the next turn that finds something new loads it
    with parts.database.write() as tx:
        log.record(tx, Event.MODEL_UPDATED, actor="user:ada", subject="model/loans", data={"changed": {}})
    until(lambda: ask(http).headers["x-clearance-version"] == f"loans/{number}")
    assert not parts.gateway.status().refusals
    with parts.database.read() as tx:
        told = history.history(tx, parts.log_verifier, "loans")
        text = str(page(compliance.gather(tx, ADA, parts.log_verifier, "loans", number)))
        refused, accepted = (log.entries(tx, event=each).items[0] for each in (Event.LOAD_REFUSED, Event.LOAD_ACCEPTED))
    assert [(each.arms[0].number, each.answered) for each in told.intervals] == [(1, (1,)), (2, (1,)), (2, (number,))]
    during = told.intervals[1].arms[0].refused
    assert during is not None
    assert during.words("loans").startswith(f"refused by the gateway (leaf {refused.index}): ")
    assert during.words("loans").endswith("; loans/1 went on serving")
    assert accepted.data == {"environment": "production", "refused": refused.index}
    assert told.problems == ()
    assert {refused.index} <= set(told.leaves)
    assert "the gateway refused to load it: " in text
    assert "the gateway loaded it after all." in text


def test_a_version_that_a_pointer_comes_to_anew_is_told_again_when_it_is_refused(
    http: httpx.Client, parts: Clearance
) -> None:
    assert ask(http).status_code == 200
    number = add_version(parts, b"two")
    spoil(parts, number)

    def refused() -> int:
        with parts.database.read() as tx:
            return len(log.entries(tx, event=Event.LOAD_REFUSED).items)

    for time_round in (1, 2):
        assert promote(parts, number)
        until(lambda wanted=time_round: refused() == wanted)
        with parts.database.write() as tx:
            delivery.rollback(tx, ADA, parts.gate, "loans", RollbackRequest(reason="it was refused"))
    with parts.database.read() as tx:
        told = history.history(tx, parts.log_verifier, "loans")
    assert {each.answered for each in told.intervals} == {(1,)}


def test_a_version_that_never_answered_is_not_told_to_have_answered_when_it_comes_back_while_it_is_being_refused(
    http: httpx.Client, parts: Clearance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the gateway says it had not answered with begins when that was so, not when it last looked."""
    assert ask(http).status_code == 200
    number = add_version(parts, b"two")
    spoil(parts, number)
    refuse, times = Routes._refuse, []

    def and_back_again(self: Routes, *told: Any) -> None:
        refuse(self, *told)
        times.append(told)
        if len(times) == 1:
            with parts.database.write() as tx:
                delivery.rollback(tx, ADA, parts.gate, "loans", RollbackRequest(reason="it was refused"))
            assert promote(parts, number)

    monkeypatch.setattr(Routes, "_refuse", and_back_again)
    assert promote(parts, number)
    until(lambda: len(times) > 1)
    with parts.database.read() as tx:
        told = history.history(tx, parts.log_verifier, "loans")
    assert {each.answered for each in told.intervals} == {(1,)}


def test_reload_verifies_what_serves_anew(http: httpx.Client, parts: Clearance) -> None:
    assert http.post("/api/v1/gateway/reload", json={"model": "loans"}).json()["serving"] == 1
    with parts.database.read() as tx:
        file = registry.get_version(tx, "loans", 1).files[0]
    path = parts.blobs.path(file.sha256)
    path.chmod(0o600)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refused = http.post("/api/v1/gateway/reload", json={"model": "loans"})
    assert refused.json()["code"] == "blob_corrupt"
    assert "goes on serving" in refused.json()["hint"]
    assert ask(http).status_code == 200


def test_an_unsigned_version_never_gets_there(parts: Clearance) -> None:
    assert not promote(parts, add_version(parts, b"unsigned", sign=False))


def test_a_quarantined_version_stops_serving(http: httpx.Client, parts: Clearance) -> None:
    assert ask(http).status_code == 200
    with parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "loans", 1, "labels were poisoned")
    until(lambda: ask(http).status_code == 503)
    refused = ask(http).json()
    assert (refused["code"], "labels were poisoned" in refused["detail"]) == ("version_refused", True)
    assert http.get("/v2/health/ready").status_code == 503


def test_what_serves_goes_on_when_only_its_admission_lapses_and_somebody_is_paged(
    http: httpx.Client, parts: Clearance
) -> None:
    assert ask(http).status_code == 200
    with parts.database.write() as tx:
        stricter = PACK.replace("signature_valid &&", "verdicts['data'] == 'passed' &&").replace('"1"', '"2"')
        policy.install_pack(tx, ADA, PackSource(source=stricter))
        policy.decide(tx, ADA, parts.policy_engine, parts.keyring, "loans", 1, "production")

    def alerts() -> list[tuple[str, str]]:
        with parts.database.read() as tx:
            return [(alert.kind, alert.severity) for alert in response.list_alerts(tx, model="loans").items]

    until(alerts)
    assert alerts() == [("admission.lapsed", "page")]
    assert ask(http).status_code == 200
    assert http.post("/api/v1/gateway/reload", json={"model": "loans"}).json()["code"] == "not_admitted"
    assert ask(http).status_code == 200


def test_a_canary_gets_its_share_of_requests_and_each_request_stays_on_its_side(
    http: httpx.Client, parts: Clearance
) -> None:
    number = add_version(parts, b"canary")
    with parts.database.write() as tx:
        policy.decide(tx, ADA, parts.policy_engine, parts.keyring, "loans", number, "production")
        steps = (Step(weight=50, minimum_seconds=3600, minimum_requests=100),)
        delivery.start_rollout(tx, ADA, parts.gate, NewRollout(model="loans", candidate=number, steps=steps))
    parts.gateway.start()
    until(lambda: parts.gateway.status().routes[0].candidate_serving == number)
    answers = [ask(http, f"r{place}").headers for place in range(60)]
    candidates = sum(each["x-clearance-variant"] == "candidate" for each in answers)
    assert 15 < candidates < 45
    assert [ask(http, f"r{place}").headers["x-clearance-variant"] for place in range(60)] == [
        each["x-clearance-variant"] for each in answers
    ]


@pytest.mark.parametrize("request_id", ["x" * 5_000, "a\x7fb", "größe".encode().decode("latin-1")])
def test_an_id_that_could_not_be_kept_is_refused(http: httpx.Client, parts: Clearance, request_id: str) -> None:
    refused = http.post("/v2/models/loans/infer", json=BODY, headers=[(b"x-request-id", request_id.encode("latin-1"))])
    assert (refused.status_code, refused.json()["code"]) == (422, "tensor_malformed")
    assert refused.json()["detail"].startswith("the header x-request-id has ")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"])
def test_a_request_of_another_age_is_refused_and_leaves_no_event(
    http: httpx.Client, parts: Clearance, moment: str
) -> None:
    refused = http.post("/v2/models/loans/infer", json={**BODY, "parameters": {"clearance_ts": moment}})
    assert (refused.status_code, refused.json()["code"]) == (422, "tensor_malformed")
    assert "clearance_ts is " in refused.json()["detail"]
    assert parts.gateway.status().events_recorded == 0
