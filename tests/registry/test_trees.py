"""One file of a version is found as fast among thousands as among ten, by whichever route it is asked for."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from clearance.app import Clearance
from clearance.client.client import Client
from clearance.errors import NotFound
from clearance.registry import service, trees
from clearance.registry.model import File, NewModel, NewVersion, Version
from clearance.registry.source import Source, SourceKind
from tests.conftest import person

ADA = person("ada")
_HELD = "/api/2.0/mlflow-artifacts/artifacts/versions"


def register(parts: Clearance, model: str, **files: bytes) -> Version:
    made = tuple(
        File(path=f"{name}.bin", size=size, sha256=digest)
        for name, (digest, size) in ((name, parts.blobs.put([data])) for name, data in files.items())
    )
    with parts.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name=model, owner="ada"))
        return service.register_version(tx, ADA, parts.blobs, model, NewVersion(files=made))


def paths(parts: Clearance, model: str) -> list[str]:
    with parts.database.read() as tx:
        return list(service.get_tree(tx, model, 1).files)


def test_the_list_of_files_is_read_once_for_all_files_and_versions_that_are_the_same_bytes(
    sqlite_parts: Clearance, client: Client
) -> None:
    for model in ("loans", "copies"):
        register(sqlite_parts, model, one=b"read once, one", two=b"read once, two")
    asked: list[str] = []

    @sa.event.listens_for(sqlite_parts.database.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    for model in ("loans", "copies"):
        for name in ("one", "two"):
            got: list[bytes] = []
            client.http.download(f"/models/{model}/versions/1/files/{name}.bin", got.append)
            assert b"".join(got) == f"read once, {name}".encode()
            answer = client.http.client.get(f"{_HELD}/{model}/1/{name}.bin")
            assert answer.content == f"read once, {name}".encode()
    listed = client.http.client.get("/api/2.0/mlflow-artifacts/artifacts", params={"path": "versions/loans/1"})
    assert [each["path"] for each in listed.json()["files"]] == ["one.bin", "two.bin"]
    read = [statement for statement in asked if "registry_versions.files" in statement]
    assert len(read) == 1, read


def test_a_file_a_version_or_a_model_that_is_not_there_is_said_to_be_missing(
    sqlite_parts: Clearance, client: Client
) -> None:
    register(sqlite_parts, "loans", one=b"1")
    for path, code in (
        ("/models/loans/versions/1/files/other", "file_not_found"),
        ("/models/loans/versions/2/files/one.bin", "version_not_found"),
        ("/models/loans/versions/99999999999/files/one.bin", "version_not_found"),
        ("/models/none/versions/1/files/one.bin", "model_not_found"),
    ):
        with pytest.raises(NotFound) as refused:
            client.http.download(path, lambda _chunk: None)
        assert refused.value.code == code


def test_a_black_box_that_is_named_by_the_digest_of_files_does_not_hide_them(parts: Clearance) -> None:
    held = register(parts, "loans", one=b"never hidden")
    with parts.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name="box", owner="eve"))
        source = Source(kind=SourceKind.IMAGE, uri=f"registry.example/box@{held.digest}")
        box = service.register_version(tx, ADA, parts.blobs, "box", NewVersion(source=source))
    assert box.digest == held.digest
    assert paths(parts, "box") == []
    assert paths(parts, "loans") == ["one.bin"]
    assert paths(parts, "box") == [], "nor does it get them"


def test_a_version_that_is_pinned_has_its_files_from_then_on(parts: Clearance) -> None:
    with parts.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name="loans", owner="ada"))
        source = Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model")
        service.register_version(tx, ADA, parts.blobs, "loans", NewVersion(source=source))
    assert paths(parts, "loans") == []
    digest, size = parts.blobs.put([b"pinned"])
    with parts.database.write() as tx:
        service.pin_version(tx, ADA, parts.blobs, "loans", 1, (File(path="m", size=size, sha256=digest),))
    assert paths(parts, "loans") == ["m"]


def test_only_as_many_files_are_kept_as_fit_and_the_newest_always() -> None:
    kept = trees._Kept(5)
    read: list[str] = []

    def get(digest: str, count: int) -> int:
        def files() -> dict[str, File]:
            read.append(digest)
            return {str(n): File(path=str(n), size=1, sha256=digest) for n in range(count)}

        return len(kept.get(digest, files))

    for digest, count in (("a", 2), ("b", 2), ("a", 2), ("c", 2), ("a", 2), ("b", 2), ("big", 9), ("big", 9), ("a", 2)):
        assert get(digest, count) == count
    assert read == ["a", "b", "c", "b", "big", "a"]
