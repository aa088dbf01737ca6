"""Secrets by reference: `env:NAME` or `file:/path`, read when they are needed, so that a rotated one needs no restart."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clearance.errors import InvalidInput, Unavailable

logger = logging.getLogger(__name__)

WARN = timedelta(days=14)
"""How long before its end a secret is warned of."""
_ENV, _FILE = "env:", "file:"
_LARGEST = 64 * 1024  # bytes: a password, a token or an address, not a document


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a secret is, as anyone may know it."""

    setting: str
    reference: str
    problem: str
    """Why it can't be used, or not for long; empty when all is well."""
    expires_at: datetime | None


class Secret:
    """Something that only its reference may be printed of.

    Args:
        setting: name of the setting that holds the reference, for messages.
        text: `env:NAME` (read from the environment of this program), `file:/path` (read again whenever the file changes;
            `/path.expires`, if there is one, says until when it is good), or the secret itself.
    """

    def __init__(self, setting: str, text: str) -> None:
        self._setting = setting
        self._text = text
        self._read: tuple[tuple[int, int, int], str] | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Secret({self._setting}, {self.reference})"

    def __bool__(self) -> bool:
        return bool(self._text)

    @property
    def reference(self) -> str:
        """Where it comes from; of a secret that stands in the setting itself, only that it does."""
        if self._text.startswith((_ENV, _FILE)):
            return self._text
        return "given in the setting" if self._text else "not set"

    def value(self) -> str:
        """Return the secret as it is now, without the line break that editors leave at the end; empty when not set.

        Raises:
            Unavailable: the variable is not set, or the file can't be read.
        """
        if self._text.startswith(_ENV):
            return self._from_environment(self._text.removeprefix(_ENV))
        if self._text.startswith(_FILE):
            return self._from_file(Path(self._text.removeprefix(_FILE)))
        return self._text

    def expires_at(self) -> datetime | None:
        """Return until when the file is good, as `FILE.expires` beside it says (RFC 3339); None where nothing does.

        Raises:
            InvalidInput: what stands there is no time.
        """
        if not self._text.startswith(_FILE):
            return None
        beside = Path(self._text.removeprefix(_FILE) + ".expires")
        try:
            text = beside.read_text().strip()
        except OSError:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise InvalidInput(
                f"{beside} does not hold a time", code="bad_expiry", hint="such as 2026-12-31 or 2026-12-31T08:00:00Z"
            ) from error
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

    def condition(self, now: datetime) -> Condition:
        """Return how it is at this time."""
        ends: datetime | None = None
        problem = ""
        try:
            self.value()
            ends = self.expires_at()
        except (Unavailable, InvalidInput) as error:
            problem = error.message
        if ends is not None and ends - now <= WARN:
            problem = f"{'it ended' if ends <= now else 'it ends'} on {ends:%Y-%m-%d %H:%M} UTC"
        return Condition(setting=self._setting, reference=self.reference, problem=problem, expires_at=ends)

    def _from_environment(self, name: str) -> str:
        found = os.environ.get(name)  # the one look-up beside the settings: the operator said which variable
        if not found:
            raise self._missing(f"the variable {name} is not set")
        return found

    def _from_file(self, path: Path) -> str:
        try:
            state = path.stat()
            seen = (state.st_mtime_ns, state.st_size, state.st_ino)
            with self._lock:
                if self._read is None or self._read[0] != seen:
                    self._read = seen, _text_of(path)
                found = self._read[1]
        except (OSError, UnicodeDecodeError) as error:
            raise self._missing(
                f"{path} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}"
            ) from error
        if not found:
            raise self._missing(f"{path} is empty")
        return found

    def _missing(self, why: str) -> Unavailable:
        return Unavailable(
            f"the secret for CLEARANCE_{self._setting.upper()} is not there: {why}",
            code="secret_missing",
            hint="put it where the setting points; it is read again with the next use",
        )


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LARGEST).decode().rstrip("\r\n")


def warn(secrets: Iterable[Secret], now: datetime) -> None:
    """Tell the server's log of those that can't be used, or not for long; a server does so every hour."""
    for secret in secrets:
        found = secret.condition(now)
        if found.problem:
            logger.warning("the secret of CLEARANCE_%s (%s): %s", found.setting.upper(), found.reference, found.problem)
