"""Garbage collection: what anything needs stays, whatever happens at the same time."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from clearance.access.model import Role
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.errors import Conflict, Forbidden, InvalidInput
from clearance.registry import service
from clearance.registry.artifacts import collection
from clearance.registry.artifacts.model import Collected, Collection
from clearance.registry.model import DatasetRole, DatasetUse, File, NewVersion, Provenance
from clearance.values import digest_of, sha256
from tests.conftest import START, person
from tests.registry.test_service import ADA, create, register, register_data
from tests.registry.test_uploads import begin, caller, send


def put(parts: Clearance, data: bytes) -> str:
    return parts.blobs.put([data])[0]


def pass_days(clock: FixedClock, days: float) -> None:
    """Move the clock so many days past now: the store tells by its own clock when a blob was put there."""
    clock.advance(datetime.now(UTC) - clock.now() + timedelta(days=days))


def collect(parts: Clearance, **how: float) -> Collected:
    which = replace(Collection(), **how)  # type: ignore[arg-type]
    return collection.collect(parts.database, ADA, parts.settings, parts.blobs, parts.needed_blobs, which)


def test_only_what_nothing_needs_is_removed_and_the_log_says_so(shelved: Clearance, clock: FixedClock) -> None:
    create(shelved)
    dataset = register_data(shelved)
    only_named = put(shelved, b"a dataset that nobody registered")
    used = DatasetUse(role=DatasetRole.TRAINING, digest=only_named)
    versions = [register(shelved, data) for data in (b"one", b"two", b"three")]
    register(shelved, b"four", provenance=Provenance(datasets=(used,)))
    with shelved.database.write() as tx:
        service.retire_version(tx, ADA, "car-loan", 1, "old")
        service.delete_version(tx, ADA, "car-loan", 2, "wrong")
        service.quarantine_version(tx, ADA, "car-loan", 3, "odd")
    unneeded = sorted(put(shelved, data) for data in (b"half a version", b"never registered"))
    pass_days(clock, 2)
    planned = collect(shelved, dry_run=True)
    assert (planned.removed, planned.removed_bytes, planned.dry_run) == (2, 30, True)
    assert all(map(shelved.blobs.has, unneeded))
    done = collect(shelved)
    assert done == replace(planned, dry_run=False)
    assert not any(map(shelved.blobs.has, unneeded))
    for digest in (dataset.digest, only_named, sha256(b"four"), *(version.files[0].sha256 for version in versions)):
        assert shelved.blobs.verify(digest)
    with shelved.database.read() as tx:
        leaf = log.entries(tx, event=Event.ARTIFACTS_COLLECTED).items[0]
    assert leaf.actor == ADA.name
    assert leaf.data == {"count": 2, "bytes": 30, "digests": digest_of(unneeded), "older_than_hours": 24}
    assert collect(shelved).removed == 0
    with shelved.database.read() as tx:
        assert len(log.entries(tx, event=Event.ARTIFACTS_COLLECTED).items) == 1


def test_what_is_young_or_was_asked_about_lately_stays(shelved: Clearance, clock: FixedClock) -> None:
    asked, young = put(shelved, b"asked about"), sha256(b"young")
    pass_days(clock, 2)
    with caller(shelved) as client:
        assert client.http.post("/missing-blobs", dict, {"digests": [asked, young]})["digests"] == [young]
    assert collect(shelved).young == 1
    assert shelved.blobs.has(asked)
    pass_days(clock, 2.5)
    assert collect(shelved, older_than_hours=13).young == 1
    pass_days(clock, 4)
    assert collect(shelved).removed == 1
    put(shelved, b"young")
    pass_days(clock, 0.5)
    assert (collect(shelved).young, shelved.blobs.has(young)) == (1, True)


def test_a_blob_that_is_claimed_between_search_and_removal_stays(shelved: Clearance, clock: FixedClock) -> None:
    create(shelved)
    file = File(path="model.onnx", size=5, sha256=put(shelved, b"model"))
    pass_days(clock, 2)

    def register_meanwhile(tx: object) -> list[str]:
        with shelved.database.write() as own:
            service.register_version(own, ADA, shelved.blobs, "car-loan", NewVersion(files=(file,)))
        return []

    # Asked what it needs, the room names nothing: its snapshot is older than the version that is registered just then.
    done = collection.collect(shelved.database, ADA, shelved.settings, shelved.blobs, register_meanwhile, Collection())
    assert done.removed == 0
    assert shelved.blobs.verify(file.sha256) == 5


def test_no_version_is_ever_left_without_its_bytes(shelved: Clearance, clock: FixedClock) -> None:
    """Many register what a collection is about to remove; each either has its bytes afterwards, or was refused."""
    create(shelved)
    files = [File(path="f", size=3, sha256=put(shelved, f"{n:03}".encode())) for n in range(60)]
    pass_days(clock, 2)
    failed: list[BaseException] = []
    refused: list[str] = []
    start = threading.Barrier(5)

    def guarded(action: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            start.wait()
            try:
                action()
            except BaseException as error:  # noqa: BLE001  # looked at below
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def register_some() -> None:
        for file in random.Random(1).sample(files, 25):
            try:
                with shelved.database.write() as tx:
                    new = NewVersion(files=(file,))
                    service.register_version(tx, ADA, shelved.blobs, "car-loan", new, again=True)
            except Conflict as error:
                refused.append(error.code)

    def collect_twice() -> None:
        collect(shelved)
        collect(shelved)

    threads = [
        guarded(action) for action in (register_some, register_some, register_some, collect_twice, collect_twice)
    ]
    for thread in threads:
        thread.join()
    assert failed == []
    with shelved.database.read() as tx:
        versions = service.list_versions(tx, "car-loan", limit=1000).items
    for version in versions:
        assert shelved.blobs.verify(version.files[0].sha256) == 3
    assert set(refused) <= {"blobs_missing"}
    assert len(versions) + len(refused) == 75


def test_an_unfinished_upload_stays_until_its_time_is_over(shelved: Clearance, clock: FixedClock) -> None:
    clock.advance(datetime.now(UTC) - START)
    with caller(shelved) as client:
        place, _ = begin(client, sha256(b"content"), 7)
        send(client, place, 0, b"con")
        clock.advance(timedelta(hours=12))
        assert collect(shelved, older_than_hours=2).uploads == 0
        assert send(client, place, 3, b"tent") == 7
        assert collect(shelved, older_than_hours=2).removed == 0
        begin(client, sha256(b"another"), 7)
        clock.advance(timedelta(days=2))
        done = collect(shelved)
    assert (done.uploads, done.removed) == (1, 1)
    assert list(shelved.blobs.pieces()) == []


@pytest.mark.parametrize("hours", [0, 0.99, -1, float("nan")])
def test_what_came_within_the_hour_is_never_removed(sqlite_parts: Clearance, hours: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        collect(sqlite_parts, older_than_hours=hours)
    assert caught.value.code == "too_young"


def test_every_blob_that_is_named_anywhere_in_the_database_is_needed(
    sqlite_parts: Clearance, clock: FixedClock, client: Client
) -> None:
    """A room that keeps digests of blobs and has no keeper in app.py is found here, once a test below makes it keep one."""
    create(sqlite_parts)
    dataset = register_data(sqlite_parts)
    register(
        sqlite_parts,
        b"model",
        provenance=Provenance(datasets=(DatasetUse(role=DatasetRole.TEST, digest=dataset.digest),)),
    )
    client.evidence.sign("car-loan", 1)
    stored = {blob.digest for blob in sqlite_parts.blobs.blobs()}
    own = {"artifact_claims", "artifact_uploads"}
    named: set[str] = set()
    with sqlite_parts.database.read() as tx:
        needed = set(sqlite_parts.needed_blobs(tx))
        tables = sa.MetaData()
        tables.reflect(tx.connection)
        for table in tables.sorted_tables:
            if table.name not in own:
                for row in tx.execute(sa.select(table)):
                    named |= set(re.findall("sha256:[0-9a-f]{64}", str(tuple(row))))
    assert stored & named == stored
    assert stored & named <= needed


def test_who_collects_and_inspects_needs_the_permission(
    as_user: Callable[..., Client], sqlite_parts: Clearance
) -> None:
    developer, admin = as_user(person("dora", Role.DEVELOPER)), as_user(person("ada"))
    for refused in (developer.artifacts.collect, lambda: list(developer.artifacts.inspect())):
        with pytest.raises(Forbidden):
            refused()
    put(sqlite_parts, b"unneeded")
    assert (developer.artifacts.usage().blobs, developer.artifacts.usage().unneeded_bytes) == (1, 8)
    assert admin.artifacts.collect().young == 1


def test_an_inspection_names_what_is_gone_or_changed(shelved: Clearance) -> None:
    create(shelved)
    versions = [register(shelved, str(number).encode()) for number in range(120)]
    shelved.blobs.remove(gone := versions[0].files[0].sha256)
    with caller(shelved) as client:
        found = list(client.artifacts.inspect())
        assert sum(part.checked for part in found) == 120
        assert [fault.digest for part in found for fault in part.faults] == [gone]
