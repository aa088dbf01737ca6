"""Windows of time: aligned to Monday, so that everybody means the same week; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from clearance.errors import InvalidInput
from clearance.monitoring.model import Window

MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
"""Where windows of every length are counted from."""
_LENGTH = re.compile(r"P(?:(\d{1,4})D|(\d{1,3})W|T(\d{1,4})H)")
MOST = 10_000


def length(text: str) -> timedelta:
    """Return the length that `P7D`, `P1W` or `PT6H` names (ISO 8601; whole days, weeks or hours).

    Raises:
        InvalidInput: it names none, or a length of zero.
    """
    found = _LENGTH.fullmatch(text)
    days, weeks, hours = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    made = timedelta(days=days, weeks=weeks, hours=hours)
    if not made:
        raise InvalidInput(
            f"{text[:40]!r} is no length of a window", code="bad_window", hint="for example P7D, P1D or PT6H"
        )
    return made


def holding(moment: datetime, every: timedelta) -> Window:
    """Return the window that a moment lies in."""
    start = MONDAY + (moment - MONDAY) // every * every
    return Window(start=start, end=start + every)


def covering(first: datetime, last: datetime, every: timedelta) -> tuple[Window, ...]:
    """Return all windows from the one of `first` to the one of `last`, also those in which nothing happened.

    Raises:
        InvalidInput: there would be more than MOST.
    """
    begin, end = holding(first, every).start, holding(last, every).start
    count = (end - begin) // every + 1
    if count > MOST:
        raise InvalidInput(
            f"from {first:%Y-%m-%d} to {last:%Y-%m-%d} there are {count} windows, more than {MOST}",
            code="too_many_windows",
            hint="configure longer windows, or look for events with a wrong time",
        )
    return tuple(Window(start=begin + n * every, end=begin + (n + 1) * every) for n in range(count))
