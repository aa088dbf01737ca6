"""How times, digests, figures and sizes are written for people, on pages and in reports; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from clearance.policy.verdict import tally

_KINDS = {
    "https://clearance.dev/attestation/check/v1": "check result",
    "https://clearance.dev/attestation/approval/v1": "approval",
    "https://slsa.dev/provenance/v1": "provenance (SLSA)",
    "https://slsa.dev/verification_summary/v1": "decision (SLSA summary)",
}


def when(at: datetime | None) -> str:
    """Write a time, to the second, in UTC."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def day(at: datetime | None) -> str:
    """Write a date."""
    return "" if at is None else f"{at:%Y-%m-%d}"


def short(digest: str) -> str:
    """Shorten a digest to what people compare at a glance."""
    return digest.removeprefix("sha256:")[:12]


def figure(number: float | None) -> str:
    """Write a figure with three or four significant digits."""
    if number is None:
        return "—"
    if number == int(number) and abs(number) < 1e9:
        return f"{int(number):,}"
    return f"{number:,.0f}" if 1000 <= abs(number) < 1e9 else f"{number:#.3g}" if abs(number) < 1 else f"{number:.4g}"


def percent(share: float | None) -> str:
    """Write a share as a percentage."""
    return "—" if share is None else f"{share:.1%}"


def size(number: int) -> str:
    """Write a number of bytes."""
    amount, units = float(number), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{amount:,.0f} {units[0]}" if amount >= 100 or units[0] == "bytes" else f"{amount:.1f} {units[0]}"


def words(identifier: object) -> str:
    """Write an identifier in words: `rolled_back` becomes `rolled back`."""
    return str(identifier).replace("_", " ")


def kind(predicate_type: str) -> str:
    """Write what a statement is, where its predicate type is a known one."""
    return _KINDS.get(predicate_type, predicate_type)


FILTERS: Mapping[str, Callable[[Any], str]] = {
    "when": when,
    "day": day,
    "short": short,
    "figure": figure,
    "percent": percent,
    "size": size,
    "words": words,
    "kind": kind,
    "tally": tally,
}
"""The same, by the names that templates use."""
