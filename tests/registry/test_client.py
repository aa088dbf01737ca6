"""The registry through its client and routes, in process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clearance import server
from clearance.access.model import Role
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.client.transport import InProcessTransport
from clearance.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge, VerificationFailed
from clearance.registry.contract import Datatype, Field, ModelContract
from clearance.registry.model import (
    Code,
    DatasetRole,
    DatasetUse,
    Lifecycle,
    ModelChange,
    ModelKind,
    Provenance,
    Risk,
    VersionStatus,
)
from clearance.values import sha256
from tests.conftest import person

CONTRACT = ModelContract(inputs=(Field(name="amount", datatype=Datatype.FP32, minimum=0),))
STORY = Provenance(code=Code(repository="r", commit="c"), parameters={"depth": 3}, metrics={"auc": 0.97})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a small file, a large one, an empty one and two alike."""
    folder = tmp_path / "tree"
    (folder / "data" / "déjà vu").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(os.urandom(2_500_000))
    (folder / "config.json").write_text("{}")
    (folder / "data/again.json").write_text("{}")
    (folder / "data/déjà vu/empty #1?.txt").touch()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def blobs(parts: Clearance) -> list[Path]:
    return [path for path in parts.settings.artifacts.rglob("*") if path.is_file()]


def test_a_model_is_created_read_changed_listed_and_retired(client: Client) -> None:
    made = client.models.create("car-loan", owner="alice", kind=ModelKind.ENSEMBLE, risk=Risk.FULL, on_call="bob")
    assert client.models.get("car-loan") == made
    changed = client.models.update("car-loan", ModelChange(team="credit"))
    assert changed == replace(made, team="credit")
    assert list(client.models.list()) == [changed]
    assert client.models.retire("car-loan", "replaced").lifecycle == Lifecycle.RETIRED
    with pytest.raises(NotFound):
        client.models.get("unknown")
    with pytest.raises(Conflict):
        client.models.create("car-loan", owner="alice")


def test_a_folder_becomes_a_version_and_comes_back(client: Client, tree: Path, tmp_path: Path) -> None:
    client.models.create("car-loan", owner="alice")
    made = client.versions.register("car-loan", tree, contract=CONTRACT, provenance=STORY)
    assert (made.name, made.contract, made.provenance) == ("car-loan/1", CONTRACT, STORY)
    assert {file.path: file.size for file in made.files} == {name: len(data) for name, data in contents(tree).items()}
    assert client.versions.get("car-loan", 1) == made
    assert list(client.versions.list("car-loan")) == [made]
    assert client.versions.download("car-loan", 1, tmp_path / "out") == made
    assert contents(tmp_path / "out") == contents(tree)


def test_one_file_is_a_version_too(client: Client, tree: Path) -> None:
    client.models.create("car-loan", owner="alice")
    made = client.versions.register("car-loan", tree / "model.onnx")
    assert [file.path for file in made.files] == ["model.onnx"]


def test_bytes_that_are_there_are_not_stored_again(client: Client, sqlite_parts: Clearance, tree: Path) -> None:
    client.models.create("car-loan", owner="alice")
    client.versions.register("car-loan", tree)
    before = {path: path.stat().st_mtime_ns for path in blobs(sqlite_parts)}
    assert len(before) == 3
    (tree / "readme.md").write_text("new")
    client.versions.register("car-loan", tree)
    after = {path: path.stat().st_mtime_ns for path in blobs(sqlite_parts)}
    assert len(after) == 4
    assert before.items() <= after.items()


def test_a_link_in_the_folder_is_refused(client: Client, tree: Path) -> None:
    client.models.create("car-loan", owner="alice")
    for target in ("/etc/passwd", "config.json", "nowhere", "."):
        (tree / "link").symlink_to(target)
        with pytest.raises(InvalidInput, match="not a plain file") as caught:
            client.versions.register("car-loan", tree)
        assert caught.value.code == "not_a_file"
        (tree / "link").unlink()
    os.mkfifo(tree / "pipe")
    with pytest.raises(InvalidInput, match="not a plain file"):
        client.versions.register("car-loan", tree)
    assert list(client.versions.list("car-loan")) == []


def test_a_folder_that_is_empty_or_not_there_is_refused(client: Client, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "unknown"):
        with pytest.raises(InvalidInput):
            client.versions.register("car-loan", tmp_path / folder)


def test_a_wrong_digest_is_refused_and_nothing_is_stored(client: Client, sqlite_parts: Clearance) -> None:
    with pytest.raises(VerificationFailed) as caught:
        client.http.upload("PUT", f"/blobs/{sha256(b'right')}", dict, iter([b"wro", b"ng"]))
    assert caught.value.code == "digest_mismatch"
    assert blobs(sqlite_parts) == []
    with pytest.raises(InvalidInput):
        client.http.upload("PUT", "/blobs/sha256:short", dict, b"")


@pytest.fixture
def small(sqlite_parts: Clearance) -> Iterator[Client]:
    """A client of an installation that takes 1 MiB a file."""
    parts = Clearance(replace(sqlite_parts.settings, max_upload_mb=1), sqlite_parts.clock)
    app = server.create(parts)
    with Client("http://local", transport=InProcessTransport(lambda: app, {"clearance.principal": person("ada")})) as c:
        yield c
    parts.close()


def test_an_upload_over_the_limit_is_refused_with_and_without_a_length(small: Client, sqlite_parts: Clearance) -> None:
    data = bytes((1 << 20) + 1)
    for content in (data, iter([data[:1000], data[1000:]])):
        with pytest.raises(TooLarge) as caught:
            small.http.upload("PUT", f"/blobs/{sha256(data)}", dict, content)
        assert caught.value.code == "upload_too_large"
    assert blobs(sqlite_parts) == []
    assert small.http.upload("PUT", f"/blobs/{sha256(data[1:])}", dict, data[1:])["size"] == 1 << 20


def test_the_file_that_is_too_large_is_named(small: Client, tmp_path: Path) -> None:
    (tmp_path / "model" / "data").mkdir(parents=True)
    (tmp_path / "model" / "MLmodel").write_bytes(b"small")
    (tmp_path / "model" / "data" / "weights.bin").write_bytes(bytes((1 << 20) + 1))
    small.models.create("car-loan", owner="ada")
    with pytest.raises(TooLarge, match=r"^data/weights\.bin: an upload may have 1048576 bytes"):
        small.versions.register("car-loan", tmp_path / "model")


def test_a_changed_blob_is_not_given_out_and_nothing_half_is_left(
    client: Client, sqlite_parts: Clearance, tree: Path, tmp_path: Path
) -> None:
    client.models.create("car-loan", owner="alice")
    made = client.versions.register("car-loan", tree)
    stored = sqlite_parts.blobs.path(made.files[-1].sha256)
    data = bytearray(stored.read_bytes())
    data[1000] ^= 1
    stored.write_bytes(data)
    with pytest.raises(VerificationFailed) as caught:
        client.versions.download("car-loan", 1, tmp_path / "out/folder")
    assert caught.value.code == "blob_corrupt"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_download_overwrites_nothing(client: Client, tree: Path) -> None:
    client.models.create("car-loan", owner="alice")
    client.versions.register("car-loan", tree)
    before = contents(tree)
    with pytest.raises(InvalidInput) as caught:
        client.versions.download("car-loan", 1, tree)
    assert caught.value.code == "target_exists"
    assert contents(tree) == before
    with pytest.raises(InvalidInput) as unwritable:
        client.versions.download("car-loan", 1, tree / "model.onnx" / "out")
    assert unwritable.value.code == "target_unwritable"
    assert contents(tree) == before


def test_a_dataset_is_registered_by_its_bytes_and_comes_back(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "loans.csv"
    file.write_text("at,amount\n2026-01-01 00:00:00,1\n2026-01-04 12:00:00,2\n")
    made = client.datasets.register(file, name="loans", time_column="at")
    assert made.digest == sha256(file.read_bytes())
    assert (made.rows, made.first_at and made.first_at.isoformat()) == (2, "2026-01-01T00:00:00+00:00")
    assert client.datasets.register(file, name="loans", time_column="at") == made
    assert client.datasets.get(made.digest) == made
    assert list(client.datasets.list()) == [made]
    client.datasets.download(made.digest, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_bytes() == file.read_bytes()
    with pytest.raises(InvalidInput) as caught:
        client.datasets.register(file, name="loans", time_column="when")
    assert caught.value.code == "no_such_column"


def test_lineage_and_completeness_come_over_the_wire(client: Client, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    data = client.datasets.register(tmp_path / "a.csv", name="a")
    client.models.create("car-loan", owner="alice")
    use = DatasetUse(role=DatasetRole.TRAINING, digest=data.digest)
    client.versions.register("car-loan", tree, provenance=replace(STORY, datasets=(use,)))
    lineage = client.versions.lineage("car-loan", 1)
    assert {node.kind for node in lineage.nodes} == {"version", "dataset", "code"}
    found = client.versions.completeness("car-loan", 1)
    assert found.missing == ("test or validation dataset", "environment lock", "trainer")


def test_a_version_is_stopped_over_the_wire(client: Client, tree: Path) -> None:
    client.models.create("car-loan", owner="alice")
    client.versions.register("car-loan", tree)
    assert client.versions.quarantine("car-loan", 1, "odd").status == VersionStatus.QUARANTINED
    assert client.versions.release("car-loan", 1, "fine").status == VersionStatus.REGISTERED
    assert client.versions.retire("car-loan", 1, "old").status_reason == "old"
    with pytest.raises(NotFound):
        client.versions.retire("car-loan", 2, "old")


def test_each_route_asks_for_its_permission(as_user: Callable[..., Client], client: Client, tree: Path) -> None:
    client.models.create("car-loan", owner="alice")
    client.versions.register("car-loan", tree)
    viewer = as_user(person("vera", Role.VIEWER))
    assert viewer.versions.get("car-loan", 1).number == 1
    for refused in (
        lambda: viewer.models.create("x", owner="vera"),
        lambda: viewer.models.update("car-loan", ModelChange(owner="vera")),
        lambda: viewer.versions.register("car-loan", tree),
        lambda: viewer.http.upload("PUT", f"/blobs/{sha256(b'x')}", dict, b"x"),
        lambda: viewer.versions.quarantine("car-loan", 1, "odd"),
        lambda: as_user(person("dev", Role.DEVELOPER)).versions.retire("car-loan", 1, "odd"),
    ):
        with pytest.raises(Forbidden):
            refused()


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/models", {"name": "a", "owner": "b", "colour": "red"}, "request_invalid"),
        ("POST", "/models", {"name": "a", "owner": "b", "risk": "huge"}, "request_invalid"),
        (
            "POST",
            "/models/m/versions",
            {"files": [{"path": "a", "size": 1, "sha256": "x", "link": "b"}]},
            "request_invalid",
        ),
        ("POST", "/models/m/versions", {"files": [{"path": "/a", "size": 1, "sha256": sha256(b"")}]}, "bad_path"),
        ("GET", "/models/m/versions/x", None, "request_invalid"),
        ("GET", "/models/m/versions?cursor=x", None, "bad_cursor"),
        ("GET", "/models/a%00b", None, "model_not_found"),
        ("GET", "/models/m/versions/1/files/a", None, "version_not_found"),
        ("GET", "/datasets/x", None, "bad_digest"),
        ("GET", "/blobs/..%2F..%2Fkeys%2Flog.pem", None, "not_found"),
        ("GET", "/blobs/x", None, "bad_digest"),
        ("POST", "/datasets", {"name": "a", "digest": sha256(b"unknown")}, "blob_not_found"),
        ("POST", "/missing-blobs", {"digests": ["../x"]}, "bad_digest"),
    ],
)
def test_bad_input_is_answered_with_its_code(client: Client, method: str, path: str, body: object, code: str) -> None:
    client.models.create("m", owner="alice")
    answer = client.http.client.request(method, "/api/v1" + path, json=body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code


def test_files_are_given_out_as_attachments_that_no_browser_runs(client: Client, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<script>alert(1)</script>")
    client.models.create("car-loan", owner="alice")
    made = client.versions.register("car-loan", tmp_path / "page.html")
    answer = client.http.client.get("/api/v1/models/car-loan/versions/1/files/page.html")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.http.client.head(f"/api/v1/blobs/{made.files[0].sha256}").headers["content-length"] == "25"
    assert client.http.client.head(f"/api/v1/blobs/{sha256(b'unknown')}").status_code == 404
    unknown = client.http.client.get("/api/v1/models/car-loan/versions/1/files/../page.html")
    assert unknown.status_code == 404


def test_the_client_of_the_registry_loads_no_server() -> None:
    code = "import sys, clearance.client.client, clearance.client.capture; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"sqlalchemy", "fastapi", "starlette", "numpy", "pyarrow", "pandas", "uvicorn"}
    assert heavy & set(done.stdout.split()) == set()
