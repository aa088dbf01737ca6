"""A model that nobody here made: seen by what goes in and comes out, filled in by a date, and served elsewhere."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, parquet

from clearance.access.model import Role
from clearance.app import Clearance
from clearance.audit import log
from clearance.client.client import Client
from clearance.clock import FixedClock, SystemClock
from clearance.delivery import service as delivery
from clearance.delivery.model import NewPromotion
from clearance.errors import Conflict, Denied, InvalidInput, NotFound
from clearance.evidence import predicates, statement
from clearance.evidence import service as evidence
from clearance.policy import service as policy
from clearance.policy.model import Decision, Outcome
from clearance.policy.pack import PackSource
from clearance.registry import capture, service
from clearance.registry.contract import Datatype, ModelContract, violations
from clearance.registry.model import DatasetRole, File, NewModel, NewVersion, Provenance, Risk, Version
from clearance.registry.source import Source, SourceKind
from clearance.response import service as response
from clearance.sdk.events import Event
from clearance.settings import load
from clearance.statistics.verdicts import Verdict
from clearance.values import sha256
from tests.conftest import person
from tests.policy.registered import measure
from tests.registry.test_commands import Shell
from tests.telemetry.events import event

ADA, BO = person("ada"), person("bo")
ENDPOINT = Source(kind=SourceKind.ENDPOINT, uri="https://scores.example.com/v1", revision="2026-10")
IMAGE = Source(kind=SourceKind.IMAGE, uri="registry.example.com/scores@" + sha256(b"image"))


def records(count: int = 200) -> list[dict[str, Any]]:
    draw = random.Random(7)
    return [
        {
            "inputs": {
                "amount": draw.uniform(1, 500),
                "terms": draw.randint(6, 72),
                "region": draw.choice(("north", "south")),
                "name": f"customer {number}",
                "owner": draw.random() < 0.5,
                "income": None if number % 7 == 0 else draw.uniform(-10, 10),
            },
            "outputs": {"label": number % 2, "score": draw.random()},
        }
        for number in range(count)
    ]


def lines(folder: Path, found: list[dict[str, Any]]) -> Path:
    path = folder / "captured.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in found))
    return path


def register(parts: Clearance, source: Source = ENDPOINT, risk: Risk = Risk.STANDARD) -> Version:
    with parts.database.write() as tx:
        if not service.list_models(tx).items:
            service.create_model(tx, ADA, NewModel(name="scores", owner="ada", risk=risk))
        return service.register_version(tx, ADA, parts.blobs, "scores", NewVersion(source=source))


def decide(parts: Clearance, number: int = 1) -> Decision:
    with parts.database.write() as tx:
        return policy.decide(tx, BO, parts.policy_engine, parts.keyring, "scores", number, "production")


def rule(decision: Decision, name: str) -> Verdict:
    return next(each.verdict for each in decision.rules if each.id == name)


def inferred(found: list[dict[str, Any]], tmp_path: Path) -> capture.Inferred:
    return capture.infer(capture.read_records(lines(tmp_path, found)), ())


def test_captured_records_give_a_contract_that_they_keep_themselves(tmp_path: Path) -> None:
    found = inferred(records(), tmp_path)
    fields = {field.name: field for field in found.contract.inputs}
    assert {name: field.datatype for name, field in fields.items()} == {
        "amount": Datatype.FP64,
        "terms": Datatype.INT64,
        "region": Datatype.BYTES,
        "name": Datatype.BYTES,
        "owner": Datatype.BOOL,
        "income": Datatype.FP64,
    }
    assert [field.name for field in found.contract.outputs] == ["label", "score"]
    assert (fields["region"].categories, fields["name"].categories) == (("north", "south"), None)
    assert [name for name, field in fields.items() if field.nullable] == ["income"]
    assert fields["amount"].minimum == 0  # a margin goes not below zero where nothing was
    assert fields["terms"].maximum == 79  # a tenth of the span, rounded away from what was seen
    columns = {name: [each["inputs"][name] for each in records()] for name in fields}
    assert violations(found.contract, columns) == ()
    assert violations(found.contract, {**columns, "region": ["moon"] * 200})


@settings(deadline=None)  # the first import of Arrow takes longer than a deadline
@given(st.lists(st.floats(-1e9, 1e9), min_size=100, max_size=150), st.lists(st.integers(-(2**31), 2**31), min_size=1))
def test_an_inferred_contract_never_refuses_what_it_was_inferred_from(reals: list[float], whole: list[int]) -> None:
    columns: dict[str, list[Any]] = {"real": reals, "whole": [whole[place % len(whole)] for place in range(len(reals))]}
    found = capture.infer(pa.table(columns), ())
    assert violations(found.contract, columns) == ()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_flat_files_say_by_name_what_came_out(kind: str, tmp_path: Path) -> None:
    table = pa.table({"amount": [float(each) for each in range(200)], "grade": [1, 0] * 100})
    path = tmp_path / f"captured.{kind}"
    if kind == "csv":
        csv.write_csv(table, path)
    else:
        parquet.write_table(table, path)
    found = capture.infer(capture.read_records(path), ("grade",))
    assert [field.name for field in found.contract.inputs] == ["amount"]
    assert [field.name for field in found.contract.outputs] == ["grade"]


@pytest.mark.parametrize(
    ("content", "outputs", "code"),
    [
        (b"\x00\x01", (), "records_unreadable"),
        (b'{"a": 1}\n{"a": ', (), "records_unreadable"),
        (b'{"a": 1}\n', (), "records_too_few"),
        (b'{"a": 1}\n' * 200, ("b",), "no_such_column"),
        (b'{"a": null, "b": 1}\n' * 200, (), "bad_capture"),
        (b'{"a": [1, 2], "b": 1}\n' * 200, (), "bad_capture"),
        (b'{"a": 1}\n' * 200, ("a",), "bad_contract"),
        (b'{"inputs": {"a": 1}, "outputs": {"a": 1}}\n' * 200, (), "bad_capture"),
    ],
)
def test_records_that_say_nothing_are_refused_in_words(
    content: bytes, outputs: tuple[str, ...], code: str, tmp_path: Path
) -> None:
    path = tmp_path / "captured"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        capture.infer(capture.read_records(path), outputs)
    assert caught.value.code == code


def test_what_is_missing_of_a_black_box_is_what_its_user_can_find_out(parts: Clearance, tmp_path: Path) -> None:
    for source, revision in ((ENDPOINT, False), (replace(ENDPOINT, revision=""), True), (IMAGE, False)):
        version = register(parts, source)
        with parts.database.read() as tx:
            missing = service.completeness(tx, "scores", version.number).missing
        assert ("revision" in missing) is revision
        assert "contract" in missing
        assert "code commit" not in missing


def test_a_capture_stores_contract_and_baseline_once_and_says_so_in_the_log(parts: Clearance, tmp_path: Path) -> None:
    register(parts)
    found = inferred(records(), tmp_path)
    made = service.accept_capture(parts.database, ADA, parts.blobs, "scores", 1, found)
    with parts.database.read() as tx:
        version = service.get_version(tx, "scores", 1)
        dataset = service.get_dataset(tx, made.dataset)
        leaves = [entry.event for entry in log.entries(tx, subject="model/scores/1").items]
        missing = service.completeness(tx, "scores", 1).missing
    assert version.contract == found.contract
    assert [(use.role, use.digest) for use in version.provenance.datasets] == [(DatasetRole.REFERENCE, made.dataset)]
    assert dataset.rows == 200
    assert {"contract.set", "provenance.filled"} <= set(leaves)
    assert missing == ("provider (as trainer)", "metrics")
    with pytest.raises(Conflict, match="reference dataset already"):
        service.accept_capture(parts.database, ADA, parts.blobs, "scores", 1, found)
    with parts.database.write() as tx, pytest.raises(Conflict, match="never changes"):
        service.set_contract(tx, ADA, "scores", 1, found.contract)


def test_a_contract_that_is_there_stays_when_a_baseline_is_captured(parts: Clearance, tmp_path: Path) -> None:
    register(parts)
    found = inferred(records(), tmp_path)
    own = ModelContract(inputs=found.contract.inputs[:1])
    with parts.database.write() as tx:
        service.set_contract(tx, ADA, "scores", 1, own)
    assert service.accept_capture(parts.database, ADA, parts.blobs, "scores", 1, found).contract == own


def test_only_what_is_missing_can_be_filled_in(parts: Clearance) -> None:
    register(parts)

    def fill(**more: Any) -> Mapping[str, Any]:
        with parts.database.write() as tx:
            made = service.fill_provenance(tx, ADA, "scores", 1, Provenance(**more)).provenance
        return {"trainer": made.trainer, "metrics": made.metrics}

    assert fill(trainer="Vendor", metrics={"auc": 0.8}) == {"trainer": "Vendor", "metrics": {"auc": 0.8}}
    assert fill(trainer="Vendor", metrics={"f1": 0.5})["metrics"] == {"auc": 0.8, "f1": 0.5}
    for change, what in (({"trainer": "Other"}, "trainer"), ({"metrics": {"auc": 0.9}}, "metrics.auc")):
        with pytest.raises(Conflict) as caught:
            fill(**change)
        assert caught.value.details["field"] == what
    with pytest.raises(InvalidInput, match="parents"):
        fill(parents=("scores/1",))


def test_what_can_not_apply_to_a_black_box_is_said_not_to_and_its_own_rules_apply(parts: Clearance) -> None:
    version = register(parts, risk=Risk.FULL)
    decision = decide(parts)
    for name in ("artifact-signed", "artifact-safe", "code-committed", "provenance-complete", "latency-passed"):
        assert rule(decision, name) is Verdict.NOT_APPLICABLE
    assert rule(decision, "vendor-documented") is Verdict.FAILED
    assert rule(decision, "contract-kept") is Verdict.NOT_MEASURED
    document = {
        "provider": "Vendor",
        "document": {"uri": "https://vendor.example.com/card", "digest": sha256(b"card")},
        "reviewed_by": "user:legal",
        "reviewed_at": "2026-01-05T09:00:00Z",
    }
    claim = statement.about("scores", 1, version.digest, predicates.VENDOR, document)
    with parts.database.write() as tx:
        evidence.sign_and_add(tx, ADA, parts.keyring, claim)
    measure(parts, version, ["contract"])
    decision = decide(parts)
    assert rule(decision, "vendor-documented") is Verdict.PASSED
    assert rule(decision, "contract-kept") is Verdict.PASSED


def test_a_version_with_files_is_asked_for_no_vendor_and_no_date(parts: Clearance) -> None:
    digest, size = parts.blobs.put([b"graph"])
    with parts.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name="scores", owner="ada"))
        new = NewVersion(files=(File(path="model.onnx", size=size, sha256=digest),))
        service.register_version(tx, ADA, parts.blobs, "scores", new)
        waiting = policy.onboarding(tx, "scores", 1)
    decision = decide(parts)
    assert rule(decision, "vendor-documented") is Verdict.NOT_APPLICABLE
    assert rule(decision, "onboarding-in-time") is Verdict.NOT_APPLICABLE
    assert rule(decision, "provenance-complete") is Verdict.FAILED
    assert (waiting.due_at, waiting.overdue) == (None, False)


@pytest.mark.parametrize(("risk", "days"), [(Risk.LIGHT, 90), (Risk.STANDARD, 60), (Risk.FULL, 30)])
def test_what_is_missing_warns_until_its_date_and_blocks_from_then_on(
    parts: Clearance, clock: FixedClock, risk: Risk, days: int
) -> None:
    register(parts, risk=risk)
    clock.advance(timedelta(days=days))
    early = decide(parts)
    assert rule(early, "onboarding-complete") is Verdict.FAILED
    assert rule(early, "onboarding-in-time") is Verdict.PASSED
    register(parts, replace(ENDPOINT, revision="2026-11"))  # another version does not start the clock anew
    clock.advance(timedelta(hours=1))
    for number in (1, 2):
        late = decide(parts, number)
        assert rule(late, "onboarding-in-time") is Verdict.FAILED
        assert late.outcome is Outcome.DENIED
    with parts.database.read() as tx:
        waiting = policy.onboarding(tx, "scores", 2)
        report = policy.replay(tx, parts.policy_engine)
    assert waiting.overdue
    assert waiting.due_at == clock.now() - timedelta(hours=1)
    assert report.reproduced == report.total == 3


def test_over_the_wire_a_capture_is_proposed_then_stored_and_models_that_lack_something_are_listed(
    as_user: Callable[..., Client], tmp_path: Path
) -> None:
    client = as_user(person("dev", Role.DEVELOPER))
    client.models.create("scores", owner="dev")
    client.models.create("empty", owner="dev")
    client.versions.refer("scores", ENDPOINT)
    path = lines(tmp_path, records())
    proposed = client.versions.capture("scores", 1, path)
    assert (proposed.accepted, proposed.dataset) == (False, "")
    assert client.versions.get("scores", 1).contract is None
    stored = client.versions.capture("scores", 1, path, accept=True)
    assert client.versions.get("scores", 1).contract == stored.contract == proposed.contract
    assert [(each.model, each.number) for each in client.models.onboarding()] == [("scores", 1)]
    client.versions.fill("scores", 1, Provenance(trainer="Vendor", metrics={"auc": 0.8}))
    assert list(client.models.onboarding()) == []
    assert client.versions.onboarding("scores", 1).missing == ()
    with pytest.raises(NotFound):
        client.versions.capture("scores", 2, path)


@pytest.mark.parametrize("source", [ENDPOINT, IMAGE, Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model")])
def test_what_has_no_files_here_is_not_downloaded_and_leaves_no_folder(
    client: Client, tmp_path: Path, source: Source
) -> None:
    client.models.create("scores", owner="ada")
    client.versions.refer("scores", source)
    with pytest.raises(Denied, match=f"scores/1 has no files here: it is the {source.kind} ") as refused:
        client.versions.download("scores", 1, tmp_path / "out")
    assert refused.value.code == "no_files"
    assert list(tmp_path.glob("out*")) == []


def test_what_telemetry_holds_is_captured_too(client: Client, sqlite_parts: Clearance) -> None:
    client.models.create("scores", owner="ada")
    client.versions.refer("scores", ENDPOINT)
    with pytest.raises(InvalidInput, match="no inputs of this version"):
        client.versions.capture("scores", 1)
    recorded = [
        event(model="scores", version=1, request_id=f"r{number}", features={"amount": float(number)}, score=0.5)
        for number in range(150)
    ]
    client.telemetry.send(cast("list[Event]", recorded))
    found = client.versions.capture("scores", 1, accept=True)
    assert found.rows == 150
    assert [field.name for field in found.contract.inputs] == ["amount"]
    assert "score" in [field.name for field in found.contract.outputs]


PACK = """
name: open
version: "1"
description: lets everything pass
environments: ["*"]
risks: [standard]
approvals: {count: 0}
longest_waiver_days: 30
rules:
  - {id: usable, title: It may be used, severity: block, expression: version.status == 'registered', message: no, sources: [X4]}
"""


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Clearance]:
    made = Clearance(load({}, home=tmp_path / "home"), SystemClock())
    with made.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=PACK))
    register(made)
    with made.database.write() as tx:
        assert delivery.promote(tx, ADA, made.gate, NewPromotion(model="scores", number=1)).moved
    yield made
    made.close()


def test_the_gateway_says_what_is_served_elsewhere_and_pages_nobody(serving: Clearance) -> None:
    status = serving.gateway.status()
    assert [(route.wanted, route.serving, route.elsewhere) for route in status.routes] == [(1, None, ENDPOINT.uri)]
    assert status.refusals == ()
    with serving.database.read() as tx:
        assert response.list_alerts(tx, model="scores").items == ()
    for ask in (serving.gateway.describe, serving.gateway.reload):
        with pytest.raises(NotFound) as caught:
            ask("scores", "production")
        assert caught.value.code == "served_elsewhere"
        assert ENDPOINT.uri in caught.value.message


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in ("CLEARANCE_URL", "CLEARANCE_TOKEN", "CLEARANCE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Shell(tmp_path / "home")


def test_a_black_box_is_onboarded_by_command(shell: Shell, tmp_path: Path) -> None:
    shell.text("models", "create", "scores", "--owner", "ada", "--kind", "third-party")
    assert shell.error("versions", "register", "scores").code == "bad_source"
    assert shell.error("versions", "register", "scores", "--image", IMAGE.uri, "--revision", "2").code == "bad_source"
    said = shell.text("versions", "register", "scores", "--endpoint", ENDPOINT.uri, "--revision", "2026-10")
    assert "clearance versions capture scores 1" in said
    assert shell.error("versions", "capture", "scores", "1").code == "capture_ambiguous"
    path = str(lines(tmp_path, records()))
    assert "--accept stores it" in shell.text("versions", "capture", "scores", "1", "--events", path)
    assert "Stored, with the baseline" in shell.text("versions", "capture", "scores", "1", "--events", path, "--accept")
    listed = shell.text("models", "list", "--incomplete")
    assert "provider (as trainer), metrics" in listed
    assert "due on" in shell.text("versions", "show", "scores", "1")
    for command in ("download", "export"):
        assert shell.error("versions", command, "scores", "1", str(tmp_path / "out")).code == "no_files"
    assert not (tmp_path / "out").exists()
    assert shell.error("versions", "fill", "scores", "1", "--metric", "auc=nan").code == "not_json"
    done = shell.text("versions", "fill", "scores", "1", "--trainer", "Vendor", "--metric", "auc=0.8")
    assert "Nothing is missing" in done
    assert "No model that fits" in shell.text("models", "list", "--incomplete")
