"""Time and randomness as things that are passed in, so that decisions stay pure and tests can hold the clock."""

from __future__ import annotations

import re
import secrets
import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol

from clearance.errors import InvalidInput
from clearance.values import bad_cursor

LONGEST = timedelta(days=36_500)
"""A hundred years: nobody means more, and the present with so much added or taken away is still a date."""
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case


class Clock(Protocol):
    """Anything that tells the time in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved; for tests and replays."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> None:
        self._at += by


def span(**units: float) -> timedelta:
    """Return a length of time that somebody named, as `timedelta` does.

    Raises:
        InvalidInput: it is no number, or longer than `LONGEST` (`bad_duration`).
    """
    try:
        made = timedelta(**units)
    except (OverflowError, ValueError):
        made = None
    if made is None or abs(made) > LONGEST:
        named = ", ".join(f"{number:g} {unit}" for unit, number in units.items())
        raise InvalidInput(
            f"{named} is no length of time", code="bad_duration", hint="a number; a hundred years are the most"
        )
    return made


class _Sequence:
    """Identifiers that sort by time, and within one millisecond in the order in which this process made them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self, now: datetime) -> int:
        """Return 48 bits of milliseconds over 80 random ones; within a millisecond, the last one plus one."""
        milliseconds = int(now.timestamp() * 1000)
        with self._lock:
            same = self._last >> 80 == milliseconds
            self._last = self._last + 1 if same else (milliseconds << 80) | secrets.randbits(79)
            return self._last


_sequence = _Sequence()


def id_before(prefix: str, cursor: str | None) -> str | None:
    """Return the identifier that a cursor of a listing by `new_id` names.

    Raises:
        InvalidInput: it is none (`bad_cursor`).
    """
    if cursor is not None and not re.fullmatch(rf"{prefix}_[{_ALPHABET}]{{26}}", cursor):
        raise bad_cursor(cursor)
    return cursor


def new_id(prefix: str, now: datetime) -> str:
    """Return an identifier that sorts by time: `prefix_` and 26 characters, laid out as a monotonic ULID."""
    value = _sequence.next(now)
    return f"{prefix}_" + "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))
