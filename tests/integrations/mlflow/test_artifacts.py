"""Artifacts: MLflow's clients put them under paths and get them back, and nothing gets past the paths."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.access.model import Principal, Role, Scope, TeamRole
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.errors import Conflict, InvalidInput, NotFound
from clearance.integrations.mlflow.artifacts import model, service
from clearance.registry.artifacts import collection
from clearance.registry.model import File
from tests.conftest import person
from tests.integrations.mlflow.calls import registry_of

ROOT = "/api/2.0/mlflow-artifacts/artifacts"
ADA = person("ada")
LOGGED = "m-" + "0123456789abcdef" * 2


def put(parts: Clearance, path: str, content: bytes) -> model.Artifact:
    digest, _ = parts.blobs.put([content])
    with parts.database.write() as tx:
        return service.put(tx, ADA, parts.blobs, path, digest)


def held(parts: Clearance, uri: str, *hosts: str) -> tuple[File, ...]:
    with parts.database.read() as tx:
        return service.held(tx, uri, hosts)


def names(parts: Clearance, folder: str) -> list[str]:
    with parts.database.read() as tx:
        return [info.path + "/" * info.is_dir for info in service.listing(tx, ADA, folder).files]


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.fixture
def http(client: Client) -> httpx.Client:
    return client.http.client


# Paths


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../secret",
        "a/../../b",
        "a/./b",
        "a//b",
        "a/",
        "a\\b",
        "C:/windows",
        "nul\0byte",
        "line\nbreak",
        "%2e%2e/secret",
        "%252e%252e/secret",
        "a%2f..%2fb",
        "a%00b",
        "file:///etc/passwd",
        "a#b",
        "x" * 256,
        "/".join(["ü" * 100] * 6),
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        model.check_path(path)
    assert caught.value.code == "bad_path"


@given(st.text(min_size=1, max_size=40))
def test_whatever_path_is_taken_is_plain_however_it_is_decoded(text: str) -> None:
    try:
        model.check_path(text)
    except InvalidInput:
        return
    from urllib.parse import unquote

    for read in (text, unquote(text), unquote(unquote(text))):
        assert not read.startswith("/")
        assert ".." not in read.split("/")
        assert "\\" not in read
        assert "\0" not in read


def test_nobody_writes_where_the_files_of_versions_are_read() -> None:
    with pytest.raises(InvalidInput, match="they never change"):
        model.check_writable("versions/car-loan/1/model.onnx")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("mlflow-artifacts:/1/abc/artifacts/model", "1/abc/artifacts/model"),
        ("mlflow-artifacts://here:5000/1/abc", "1/abc"),
        ("mlflow-artifacts://elsewhere/1/abc", None),
        ("http://here:5000/api/2.0/mlflow-artifacts/artifacts/1/a%20b/", "1/a b"),
        ("https://user:secret@here:5000/api/2.0/mlflow-artifacts/artifacts/1", "1"),
        ("http://here:5001/api/2.0/mlflow-artifacts/artifacts/1", None),
        ("http://here:5000/other/1", None),
        ("http://[broken", None),
        ("s3://bucket/1", None),
        ("runs:/abc/model", None),
        ("/1/abc", None),
    ],
)
def test_an_address_leads_to_a_path_here_or_nowhere(uri: str, path: str | None) -> None:
    assert model.path_of(uri, ["here:5000"]) == path


# Use cases, on both databases


def test_a_path_names_what_was_put_there_last_and_the_log_says_who_put_it(parts: Clearance) -> None:
    put(parts, "1/model/weights", b"first")
    made = put(parts, "1/model/weights", b"second")
    with parts.database.read() as tx:
        assert service.find(tx, ADA, "1/model/weights") == File(
            path="1/model/weights", size=6, sha256=digest_of(b"second")
        )
        leaves = list(
            tx.connection.exec_driver_sql("select event, actor, subject from audit_leaves order by position desc")
        )
    assert made.by == "user:ada"
    assert [tuple(leaf) for leaf in leaves[:2]] == [("artifact.put", "user:ada", "artifact/1/model/weights")] * 2


def test_the_same_bytes_again_change_nothing_and_leave_no_leaf(parts: Clearance) -> None:
    first = put(parts, "1/same", b"bytes")
    assert put(parts, "1/same", b"bytes") == first
    with parts.database.read() as tx:
        counted = tx.connection.exec_driver_sql("select count(*) from audit_leaves where event = 'artifact.put'")
        assert counted.scalar() == 1


def test_a_folder_lists_what_lies_directly_in_it_and_neighbours_do_not_leak_in(parts: Clearance) -> None:
    for path in ("a/b/one", "a/b/two", "a/b-c", "a/b.txt", "a/B/x", "ab", "a0", "ü/ä"):
        put(parts, path, path.encode())
    assert names(parts, "a") == ["B/", "b-c", "b.txt", "b/"]
    assert names(parts, "a/b/") == ["one", "two"]
    assert sorted(names(parts, "")) == ["a/", "a0", "ab", "ü/"]
    assert names(parts, "a/b/one") == []
    assert names(parts, "nowhere") == []


def test_a_folder_with_more_than_one_fetch_is_listed_whole(parts: Clearance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearance.integrations.mlflow.artifacts.store._AT_ONCE", 3)
    paths = [f"r/{folder}/{name}" for folder in "abcd" for name in range(5)] + [f"r/file{n}" for n in range(7)]
    for path in paths:
        put(parts, path, b"x")
    assert names(parts, "r") == ["a/", "b/", "c/", "d/"] + [f"file{n}" for n in range(7)]


@pytest.mark.parametrize("path", ["tree/leaf/below", "tree"])
def test_no_path_is_a_file_and_a_folder_at_once(sqlite_parts: Clearance, path: str) -> None:
    put(sqlite_parts, "tree/leaf", b"x")
    with pytest.raises(Conflict) as caught:
        put(sqlite_parts, path, b"y")
    assert caught.value.code == "artifact_in_the_way"


def test_removing_takes_a_file_or_a_folder_with_all_in_it_and_nothing_beside(parts: Clearance) -> None:
    for path in ("a/b/one", "a/b/two", "a/bc", "a/d"):
        put(parts, path, b"x")
    with parts.database.write() as tx:
        service.remove(tx, ADA, "a/b")
        service.remove(tx, ADA, "a/d")
        service.remove(tx, ADA, "never/was")
    assert names(parts, "a") == ["bc"]


def test_the_files_under_an_address_have_the_paths_of_a_version_made_of_them(parts: Clearance) -> None:
    put(parts, "1/run/artifacts/model/MLmodel", b"a")
    put(parts, "1/run/artifacts/model/data/weights", b"b")
    put(parts, "1/run/artifacts/model2/MLmodel", b"c")
    found = held(parts, "mlflow-artifacts:/1/run/artifacts/model")
    assert [(file.path, file.sha256) for file in found] == [
        ("MLmodel", digest_of(b"a")),
        ("data/weights", digest_of(b"b")),
    ]
    assert held(parts, "s3://bucket/1/run/artifacts/model") == ()
    assert held(parts, "mlflow-artifacts:/") == ()


def test_a_logged_model_is_found_by_its_id_unless_it_lies_in_two_places(parts: Clearance) -> None:
    put(parts, f"7/models/{LOGGED}/artifacts/MLmodel", b"a")
    assert [file.path for file in held(parts, f"models:/{LOGGED}")] == ["MLmodel"]
    put(parts, f"copy/models/{LOGGED}/artifacts/MLmodel", b"b")
    assert held(parts, f"models:/{LOGGED}") == ()


def test_what_a_path_names_is_not_collected_and_what_it_named_before_is(parts: Clearance) -> None:
    put(parts, "1/model", b"old")
    put(parts, "1/model", b"new")
    with parts.database.read() as tx:
        assert digest_of(b"new") in set(parts.needed_blobs(tx))
        assert digest_of(b"old") not in set(parts.needed_blobs(tx))
    assert collection.usage(parts.database, parts.blobs, parts.needed_blobs).unneeded == 1


def test_many_who_put_at_the_same_paths_at_once_leave_one_of_their_bytes_each(parts: Clearance) -> None:
    def work(worker: int) -> None:
        for path in ("r/a", "r/b", f"r/own/{worker}"):
            put(parts, path, f"{worker}".encode())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    assert names(parts, "r") == ["a", "b", "own/"]
    assert len(names(parts, "r/own")) == 16
    with parts.database.read() as tx:
        assert service.find(tx, ADA, "r/a").size in {1, 2}


def test_a_path_is_never_a_file_and_a_folder_also_when_both_come_at_once(parts: Clearance) -> None:
    def work(number: int) -> bool:
        try:
            put(parts, f"x{number // 2}" + "/below" * (number % 2), b"x")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(20))) == 10


def test_bytes_that_are_not_in_the_store_are_named_by_nothing(sqlite_parts: Clearance) -> None:
    with pytest.raises(NotFound), sqlite_parts.database.write() as tx:
        service.put(tx, ADA, sqlite_parts.blobs, "1/model", digest_of(b"never sent"))


# The protocol


def test_what_was_put_comes_back(http: httpx.Client) -> None:
    content = b"0123456789" * 1_000_000
    assert http.put(f"{ROOT}/1/a b/größe.bin", content=content).status_code == 200
    assert http.get(f"{ROOT}/1/a b/größe.bin").content == content
    assert http.get(ROOT, params={"path": "1/a b"}).json() == {
        "files": [{"path": "größe.bin", "is_dir": False, "file_size": 10_000_000}]
    }
    assert http.delete(f"{ROOT}/1").json() == {}
    again = http.delete(f"{ROOT}/1")
    assert (again.status_code, again.json()) == (200, {}), "as with MLflow, what is not there may be removed"
    assert http.get(f"{ROOT}/1/a b/größe.bin").status_code == 404


@pytest.mark.parametrize("path", ["..%2f..%2fetc/passwd", "%2fetc/passwd", "a%5Cb", "a%00b", "a/%2e%2e/%2e%2e/b"])
def test_no_way_of_writing_an_address_gets_past_the_paths(http: httpx.Client, path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = http.request(method, f"{ROOT}/{path}", content=b"x" if method == "PUT" else None)
        assert answer.status_code in {400, 404}, answer.text
    assert http.get(ROOT, params={"path": "../.."}).status_code == 400


@pytest.mark.parametrize("path", ["1/%ff", "1/%c0%ae", "1/a%fe%ffb", "1/%ed%a0%80"])
def test_a_path_that_is_no_text_is_refused_for_many_would_be_one(http: httpx.Client, path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = http.request(method, f"{ROOT}/{path}", content=b"x" if method == "PUT" else None)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert "is not UTF-8" in answer.json()["message"]
    assert http.get(f"{ROOT}?path={path}").status_code == 400
    assert http.put(f"{ROOT}/1/%EF%BF%BD", content=b"x").status_code == 200, "U+FFFD itself is a letter like any other"


def test_an_artifact_that_is_too_large_is_named(sqlite_parts: Clearance) -> None:
    parts = Clearance(replace(sqlite_parts.settings, max_upload_mb=1), sqlite_parts.clock)
    with registry_of(parts, ADA).http as http:
        for content in (bytes((1 << 20) + 1), (bytes(1 << 19) for _ in range(3))):
            answer = http.put(f"{ROOT}/1/weights.bin", content=content)
            assert answer.status_code == 400
            assert "1/weights.bin has more" in answer.json()["message"]
    parts.close()


def test_parts_straight_to_a_bucket_are_not_offered_in_the_words_that_the_client_knows(http: httpx.Client) -> None:
    for answer in (
        http.post("/api/2.0/mlflow-artifacts/mpu/create/1/model", json={"path": "model", "num_parts": 2}),
        http.get("/api/2.0/mlflow-artifacts/presigned/1/model"),
    ):
        assert answer.status_code == 501
        assert "is not supported for the current artifact repository" in answer.json()["message"]


def test_the_files_of_a_version_are_read_under_its_name(client: Client, http: httpx.Client, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_bytes(b"a")
    (folder / "data" / "weights").write_bytes(b"b")
    client.models.create("car-loan", owner="ada")
    client.versions.register("car-loan", folder)
    at = f"{ROOT}/versions/car-loan/1"
    assert http.get(ROOT, params={"path": "versions/car-loan/1"}).json()["files"] == [
        {"path": "MLmodel", "is_dir": False, "file_size": 1},
        {"path": "data", "is_dir": True},
    ]
    assert http.get(f"{at}/data/weights").content == b"b"
    assert http.get(f"{at}/data").status_code == 404
    assert http.get(f"{ROOT}/versions/car-loan/2/MLmodel").status_code == 404
    assert http.put(f"{at}/MLmodel", content=b"evil").status_code == 400


def test_what_a_version_may_hold_can_be_read_and_what_clients_would_read_otherwise_it_may_not_hold(
    client: Client, http: httpx.Client, tmp_path: Path
) -> None:
    client.models.create("car-loan", owner="ada")
    folder = tmp_path / "model"
    held = ("C#/a b.txt", "100%.txt", "file:x", "%41", "ü" * 120 + "/" + "ö" * 120 + "/" + "ä" * 120)
    for path in held:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(path.encode())
    client.versions.register("car-loan", folder)
    for path in held:
        assert http.get(f"{ROOT}/versions/car-loan/1/{quote(path)}").content == path.encode()
    listed = http.get(ROOT, params={"path": "versions/car-loan/1/C#"}).json()["files"]
    assert [each["path"] for each in listed] == ["a b.txt"]
    for path in ("%2e%2e/x", "a/%252e%252e/x", "%2Fetc/x", "a%00b", "a%5Cb"):
        evil = tmp_path / hashlib.sha256(path.encode()).hexdigest()
        (evil / path).parent.mkdir(parents=True)
        (evil / path).write_bytes(b"x")
        with pytest.raises(InvalidInput) as caught:
            client.versions.register("car-loan", evil)
        assert caught.value.code == "bad_path"
        assert http.get(f"{ROOT}/versions/car-loan/1/{quote(path)}").status_code == 400


def test_what_goes_wrong_here_is_told_as_the_protocol_has_it(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("clearance.integrations.mlflow.artifacts.service.listing", fail)
    monkeypatch.setattr("clearance.integrations.mlflow.webhooks.service.listing", fail)
    for path in (ROOT, "/api/2.0/mlflow/webhooks"):
        answer = http.get(path)
        assert answer.status_code == 500
        assert answer.json()["error_code"] == "INTERNAL_ERROR"
        assert "not in your request" in answer.json()["message"]


def test_what_a_version_pinned_stays_when_its_path_is_overwritten_or_removed(
    sqlite_parts: Clearance, client: Client, http: httpx.Client
) -> None:
    http.put(f"{ROOT}/1/model/MLmodel", content=b"good")
    pinned = held(sqlite_parts, "mlflow-artifacts:/1/model")
    client.models.create("car-loan", owner="ada")
    with sqlite_parts.database.write() as tx:
        from clearance.registry import service as registry
        from clearance.registry.model import NewVersion

        registry.register_version(tx, ADA, sqlite_parts.blobs, "car-loan", NewVersion(files=pinned))
    http.put(f"{ROOT}/1/model/MLmodel", content=b"evil")
    http.delete(f"{ROOT}/1/model")
    assert http.get(f"{ROOT}/versions/car-loan/1/MLmodel").content == b"good"


def test_changed_bytes_are_not_served(sqlite_parts: Clearance, http: httpx.Client) -> None:
    http.put(f"{ROOT}/1/model", content=b"good")
    sqlite_parts.blobs.path(digest_of(b"good")).write_bytes(b"evil")
    answer = http.get(f"{ROOT}/1/model")
    assert answer.status_code >= 400
    assert "were changed" in answer.text


def test_a_viewer_reads_and_does_not_write(as_user: Callable[..., Client]) -> None:
    viewer = as_user(person("vera", Role.VIEWER)).http.client
    assert viewer.get(ROOT).status_code == 200
    assert viewer.put(f"{ROOT}/1/model", content=b"x").status_code == 403
    assert viewer.delete(f"{ROOT}/1/model").status_code == 403


LENDING = Principal(name="user:lena", roles=(), team_roles=(TeamRole(role=Role.DEVELOPER, team="lending"),))
NARROWED = Principal(name="user:lena", roles=(Role.DEVELOPER,), scope=Scope(models=("car-loan",)), issued_by="user:ada")


@pytest.mark.parametrize("limited", [LENDING, NARROWED], ids=["a role for one team", "a token for one model"])
def test_limited_rights_change_nothing_that_somebody_else_put_there(
    as_user: Callable[..., Client], limited: Principal
) -> None:
    ada, lena = as_user(ADA).http.client, as_user(limited).http.client
    model_path = f"{ROOT}/loans/models/{LOGGED}/artifacts"
    for path in (f"{model_path}/model.skops", f"{ROOT}/1/plot.png"):
        assert ada.put(path, content=b"good").status_code == 200
        refused = lena.put(path, content=b"evil")
        assert (refused.status_code, refused.json()["error_code"]) == (403, "PERMISSION_DENIED")
        assert "was put there by user:ada" in refused.json()["message"]
        assert lena.put(path, content=b"good").status_code == 200, "the same again changes nothing"
        assert lena.delete(path).status_code == 403
        assert ada.get(path).content == b"good"
    assert lena.put(f"{model_path}/more.py", content=b"evil").status_code == 403, "a logged model is one thing"
    for content in (b"one", b"two"):
        assert lena.put(f"{ROOT}/2/own", content=content).status_code == 200
    assert lena.get(f"{ROOT}/1/plot.png").content == b"good"
    assert ada.put(f"{ROOT}/2/own", content=b"three").status_code == 200
