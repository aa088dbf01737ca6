"""The form of a backup: what its manifest says, and how its members are found and trusted (docs/formats/backup.md)."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

from clearance.errors import Conflict, InvalidInput, VerificationFailed
from clearance.storage import migrate
from clearance.values import parse, value

FORMAT = 1
MANIFEST = "manifest.json"
DIGEST = "manifest.json.sha256"
_LARGEST_MANIFEST = 256 * 1024 * 1024


@value
class Column:
    """A column and how its values are written: one of the kinds of `columns.py`."""

    name: str
    kind: str


@value
class Table:
    """A table in the archive; `sha256` is the hex digest of its member, as `sha256sum` prints it."""

    name: str
    member: str
    rows: int
    sha256: str
    columns: tuple[Column, ...]


@value
class Stored:
    """A file in the archive, below the folder it belongs to (`artifacts`, `lake`, `keys`)."""

    member: str
    size: int
    sha256: str
    private: bool


@value
class Manifest:
    """What an archive holds; `checkpoint` is the newest signed one of the log, None when the log is empty."""

    format: int
    program: str
    schema: str
    made_at: datetime
    checkpoint: str | None
    tables: tuple[Table, ...]
    files: tuple[Stored, ...]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


def read_manifest(tar: tarfile.TarFile) -> Manifest:
    """Return what an archive says that it holds.

    Raises:
        VerificationFailed: it is not what was written.
        Conflict: a newer Clearance wrote it.
    """
    with open_member(tar, MANIFEST) as file:
        text = file.read(_LARGEST_MANIFEST)
    with open_member(tar, DIGEST) as file:
        expected = file.read(64).decode("ascii", "replace")
    if hashlib.sha256(text).hexdigest() != expected:
        raise damaged("its manifest is not what was written")
    try:
        known = json.loads(text)
        manifest = parse(Manifest, known) if known.get("format") == FORMAT else None
    except (ValueError, AttributeError) as error:
        raise damaged("its manifest can't be read") from error
    if manifest is None:
        raise Conflict(
            f"the backup has format {known.get('format')}, this program reads {FORMAT}",
            code="backup_newer",
            hint="restore it with the Clearance that made it, or a newer one",
        )
    migrate.check_known(manifest.schema)
    return manifest


def members_of(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield the name and the digest of every member."""
    yield from ((table.member, table.sha256) for table in manifest.tables)
    yield from ((stored.member, stored.sha256) for stored in manifest.files)


@contextmanager
def opened(archive: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive; what is wrong with it is told in our words.

    Raises:
        InvalidInput: it can't be read.
        VerificationFailed: it is damaged.
    """
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise damaged(f"it is no tar file, or cut off ({error})") from error
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise damaged("a table in it can't be unpacked") from error
    except OSError as error:
        if Path(error.filename or "") != archive:
            raise
        raise InvalidInput(f"{archive} can't be read: {error.strerror}", code="file_unreadable") from error


@contextmanager
def open_member(tar: tarfile.TarFile, name: str) -> Iterator[IO[bytes]]:
    """Yield a member of an archive.

    Raises:
        VerificationFailed: there is none of that name.
    """
    try:
        info = tar.getmember(name)
    except KeyError as error:
        raise damaged(f"it has no {name}: it is cut off, or no backup") from error
    file = tar.extractfile(info) if info.isreg() else None
    if file is None:
        raise damaged(f"{name} is no file")
    with file:
        yield file


def target_of(stored: Stored, folders: Mapping[str, Path]) -> Path:
    """Return where a file belongs.

    Raises:
        VerificationFailed: in no folder of this installation.
    """
    path = PurePosixPath(stored.member)
    folder = folders.get(path.parts[0])
    if folder is None or len(path.parts) < 2 or not all(_is_plain(part) for part in path.parts):
        raise damaged(f"{stored.member!r} belongs to no folder of this installation")
    return folder.joinpath(*path.parts[1:])


def _is_plain(part: str) -> bool:
    return part not in {"", ".", ".."} and not any(char in part for char in "/\\:\0")


def damaged(why: str) -> VerificationFailed:
    """Return what to tell of an archive that is not as it was written."""
    return VerificationFailed(
        f"the backup is damaged: {why}",
        code="backup_damaged",
        hint="take another copy of it, or an older backup; nothing was changed",
    )
