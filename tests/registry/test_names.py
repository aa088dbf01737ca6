"""Titles, tags, sources and tombstones: what may change around an identity, and what may not, on both databases."""

from __future__ import annotations

import pytest

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import ClearanceError, Conflict, Denied, InvalidInput, NotFound
from clearance.evidence import service as evidence
from clearance.policy import service as policy
from clearance.registry import service
from clearance.registry.model import File, Lifecycle, ModelChange, NewModel, NewVersion, VersionStatus
from clearance.registry.source import Source, SourceKind
from tests.conftest import person

ADA = person("ada")
IMAGE = "registry.example.com/scores@sha256:" + "ab" * 32


@pytest.fixture
def parts_with_model(parts: Clearance) -> Clearance:
    with parts.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name="car-loan", owner="alice"))
    return parts


def refer(parts: Clearance, source: Source) -> int:
    with parts.database.write() as tx:
        return service.register_version(tx, ADA, parts.blobs, "car-loan", NewVersion(source=source)).number


def stored(parts: Clearance, data: bytes = b"model") -> tuple[File, ...]:
    digest, size = parts.blobs.put([data])
    return (File(path="model.onnx", size=size, sha256=digest),)


def test_a_model_is_called_by_its_name_until_it_gets_a_title(parts_with_model: Clearance) -> None:
    with parts_with_model.database.write() as tx:
        assert service.find_by_title(tx, "car-loan") is not None
        service.update_model(tx, ADA, "car-loan", ModelChange(title="Car Loan"))
        found = service.find_by_title(tx, "Car Loan")
        assert found is not None
        assert (found.name, found.title) == ("car-loan", "Car Loan")
        assert service.find_by_title(tx, "car-loan") is None
        assert service.get_model(tx, "car-loan") == found


def test_two_models_are_never_called_the_same(parts_with_model: Clearance) -> None:
    with pytest.raises(Conflict) as refused, parts_with_model.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name="other", owner="alice", title="car-loan"))
    assert refused.value.code == "title_taken"
    with parts_with_model.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name="other", owner="alice"))
    with pytest.raises(Conflict), parts_with_model.database.write() as tx:
        service.update_model(tx, ADA, "other", ModelChange(title="car-loan"))


@pytest.mark.parametrize("title", ["a/b", "a:b", "x" * 256, "a\x00b"])
def test_what_is_no_title_is_refused(parts_with_model: Clearance, title: str) -> None:
    with pytest.raises(InvalidInput), parts_with_model.database.write() as tx:
        service.update_model(tx, ADA, "car-loan", ModelChange(title=title))


def test_a_deleted_model_keeps_its_name_and_versions_and_frees_its_title(parts_with_model: Clearance) -> None:
    parts = parts_with_model
    number = refer(parts, Source(kind=SourceKind.IMAGE, uri=IMAGE))
    with parts.database.write() as tx:
        service.delete_model(tx, ADA, "car-loan", "replaced")
        service.create_model(tx, ADA, NewModel(name="car-loan-2", owner="bob", title="car-loan"))
    with parts.database.read() as tx:
        old = service.get_model(tx, "car-loan")
        assert (old.title, old.lifecycle, old.lifecycle_reason) == (None, Lifecycle.RETIRED, "replaced")
        assert service.get_version(tx, "car-loan", number).status is VersionStatus.RETIRED
        new = service.find_by_title(tx, "car-loan")
        assert new is not None
        assert new.name == "car-loan-2"
        assert log.entries(tx, event=Event.MODEL_DELETED).items[0].data["title"] == "car-loan"
    with pytest.raises(Conflict, match="was deleted"), parts.database.write() as tx:
        service.delete_model(tx, ADA, "car-loan", "again")


def test_a_reference_has_no_digest_and_nothing_can_be_said_of_it_until_its_bytes_are_pinned(
    parts_with_model: Clearance,
) -> None:
    parts = parts_with_model
    number = refer(parts, Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model"))
    for attempt in (
        lambda tx: policy.decide(tx, ADA, parts.policy_engine, parts.keyring, "car-loan", number, "production"),
        lambda tx: evidence.sign_artifact(tx, ADA, parts.keyring, parts.blobs, parts.scratch(), "car-loan", number),
    ):
        with pytest.raises(Denied), parts.database.write() as tx:
            attempt(tx)
    files = stored(parts)
    with parts.database.write() as tx:
        pinned = service.pin_version(tx, ADA, parts.blobs, "car-loan", number, files)
    with parts.database.read() as tx:
        assert service.get_version(tx, "car-loan", number) == pinned
        assert log.entries(tx, event=Event.VERSION_PINNED).items[0].data["digest"] == pinned.digest
    assert pinned.files == files
    assert pinned.source.uri == "s3://bucket/model"
    with pytest.raises(Conflict) as refused, parts.database.write() as tx:
        service.pin_version(tx, ADA, parts.blobs, "car-loan", number, stored(parts, b"other"))
    assert refused.value.code == "version_pinned"


def test_several_references_to_one_place_are_several_versions(parts_with_model: Clearance) -> None:
    source = Source(kind=SourceKind.REFERENCE, uri="runs:/abc/model")
    assert [refer(parts_with_model, source) for _ in range(2)] == [1, 2]


def test_an_image_is_its_digest_and_an_endpoint_the_words_that_name_it(parts_with_model: Clearance) -> None:
    parts = parts_with_model
    endpoint = Source(kind=SourceKind.ENDPOINT, uri="https://scores.example.com/v1", revision="2026-03")
    numbers = [refer(parts, Source(kind=SourceKind.IMAGE, uri=IMAGE)), refer(parts, endpoint)]
    with parts.database.read() as tx:
        image, black_box = (service.get_version(tx, "car-loan", number) for number in numbers)
    assert image.digest == "sha256:" + "ab" * 32
    assert black_box.digest.startswith("sha256:")
    with pytest.raises(Conflict) as refused:
        refer(parts, endpoint)
    assert refused.value.code == "version_exists"


@pytest.mark.parametrize(
    "source",
    [
        Source(kind=SourceKind.REFERENCE, uri=" "),
        Source(kind=SourceKind.ENDPOINT, uri="scores.example.com"),
        Source(kind=SourceKind.ENDPOINT, uri="file:///etc/passwd"),
        Source(kind=SourceKind.IMAGE, uri="registry.example.com/scores:latest"),
        Source(kind=SourceKind.IMAGE, uri=IMAGE[:-1]),
        Source(kind=SourceKind.FILES),
    ],
)
def test_a_source_that_names_nothing_is_refused(parts_with_model: Clearance, source: Source) -> None:
    with pytest.raises(InvalidInput) as refused:
        refer(parts_with_model, source)
    assert refused.value.code in {"bad_source", "no_files"}


def test_a_reference_brings_no_files_of_its_own(parts_with_model: Clearance) -> None:
    new = NewVersion(source=Source(kind=SourceKind.REFERENCE, uri="s3://b/m"), files=stored(parts_with_model))
    with pytest.raises(InvalidInput, match="has no files here"), parts_with_model.database.write() as tx:
        service.register_version(tx, ADA, parts_with_model.blobs, "car-loan", new)


def test_the_same_bytes_become_another_version_only_when_that_is_asked_for(parts_with_model: Clearance) -> None:
    parts = parts_with_model
    new = NewVersion(files=stored(parts))
    with parts.database.write() as tx:
        first = service.register_version(tx, ADA, parts.blobs, "car-loan", new)
        second = service.register_version(tx, ADA, parts.blobs, "car-loan", new, again=True)
    assert (first.number, second.number, second.digest) == (1, 2, first.digest)
    with pytest.raises(Conflict), parts.database.write() as tx:
        service.register_version(tx, ADA, parts.blobs, "car-loan", new)


def test_a_tombstone_keeps_what_is_known_and_can_never_be_used(parts_with_model: Clearance) -> None:
    parts = parts_with_model
    number = refer(parts, Source(kind=SourceKind.IMAGE, uri=IMAGE))
    with parts.database.write() as tx:
        deleted = service.delete_version(tx, ADA, "car-loan", number, "wrong image")
    assert deleted.status is VersionStatus.DELETED
    assert deleted.digest
    with pytest.raises(Conflict) as refused, parts.database.write() as tx:
        service.release_version(tx, ADA, "car-loan", number, "changed my mind")
    assert "register a new version" in refused.value.hint


@pytest.mark.parametrize("number", [None, 1])
def test_tags_come_change_and_go_and_the_log_knows(parts_with_model: Clearance, number: int | None) -> None:
    parts = parts_with_model
    refer(parts, Source(kind=SourceKind.IMAGE, uri=IMAGE))
    with parts.database.write() as tx:
        service.set_tag(tx, ADA, "car-loan", number, "stage/area", "credit")
        service.set_tag(tx, ADA, "car-loan", number, "stage/area", "x" * 501)
        assert service.tags(tx, "car-loan", number) == {"stage/area": "x" * 501}
        service.delete_tag(tx, ADA, "car-loan", number, "stage/area")
        assert service.tags(tx, "car-loan", number) == {}
    with parts.database.read() as tx:
        subject = "model/car-loan" if number is None else "model/car-loan/1"
        short, long = (entry for entry in reversed(log.entries(tx, event=Event.TAG_SET).items))
        assert (short.subject, short.data["value"]) == (subject, "credit")
        assert "value" not in long.data
    with pytest.raises(NotFound), parts.database.write() as tx:
        service.delete_tag(tx, ADA, "car-loan", number, "stage/area")


@pytest.mark.parametrize(("key", "value"), [("", "x"), ("k" * 251, "x"), ("k", "x" * 100_001), ("k\x00", "x")])
def test_what_is_no_tag_is_refused(parts_with_model: Clearance, key: str, value: str) -> None:
    with pytest.raises(ClearanceError) as refused, parts_with_model.database.write() as tx:
        service.set_tag(tx, ADA, "car-loan", None, key, value)
    assert refused.value.code == "bad_text"
