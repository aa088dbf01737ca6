"""A shelf in a folder: what is being written lies in `incoming` until it is whole, then one rename shows it."""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from clearance.errors import ClearanceError, StorageFull, Unavailable
from clearance.storage.shelf import CHUNK, Incoming, Item

_ABANDONED_SECONDS = 24 * 3600
_WRITE_BACK = 16 << 20  # bytes: enough for the disk to be busy with, little enough to leave nothing for the end
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_THERE = (FileNotFoundError, NotADirectoryError)


class FolderShelf:
    """Implements `Shelf`. Several processes may use one folder, also over a network file system with atomic renames."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._ready = False
        self._preparing = threading.Lock()

    @property
    def place(self) -> str:
        return str(self._folder)

    def path(self, key: str) -> Path:
        return self._folder / key

    def find(self, key: str) -> Item | None:
        try:
            found = self.path(key).stat()
        except _NOT_THERE:
            return None
        return Item(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def items(self, prefix: str) -> Iterator[Item]:
        for folder, _, names in os.walk(self._folder / prefix):
            for name in names:
                key = Path(folder, name).relative_to(self._folder).as_posix()
                if found := self.find(key):  # it may be gone by now
                    yield found

    def read(self, key: str) -> Iterator[bytes]:
        with self.path(key).open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def write(self, _key: str | None) -> Incoming:
        self._prepare()
        return _File(self._folder, self._incoming / secrets.token_hex(16))

    def remove(self, key: str) -> None:
        path = self.path(key)
        with as_unavailable(path), suppress(*_NOT_THERE):
            path.unlink()
        with suppress(OSError):  # the folder is wanted again, or not empty
            path.parent.rmdir()

    def _prepare(self) -> None:
        """Once in a process: make the folders, and remove what was being written by processes killed more than a day ago."""
        with self._preparing, as_unavailable(self._incoming):
            if self._ready:
                return
            self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
            for parent in (self._folder, self._folder.parent):
                _sync_folder(parent)
            for left in os.scandir(self._incoming):
                _remove_abandoned(left)
            self._ready = True


class _File:
    """Implements `Incoming`."""

    def __init__(self, folder: Path, path: Path) -> None:
        self._folder = folder
        self._path = path
        with as_unavailable(path):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._open = True
        self._written = 0
        self._on_its_way = 0

    def write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        with as_unavailable(self._path):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        self._written += len(chunk)
        if self._written - self._on_its_way >= _WRITE_BACK:
            _begin_write_back(self._descriptor, self._on_its_way, self._written - self._on_its_way)
            self._on_its_way = self._written

    def commit(self, key: str, *, durable: bool = True) -> None:
        target = self._folder / key
        with as_unavailable(target):
            if durable:
                os.fsync(self._descriptor)
            self._close()
            made = _make_folders(self._folder, target.parent)
            try:
                self._path.replace(target)
            except FileNotFoundError:  # the folder was still empty, and somebody who collects garbage removed it
                made |= _make_folders(self._folder, target.parent)
                self._path.replace(target)
            if durable:
                for folder in {target.parent, *made}:
                    _sync_folder(folder)

    def abort(self) -> None:
        self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._descriptor)


def _begin_write_back(descriptor: int, start: int, length: int) -> None:
    """Have the kernel begin to write bytes to the disk, so that the sync at the end of a large file finds little to do.

    On Linux this advice starts the writing of pages that are dirty, and drops only those that are not (mm/fadvise.c).
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, start, length, os.POSIX_FADV_DONTNEED)


@contextmanager
def as_unavailable(path: Path) -> Iterator[None]:
    """Turn what the file system says into our words.

    Raises:
        StorageFull, Unavailable: code `storage_full` or `storage_unwritable`.
    """
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ClearanceError:
    if error.errno in _FULL:
        return StorageFull(
            f"there is no room left for {path.parent}; nothing was stored",
            code="storage_full",
            hint="make room on that disk, or `clearance artifacts gc`; then send it again",
        )
    return Unavailable(
        f"{path.parent} can't be written: {error.strerror}",
        code="storage_unwritable",
        hint="is the disk mounted, or the folder someone else's?",
    )


def _make_folders(root: Path, folder: Path) -> set[Path]:
    """Make a folder below a root; return those that got a new entry and must reach the disk."""
    missing = [each for each in (folder, *folder.parents) if each.is_relative_to(root) and not each.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {each.parent for each in missing}


def _remove_abandoned(left: os.DirEntry[str]) -> None:
    try:
        if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
            Path(left).unlink()
    except FileNotFoundError:
        return  # another process finished it, or was quicker


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # empty again, and removed by somebody who collects garbage
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
