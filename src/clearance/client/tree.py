"""A folder on the caller's machine as the files of a version, and back again; each byte hashed on the way."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clearance.errors import InvalidInput, VerificationFailed
from clearance.registry.model import File

_CHUNK = 1 << 20
_SHORT = 40  # characters of a name, so that what is made beside it has no longer one


def read_tree(folder: Path) -> dict[str, Path]:
    """Return the files under a folder (or the one file), by the path they have in a version.

    Raises:
        InvalidInput: there is nothing, or something that is no plain file: a symbolic link, a socket, a device.
    """
    if folder.is_file() and not folder.is_symlink():
        return {folder.name: folder}
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is neither a folder nor a file", code="no_such_folder")
    found: dict[str, Path] = {}
    for parent, names, files in os.walk(folder, onerror=_unreadable):
        for name in (*names, *files):
            path = Path(parent, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise InvalidInput(
                    f"{path} is not a plain file",
                    code="not_a_file",
                    hint="a version holds bytes, not links: put the file itself there",
                )
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    if not found:
        raise InvalidInput(f"{folder} has no files", code="no_files")
    return dict(sorted(found.items()))


def file_of(path: str, source: Path) -> File:
    """Hash a file."""
    size, seen = 0, hashlib.sha256()
    for chunk in chunks(source):
        size += len(chunk)
        seen.update(chunk)
    return File(path=path, size=size, sha256="sha256:" + seen.hexdigest())


def chunks(source: Path, start: int = 0, size: int | None = None) -> Iterator[bytes]:
    """Yield a file's bytes: all of them, or so many from a place on.

    Raises:
        InvalidInput: it can't be read; it is no plain file (any more); it is shorter than that (`file_changed`).
    """
    try:
        with open(source, "rb", opener=_open_plain) as file:
            file.seek(start)
            left = size
            while left != 0 and (chunk := file.read(_CHUNK if left is None else min(_CHUNK, left))):
                left = None if left is None else left - len(chunk)
                yield chunk
    except OSError as error:
        raise _unreadable(error) from error
    if left:
        raise InvalidInput(
            f"{source} became shorter while it was sent",
            code="file_changed",
            hint="whatever writes it must be done before: then do it again",
        )


class Sink:
    """A file being written, hashed on the way."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb")
        self._seen = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        self._seen.update(chunk)
        self._file.write(chunk)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def check(self, name: str, expected: str) -> None:
        """Compare the digest of what was written.

        Raises:
            VerificationFailed: these are not the bytes that were asked for.
        """
        found = "sha256:" + self._seen.hexdigest()
        if found != expected:
            raise VerificationFailed(
                f"{name} arrived with the digest {found}, not {expected}; nothing was kept",
                code="digest_mismatch",
                hint="download it again; if it stays so, something between here and the server changes it",
            )


@contextmanager
def appear(target: Path) -> Iterator[Path]:
    """Yield a path in a folder beside the target; what the block makes there appears at the target whole, or not at all.

    What a killed process left of the same target is removed.

    Raises:
        InvalidInput: the target is there already, or can't be written.
    """
    try:
        if target.exists():
            raise InvalidInput(f"{target} is there already", code="target_exists", hint="name one that is not")
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_left(target)
        with _beside(target) as folder:
            making = folder / target.name
            yield making
            making.replace(target)
    except OSError as error:
        raise InvalidInput(f"{target} can't be written: {error.strerror}", code="target_unwritable") from error


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a new folder beside a target; its lock says that somebody is at work in it."""
    while True:
        folder = target.with_name(f".{target.name[:_SHORT]}.{secrets.token_hex(4)}")
        folder.mkdir(mode=0o700)
        lock = _lock(folder)
        if folder.exists():  # else somebody saw it before it was locked, and took it for left
            break
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        if lock is not None:
            os.close(lock)


def _remove_left(target: Path) -> None:
    """Remove what others began to make of this target, unless they are at it, or it is something else."""
    named = re.compile(re.escape(f".{target.name[:_SHORT]}.") + "[0-9a-f]{8}")
    for left in target.parent.iterdir():
        if named.fullmatch(left.name) and left.is_dir() and not left.is_symlink():
            lock = _lock(left)
            if lock is not None:
                if {inside.name for inside in left.iterdir()} <= {target.name}:
                    shutil.rmtree(left)
                os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder for as long as the descriptor is open; None where somebody else has, or where there are no such locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _open_plain(path: str, flags: int) -> int:
    """Open a file that is no link, pipe or device, also if it became one since it was looked at."""
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a plain file", path)
    return descriptor


def _unreadable(error: OSError) -> InvalidInput:
    raise InvalidInput(f"{error.filename} can't be read: {error.strerror}", code="file_unreadable") from error
