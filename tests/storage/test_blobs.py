"""The blob store: whole and right, or not there at all."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable, VerificationFailed
from clearance.storage.blobs import BlobStore, open_store
from clearance.storage.folder_shelf import FolderShelf
from clearance.values import sha256


@dataclass(frozen=True)
class Entry:
    path: str
    size: int
    sha256: str


def everything_in(store: BlobStore) -> list[str]:
    """Return the keys of all that lies in the store, and of local files that should have gone."""
    local = [] if isinstance(store._shelf, FolderShelf) else files_in(store._folder)
    return (
        sorted(item.key for prefix in ("blobs/", "uploads/", "incoming/") for item in store._shelf.items(prefix))
        + local
    )


def change(store: BlobStore, digest: str, data: bytes) -> None:
    """Put other bytes under a digest, behind the store's back."""
    incoming = store._shelf.write(key := f"blobs/{digest[7:9]}/{digest[7:]}")
    incoming.write(data)
    incoming.commit(key)


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def entry(store: BlobStore, path: str, data: bytes) -> Entry:
    digest, size = store.put([data])
    return Entry(path, size, digest)


def test_bytes_come_back_under_their_digest(store: BlobStore) -> None:
    digest, size = store.put(iter([b"con", b"tent"]))
    assert (digest, size) == (sha256(b"content"), 7)
    assert b"".join(store.open(digest)) == b"content"
    assert store.has(digest)
    assert store.size(digest) == store.verify(digest) == 7


def test_a_blob_may_be_empty(store: BlobStore) -> None:
    digest, size = store.put([])
    assert (digest, size) == (sha256(b""), 0)
    assert b"".join(store.open(digest)) == b""


def test_the_same_bytes_are_stored_once(store: BlobStore) -> None:
    first, _ = store.put([b"same"])
    second, _ = store.put([b"sa", b"me"], expected=first)
    hexadecimal = first.removeprefix("sha256:")
    assert second == first
    assert everything_in(store) == [f"blobs/{hexadecimal[:2]}/{hexadecimal}"]


def test_a_wrong_digest_is_refused_and_nothing_is_kept(store: BlobStore) -> None:
    with pytest.raises(VerificationFailed, match="nothing was stored") as caught:
        store.put([b"other"], expected=sha256(b"content"))
    assert caught.value.code == "digest_mismatch"
    assert caught.value.details == {"expected": sha256(b"content"), "found": sha256(b"other")}
    assert everything_in(store) == []


def test_an_upload_over_the_limit_is_stopped_at_once_and_nothing_is_kept(store: BlobStore) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * 10

    with pytest.raises(TooLarge) as caught:
        store.put(endless(), limit_bytes=35)
    assert caught.value.code == "upload_too_large"
    assert len(sent) == 4
    assert everything_in(store) == []


def test_an_upload_of_exactly_the_limit_is_stored(store: BlobStore) -> None:
    assert store.put([b"x" * 35], limit_bytes=35)[1] == 35


def test_a_stream_that_breaks_leaves_nothing(store: BlobStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(broken())
    assert everything_in(store) == []


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "sha256:",
        "../../etc/passwd",
        "sha256:" + "../" * 21 + "x",
        "sha256:" + "A" * 64,
        "a" * 64,
        "md5:" + "a" * 32,
        "sha256:" + "a" * 64 + "\n",
    ],
)
def test_what_is_no_digest_is_refused(store: BlobStore, digest: str) -> None:
    for use in (store.has, store.size, store.open, store.verify):
        with pytest.raises(InvalidInput) as caught:
            use(digest)
        assert caught.value.code == "bad_digest"
    with pytest.raises(InvalidInput):
        store.put([b""], expected=digest)


def test_an_unknown_blob_is_not_found(store: BlobStore) -> None:
    for use in (store.size, store.open, store.verify):
        with pytest.raises(NotFound) as caught:
            use(sha256(b"unknown"))
        assert caught.value.code == "blob_not_found"


def test_a_flipped_byte_is_found_while_reading_and_uploading_again_heals(store: BlobStore) -> None:
    digest, _ = store.put([b"content"])
    change(store, digest, b"cOntent")
    with pytest.raises(VerificationFailed) as caught:
        store.verify(digest)
    assert caught.value.code == "blob_corrupt"
    assert caught.value.details["found"] == sha256(b"cOntent")
    store.put([b"content"], expected=digest)
    assert store.verify(digest) == 7


def test_a_tree_is_written_as_copies_that_others_may_change(store: BlobStore, tmp_path: Path) -> None:
    files = [entry(store, "model.onnx", b"model"), entry(store, "a/b/config.json", b"{}")]
    store.materialize(files, tmp_path / "tree")
    assert files_in(tmp_path / "tree") == ["a/b/config.json", "model.onnx"]
    (tmp_path / "tree/model.onnx").write_bytes(b"changed")
    assert store.verify(files[0].sha256) == 5


def test_a_tree_with_a_corrupt_file_is_refused(store: BlobStore, tmp_path: Path) -> None:
    file = entry(store, "model.onnx", b"model")
    change(store, file.sha256, b"other")
    with pytest.raises(VerificationFailed):
        store.materialize([file], tmp_path / "tree")


def test_a_tree_goes_into_an_empty_folder_only(store: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/there").touch()
    with pytest.raises(InvalidInput, match="not empty"):
        store.materialize([], tmp_path / "tree")


@pytest.mark.parametrize("path", ["../evil", "a/../../evil", "/tmp/evil", "", "..", "a/.."])
def test_a_tree_never_leaves_its_folder(store: BlobStore, tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        store.materialize([entry(store, path, b"evil")], tmp_path / "in/tree")
    assert caught.value.code == "bad_path"
    assert files_in(tmp_path / "in") == []


def test_a_bucket_that_is_not_there_is_said_to_be(s3_url: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="s3://not-there/x") as caught:
        open_store(tmp_path, "s3://not-there/x").put([b"x"])
    assert caught.value.code == "storage_unwritable"


def test_a_store_that_does_not_answer_is_said_to_be(
    s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store = open_store(tmp_path, s3_url)
    with pytest.raises(Unavailable, match="object store"):
        store.has(sha256(b"x"))


@pytest.mark.parametrize("url", ["s3://", "ftp://host/x", "nonsense", "s3:///x"])
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_store(tmp_path, url)
    assert caught.value.code == "bad_setting"


def test_blobs_in_a_bucket_have_no_path(s3_url: str, tmp_path: Path) -> None:
    with pytest.raises(Conflict) as caught:
        open_store(tmp_path, s3_url).path(sha256(b"x"))
    assert caught.value.code == "blobs_not_in_folder"


def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file where the folder should be")
    with pytest.raises(Unavailable) as caught:
        BlobStore(tmp_path / "artifacts").put([b"x"])
    assert caught.value.code == "storage_unwritable"


def test_what_was_left_more_than_a_day_ago_is_swept_and_younger_uploads_are_not(tmp_path: Path) -> None:
    incoming = tmp_path / "artifacts/incoming"
    incoming.mkdir(parents=True)
    for name, hours in (("old", 25), ("young", 1)):
        (incoming / name).write_text("half")
        os.utime(incoming / name, (time.time() - hours * 3600,) * 2)
    BlobStore(tmp_path / "artifacts").put([b"x"])
    assert files_in(incoming) == ["young"]


def test_many_threads_may_store_the_same_bytes(store: BlobStore) -> None:
    found: list[tuple[str, int]] = []
    threads = [threading.Thread(target=lambda: found.append(store.put([b"x" * 100_000] * 5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {(sha256(b"x" * 500_000), 500_000)}
    assert len(found) == 8
    assert len(everything_in(store)) == 1


def test_a_large_upload_never_lies_in_memory(store: BlobStore) -> None:
    store.put([b""])
    tracemalloc.start()
    digest, size = store.put(bytes(1 << 20) for _ in range(128))
    store.verify(digest)
    with store.local_file(digest) as path:
        assert path.stat().st_size == size
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 128 << 20
    assert peak < (8 << 20 if isinstance(store._shelf, FolderShelf) else 64 << 20)  # parts of 16 MiB on their way


def test_the_end_of_a_changed_blob_is_never_given_out(store: BlobStore) -> None:
    data = os.urandom(3_000_000)
    digest, _ = store.put([data])
    change(store, digest, data[:-1] + bytes([data[-1] ^ 1]))
    got = bytearray()
    with pytest.raises(VerificationFailed):
        got.extend(byte for chunk in store.open(digest) for byte in chunk)
    assert len(got) < len(data)
    assert data.startswith(bytes(got))
    assert store.is_suspect(digest)
    store.put([data])
    store.verify(digest)
    assert not store.is_suspect(digest)


def test_a_local_file_has_the_verified_bytes_and_is_gone_afterwards_unless_it_is_the_blob(store: BlobStore) -> None:
    digest, _ = store.put([b"content"])
    before = everything_in(store)
    with store.local_file(digest) as path:
        assert path.read_bytes() == b"content"
    assert everything_in(store) == before
    change(store, digest, b"cOntent")
    with pytest.raises(VerificationFailed), store.local_file(digest):
        raise AssertionError
    with pytest.raises(NotFound), store.local_file(sha256(b"unknown")):
        raise AssertionError
    assert everything_in(store) == before


def test_blobs_are_listed_found_together_and_removed(store: BlobStore) -> None:
    digests = {store.put([str(number).encode()])[0] for number in range(20)}
    assert {blob.digest for blob in store.blobs()} == digests
    assert store.find_all([*digests, sha256(b"unknown")]).keys() == digests
    assert store.find_all([]) == {}
    gone = min(digests)
    store.remove(gone)
    store.remove(gone)
    assert not store.has(gone)
    assert {blob.digest for blob in store.blobs()} == digests - {gone}


def test_pieces_become_a_blob_when_they_are_joined_and_have_its_digest(store: BlobStore) -> None:
    names = []
    for text in (b"con", b"te", b"nt"):
        with store.piece("upl_1", 7) as piece:
            piece.write(text)
            piece.commit()
        names.append(piece.name)
    assert {piece.name for piece in store.pieces("upl_1")} == set(names)
    with pytest.raises(VerificationFailed):
        store.join("upl_1", names[::-1], sha256(b"content"))
    assert list(store.blobs()) == []
    assert store.join("upl_1", names, sha256(b"content")) == 7
    assert b"".join(store.open(sha256(b"content"))) == b"content"
    for left in list(store.pieces()):
        store.remove_piece(left.upload, left.name)
    assert list(store.pieces()) == []
    with pytest.raises(NotFound):
        store.join("upl_1", names, sha256(b"content"))


def test_a_piece_that_is_too_long_or_never_ended_leaves_nothing(store: BlobStore) -> None:
    with pytest.raises(InvalidInput, match="more were sent"), store.piece("upl_1", 3) as piece:
        piece.write(b"four")
    with store.piece("upl_1", 3) as piece:
        piece.write(b"two")
    assert everything_in(store) == []


UPLOAD = """
import sys, time
from pathlib import Path
from clearance.storage.blobs import BlobStore, open_store
from clearance.storage.folder_shelf import FolderShelf

def stream():
    yield b"x" * 3_000_000
    print("half", flush=True)
    time.sleep(60)
    yield b"y"

BlobStore(Path(sys.argv[1])).put(stream())
"""


def test_a_process_killed_in_the_middle_of_an_upload_leaves_no_visible_blob(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "artifacts")
    process = subprocess.Popen(
        [sys.executable, "-c", UPLOAD, str(tmp_path / "artifacts")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    whole = b"x" * 3_000_000 + b"y"
    assert not store.has(sha256(b"x" * 3_000_000))
    assert not store.has(sha256(whole))
    assert files_in(tmp_path / "artifacts/blobs") == []
    assert store.put([whole], expected=sha256(whole)) == (sha256(whole), 3_000_001)
    assert store.verify(sha256(whole)) == 3_000_001


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_how_bytes_are_cut_makes_no_difference(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    store = BlobStore(tmp_path_factory.mktemp("blobs"))
    assert store.put(chunks) == ("sha256:" + hashlib.sha256(whole).hexdigest(), len(whole))
    assert b"".join(store.open(sha256(whole))) == whole
