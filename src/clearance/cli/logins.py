"""The log-ins of this user, one for each server, in a file that nobody else can read."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from clearance.errors import InvalidInput, VerificationFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who is logged in at a server, until when (RFC 3339), and the secret that proves it."""

    name: str
    expires_at: str
    secret: str


def find(home: Path, url: str) -> Login | None:
    """Return the log-in at a server; None where there is none.

    Raises:
        VerificationFailed: others can read the file (`login_exposed`).
        InvalidInput: the file can't be read (`login_unreadable`).
    """
    return _read(_path(home)).get(url)


def keep(home: Path, url: str, login: Login) -> None:
    """Keep a log-in, in place of an older one at the same server."""
    _write(home, {**_read(_path(home)), url: login})


def forget(home: Path, url: str) -> None:
    """Forget the log-in at a server."""
    _write(home, {at: login for at, login in _read(_path(home)).items() if at != url})


def _path(home: Path) -> Path:
    return home / "logins.json"


def _read(path: Path) -> dict[str, Login]:
    try:
        exposed = path.stat().st_mode & 0o077
        text = path.read_text()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(path, error.strerror or "") from error
    if exposed:
        raise VerificationFailed(
            f"{path} can be read by others", code="login_exposed", hint=f"rm {path}, then `clearance login` again"
        )
    try:
        return {url: Login(**login) for url, login in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise _unreadable(path, "it is damaged") from error


def _write(home: Path, logins: Mapping[str, Login]) -> None:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=home, prefix=".logins-")  # made with mode 0600
    with os.fdopen(descriptor, "w") as file:
        json.dump({url: asdict(login) for url, login in logins.items()}, file)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(_path(home))


def _unreadable(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"the log-ins in {path} can't be read: {why}", code="login_unreadable", hint=f"rm {path}, then log in again"
    )
