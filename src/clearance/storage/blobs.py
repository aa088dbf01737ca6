"""Content-addressed bytes: a blob is seen whole and with the right digest, or not at all, in a folder or in a bucket."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Protocol

from clearance.errors import Conflict, InvalidInput, NotFound, VerificationFailed
from clearance.storage.digests import BLOBS, PIECES, digest_at, key_of
from clearance.storage.folder_shelf import FolderShelf, as_unavailable
from clearance.storage.shelf import Shelf
from clearance.storage.writers import PieceWriter, Writer

_ASKED_AT_ONCE = 16


class Stored(Protocol):
    """A file of a manifest, as the store needs it."""

    @property
    def path(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that is there: its digest, size in bytes, and when it was last put there."""

    digest: str
    size: int
    put_at: datetime


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an upload that goes on later; `name` tells it apart in its upload."""

    upload: str
    name: str
    put_at: datetime


class BlobStore:
    """Blobs on a shelf, named by digest.

    Args:
        folder: the shelf, unless another is given; then only for local copies of what is in use.
        shelf: where blobs lie instead.
    """

    def __init__(self, folder: Path, shelf: Shelf | None = None) -> None:
        self._folder = folder
        self._shelf: Shelf = shelf or FolderShelf(folder)
        self._suspect: set[str] = set()

    @property
    def place(self) -> str:
        """Where it is, for people: a folder or an address."""
        return self._shelf.place

    def path(self, digest: str) -> Path:
        """Return where a blob lies in the folder, or would lie; `local_file` is for whoever wants to read it.

        Raises:
            InvalidInput: that is no digest.
            Conflict: blobs are not in a folder.
        """
        found = self._shelf.path(key_of(digest))
        if found is None:
            raise Conflict(f"blobs are in {self.place}, not in files", code="blobs_not_in_folder")
        return found

    def has(self, digest: str) -> bool:
        """Return whether the blob is there; its bytes are not looked at."""
        return self._shelf.find(key_of(digest)) is not None

    def find(self, digest: str) -> StoredBlob | None:
        """Return what is known of a blob without looking at its bytes, or None if it is not there."""
        found = self._shelf.find(key_of(digest))
        return None if found is None else StoredBlob(digest, found.size, found.put_at)

    def size(self, digest: str) -> int:
        """Return a blob's size in bytes.

        Raises:
            NotFound: there is no such blob.
        """
        found = self._shelf.find(key_of(digest))
        if found is None:
            raise missing(digest)
        return found.size

    def find_all(self, digests: Iterable[str]) -> dict[str, StoredBlob]:
        """Return those of the blobs that are there, without looking at their bytes; a bucket is asked for many at once."""
        wanted = sorted(set(digests))
        if len(wanted) > 1 and self._shelf.path(key_of(wanted[0])) is None:
            with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
                found = list(pool.map(self.find, wanted))
        else:
            found = list(map(self.find, wanted))
        return {blob.digest: blob for blob in found if blob is not None}

    def blobs(self) -> Iterator[StoredBlob]:
        """Yield every blob, in no order; what comes or goes meanwhile may be in it or not."""
        for item in self._shelf.items(BLOBS):
            if (digest := digest_at(item.key)) is not None:
                yield StoredBlob(digest, item.size, item.put_at)

    def put(
        self, stream: Iterable[bytes], expected: str | None = None, limit_bytes: int | None = None
    ) -> tuple[str, int]:
        """Store a stream of bytes; return its digest and its size in bytes. Storing the same bytes again changes nothing.

        Raises:
            VerificationFailed: the bytes do not have the expected digest (`digest_mismatch`); nothing is kept.
            TooLarge: there are more than `limit_bytes`; nothing is kept.
            Unavailable: the store can't be written.
        """
        with self.writer(expected, limit_bytes) as writer:
            for chunk in stream:
                writer.write(chunk)
            return writer.commit()

    def writer(self, expected: str | None = None, limit_bytes: int | None = None, name: str = "this one") -> Writer:
        """Return a writer for bytes that come bit by bit; what is not committed is gone when its block ends.

        Args as of `put`; `name` is what the sender calls them, for whoever reads that they are too many.
        """
        key = None if expected is None else key_of(expected)
        return Writer(self._shelf.write(key), expected, limit_bytes, name)

    def open(self, digest: str) -> Iterator[bytes]:
        """Return the bytes of a blob in chunks, verified while they are read.

        The last chunk is yielded only once all of them are known to be right: who has read to the end has the right bytes.

        Raises:
            NotFound: there is no such blob.
            VerificationFailed: in place of the last chunk, when the bytes are not what they claim to be (`blob_corrupt`).
        """
        self.size(digest)
        return self._read(digest)

    def verify(self, digest: str) -> int:
        """Read a blob through and return its size in bytes.

        Raises:
            NotFound: there is no such blob.
            VerificationFailed: its bytes are not what they claim to be (`blob_corrupt`).
        """
        return sum(map(len, self.open(digest)))

    def is_suspect(self, digest: str) -> bool:
        """Return whether the bytes of this blob were wrong when this process last read them."""
        return digest in self._suspect

    @contextmanager
    def local_file(self, digest: str) -> Iterator[Path]:
        """Yield a file with the verified bytes of a blob, for whoever can't read a stream: only to be read, in the block only.

        Raises:
            NotFound, VerificationFailed: as `open` does.
            Unavailable: there is no room for a copy.
        """
        if (stored := self._shelf.path(key_of(digest))) is not None:
            self.verify(digest)
            yield stored
            return
        with as_unavailable(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy = tempfile.NamedTemporaryFile(dir=self._folder, prefix="copy-")  # noqa: SIM115  # closed below
        with copy:
            for chunk in self.open(digest):
                with as_unavailable(self._folder):
                    copy.write(chunk)
            with as_unavailable(self._folder):
                copy.flush()
            yield Path(copy.name)

    def materialize(self, files: Iterable[Stored], folder: Path) -> None:
        """Write the files of a manifest as a tree into a new or empty folder, verifying each; copies, never links.

        Raises:
            InvalidInput: the folder is not empty, or a path leaves it.
            NotFound, VerificationFailed: as `open` does; files written before stay, for the caller to remove.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InvalidInput(f"{folder} is not empty", code="folder_not_empty", hint="name a new folder")
        for file in files:
            parts = PurePosixPath(file.path).parts
            if not parts or ".." in parts or file.path.startswith("/"):
                raise InvalidInput(f"{file.path!r} leaves the folder", code="bad_path")
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                for chunk in self.open(file.sha256):
                    out.write(chunk)

    def remove(self, digest: str) -> None:
        """Remove a blob for good; the caller knows that nobody needs it. Nothing happens if it is not there."""
        self._shelf.remove(key_of(digest))

    def piece(self, upload: str, limit_bytes: int) -> PieceWriter:
        """Return a writer for a part of an upload that goes on later; who writes it remembers its name and place.

        Args:
            upload: identifier of the upload, made by this program.
            limit_bytes: most bytes that may come.
        """
        name = secrets.token_hex(8)
        key = f"{PIECES}{upload}/{name}"
        return PieceWriter(self._shelf.write(key), key, name, limit_bytes)

    def join(self, upload: str, names: Sequence[str], expected: str) -> int:
        """Make a blob of the pieces of an upload; return its size in bytes. The pieces stay.

        Raises:
            VerificationFailed: together they do not have the expected digest (`digest_mismatch`).
            NotFound: a piece is gone (`upload_not_found`): the upload was given up.
        """
        with self.writer(expected) as writer:
            for name in names:
                try:
                    for chunk in self._shelf.read(f"{PIECES}{upload}/{name}"):
                        writer.write(chunk)
                except FileNotFoundError:
                    raise NotFound(f"the upload {upload} was given up", code="upload_not_found") from None
            return writer.commit()[1]

    def pieces(self, upload: str | None = None) -> Iterator[Piece]:
        """Yield the pieces that lie there, of one upload or of all."""
        for item in self._shelf.items(PIECES if upload is None else f"{PIECES}{upload}/"):
            of, _, name = item.key.removeprefix(PIECES).partition("/")
            yield Piece(of, name, item.put_at)

    def remove_piece(self, upload: str, name: str) -> None:
        """Remove a piece; nothing happens if it is not there."""
        self._shelf.remove(f"{PIECES}{upload}/{name}")

    def _read(self, digest: str) -> Iterator[bytes]:
        seen = hashlib.sha256()
        held = b""
        try:
            for chunk in self._shelf.read(key_of(digest)):
                seen.update(chunk)
                if held:
                    yield held
                held = chunk
        except FileNotFoundError:
            raise missing(digest) from None
        if "sha256:" + seen.hexdigest() != digest:
            self._suspect.add(digest)
            raise VerificationFailed(
                f"the stored bytes of {digest} were changed: they now have sha256:{seen.hexdigest()}",
                code="blob_corrupt",
                hint="restore the file from a backup, or upload the right bytes again; find out who changed it",
                details={"digest": digest, "found": "sha256:" + seen.hexdigest()},
            )
        self._suspect.discard(digest)
        if held:
            yield held


def open_store(folder: Path, url: str) -> BlobStore:
    """Return the store at an address such as `s3://bucket/prefix`, or in a folder if the address is empty.

    Raises:
        InvalidInput: the address can't be meant.
    """
    if not url:
        return BlobStore(folder)
    from clearance.storage.object_shelf import ObjectShelf

    return BlobStore(folder, ObjectShelf(url, folder))


def missing(digest: str) -> NotFound:
    """Return the error that says that a blob is not there."""
    return NotFound(f"there is no blob {digest}", code="blob_not_found", hint="upload it with PUT /api/v1/blobs/DIGEST")
