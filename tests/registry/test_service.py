"""The use cases of the registry, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from clearance.access.model import Principal
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import ClearanceError, Conflict, InvalidInput, NotFound
from clearance.registry import dataset_file, service
from clearance.registry.contract import Datatype, Field, ModelContract
from clearance.registry.model import (
    Code,
    Dataset,
    DatasetRole,
    DatasetUse,
    File,
    Lifecycle,
    ModelChange,
    NewModel,
    NewVersion,
    Provenance,
    Risk,
    Version,
    VersionStatus,
)
from clearance.values import sha256
from tests.conftest import START, person

ADA = person("ada")
CSV = b"at,amount\n2026-01-01 00:00:00,1\n2026-01-04 12:00:00,2\n"
CONTRACT = ModelContract(
    inputs=(Field(name="amount", datatype=Datatype.FP32, minimum=0.1, categories=None),),
    outputs=(Field(name="label", datatype=Datatype.INT64, categories=(0, 1)),),
)


def stored(parts: Clearance, path: str, data: bytes) -> File:
    digest, size = parts.blobs.put([data])
    return File(path=path, size=size, sha256=digest)


def create(parts: Clearance, name: str = "car-loan", **more: str) -> None:
    with parts.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name=name, owner="alice", **more))  # type: ignore[arg-type]


def register(
    parts: Clearance,
    data: bytes = b"model",
    model: str = "car-loan",
    provenance: Provenance | None = None,
    contract: ModelContract | None = None,
    caller: Principal = ADA,
) -> Version:
    new = NewVersion(
        files=(stored(parts, "model.onnx", data),), provenance=provenance or Provenance(), contract=contract
    )
    with parts.database.write() as tx:
        return service.register_version(tx, caller, parts.blobs, model, new)


def register_data(parts: Clearance, data: bytes = CSV, name: str = "loans", time_column: str | None = "at") -> Dataset:
    contents = dataset_file.inspect(parts.blobs, parts.blobs.put([data])[0], time_column)
    with parts.database.write() as tx:
        return service.register_dataset(tx, ADA, contents, name=name)


def events(parts: Clearance, subject: str) -> list[str]:
    with parts.database.read() as tx:
        return [entry.event for entry in reversed(log.entries(tx, subject=subject).items)]


def together(count: int, action: Callable[[int], object]) -> list[ClearanceError]:
    """Run an action in many threads at once; return what they were refused with."""
    refused: list[ClearanceError] = []
    gate = threading.Barrier(count)

    def run(index: int) -> None:
        gate.wait()
        try:
            action(index)
        except ClearanceError as error:
            refused.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_a_model_is_kept_as_it_was_given(parts: Clearance) -> None:
    new = NewModel(name="car-loan", owner="alice", team="credit", purpose="Grant\nloans – fairly", risk=Risk.FULL)
    with parts.database.write() as tx:
        made = service.create_model(tx, ADA, new)
    with parts.database.read() as tx:
        assert service.get_model(tx, "car-loan") == made
    assert (made.created_at, made.created_by, made.risk) == (START, "user:ada", Risk.FULL)
    assert events(parts, "model/car-loan") == [Event.MODEL_CREATED]


@pytest.mark.parametrize(
    "new",
    [
        NewModel(name="Car Loan", owner="alice"),
        NewModel(name="car-loan", owner=" "),
        NewModel(name="car-loan", owner="a\x00b"),
        NewModel(name="car-loan", owner="alice", team="x" * 256),
        NewModel(name="car-loan", owner="alice", lifecycle=Lifecycle.RETIRED),
    ],
)
def test_a_model_that_cannot_be_is_refused_and_nothing_is_written(parts: Clearance, new: NewModel) -> None:
    with pytest.raises((InvalidInput, Conflict)), parts.database.write() as tx:
        service.create_model(tx, ADA, new)
    with parts.database.read() as tx:
        assert service.list_models(tx).items == ()
    assert events(parts, "model/car-loan") == []


def test_a_name_is_given_once_also_when_many_ask_at_the_same_time(parts: Clearance) -> None:
    refused = together(6, lambda _: create(parts))
    assert [error.code for error in refused] == ["model_exists"] * 5
    assert events(parts, "model/car-loan") == [Event.MODEL_CREATED]


@pytest.mark.parametrize("name", ["unknown", "../etc", "a\x00b", "x" * 5000, "\ud800"])
def test_an_unknown_model_is_not_found_whatever_its_name(parts: Clearance, name: str) -> None:
    with parts.database.read() as tx:
        for read in (
            lambda: service.get_model(tx, name),
            lambda: service.get_version(tx, name, 1),
            lambda: service.list_versions(tx, name),
        ):
            with pytest.raises(NotFound) as caught:
                read()
            assert caught.value.code == "model_not_found"


def test_models_are_listed_page_by_page(parts: Clearance) -> None:
    for name in ("c", "a", "b"):
        create(parts, name)
    with parts.database.read() as tx:
        first = service.list_models(tx, limit=2)
        second = service.list_models(tx, limit=2, cursor=first.next)
        assert [model.name for model in (*first.items, *second.items)] == ["a", "b", "c"]
        assert second.next is None
        with pytest.raises(InvalidInput):
            service.list_models(tx, cursor="No Cursor")


def test_a_model_changes_only_in_what_is_given(parts: Clearance) -> None:
    create(parts, team="credit")
    with parts.database.write() as tx:
        changed = service.update_model(tx, ADA, "car-loan", ModelChange(owner="bob", on_call="carol"))
    assert (changed.owner, changed.on_call, changed.team) == ("bob", "carol", "credit")
    with parts.database.write() as tx:
        assert service.update_model(tx, ADA, "car-loan", ModelChange(owner="bob")) == changed
    assert events(parts, "model/car-loan") == [Event.MODEL_CREATED, Event.MODEL_UPDATED]


def test_retiring_a_model_needs_a_reason_and_retires_its_versions(parts: Clearance) -> None:
    create(parts)
    register(parts, b"1")
    register(parts, b"2")
    with pytest.raises(InvalidInput), parts.database.write() as tx:
        service.update_model(tx, ADA, "car-loan", ModelChange(lifecycle=Lifecycle.RETIRED))
    with parts.database.write() as tx:
        change = ModelChange(lifecycle=Lifecycle.RETIRED, reason="replaced")
        assert service.update_model(tx, ADA, "car-loan", change).lifecycle_reason == "replaced"
    with parts.database.read() as tx:
        statuses = {version.status for version in service.list_versions(tx, "car-loan").items}
    assert statuses == {VersionStatus.RETIRED}
    with pytest.raises(Conflict, match="replaced") as caught:
        register(parts, b"3")
    assert caught.value.code == "model_retired"
    assert events(parts, "model/car-loan/1") == [Event.VERSION_REGISTERED, Event.VERSION_RETIRED]


def test_a_version_is_kept_exactly_as_it_was_registered(parts: Clearance) -> None:
    create(parts)
    story = Provenance(
        code=Code(repository="r", commit="c", dirty=True),
        parameters={"rate": 1e22, "deep": {"list": [1, 2.0, None, "\u0000"]}},
        metrics={"auc": 0.1 + 0.2},
        environment={"numpy": "2.1"},
        trainer="alice",
    )
    made = register(parts, provenance=story, contract=CONTRACT)
    with parts.database.read() as tx:
        assert service.get_version(tx, "car-loan", 1) == made
        assert service.versions_with_digest(tx, made.digest) == (made,)
    assert (made.number, made.status, made.provenance, made.contract) == (1, "registered", story, CONTRACT)


def test_the_same_bytes_are_the_same_version(parts: Clearance) -> None:
    create(parts)
    create(parts, "other")
    register(parts)
    with pytest.raises(Conflict) as caught:
        register(parts, provenance=Provenance(trainer="somebody else"))
    assert caught.value.code == "version_exists"
    assert caught.value.details["number"] == 1
    assert register(parts, model="other").number == 1
    assert register(parts, b"changed").number == 2


def test_bytes_of_a_deleted_version_may_become_another_one(parts: Clearance) -> None:
    create(parts)
    first = register(parts)
    with parts.database.write() as tx:
        service.delete_version(tx, ADA, "car-loan", 1, "by mistake")
    again = register(parts)
    assert (again.number, again.digest, again.status) == (2, first.digest, VersionStatus.REGISTERED)
    with pytest.raises(Conflict, match=r"car-loan/2 is these bytes already$"):
        register(parts)


@pytest.mark.parametrize(
    ("stop", "says", "hint"),
    [
        (service.quarantine_version, "quarantined: leaked", "`clearance versions release car-loan 1 --reason WHY`"),
        (service.retire_version, "retired: leaked", "final: register other bytes"),
    ],
)
def test_bytes_of_a_version_that_was_stopped_are_refused_with_its_status(
    parts: Clearance, stop: Callable[..., Version], says: str, hint: str
) -> None:
    create(parts)
    register(parts)
    with parts.database.write() as tx:
        stop(tx, ADA, "car-loan", 1, "leaked")
    with pytest.raises(Conflict, match=f"is these bytes already, and it is {says}") as caught:
        register(parts)
    assert (caught.value.code, caught.value.details["status"]) == ("version_exists", says.partition(":")[0])
    assert hint in caught.value.hint
    assert "use car-loan/1" not in caught.value.hint


def test_missing_bytes_are_all_named_and_nothing_is_registered(parts: Clearance) -> None:
    create(parts)
    files = (stored(parts, "a", b"a"), *(File(path=p, size=1, sha256=sha256(p.encode())) for p in "bcdef"))
    with pytest.raises(Conflict, match="b, c, d and 2 more") as caught, parts.database.write() as tx:
        service.register_version(tx, ADA, parts.blobs, "car-loan", NewVersion(files=files))
    assert caught.value.code == "blobs_missing"
    assert [missing["path"] for missing in caught.value.details["missing"]] == list("bcdef")
    with parts.database.read() as tx:
        assert service.list_versions(tx, "car-loan").items == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"files": (File(path="a", size=2, sha256=sha256(b"a")),)}, "bad_size"),
        ({"files": (File(path="../a", size=1, sha256=sha256(b"a")),)}, "bad_path"),
        ({"contract": ModelContract(inputs=())}, "bad_contract"),
        ({"provenance": Provenance(parents=("car-loan/7",))}, "parent_not_found"),
        ({"provenance": Provenance(metrics={"auc": float("nan")})}, "bad_provenance"),
    ],
)
def test_a_version_that_cannot_be_meant_is_refused(parts: Clearance, change: dict[str, object], code: str) -> None:
    create(parts)
    new = replace(NewVersion(files=(stored(parts, "a", b"a"),)), **change)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as caught, parts.database.write() as tx:
        service.register_version(tx, ADA, parts.blobs, "car-loan", new)
    assert caught.value.code == code
    assert events(parts, "model/car-loan/1") == []


def test_versions_registered_at_the_same_time_get_numbers_of_their_own(parts: Clearance) -> None:
    create(parts)
    refused = together(12, lambda index: register(parts, f"model {index}".encode()))
    assert refused == []
    with parts.database.read() as tx:
        numbers = [version.number for version in service.list_versions(tx, "car-loan").items]
    assert numbers == list(range(12, 0, -1))


def test_the_same_bytes_registered_at_the_same_time_become_one_version(parts: Clearance) -> None:
    create(parts)
    refused = together(8, lambda _: register(parts))
    assert [error.code for error in refused] == ["version_exists"] * 7
    with parts.database.read() as tx:
        assert len(service.list_versions(tx, "car-loan").items) == 1


def test_versions_are_listed_newest_first_page_by_page(parts: Clearance) -> None:
    create(parts)
    for index in range(3):
        register(parts, str(index).encode())
    with parts.database.read() as tx:
        first = service.list_versions(tx, "car-loan", limit=2)
        second = service.list_versions(tx, "car-loan", limit=2, cursor=first.next)
        assert [version.number for version in (*first.items, *second.items)] == [3, 2, 1]
        for cursor in ("x", "-1", "1" * 30):
            with pytest.raises(InvalidInput):
                service.list_versions(tx, "car-loan", cursor=cursor)


@pytest.mark.parametrize("number", [0, -1, 2, 2**31, 2**80])
def test_a_version_that_is_not_there_is_not_found(parts: Clearance, number: int) -> None:
    create(parts)
    register(parts)
    with parts.database.read() as tx, pytest.raises(NotFound) as caught:
        service.get_version(tx, "car-loan", number)
    assert caught.value.code == "version_not_found"
    assert caught.value.hint == "its newest is 1"


def test_a_version_is_quarantined_released_and_retired_with_reasons(parts: Clearance) -> None:
    create(parts)
    made = register(parts)
    for action, status, reason in (
        (service.quarantine_version, VersionStatus.QUARANTINED, "suspicious"),
        (service.release_version, VersionStatus.REGISTERED, "looked at"),
        (service.retire_version, VersionStatus.RETIRED, "old"),
    ):
        with pytest.raises(InvalidInput), parts.database.write() as tx:
            action(tx, ADA, "car-loan", 1, "")
        with parts.database.write() as tx:
            assert action(tx, ADA, "car-loan", 1, reason) == replace(made, status=status, status_reason=reason)
    with pytest.raises(Conflict), parts.database.write() as tx:
        service.release_version(tx, ADA, "car-loan", 1, "again")
    assert events(parts, "model/car-loan/1") == [
        Event.VERSION_REGISTERED,
        Event.VERSION_QUARANTINED,
        Event.VERSION_RELEASED,
        Event.VERSION_RETIRED,
    ]


def test_a_dataset_is_kept_as_its_bytes_describe_it(parts: Clearance) -> None:
    made = register_data(parts)
    assert (made.rows, made.name, made.created_by) == (2, "loans", "user:ada")
    with parts.database.read() as tx:
        assert service.get_dataset(tx, made.digest) == made
    assert register_data(parts) == made
    assert events(parts, f"dataset/{made.digest}") == [Event.DATASET_REGISTERED]


def test_a_dataset_keeps_its_first_name(parts: Clearance) -> None:
    register_data(parts)
    for name, time_column in (("other", "at"), ("loans", None)):
        with pytest.raises(Conflict) as caught:
            register_data(parts, name=name, time_column=time_column)
        assert caught.value.code == "dataset_exists"
    with pytest.raises(InvalidInput):
        register_data(parts, b"a\n1\n", name="", time_column=None)


def test_a_dataset_registered_by_many_at_the_same_time_is_there_once(parts: Clearance) -> None:
    refused = together(6, lambda _: register_data(parts))
    assert {error.code for error in refused} <= {"dataset_exists"}
    with parts.database.read() as tx:
        made = service.list_datasets(tx).items
    assert len(made) == 1
    assert events(parts, f"dataset/{made[0].digest}") == [Event.DATASET_REGISTERED]


def test_datasets_are_listed_page_by_page(parts: Clearance) -> None:
    made = {register_data(parts, f"a\n{index}\n".encode(), time_column=None).digest for index in range(3)}
    with parts.database.read() as tx:
        first = service.list_datasets(tx, limit=2)
        second = service.list_datasets(tx, limit=2, cursor=first.next)
        assert {dataset.digest for dataset in (*first.items, *second.items)} == made
        assert len(first.items) == 2
        assert second.next is None
        for cursor in ("x", sha256(b"unknown")):
            with pytest.raises(InvalidInput):
                service.list_datasets(tx, cursor=cursor)


def test_lineage_reaches_all_the_way_up_and_down(parts: Clearance) -> None:
    data = register_data(parts)
    create(parts)
    create(parts, "ensemble")
    uses = (
        DatasetUse(role=DatasetRole.TRAINING, digest=data.digest),
        DatasetUse(role=DatasetRole.TEST, digest=sha256(b"elsewhere"), name="elsewhere"),
    )
    code = Code(repository="https://example.org/r", commit="a" * 40, dirty=True)
    register(parts, b"1", provenance=Provenance(datasets=uses, code=code))
    register(parts, b"2", provenance=Provenance(parents=("car-loan/1",)))
    register(parts, b"3", "ensemble", Provenance(parents=("car-loan/1", "car-loan/2")))
    register(parts, b"4", "ensemble", Provenance(parents=("ensemble/1",)))
    with parts.database.read() as tx:
        middle = service.lineage(tx, "car-loan", 2)
        top = service.lineage(tx, "car-loan", 1)
        bottom = service.lineage(tx, "ensemble", 2)
    nodes = {node.id: node for node in middle.nodes}
    assert middle.root == "model/car-loan/2"
    assert nodes[f"dataset/{data.digest}"].facts["rows"] == 2
    assert nodes[f"dataset/{sha256(b'elsewhere')}"].facts == {"registered": False}
    assert nodes[f"code/https://example.org/r@{'a' * 40}"].label == "https://example.org/r@aaaaaaaaaaaa (dirty)"
    assert {(e.source, e.target) for e in middle.edges if e.relation == "parent"} == {
        ("model/car-loan/1", "model/car-loan/2"),
        ("model/car-loan/2", "model/ensemble/1"),
        ("model/ensemble/1", "model/ensemble/2"),
    }
    versions = {"model/car-loan/1", "model/car-loan/2", "model/ensemble/1", "model/ensemble/2"}
    for found in (top, bottom):
        assert {node.id for node in found.nodes if node.kind == "version"} == versions
    assert len([edge for edge in bottom.edges if edge.relation == "parent"]) == 4


def test_completeness_knows_which_datasets_are_registered(parts: Clearance) -> None:
    create(parts)
    data = register_data(parts)
    uses = (
        DatasetUse(role=DatasetRole.TRAINING, digest=data.digest),
        DatasetUse(role=DatasetRole.TEST, digest=sha256(b"x"), name="holdout"),
    )
    register(parts, provenance=Provenance(datasets=uses, trainer="ada"))
    with parts.database.read() as tx:
        found = service.completeness(tx, "car-loan", 1)
    assert found.missing == ("registration of holdout", "code commit", "parameters", "environment lock", "metrics")
