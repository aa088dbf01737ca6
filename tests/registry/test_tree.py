"""Trees of files on their way: what is no plain file, what changes meanwhile, and a store that was changed or is full."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from clearance.client import transfer, tree
from clearance.client.client import Client
from clearance.errors import InvalidInput, Unavailable, VerificationFailed
from clearance.registry.model import File
from clearance.storage.blobs import BlobStore
from clearance.values import sha256
from tests.registry.test_server import MIB, Server
from tests.small_disk import run_on_small_disk


def test_files_are_hashed_on_all_processors_and_keep_their_names(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number:02}").write_bytes(str(number).encode())
    files = transfer.hashed(tree.read_tree(tmp_path))
    assert files == tuple(File(path=f"{n:02}", size=len(str(n)), sha256=sha256(str(n).encode())) for n in range(50))


@pytest.mark.parametrize("what", ["link", "pipe"])
def test_what_became_a_link_or_a_pipe_since_it_was_seen_is_not_read(tmp_path: Path, what: str) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "file").write_text("content")
    (seen,) = tree.read_tree(tmp_path / "file").values()
    seen.unlink()
    if what == "link":
        seen.symlink_to(tmp_path / "secret")
    else:
        os.mkfifo(seen)
    with pytest.raises(InvalidInput) as caught:
        list(tree.chunks(seen))
    assert caught.value.code == "file_unreadable"


def test_a_file_that_shrinks_while_it_is_sent_is_said_to(tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"content")
    assert b"".join(tree.chunks(source, 3, 2)) == b"te"
    with pytest.raises(InvalidInput) as caught:
        list(tree.chunks(source, 3, 5))
    assert caught.value.code == "file_changed"


def test_a_file_that_changes_after_it_was_hashed_is_not_stored(client: Client, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"content")
    file = tree.file_of("file", source)
    source.write_bytes(b"CONTENT")
    with pytest.raises(VerificationFailed) as caught:
        transfer.upload(client.http, [(file, source)])
    assert caught.value.code == "digest_mismatch"
    assert client.artifacts.usage().blobs == 0


def test_names_that_some_systems_take_for_one_are_refused_before_anything_is_sent(
    client: Client, tmp_path: Path
) -> None:
    client.models.create("m", owner="ada")
    for name in ("Model.onnx", "model.onnx"):
        (tmp_path / name).write_text(name)
    with pytest.raises(InvalidInput) as caught:
        client.versions.register("m", tmp_path)
    assert caught.value.code == "duplicate_path"
    assert client.artifacts.usage().blobs == 0


def test_a_large_blob_that_was_changed_never_arrives_whole_and_the_next_answer_says_why(tmp_path: Path) -> None:
    server = Server(tmp_path / "home")
    server.start()
    data = os.urandom(12 * MIB)
    store = BlobStore(tmp_path / "home/artifacts")
    digest, _ = store.put([data])
    store.path(digest).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    try:
        with server.client() as client:
            received = bytearray()
            with pytest.raises(Unavailable):
                client.http.download(f"/blobs/{digest}", received.extend)
            assert len(received) < len(data)
            with pytest.raises(VerificationFailed) as caught:
                client.http.download(f"/blobs/{digest}", received.extend)
            assert caught.value.code == "blob_corrupt"
            client.http.exchange("PUT", f"/blobs/{sha256(b'x')}", headers={}, content=b"x")
    finally:
        server.stop(signal.SIGKILL)
    assert "a download was broken off: the stored bytes of " + digest in server.log()


FULL = """
from clearance.errors import Unavailable
from clearance.storage.blobs import BlobStore

store = BlobStore(folder / "artifacts")
kept, _ = store.put([b"kept"])
try:
    store.put(bytes(1 << 18) for _ in range(16))
except Unavailable as error:
    print(error.code)
print(len(list(store.blobs())), store.verify(kept), len(list((folder / "artifacts/incoming").iterdir())))
"""


def test_a_full_disk_is_said_to_be_and_keeps_nothing_half(tmp_path: Path) -> None:
    assert run_on_small_disk(FULL, tmp_path, "2m").split() == ["storage_full", "1", "4", "0"]
