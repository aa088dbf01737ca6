"""MLflow's registry protocol over the wire: what its clients see, and what Clearance keeps, on both databases."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest

from clearance.access import service as access
from clearance.access.model import GRANTS, NewToken, Permission, Principal, Role, Scope
from clearance.api import mlflow as routes
from clearance.app import Clearance
from clearance.audit import log
from clearance.clock import FixedClock
from clearance.delivery import service as delivery
from clearance.delivery.model import NewPromotion, RollbackRequest
from clearance.errors import ClearanceError, Conflict
from clearance.integrations.mlflow import models, pointers, versions
from clearance.integrations.mlflow import store as protocol_store
from clearance.integrations.mlflow.artifacts import service as artifacts
from clearance.integrations.mlflow.context import Context
from clearance.integrations.mlflow.endpoints import ENDPOINTS, PREFIX
from clearance.integrations.mlflow.errors import body_of
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import File, Lifecycle, ModelChange, ModelKind, NewModel, NewVersion, Risk, VersionStatus
from clearance.registry.source import SourceKind
from tests.conftest import person
from tests.delivery.conftest import PACK
from tests.integrations.mlflow.calls import Registry, registry_of
from tests.policy.registered import ADA, approve, ready, register

ROOT = person("root")
Call = tuple[Callable[..., Any], dict[str, str]]


@pytest.fixture
def speak() -> Iterator[Callable[..., Registry]]:
    """Return a function that gives the protocol of an installation, spoken by root or by somebody else."""
    made: list[Registry] = []

    def speaking(parts: Clearance, principal: Principal | None = ROOT) -> Registry:
        made.append(registry_of(parts, principal))
        return made[-1]

    yield speaking
    for each in made:
        each.http.close()


@pytest.fixture
def mlflow(speak: Callable[..., Registry], parts: Clearance) -> Registry:
    return speak(parts)


@pytest.fixture
def sqlite_mlflow(speak: Callable[..., Registry], sqlite_parts: Clearance) -> Registry:
    """The same on SQLite only."""
    return speak(sqlite_parts)


@pytest.fixture
def open_pack(parts: Clearance) -> None:
    """Let any version that has a digest and is in use serve anywhere."""
    with parts.database.write() as tx:
        policy.install_pack(tx, ROOT, PackSource(source=PACK))


def add_files(parts: Clearance, model: str, content: bytes = b"weights") -> int:
    """Register a version with a file natively."""
    digest, size = parts.blobs.put([content])
    new = NewVersion(files=(File(path="MLmodel", size=size, sha256=digest),))
    with parts.database.write() as tx:
        return registry.register_version(tx, ROOT, parts.blobs, model, new, again=True).number


def promote(parts: Clearance, model: str, number: int, environment: str = "production") -> None:
    with parts.database.write() as tx:
        wanted = NewPromotion(model=model, number=number, environment=environment)
        assert delivery.promote(tx, ROOT, parts.gate, wanted).moved


# Names


def test_a_model_gets_an_identity_made_of_its_name_and_its_creator_as_owner(mlflow: Registry, parts: Clearance) -> None:
    made = mlflow.create(
        "Größe der Kredite!", description="what it does", tags=[{"key": "team", "value": "risk"}]
    ).model
    assert made["name"] == "Größe der Kredite!"
    assert made["tags"] == [{"key": "team", "value": "risk"}]
    with parts.database.read() as tx:
        model = registry.get_model(tx, "grosse-der-kredite")
    assert (model.title, model.owner, model.description) == ("Größe der Kredite!", "user:root", "what it does")
    assert made["creation_timestamp"] == int(model.created_at.timestamp() * 1000)


@pytest.mark.parametrize(
    ("name", "identity"), [("模型", "model"), ("..x", "x"), ("A b__C", "a-b__c"), ("-", "model"), ("x" * 255, "x" * 80)]
)
def test_every_name_leads_to_an_identity(mlflow: Registry, parts: Clearance, name: str, identity: str) -> None:
    if name == "..x":  # MLflow refuses it for a path
        assert mlflow.create(name).word == "INVALID_PARAMETER_VALUE"
        return
    assert mlflow.create(name).status == 200
    with parts.database.read() as tx:
        assert registry.get_model(tx, identity).title == name


def test_two_names_that_would_have_one_identity_get_two(mlflow: Registry, parts: Clearance) -> None:
    for name in ("Car Loan", "car loan", "car-loan"):
        assert mlflow.create(name).status == 200
    with parts.database.read() as tx:
        found = {registry.find_by_title(tx, name) for name in ("Car Loan", "car loan", "car-loan")}
    assert len({model.name for model in found if model}) == 3


def test_a_rename_changes_what_a_model_is_called_and_nothing_else(mlflow: Registry, parts: Clearance) -> None:
    mlflow.create("old")
    mlflow.add("old")
    assert mlflow.call("POST", "registered-models/rename", name="old", new_name="new").model["name"] == "new"
    assert mlflow.get("old").word == "RESOURCE_DOES_NOT_EXIST"
    assert mlflow.get_version("new", 1).version["name"] == "new"
    assert mlflow.create("old").status == 200
    with parts.database.read() as tx:
        assert registry.get_model(tx, "old").title == "new"
        assert registry.get_version(tx, "old", 1).digest == ""


def test_the_name_of_a_deleted_model_can_be_given_anew_while_its_history_stays(
    mlflow: Registry, parts: Clearance
) -> None:
    mlflow.create("car-loan")
    mlflow.add("car-loan")
    assert mlflow.call("DELETE", "registered-models/delete", name="car-loan").body == {}
    for gone in (mlflow.get("car-loan"), mlflow.get_version("car-loan", 1), mlflow.add("car-loan")):
        assert gone.word == "RESOURCE_DOES_NOT_EXIST"
    assert mlflow.search("registered-models").names == []
    assert mlflow.create("car-loan").status == 200
    assert mlflow.add("car-loan").version["version"] == "1"
    with parts.database.read() as tx:
        assert registry.get_version(tx, "car-loan", 1).status is VersionStatus.RETIRED
        told = [entry.event for entry in log.entries(tx, subject="model/car-loan").items]
    assert {"model.created", "version.registered", "model.deleted"} <= set(told)


# Native and MLflow's clients


def test_what_was_made_natively_shows_in_mlflow(mlflow: Registry, parts: Clearance) -> None:
    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="fraud", owner="user:ada", description="finds fraud"))
    add_files(parts, "fraud")
    with parts.database.write() as tx:
        registry.set_tag(tx, ADA, "fraud", 1, "k", "v")
    version = mlflow.get_version("fraud", 1).version
    assert (version["current_stage"], version["status"], version["user_id"]) == ("None", "READY", "user:root")
    assert version["tags"] == [{"key": "k", "value": "v"}]
    assert mlflow.get("fraud").model["description"] == "finds fraud"
    assert mlflow.search("model-versions", "name = 'fraud' AND tags.k = 'v'").names == [("fraud", "1")]
    uri = mlflow.call("GET", "model-versions/get-download-uri", name="fraud", version="1").body["artifact_uri"]
    assert uri == "http://clearance.test/api/2.0/mlflow-artifacts/artifacts/versions/fraud/1" == version["source"]
    assert mlflow.http.get(uri + "/MLmodel").content == b"weights"


def test_a_retired_or_quarantined_version_says_so_in_its_status_message(mlflow: Registry, parts: Clearance) -> None:
    mlflow.create("m")
    mlflow.add("m")
    with parts.database.write() as tx:
        registry.quarantine_version(tx, ROOT, "m", 1, "poisoned data")
    assert mlflow.get_version("m", 1).version["status_message"] == "quarantined: poisoned data"
    refused = mlflow.set_alias("m", "best", 1)
    assert (refused.status, refused.word) == (409, "RESOURCE_CONFLICT")


def test_a_rename_is_a_change_of_each_version_whoever_registered_it(
    mlflow: Registry, parts: Clearance, clock: FixedClock
) -> None:
    mlflow.create("old")
    mlflow.add("old", description="said by the client")
    add_files(parts, "old")
    clock.advance(timedelta(hours=1))
    mlflow.call("POST", "registered-models/rename", name="old", new_name="new")
    versions = [mlflow.get_version("new", number).version for number in (1, 2)]
    assert [each["last_updated_timestamp"] - each["creation_timestamp"] for each in versions] == [3_600_000] * 2
    assert versions[0]["description"] == "said by the client"
    assert versions[0]["source"] == "s3://bucket/model"


def test_a_model_that_is_renamed_natively_is_found_under_its_title(mlflow: Registry, parts: Clearance) -> None:
    mlflow.create("m")
    with parts.database.write() as tx:
        registry.update_model(tx, ROOT, "m", ModelChange(title="Model of the year"))
    assert mlflow.get("Model of the year").model["name"] == "Model of the year"


# Versions


def test_a_version_elsewhere_behaves_as_in_mlflow_but_serves_nowhere_until_it_is_pinned(
    mlflow: Registry, parts: Clearance, open_pack: None
) -> None:
    mlflow.create("m")
    made = mlflow.add("m", "runs:/abc/model", run_id="abc", run_link="http://runs/abc", description="first").version
    assert {key: made[key] for key in ("source", "run_id", "run_link", "description", "status", "version")} == {
        "source": "runs:/abc/model",
        "run_id": "abc",
        "run_link": "http://runs/abc",
        "description": "first",
        "status": "READY",
        "version": "1",
    }
    asked = mlflow.call("GET", "model-versions/get-download-uri", name="m", version="1")
    assert asked.body == {"artifact_uri": "runs:/abc/model"}
    refused = mlflow.set_alias("m", "champion", 1)
    assert (refused.status, refused.word, refused.body["clearance"]["code"]) == (
        403,
        "PERMISSION_DENIED",
        "version_unpinned",
    )
    digest, size = parts.blobs.put([b"weights"])
    with parts.database.write() as tx:
        assert registry.get_version(tx, "m", 1).digest == ""
        registry.pin_version(tx, ROOT, parts.blobs, "m", 1, (File(path="MLmodel", size=size, sha256=digest),))
    assert mlflow.set_alias("m", "champion", 1).status == 200
    assert mlflow.get_version("m", 1).version["source"] == "runs:/abc/model"
    assert (
        mlflow.call("GET", "model-versions/get-download-uri", name="m", version="1")
        .body["artifact_uri"]
        .endswith("/versions/m/1")
    )


def test_a_copy_shares_bytes_lineage_and_run_with_its_original(mlflow: Registry, parts: Clearance) -> None:
    mlflow.create("from")
    mlflow.create("to")
    add_files(parts, "from")
    mlflow.add("from", "s3://bucket/x", run_id="r1")
    assert mlflow.add("to", "models:/from/1").version["source"] == "models:/from/1"
    assert mlflow.add("to", "models:/from/latest").version["run_id"] == "r1"
    with parts.database.read() as tx:
        original, copy, other = (registry.get_version(tx, *which) for which in [("from", 1), ("to", 1), ("to", 2)])
    assert copy.digest == original.digest
    assert copy.provenance.parents == ("from/1",)
    assert (other.digest, other.source.kind, other.source.uri) == ("", SourceKind.REFERENCE, "s3://bucket/x")


def test_a_deleted_version_is_gone_for_mlflow_and_a_tombstone_here(mlflow: Registry, parts: Clearance) -> None:
    mlflow.create("m")
    mlflow.add("m")
    mlflow.add("m")
    mlflow.set_alias("m", "best", 1)
    assert mlflow.call("DELETE", "model-versions/delete", name="m", version="1").body == {}
    assert mlflow.get_version("m", 1).word == "RESOURCE_DOES_NOT_EXIST"
    assert mlflow.by_alias("m", "best").word == "INVALID_PARAMETER_VALUE"
    assert "aliases" not in mlflow.get("m").model
    assert mlflow.search("model-versions", "name = 'm'").names == [("m", "2")]
    assert mlflow.add("m").version["version"] == "3"
    with parts.database.read() as tx:
        assert registry.get_version(tx, "m", 1).status is VersionStatus.DELETED


@pytest.mark.parametrize("stop", [delivery.retire_version, delivery.delete_version])
def test_an_alias_of_a_version_that_was_stopped_natively_is_gone_in_every_answer(
    mlflow: Registry, parts: Clearance, stop: Callable[..., object]
) -> None:
    mlflow.create("m")
    mlflow.add("m")
    mlflow.add("m")
    mlflow.set_alias("m", "best", 1)
    with parts.database.write() as tx:
        stop(tx, ADA, parts.guards, "m", 1, "leaked")
    assert mlflow.by_alias("m", "best").word == "INVALID_PARAMETER_VALUE"
    assert "aliases" not in mlflow.get("m").model
    assert all("aliases" not in each for each in mlflow.get("m").model["latest_versions"])


def test_a_model_that_served_is_deleted_once_it_was_retired_as_the_hint_says(
    mlflow: Registry, parts: Clearance, open_pack: None
) -> None:
    mlflow.create("m")
    add_files(parts, "m")
    promote(parts, "m", 1, "production")
    refused = mlflow.call("DELETE", "registered-models/delete", name="m")
    assert "clearance models retire m" in refused.body["message"]
    with parts.database.write() as tx:
        change = ModelChange(lifecycle=Lifecycle.RETIRED, reason="replaced")
        delivery.update_model(tx, ADA, parts.guards, "m", change)
    assert mlflow.call("DELETE", "registered-models/delete", name="m").body == {}
    assert mlflow.create("m").status == 200


def test_descriptions_are_changed_and_taken_away_with_a_leaf_in_the_log(mlflow: Registry, parts: Clearance) -> None:
    mlflow.create("m", description="one")
    mlflow.add("m", description="one")
    changed = mlflow.call("PATCH", "model-versions/update", name="m", version="1", description="two").version
    assert changed["description"] == "two"
    assert "description" not in mlflow.call("PATCH", "model-versions/update", name="m", version="1").version
    assert mlflow.call("PATCH", "registered-models/update", name="m", description="two").model["description"] == "two"
    assert "description" not in mlflow.call("PATCH", "registered-models/update", name="m").model
    with parts.database.read() as tx:
        told = [entry.data for entry in log.entries(tx, subject="model/m/1").items if entry.event == "version.updated"]
    assert told == [{"changed": {"description": None}}, {"changed": {"description": "two"}}]


def test_saying_again_what_is_so_already_changes_nothing(mlflow: Registry) -> None:
    mlflow.create("m", description="one")
    mlflow.add("m")
    for _ in range(2):
        assert mlflow.call("PATCH", "registered-models/update", name="m", description="one").status == 200
        assert mlflow.call("POST", "registered-models/rename", name="m", new_name="m").status == 200
        assert mlflow.set_alias("m", "best", 1).status == 200
        assert mlflow.move("m", 1, "Archived").version["current_stage"] == "Archived"
        assert mlflow.call("POST", "registered-models/set-tag", name="m", key="k", value="v").body == {}
    for _ in range(2):
        assert mlflow.call("DELETE", "registered-models/delete-tag", name="m", key="k").body == {}
        assert mlflow.call("DELETE", "registered-models/alias", name="m", alias="best").body == {}


# Aliases and stages


def test_free_aliases_move_as_people_like(mlflow: Registry) -> None:
    mlflow.create("m")
    mlflow.add("m")
    mlflow.add("m")
    for number in (1, 2, 1):
        assert mlflow.set_alias("m", "best", number).body == {}
        assert mlflow.by_alias("m", "best").version["version"] == str(number)
    mlflow.set_alias("m", "Best", 2)
    assert mlflow.get("m").model["aliases"] == [{"alias": "Best", "version": "2"}, {"alias": "best", "version": "1"}]
    assert mlflow.get_version("m", 1).version["aliases"] == ["best"]
    assert mlflow.by_alias("m", "latest").version["version"] == "2"


def test_a_guarded_alias_that_policy_denies_stays_and_the_error_names_the_rules(
    mlflow: Registry, parts: Clearance
) -> None:
    register(parts)  # nothing signed, nothing measured
    refused = mlflow.set_alias("car-loan", "champion", 1)
    assert (refused.status, refused.word) == (403, "PERMISSION_DENIED")
    said, decided = refused.body["message"], refused.body["clearance"]
    assert decided["code"] == "promotion_denied"
    assert "car-loan/1 may not serve in production" in said
    for rule in decided["details"]["rules"]:
        assert f"{rule['id']}: {rule['message']}" in said
    assert "clearance evidence sign car-loan 1" in said
    assert mlflow.by_alias("car-loan", "champion").word == "INVALID_PARAMETER_VALUE"
    with parts.database.read() as tx:
        assert policy.get_decision(tx, decided["details"]["decision"]).outcome == "denied"


def test_a_guarded_alias_that_waits_for_people_moves_once_they_have_approved(
    mlflow: Registry, parts: Clearance
) -> None:
    ready(parts, risk=Risk.FULL)
    waiting = mlflow.set_alias("car-loan", "champion", 1)
    assert (waiting.status, waiting.word) == (403, "PERMISSION_DENIED")
    told = waiting.body["clearance"]
    assert told["code"] == "promotion_pending"
    assert told["details"]["approval"] in waiting.body["message"]
    assert "http://clearance.test/approvals" in waiting.body["message"]
    again = mlflow.set_alias("car-loan", "champion", 1)
    assert again.body["clearance"]["details"]["approval"] == told["details"]["approval"]
    approve(parts, told["details"]["approval"])
    assert mlflow.set_alias("car-loan", "champion", 1).body == {}
    version = mlflow.by_alias("car-loan", "champion").version
    assert (version["version"], version["current_stage"], version["aliases"]) == ("1", "Production", ["champion"])


def test_guarded_aliases_and_stages_follow_native_promotions_and_rollbacks(
    mlflow: Registry, parts: Clearance, open_pack: None
) -> None:
    mlflow.create("m")
    for content in (b"1", b"2"):
        add_files(parts, "m", content)
    mlflow.set_alias("m", "champion", 1)
    promote(parts, "m", 2)
    assert mlflow.by_alias("m", "champion").version["version"] == "2"
    assert mlflow.get("m").model["aliases"] == [{"alias": "champion", "version": "2"}]
    assert [mlflow.get_version("m", number).version["current_stage"] for number in (1, 2)] == ["None", "Production"]
    with parts.database.write() as tx:
        delivery.rollback(tx, ROOT, parts.gate, "m", RollbackRequest(reason="worse"))
    assert mlflow.by_alias("m", "champion").version["version"] == "1"
    assert mlflow.get_version("m", 1).version["aliases"] == ["champion"]
    kept = mlflow.call("DELETE", "registered-models/alias", name="m", alias="champion")
    assert (kept.status, kept.body["clearance"]["code"]) == (409, "alias_guarded")


def test_a_stage_that_serves_is_reached_by_promotion_and_the_one_before_is_archived_on_demand(
    mlflow: Registry, parts: Clearance, open_pack: None
) -> None:
    mlflow.create("m")
    for content in (b"1", b"2", b"3"):
        add_files(parts, "m", content)
    assert mlflow.move("m", 1, "staging").version["current_stage"] == "Staging"
    assert mlflow.move("m", 1, "Production").version["current_stage"] == "Production"
    assert mlflow.move("m", 2, "Production", archive_existing_versions=True).version["current_stage"] == "Production"
    assert mlflow.move("m", 3, "Production").status == 200
    assert mlflow.move("m", 2, "Staging").status == 200
    stages = [mlflow.get_version("m", number).version["current_stage"] for number in (1, 2, 3)]
    assert stages == ["Archived", "Staging", "Production"]
    latest = mlflow.call("POST", "registered-models/get-latest-versions", name="m").body["model_versions"]
    assert {each["current_stage"]: each["version"] for each in latest} == {
        "Archived": "1",
        "Staging": "2",
        "Production": "3",
    }
    only = mlflow.call("GET", "registered-models/get-latest-versions", name="m", stages=["production"])
    assert [each["version"] for each in only.body["model_versions"]] == ["3"]
    with parts.database.read() as tx:
        assert {each.environment: each.stable for each in delivery.list_pointers(tx, "m")} == {
            "production": 3,
            "staging": 2,
        }


def test_a_version_that_was_archived_before_it_served_is_not_archived_after_it(
    mlflow: Registry, parts: Clearance, open_pack: None
) -> None:
    mlflow.create("m")
    for content in (b"1", b"2"):
        add_files(parts, "m", content)
    assert mlflow.move("m", 1, "Archived").version["current_stage"] == "Archived"
    assert mlflow.move("m", 1, "Production").version["current_stage"] == "Production"
    assert mlflow.move("m", 2, "Production").version["current_stage"] == "Production"
    assert mlflow.get_version("m", 1).version["current_stage"] == "None"


def test_a_stage_that_policy_denies_is_not_reached_and_nothing_is_archived(mlflow: Registry, parts: Clearance) -> None:
    register(parts)
    refused = mlflow.move("car-loan", 1, "Production", archive_existing_versions=True)
    assert (refused.status, refused.body["clearance"]["code"]) == (403, "promotion_denied")
    assert mlflow.get_version("car-loan", 1).version["current_stage"] == "None"


def test_what_serves_is_neither_archived_nor_deleted(mlflow: Registry, parts: Clearance, open_pack: None) -> None:
    mlflow.create("m")
    add_files(parts, "m")
    promote(parts, "m", 1, "staging")
    for refused in (
        mlflow.move("m", 1, "Archived"),
        mlflow.move("m", 1, "None"),
        mlflow.call("DELETE", "model-versions/delete", name="m", version="1"),
        mlflow.call("DELETE", "registered-models/delete", name="m"),
    ):
        assert (refused.status, refused.word) == (409, "RESOURCE_CONFLICT")
        assert refused.body["clearance"]["code"] == "version_serves"
        assert "staging" in refused.body["message"]
    assert mlflow.get_version("m", 1).version["current_stage"] == "Staging"


# Many at once


def test_of_many_who_create_a_model_at_once_one_does_and_the_others_hear_that_it_is_there(parts: Clearance) -> None:
    context = Context(parts.blobs, parts.gate, parts.guards, "http://clearance.test", ("clearance.test",))

    def create(name: str) -> str:
        try:
            with parts.database.write() as tx:
                models.create_model(tx, ROOT, context, {"name": name})
        except ClearanceError as error:
            return str(body_of(error)[1]["error_code"])
        return "OK"

    with ThreadPoolExecutor(8) as pool:
        for name in ("one", "Two words", "drei"):
            assert sorted(pool.map(create, [name] * 8)) == ["OK", *["RESOURCE_ALREADY_EXISTS"] * 7]


VERSION = {"name": "m", "version": "1"}
RENAME = (models.rename_model, {"name": "m", "new_name": "n"})
DELETE = (models.delete_model, {"name": "m"})
DELETE_VERSION = (versions.delete_version, VERSION)
CREATE_VERSION = (versions.create_version, {"name": "m", "source": "s3://bucket/model"})
TAG = {"key": "k", "value": "v"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (DELETE_VERSION, DELETE_VERSION),
        (DELETE_VERSION, (versions.update_version, VERSION)),
        (DELETE_VERSION, (pointers.set_alias, {**VERSION, "alias": "fresh"})),
        (DELETE_VERSION, (pointers.transition_stage, {**VERSION, "stage": "Archived"})),
        (DELETE_VERSION, (versions.set_version_tag, {**VERSION, **TAG})),
        (DELETE_VERSION, (versions.delete_version_tag, {**VERSION, **TAG})),
        (DELETE, CREATE_VERSION),
        (DELETE, DELETE),
        (DELETE, RENAME),
        (DELETE, (models.update_model, {"name": "m", "description": "d"})),
        (DELETE, (models.set_model_tag, {"name": "m", **TAG})),
        (RENAME, (models.delete_model_tag, {"name": "m", **TAG})),
        (RENAME, (pointers.delete_alias, {"name": "m", "alias": "fresh"})),
        (RENAME, CREATE_VERSION),
        (RENAME, DELETE_VERSION),
        (RENAME, DELETE),
        (RENAME, RENAME),
    ],
    ids=lambda call: call[0].__name__,
)
def test_who_comes_second_is_told_that_it_is_not_there_any_more(
    parts: Clearance, mlflow: Registry, first: Call, second: Call
) -> None:
    mlflow.create("m")
    mlflow.add("m")
    context = Context(parts.blobs, parts.gate, parts.guards, "http://clearance.test", ("clearance.test",))
    begun = Event()

    def come_second() -> tuple[str, str]:
        begun.set()
        with pytest.raises(ClearanceError) as caught, parts.database.write() as tx:
            second[0](tx, ROOT, context, second[1])
        found = body_of(caught.value)[1]
        return found["error_code"], found["message"]

    with ThreadPoolExecutor(1) as pool:
        with parts.database.write() as tx:
            first[0](tx, ROOT, context, first[1])
            told = pool.submit(come_second)
            assert begun.wait(10)
            time.sleep(0.3)  # it stands before the lock by now, having found what it is about
        word, message = told.result(30)
    assert word == "RESOURCE_DOES_NOT_EXIST"
    assert "name=m" in message


def test_many_moves_of_one_version_at_once_all_succeed(parts: Clearance, mlflow: Registry) -> None:
    mlflow.create("m")
    mlflow.add("m")
    context = Context(parts.blobs, parts.gate, parts.guards, "http://clearance.test", ("clearance.test",))

    def move(stage: str) -> object:
        with parts.database.write() as tx:
            asked = {"name": "m", "version": "1", "stage": stage}
            return pointers.transition_stage(tx, ROOT, context, asked)

    with ThreadPoolExecutor(8) as pool:
        assert all(isinstance(each, dict) for each in pool.map(move, ["Archived", "None"] * 8))
    assert mlflow.get_version("m", 1).version["current_stage"] in {"Archived", "None"}


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        (models.set_model_tag, {"name": "m", **TAG}),
        (models.delete_model_tag, {"name": "m", "key": "old"}),
        (versions.set_version_tag, {**VERSION, **TAG}),
        (versions.delete_version_tag, {**VERSION, "key": "old"}),
        (pointers.delete_alias, {"name": "m", "alias": "old"}),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_many_say_of_the_same_tag_or_alias_at_once_is_no_conflict(
    parts: Clearance, mlflow: Registry, call: Any, asked: dict[str, str]
) -> None:
    mlflow.create("m", tags=[{"key": "old", "value": "v"}])
    mlflow.add("m", tags=[{"key": "old", "value": "v"}])
    mlflow.set_alias("m", "old", 1)
    context = Context(parts.blobs, parts.gate, parts.guards, "http://clearance.test", ("clearance.test",))
    together = Barrier(8)

    def say(_: int) -> object:
        together.wait(10)
        with parts.database.write() as tx:
            found = call(tx, ROOT, context, asked)
            time.sleep(0.05)  # so that the others have looked by now
            return found

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(say, range(8))) == [{}] * 8


# Search


def test_pages_follow_each_other_without_gap_or_double(mlflow: Registry) -> None:
    for number in range(7):
        mlflow.create(f"m{number}")
    seen: list[tuple[str, str | None]] = []
    token: dict[str, Any] = {}
    while True:
        page = mlflow.search("registered-models", max_results=3, order_by=["name DESC"], **token)
        seen += page.names
        if "next_page_token" not in page.body:
            break
        token = {"page_token": page.body["next_page_token"]}
    assert [name for name, _ in seen] == [f"m{number}" for number in reversed(range(7))]


def test_prompts_are_found_only_by_those_who_ask_for_them(mlflow: Registry) -> None:
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    mlflow.create("model")
    mlflow.create("prompt", tags=prompt)
    mlflow.add("prompt", "dummy-source", tags=[*prompt, {"key": "mlflow.prompt.text", "value": "Say {{x}}"}])
    assert mlflow.search("registered-models").names == [("model", None)]
    assert mlflow.search("model-versions").names == []
    asked = "tags.`mlflow.prompt.is_prompt` = 'true'"
    assert mlflow.search("registered-models", asked).names == [("prompt", None)]
    assert mlflow.search("model-versions", asked).names == [("prompt", "1")]
    assert "already taken by a prompt" in mlflow.create("prompt").body["message"]
    assert mlflow.add("model", "models:/prompt/1").word == "INVALID_PARAMETER_VALUE"


def test_nothing_is_guarded_of_a_prompt_and_it_can_not_become_a_model_that_serves(
    mlflow: Registry, parts: Clearance
) -> None:
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    mlflow.create("greet", tags=prompt)
    for _ in range(2):
        mlflow.add("greet", "prompt-template", tags=prompt)
    for alias in ("production", "staging", "champion"):
        assert mlflow.by_alias("greet", alias).status != 200
        assert mlflow.set_alias("greet", alias, 1).status == 200
        assert mlflow.by_alias("greet", alias).version["version"] == "1"
    assert mlflow.set_alias("greet", "production", 2).status == 200
    assert {each["alias"]: each["version"] for each in mlflow.get("greet").model["aliases"]} == {
        "champion": "1",
        "production": "2",
        "staging": "1",
    }
    assert mlflow.get_version("greet", 2).version["aliases"] == ["production"]
    refused = mlflow.move("greet", 1, "Production")
    assert (refused.word, refused.body["clearance"]["code"]) == ("RESOURCE_CONFLICT", "model_is_prompt")
    assert mlflow.add("greet", "s3://bucket/model").word == "INVALID_PARAMETER_VALUE"
    with parts.database.write() as tx:
        assert registry.get_model(tx, "greet").kind is ModelKind.PROMPT
        with pytest.raises(Conflict) as caught:
            registry.update_model(tx, person("ada"), "greet", ModelChange(kind=ModelKind.GENERATIVE))
    assert caught.value.code == "bad_kind"
    gone = mlflow.call("DELETE", "registered-models/alias", name="greet", alias="production")
    assert gone.status == 200
    assert mlflow.by_alias("greet", "production").status != 200


def test_a_model_can_not_become_a_prompt_by_a_tag(mlflow: Registry) -> None:
    mlflow.create("loan")
    mlflow.add("loan")
    asked = {"name": "loan", "key": "mlflow.prompt.is_prompt", "value": "true"}
    assert mlflow.call("POST", "registered-models/set-tag", **asked).status == 200
    assert mlflow.set_alias("loan", "production", 1).word == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name LIKE 'A%'", ["Ab"]),
        ("name ILIKE 'A%'", ["Ab", "a*b", "a_b", "axb"]),
        ("name LIKE 'a_b'", ["a*b", "a_b", "axb"]),
        ("name LIKE 'a*b'", ["a*b"]),
        ("name LIKE '%[x]'", ["[x]"]),
        ("name LIKE '\\%'", []),
        ("name != 'Ab' AND name NOT IN ('a*b', '[x]')", ["a_b", "axb"]),
        ("tags.k = 'v'", ["Ab", "a_b"]),
        ("tags.k != 'v'", ["axb"]),
        ("tags.k LIKE 'V%'", []),
        ("tags.k ILIKE 'V%' AND tags.j = 'w'", ["a_b"]),
        ("tags.k = 'v' AND tags.k != 'v'", []),
    ],
)
def test_the_same_filter_finds_the_same_on_both_databases(mlflow: Registry, text: str, found: list[str]) -> None:
    said = {"Ab": {"k": "v"}, "a_b": {"k": "v", "j": "w"}, "axb": {"k": "u"}, "a*b": {}, "[x]": {}}
    for name, tags in said.items():
        mlflow.create(name, tags=[{"key": key, "value": value} for key, value in tags.items()])
    assert sorted(name for name, _ in mlflow.search("registered-models", text).names) == sorted(found)


def test_a_long_list_is_searched_for(mlflow: Registry) -> None:
    mlflow.create("m")
    mlflow.add("m", run_id="r0")
    many = ", ".join(f"'r{number}'" for number in range(4000))
    assert mlflow.search("model-versions", f"run_id IN ({many})").names == [("m", "1")]


# Bad input


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "Missing value for required parameter 'name'"),
        (b"not json", "it is not JSON"),
        (b"[]", "no JSON object"),
        (b'{"name": null}', "Missing value"),
        (b'{"name": ""}', "Missing value"),
        (b'{"name": 5}', "Hint: Value was of type 'int'"),
        (b'{"name": "a\\u0000b"}', "null characters"),
        (b'{"name": "\\ud800"}', "no text in UTF-8"),
        (b'{"name": "a", "tags": {}}', "Hint: Value was of type 'dict'"),
        (b'{"name": "a", "tags": [5]}', "Invalid value"),
        (b'{"name": "a", "tags": [{"key": 5}]}', "Invalid value"),
        (b'{"name": "a", "tags": [{"key": "k", "value": {}}]}', "Invalid value"),
        (b"[" * 100_000, "can't be read"),
        (b"\xff\xfe", "can't be read"),
    ],
)
def test_a_body_that_cant_be_meant_is_refused_in_words(sqlite_mlflow: Registry, body: bytes, why: str) -> None:
    answer = sqlite_mlflow.http.post(PREFIX + "registered-models/create", content=body)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert why in answer.json()["message"]


@pytest.mark.parametrize("query", ["name=%FF", "name=a%00b", "name=a&version=1&version=2", "max_results=x", "%"])
def test_a_query_that_cant_be_meant_is_refused_in_words(sqlite_mlflow: Registry, query: str) -> None:
    http = sqlite_mlflow.http
    for path in ("model-versions/get", "registered-models/search", "registered-models/get"):
        answer = http.get(f"{PREFIX}{path}?{query}")
        assert answer.status_code in {200, 400, 404}, answer.text
        assert answer.status_code == 200 or answer.json()["error_code"].startswith(("INVALID", "RESOURCE"))


def test_a_path_or_method_that_there_is_not_is_told_in_the_words_of_the_protocol(sqlite_mlflow: Registry) -> None:
    http = sqlite_mlflow.http
    answer = http.put(PREFIX + "registered-models/create")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize("path", ["/api/2.0/mlflow/runs/create", "/api/3.0/mlflow/traces", "/api/2.0/mlflow/"])
def test_who_asks_for_runs_is_told_where_they_are(sqlite_mlflow: Registry, path: str) -> None:
    answer = sqlite_mlflow.http.post(path, content=b"{}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert "MLFLOW_TRACKING_URI" in answer.json()["message"]


def test_a_caller_who_may_not_learns_nothing_from_what_is_wrong_with_the_request(
    speak: Callable[..., Registry], sqlite_parts: Clearance
) -> None:
    assert speak(sqlite_parts, person("x", Role.VIEWER)).create("").word == "PERMISSION_DENIED"


def test_a_mistake_of_ours_is_told_as_one(sqlite_mlflow: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_carry_out", lambda *_arguments: 1 / 0)
    answer = sqlite_mlflow.call("GET", "registered-models/get", name="m")
    assert (answer.status, answer.word) == (500, "INTERNAL_ERROR")
    assert "not in your request" in answer.body["message"]


# Access


def test_every_endpoint_is_open_to_the_roles_with_its_permission_and_to_no_other(
    speak: Callable[..., Registry], sqlite_parts: Clearance
) -> None:
    for role in Role:
        mlflow = speak(sqlite_parts, person("x", role))
        for endpoint in ENDPOINTS:
            asked = {key: "x" for key, field in endpoint.fields.items() if field.required}
            answer = mlflow.call(endpoint.method, endpoint.path, **asked)
            allowed = endpoint.permission in GRANTS[role]
            assert (answer.word != "PERMISSION_DENIED") == allowed, (role, endpoint.path, answer)


def test_the_table_of_permissions_names_every_endpoint() -> None:
    assert len(routes.PERMISSIONS) == len(ENDPOINTS) == 22
    assert routes.PERMISSIONS["GET", PREFIX + "registered-models/get"] is Permission.READ


def test_a_token_is_taken_as_bearer_and_as_the_password_of_a_user(
    speak: Callable[..., Registry], sqlite_parts: Clearance
) -> None:
    with sqlite_parts.database.write() as tx:
        secret = access.issue_token(tx, ROOT, NewToken(name="ci", roles=(Role.VIEWER,))).secret
    speak(sqlite_parts).create("m")
    mlflow = speak(sqlite_parts, None)
    basic = base64.b64encode(f"anybody:{secret}".encode()).decode()
    for sent, status in (("", 401), ("Bearer clr.nobody.x", 401), (f"Bearer {secret}", 200), (f"Basic {basic}", 200)):
        mlflow.http.headers["authorization"] = sent
        answer = mlflow.get("m")
        assert answer.status == status, sent
        assert status == 200 or answer.word == "UNAUTHENTICATED"
    assert mlflow.create("n").word == "PERMISSION_DENIED"


def test_a_token_narrowed_to_a_model_reaches_that_model_only(
    speak: Callable[..., Registry], sqlite_parts: Clearance
) -> None:
    mlflow = speak(sqlite_parts)
    mlflow.create("Mine")
    mlflow.create("Theirs")
    mlflow.add("Theirs")
    narrowed = speak(sqlite_parts, replace(person("x", Role.DEVELOPER), scope=Scope(models=("mine",))))
    assert narrowed.add("Mine").status == 200
    assert narrowed.get("Mine").status == 200
    for refused in (
        narrowed.get("Theirs"),
        narrowed.add("Theirs"),
        narrowed.get("nothing"),
        narrowed.create("another"),
        narrowed.search("registered-models"),
        narrowed.add("Mine", "models:/Theirs/1"),
    ):
        assert refused.word == "PERMISSION_DENIED"


def test_what_is_asked_again_is_answered_as_it_is_now(mlflow: Registry, parts: Clearance, open_pack: None) -> None:
    mlflow.create("m")
    numbers = [add_files(parts, "m", content) for content in (b"one", b"two")]
    mlflow.set_alias("m", "shadow", numbers[0])
    for number in (*numbers, numbers[0]):
        mlflow.set_alias("m", "shadow", number)
        promote(parts, "m", number)
        for _ in range(2):
            assert mlflow.by_alias("m", "shadow").version["version"] == str(number)
            assert mlflow.get_version("m", number).version["aliases"] == ["shadow"]
            found = mlflow.search("registered-models", "name = 'm'").body["registered_models"][0]
            assert found["aliases"] == [{"alias": "shadow", "version": str(number)}]
    assert mlflow.call("DELETE", "registered-models/alias", name="m", alias="shadow").status == 200
    assert mlflow.by_alias("m", "shadow").status == 400
    assert "aliases" not in mlflow.get_version("m", numbers[0]).version


def test_what_is_asked_again_while_nothing_changed_is_not_read_again(
    sqlite_mlflow: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_mlflow.create("m")
    sqlite_mlflow.add("m")
    sqlite_mlflow.set_alias("m", "shadow", 1)
    first = sqlite_mlflow.by_alias("m", "shadow")
    with monkeypatch.context() as patched:
        patched.setattr(protocol_store, "find_by_alias", lambda *_: pytest.fail("it was read again"))
        assert sqlite_mlflow.by_alias("m", "shadow") == first
    sqlite_mlflow.add("m")
    sqlite_mlflow.set_alias("m", "shadow", 2)
    assert sqlite_mlflow.by_alias("m", "shadow").version["version"] == "2"


def test_an_address_of_files_is_told_as_each_caller_calls_the_server(
    sqlite_mlflow: Registry, sqlite_parts: Clearance
) -> None:
    sqlite_mlflow.create("m")
    number = add_files(sqlite_parts, "m")
    for host in ("one.test", "two.test", "one.test"):
        sqlite_mlflow.http.headers["host"] = host
        source = sqlite_mlflow.get_version("m", number).version["source"]
        assert source.startswith(f"http://{host}/"), source


def test_the_public_address_is_told_and_known_however_a_proxy_asks(
    speak: Callable[..., Registry], sqlite_parts: Clearance
) -> None:
    public = "https://clearance.example.com:8443"
    parts = Clearance(replace(sqlite_parts.settings, public_url=public), sqlite_parts.clock)
    try:
        spoken = speak(parts)
        spoken.http.headers["host"] = "clearance.example.com"
        spoken.create("m")
        number = add_files(parts, "m")
        told = f"{public}/api/2.0/mlflow-artifacts/artifacts/versions/m/{number}"
        assert spoken.get_version("m", number).version["source"] == told
        asked = {"name": "m", "version": str(number)}
        assert spoken.call("GET", "model-versions/get-download-uri", **asked).body["artifact_uri"] == told
        digest, _ = parts.blobs.put([b"weights"])
        with parts.database.write() as tx:
            artifacts.put(tx, ROOT, parts.blobs, "exp/1/model/weights", digest)
        for place in (public, "http://clearance.example.com", "mlflow-artifacts://clearance.example.com:8443"):
            source = f"{place}/api/2.0/mlflow-artifacts/artifacts/exp/1/model"
            made = int(spoken.add("m", source).version["version"])
            with parts.database.read() as tx:
                assert [file.sha256 for file in registry.get_version(tx, "m", made).files] == [digest], place
    finally:
        parts.close()


def test_what_one_may_read_is_not_told_to_whoever_may_not(
    speak: Callable[..., Registry], sqlite_mlflow: Registry, sqlite_parts: Clearance
) -> None:
    sqlite_mlflow.create("m")
    sqlite_mlflow.add("m")
    assert sqlite_mlflow.get_version("m", 1).version["name"] == "m"
    other = NewToken(name="other", roles=(Role.VIEWER,), scope=Scope(models=("elsewhere",)))
    with sqlite_parts.database.write() as tx:
        secret = access.issue_token(tx, ROOT, other).secret
    narrowed = speak(sqlite_parts, None)
    narrowed.http.headers["authorization"] = f"Bearer {secret}"
    assert sqlite_mlflow.get_version("m", 1).version["name"] == "m"
    assert narrowed.get_version("m", 1).word == "PERMISSION_DENIED"


def test_a_body_that_comes_with_a_get_has_the_same_limit(sqlite_mlflow: Registry, sqlite_parts: Clearance) -> None:
    body = bytes(sqlite_parts.settings.max_request_kb * 1024 + 1)
    answer = sqlite_mlflow.http.request("GET", PREFIX + "registered-models/get", content=body)
    assert answer.status_code == 413
