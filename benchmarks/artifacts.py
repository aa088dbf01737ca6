"""Case of artifacts: hashing, storing and uploading a large file, against hashlib over the same bytes."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measure import Row, alternate, timed
from clearance.client.client import Client
from clearance.client.tree import chunks, file_of
from clearance.demo.installation import Installation
from clearance.storage.blobs import BlobStore

MEGABYTE = 1_000_000


def artifacts(bench: Bench) -> Iterator[Row]:
    """Hash, store and upload one file of 200 MB."""
    size = bench.size(200, 5)
    path = bench.folder / "weights.bin"
    path.write_bytes(secrets.token_bytes(size * MEGABYTE))
    rounds, turns = bench.rounds(3), count()

    def hashing() -> None:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")

    def store() -> None:
        folder = bench.folder / f"store-{next(turns)}"
        BlobStore(folder).put(chunks(path))
        shutil.rmtree(folder)

    def copy() -> None:
        target = bench.folder / "copy.bin"
        seen = hashlib.sha256()
        with target.open("wb") as out:
            for chunk in chunks(path):
                seen.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        target.unlink()

    what = f"{size} MB of random bytes"
    mine, theirs = alternate(rounds, timed(lambda: file_of("weights.bin", path)), timed(hashing))
    peer = "floor: `hashlib.file_digest`"
    yield Row(what=f"`client.tree.file_of`, {what}", unit="file", ours=mine, peer=peer, theirs=theirs, aim=1.2)
    mine, theirs = alternate(rounds, timed(store), timed(copy))
    peer = "floor: hash, write and fsync"
    yield Row(what=f"`BlobStore.put`, {what}", unit="file", ours=mine, peer=peer, theirs=theirs, aim=1.2)
    with Installation(bench.folder / "home") as server, Client(server.url, server.admin_token) as client:
        client.models.create("large", owner="user:ada")
        mine, theirs = alternate(rounds, timed(lambda: _register(client, path)), timed(copy))
    yield Row(
        what=f"`client.versions.register` over loopback, {what}: hash, upload, check, store, register",
        unit="file",
        ours=mine,
        peer=peer,
        theirs=theirs,
        aim=4.0,
        note="ours hashes at both ends and sends the bytes over HTTP; the upload alone can't start before its digest is known",
    )


def _register(client: Client, path: Path) -> None:
    """Register the file with other first bytes, so that the server lacks it."""
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(32))
    client.versions.register("large", path)
