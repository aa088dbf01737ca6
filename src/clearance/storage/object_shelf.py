"""A shelf in an object store, through obstore: S3 and what speaks its protocol, Google's and Azure's stores."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.errors import InvalidInput, Unavailable
from clearance.storage.folder_shelf import as_unavailable
from clearance.storage.shelf import CHUNK, Incoming, Item

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PART = (
    16 << 20
)  # bytes of a part; S3 takes 5 MiB to 5 GiB, 10,000 of them (docs.aws.amazon.com, "multipart upload limits")
_PARTS_AT_ONCE = 2  # with the one that is being filled, what an upload takes of memory
_GIVE_UP = timedelta(seconds=60)


class ObjectShelf:
    """Implements `Shelf`.

    Args:
        url: `s3://bucket/prefix`; `gs://`, `az://` and what else obstore knows. Credentials, region and endpoint are read by
            obstore from the variables that the store's own tools use (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …).
        scratch: local folder for bytes whose digest is known only when all of them are there.

    Raises:
        InvalidInput: the address can't be meant (`bad_setting`).
    """

    def __init__(self, url: str, scratch: Path) -> None:
        from obstore import store
        from obstore.exceptions import BaseError

        self.place = url
        self._scratch = scratch
        try:
            self._store: ObjectStore = store.from_url(
                url,
                client_options={"allow_http": True},  # only where the operator wrote http:// as the endpoint
                retry_config={"max_retries": 5, "retry_timeout": _GIVE_UP},
            )
        except (BaseError, ValueError) as error:
            raise InvalidInput(
                f"CLEARANCE_ARTIFACTS_URL is no address of an object store: {_first_line(error)}",
                code="bad_setting",
                hint="such as s3://bucket/prefix; unset it to keep artifacts in the data folder",
            ) from error

    def path(self, _key: str) -> None:
        return None

    def find(self, key: str) -> Item | None:
        import obstore

        with self._as_unavailable():
            try:
                return _item(obstore.head(self._store, key))
            except FileNotFoundError:
                return None

    def items(self, prefix: str) -> Iterator[Item]:
        import obstore

        with self._as_unavailable():
            for page in obstore.list(self._store, prefix.rstrip("/")):
                yield from map(_item, page)

    def read(self, key: str) -> Iterator[bytes]:
        import obstore

        with self._as_unavailable():
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    def write(self, key: str | None) -> Incoming:
        return _Spooled(self, self._scratch) if key is None else _Upload(self, key)

    def remove(self, key: str) -> None:
        import obstore

        with self._as_unavailable():
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError:
                return

    def open_writer(self, key: str) -> Any:
        """Return obstore's writer of an object, which becomes visible when it is closed."""
        import obstore

        with self._as_unavailable():
            return obstore.open_writer(self._store, key, buffer_size=_PART, max_concurrency=_PARTS_AT_ONCE)

    @contextmanager
    def _as_unavailable(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"the object store {self.place} does not do what it should: {_first_line(error)}",
            code="storage_unwritable",
            hint="check the bucket, AWS_ENDPOINT_URL, AWS_REGION and the credentials that the server was started with",
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Like every access, and a store that finds nothing has no such bucket."""
        try:
            with self._as_unavailable():
                yield
        except FileNotFoundError as error:
            raise self._unreachable(error) from error


class _Upload:
    """Implements `Incoming` by a multipart upload (one request, if it is small) straight to its key."""

    def __init__(self, shelf: ObjectShelf, key: str) -> None:
        self._shelf = shelf
        self._key = key
        self._writer: Any = shelf.open_writer(key)

    def write(self, chunk: bytes) -> None:
        with self._shelf.writing():
            self._writer.write(chunk)

    def commit(self, key: str, *, durable: bool = True) -> None:  # noqa: ARG002  # a bucket is always
        if key != self._key:
            raise ValueError(f"begun for {self._key}, committed as {key}")
        with self._shelf.writing():
            self._writer.close()
        self._writer = None

    def abort(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            broken = Unavailable("the upload broke off", code="upload_incomplete")
            with self._shelf.writing():
                writer.__exit__(Unavailable, broken, None)  # leaving by an exception is how obstore's writer is aborted


class _Spooled:
    """Implements `Incoming` by a local file, sent once it is known under which key."""

    def __init__(self, shelf: ObjectShelf, scratch: Path) -> None:
        self._shelf = shelf
        with as_unavailable(scratch):
            scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115  # closed by abort

    def write(self, chunk: bytes) -> None:
        with as_unavailable(Path(self._shelf.place)):
            self._file.write(chunk)

    def commit(self, key: str, *, durable: bool = True) -> None:  # noqa: ARG002  # a bucket is always
        self._file.seek(0)
        upload = _Upload(self._shelf, key)
        try:
            while chunk := self._file.read(CHUNK):
                upload.write(chunk)
            upload.commit(key)
        finally:
            upload.abort()

    def abort(self) -> None:
        self._file.close()


def _item(found: Any) -> Item:
    return Item(found["path"], found["size"], found["last_modified"])


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300]
