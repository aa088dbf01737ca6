"""Uploads in pieces: whatever breaks them off, they go on; and nothing but the right bytes becomes a blob."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from clearance import server as application
from clearance.access.model import Role
from clearance.app import Clearance
from clearance.client import transfer
from clearance.client.client import Client
from clearance.client.transport import InProcessTransport
from clearance.clock import FixedClock
from clearance.errors import (
    ClearanceError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    Unavailable,
    VerificationFailed,
)
from clearance.registry.artifacts import uploads
from clearance.registry.model import File
from clearance.values import sha256
from tests.conftest import person
from tests.registry.test_server import MIB, Server, wait_until

TUS = {"tus-resumable": "1.0.0"}
BODY = {**TUS, "content-type": "application/offset+octet-stream"}


@contextmanager
def caller(parts: Clearance, name: str = "ada", *roles: Role) -> Iterator[Client]:
    """A client of an installation, in this process."""
    app = application.create(parts, console=False)
    principal = {"clearance.principal": person(name, *roles)}
    with Client("http://local", transport=InProcessTransport(lambda: app, principal)) as made:
        yield made


def begin(client: Client, digest: str, size: int) -> tuple[str, int]:
    named = f"name {base64.b64encode(b'model.onnx').decode()},digest {base64.b64encode(digest.encode()).decode()}"
    headers = {**TUS, "upload-length": str(size), "upload-metadata": named}
    answer = client.http.exchange("POST", "/uploads", headers=headers)
    return answer["location"].removeprefix("/api/v1"), int(answer["upload-offset"])


def send(client: Client, place: str, offset: int, data: bytes) -> int:
    headers = {**BODY, "upload-offset": str(offset)}
    return int(client.http.exchange("PATCH", place, headers=headers, content=data)["upload-offset"])


def standing(client: Client, place: str) -> int:
    return int(client.http.exchange("HEAD", place, headers=TUS)["upload-offset"])


def code_of(error: pytest.ExceptionInfo[ClearanceError]) -> str:
    return error.value.code


def test_pieces_become_a_blob_with_the_last_of_them(shelved: Clearance) -> None:
    data = os.urandom(3 * MIB)
    with caller(shelved) as client:
        place, offset = begin(client, sha256(data), len(data))
        assert offset == 0
        assert send(client, place, 0, data[:MIB]) == MIB
        assert not shelved.blobs.has(sha256(data))
        assert standing(client, place) == MIB
        assert send(client, place, MIB, data[MIB:]) == len(data)
        assert b"".join(shelved.blobs.open(sha256(data))) == data
        assert list(shelved.blobs.pieces()) == []
        assert send(client, place, len(data), b"") == len(data)  # whose answer was lost may ask again
        assert standing(client, place) == len(data)


def test_an_upload_goes_on_in_another_process_that_shares_database_and_store(shelved: Clearance) -> None:
    data = os.urandom(MIB)
    other = Clearance(shelved.settings, shelved.clock)
    with caller(shelved) as first, caller(other) as second:
        place, _ = begin(first, sha256(data), len(data))
        for start in range(0, len(data), MIB // 8):
            there = (first, second)[start // (MIB // 8) % 2]
            assert begin(there, sha256(data), len(data)) == (place, start)
            send(there, place, start, data[start : start + MIB // 8])
    assert shelved.blobs.verify(sha256(data)) == len(data)
    other.close()


def test_bytes_that_begin_elsewhere_are_refused_and_told_where_it_stands(sqlite_parts: Clearance) -> None:
    with caller(sqlite_parts) as client:
        place, _ = begin(client, sha256(b"content"), 7)
        send(client, place, 0, b"con")
        for start in (0, 2, 4, 7):
            with pytest.raises(Conflict) as caught:
                send(client, place, start, b"t")
            assert caught.value.code == "upload_offset"
            assert caught.value.details == {"received": 3}
        assert send(client, place, 3, b"tent") == 7


def test_other_bytes_than_announced_are_refused_and_nothing_is_kept(shelved: Clearance) -> None:
    with caller(shelved) as client:
        place, _ = begin(client, sha256(b"content"), 7)
        send(client, place, 0, b"con")
        with pytest.raises(VerificationFailed) as caught:
            send(client, place, 3, b"TENT")
        assert caught.value.code == "digest_mismatch"
        with pytest.raises(NotFound):
            standing(client, place)
        assert list(shelved.blobs.blobs()) == []
        assert list(shelved.blobs.pieces()) == []


def test_what_is_announced_is_bounded(sqlite_parts: Clearance) -> None:
    small = Clearance(replace(sqlite_parts.settings, max_upload_mb=1, max_unfinished_uploads=2), sqlite_parts.clock)
    with caller(small) as client:
        with pytest.raises(TooLarge):
            begin(client, sha256(b""), MIB + 1)
        place, _ = begin(client, sha256(b"content"), 7)
        with pytest.raises(InvalidInput) as long:
            send(client, place, 0, b"contents")
        assert code_of(long) == "upload_too_long"
        assert list(small.blobs.pieces()) == []
        begin(client, sha256(b"second"), 6)
        with pytest.raises(Unavailable) as many:
            begin(client, sha256(b"third"), 5)
        assert code_of(many) == "too_many_uploads"
        assert begin(client, sha256(b"content"), 7) == (place, 0)
        client.http.exchange("DELETE", place, headers=TUS)
        begin(client, sha256(b"third"), 5)
    small.close()


@pytest.mark.parametrize("digest", ["", "x", "sha256:" + "A" * 64, "sha256:../../../etc/passwd", "\u00e9"])
def test_a_digest_that_is_none_is_refused(sqlite_parts: Clearance, digest: str) -> None:
    with caller(sqlite_parts) as client, pytest.raises(InvalidInput) as caught:
        begin(client, digest, 1)
    assert code_of(caught) in {"bad_digest", "bad_metadata"}


def test_it_speaks_tus_as_the_protocol_says(sqlite_parts: Clearance) -> None:
    with caller(sqlite_parts) as client:
        http = client.http.client
        options = http.options("/api/v1/uploads")
        assert options.status_code == 204
        assert options.headers["tus-version"] == "1.0.0"
        assert set(options.headers["tus-extension"].split(",")) == {"creation", "termination", "expiration"}
        assert int(options.headers["tus-max-size"]) == sqlite_parts.settings.max_upload_mb << 20
        place, _ = begin(client, sha256(b"content"), 7)
        url = "/api/v1" + place
        head = http.head(url, headers=TUS)
        assert head.status_code == 200
        assert head.headers["upload-length"] == "7"
        assert head.headers["cache-control"] == "no-store"
        assert head.headers["upload-expires"] == "Tue, 06 Jan 2026 09:00:00 GMT"
        assert http.head(url, headers={"tus-resumable": "0.2"}).status_code == 412
        assert http.patch(url, headers={**BODY, "upload-offset": "0", "tus-resumable": ""}).status_code == 412
        assert http.patch(url, headers={**TUS, "upload-offset": "0"}, content=b"con").status_code == 415
        assert http.patch(url, headers=BODY, content=b"con").status_code == 422
        assert http.patch(url, headers={**BODY, "upload-offset": "-1"}, content=b"con").status_code == 422
        assert http.patch(url, headers={**BODY, "upload-offset": "1"}, content=b"con").status_code == 409
        assert http.patch(url, headers={**BODY, "upload-offset": "0"}, content=b"content").status_code == 204
        assert http.delete(url, headers=TUS).status_code == 204
        assert http.head(url, headers=TUS).status_code == 404
        assert http.patch("/api/v1/uploads/..%2F..", headers={**BODY, "upload-offset": "0"}).status_code == 404


def test_an_upload_is_nobody_elses(sqlite_parts: Clearance) -> None:
    with (
        caller(sqlite_parts) as ada,
        caller(sqlite_parts, "eve") as eve,
        caller(sqlite_parts, "v", Role.VIEWER) as viewer,
    ):
        place, _ = begin(ada, sha256(b"content"), 7)
        with pytest.raises(NotFound) as caught:
            send(eve, place, 0, b"CON")
        assert code_of(caught) == "upload_not_found"
        with pytest.raises(NotFound):
            standing(eve, place)
        own, _ = begin(eve, sha256(b"content"), 7)
        assert own != place
        send(eve, own, 0, b"CON")
        send(ada, place, 0, b"con")
        assert send(ada, place, 3, b"tent") == 7
        with pytest.raises(VerificationFailed):
            send(eve, own, 3, b"TENT")
        assert sqlite_parts.blobs.verify(sha256(b"content")) == 7
        with pytest.raises(Forbidden):
            begin(viewer, sha256(b"x"), 1)


def test_what_nobody_goes_on_with_is_given_up(shelved: Clearance, clock: FixedClock) -> None:
    with caller(shelved) as client:
        place, _ = begin(client, sha256(b"content"), 7)
        send(client, place, 0, b"con")
        with shelved.blobs.piece("upl_unknown", 4) as orphan:
            orphan.write(b"left")
            orphan.commit()
        clock.advance(timedelta(hours=23))
        assert uploads.sweep(shelved.database, shelved.settings, shelved.blobs) == 0
        assert standing(client, place) == 3
        clock.advance(timedelta(days=400))  # the store's clock is the real one
        assert uploads.sweep(shelved.database, shelved.settings, shelved.blobs) == 1
        with pytest.raises(NotFound):
            send(client, place, 3, b"tent")
        assert list(shelved.blobs.pieces()) == []


def test_many_who_send_the_same_bytes_at_once_all_succeed(
    shelved: Clearance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PIECE", MIB // 4)
    source = tmp_path / "file"
    source.write_bytes(os.urandom(MIB))
    file = File(path="file", size=MIB, sha256=sha256(source.read_bytes()))
    failed: list[BaseException] = []

    def one(client: Client) -> None:
        try:
            transfer._send_in_pieces(client.http, file, source)
        except BaseException as error:  # noqa: BLE001  # looked at below
            failed.append(error)

    with ExitStack() as clients:
        made = [clients.enter_context(caller(shelved, name)) for name in ("ada", "ada", "ada", "bob")]
        for each in made:
            each.http.client.get("/health")  # the application is made in one thread
        threads = [threading.Thread(target=one, args=(each,)) for each in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    assert shelved.blobs.verify(file.sha256) == MIB
    assert [blob.digest for blob in shelved.blobs.blobs()] == [file.sha256]


def test_a_client_goes_on_by_itself_when_the_server_is_killed_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PIECE", MIB)
    server = Server(tmp_path / "home")
    server.start()
    (tmp_path / "tree").mkdir()
    for name in ("a.bin", "b.bin", "small.txt"):
        (tmp_path / "tree" / name).write_bytes(os.urandom(7 * MIB if name != "small.txt" else 10))

    def restart() -> None:
        wait_until(lambda: len(list((tmp_path / "home/artifacts/uploads").glob("*/*"))) >= 3)
        server.stop(signal.SIGKILL)
        server.start()

    killer = threading.Thread(target=restart)
    killer.start()
    try:
        with server.client() as client:
            client.models.create("m", owner="ada")
            made = client.versions.register("m", tmp_path / "tree")
            killer.join()
            client.versions.download("m", 1, tmp_path / "copy")
    finally:
        killer.join()
        server.stop(signal.SIGKILL)
    assert [file.size for file in made.files] == [7 * MIB, 7 * MIB, 10]
    for name in ("a.bin", "b.bin", "small.txt"):
        assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / "tree" / name).read_bytes()
    left = list((tmp_path / "home/artifacts").glob("uploads/*/*"))
    assert len(left) <= 2  # written when the server was killed, but not noted yet: the next sweep's


SENDER = """
import sys
import time
from pathlib import Path
from clearance.client import transfer
from clearance.client.client import Client

transfer.PIECE = 1 << 20
send = transfer._send_piece


def slowly(*given):
    time.sleep(0.2)
    return send(*given)


transfer._send_piece = slowly
with Client(sys.argv[1], sys.argv[2]) as client:
    client.versions.register("m", Path(sys.argv[3]))
"""


def test_a_client_that_was_killed_goes_on_where_it_was_when_it_is_started_again(tmp_path: Path) -> None:
    server = Server(tmp_path / "home")
    server.start()
    source = tmp_path / "model.bin"
    source.write_bytes(os.urandom(7 * MIB))
    digest = sha256(source.read_bytes())
    command = [sys.executable, "-c", SENDER, f"http://127.0.0.1:{server.port}", server.token, str(source)]
    try:
        with server.client() as client:
            client.models.create("m", owner="ada")
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sender:
                try:
                    wait_until(lambda: len(list((tmp_path / "home/artifacts/uploads").glob("*/*"))) >= 2)
                finally:
                    sender.kill()
            _, came = transfer._begin(client.http, File(path="x", size=7 * MIB, sha256=digest))
            assert came >= 2 * MIB or client.http.client.head(f"/api/v1/blobs/{digest}").status_code == 200
            subprocess.run(command, check=True)
            assert client.versions.get("m", 1).files[0].sha256 == digest
            received = bytearray()
            client.http.download(f"/blobs/{digest}", received.extend)
            assert bytes(received) == source.read_bytes()
    finally:
        server.stop(signal.SIGKILL)
