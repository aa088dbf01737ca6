"""Where a published log is read from and written to: a folder, a web server, an object store; nothing here knows a database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from clearance.errors import InvalidInput, NotFound, Unavailable

_MAX_BYTES = 256 * (0xFFFF + 2)
"""Of the largest file of a log: a bundle of 256 leaves of 65,535 bytes."""


class Source(Protocol):
    """What a published log is read through."""

    def read(self, path: str) -> bytes:
        """Return a file of the log, such as `checkpoint` or `tile/0/000`.

        Raises:
            NotFound: the log has no such file.
            Unavailable: it can't be read now.
        """


class Target(Source, Protocol):
    """What a log is published to.

    Attributes:
        tears: whether a file can be there in part, as after a copy that was broken off.
    """

    tears: bool

    def write(self, path: str, content: bytes) -> None:
        """Write a file at once: who reads sees all of it or none."""

    def sizes(self) -> Mapping[str, int]:
        """Return the tiles and bundles that are there by their paths, with their bytes."""

    def narrower(self, path: str) -> list[str]:
        """Return the paths of the partial tiles that lie beside a full one."""

    def remove(self, path: str) -> None:
        """Remove a file."""


class Folder:
    """A log in a folder, as any web server publishes it."""

    tears = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, path: str) -> bytes:
        try:
            return (self.folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _missing(path, str(self.folder)) from error
        except OSError as error:
            raise Unavailable(f"{self.folder / path} can't be read: {error.strerror}", code="log_unreadable") from error

    def write(self, path: str, content: bytes) -> None:
        place = self.folder / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, content)
        except OSError as error:
            raise Unavailable(
                f"{place} can't be written: {error.strerror}",
                code="log_unwritable",
                hint="nothing published before is lost",
            ) from error

    def sizes(self) -> Mapping[str, int]:
        found = (self.folder / "tile").rglob("*")
        return {each.relative_to(self.folder).as_posix(): each.stat().st_size for each in found if each.is_file()}

    def narrower(self, path: str) -> list[str]:
        folder = self.folder / f"{path}.p"
        return [f"{path}.p/{each.name}" for each in folder.iterdir()] if folder.is_dir() else []

    def remove(self, path: str) -> None:
        (self.folder / path).unlink(missing_ok=True)


class Web:
    """A log on a web server, read only.

    Args:
        url: address of the folder that holds `checkpoint`.
        token: bearer token, for a server that wants one.
        timeout: seconds to wait for an answer.
    """

    def __init__(self, url: str, token: str = "", timeout: float = 30) -> None:
        import httpx

        self.url = url.rstrip("/")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(headers=headers, timeout=timeout)

    def read(self, path: str) -> bytes:
        import httpx

        try:
            with self._client.stream("GET", f"{self.url}/{path}") as answer:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    raise _missing(path, self.url)
                if not answer.is_success:
                    raise Unavailable(
                        f"{self.url}/{path} answered {answer.status_code} {answer.reason_phrase}",
                        code="log_unreadable",
                        hint="a server of Clearance wants a token that may read the log (audit.read), or CLEARANCE_LOG_PUBLIC=1",
                    )
                return self._body(path, answer)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"{self.url}/{path} can't be reached: {str(error) or type(error).__name__}", code="log_unreachable"
            ) from error

    def _body(self, path: str, answer: Any) -> bytes:
        content = bytearray()
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > _MAX_BYTES:
                raise Unavailable(f"{self.url}/{path} is larger than any file of a log", code="log_unreadable")
        return bytes(content)


class Bucket:
    """A log in an object store, by a URL that obstore knows: `s3://bucket/prefix`, `gs://…`, `az://…`."""

    tears = False  # an object is there whole or not at all

    def __init__(self, url: str) -> None:
        try:
            import obstore
            from obstore.store import from_url

            self._obstore: Any = obstore
            self._store: Any = from_url(url)
        except ImportError as error:
            raise InvalidInput(
                f"{url} needs obstore, which is not installed", code="obstore_missing", hint="install clearance[server]"
            ) from error
        except Exception as error:  # obstore's own errors for an address it does not know
            raise InvalidInput(f"{url} is no object store: {error}", code="bad_target") from error
        self.url = url

    def read(self, path: str) -> bytes:
        try:
            return bytes(self._obstore.get(self._store, path).bytes())
        except FileNotFoundError as error:
            raise _missing(path, self.url) from error
        except OSError as error:
            raise Unavailable(f"{self.url}/{path} can't be read: {error}", code="log_unreadable") from error

    def write(self, path: str, content: bytes) -> None:
        try:
            self._obstore.put(self._store, path, content)
        except OSError as error:
            raise Unavailable(f"{self.url}/{path} can't be written: {error}", code="log_unwritable") from error

    def sizes(self) -> Mapping[str, int]:
        return {each["path"]: each["size"] for part in self._obstore.list(self._store, prefix="tile") for each in part}

    def narrower(self, path: str) -> list[str]:
        return [each["path"] for part in self._obstore.list(self._store, prefix=f"{path}.p") for each in part]

    def remove(self, path: str) -> None:
        self._obstore.delete(self._store, path)


def open_source(text: str, token: str = "") -> Source:
    """Return where to read a log from: an address of the web, of an object store, or a folder."""
    if text.startswith(("http://", "https://")):
        return Web(text, token)
    return open_target(text)


def open_target(text: str) -> Target:
    """Return where to publish a log to: an object store's URL or a folder."""
    if text.startswith(("http://", "https://")):
        raise InvalidInput(
            f"{text} is a web address: there is nothing to write to",
            code="bad_target",
            hint="give a folder that the web server publishes, or s3://bucket/prefix",
        )
    return Bucket(text) if "://" in text else Folder(Path(text))


def write_whole(place: Path, content: bytes) -> None:
    """Write a file so that after a power cut it is either the old one or the new one."""
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _missing(path: str, where: str) -> NotFound:
    return NotFound(f"{where} has no {path}", code="log_file_missing")
