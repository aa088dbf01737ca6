"""How times, digests, figures, sizes and what happened are written for people, on pages and in reports; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from clearance.audit.model import Entry
from clearance.audit.words import happened
from clearance.delivery.model import MetricName
from clearance.policy.verdict import tally

_KINDS = {
    "https://clearance.dev/attestation/check/v1": "check result",
    "https://clearance.dev/attestation/approval/v1": "approval",
    "https://slsa.dev/provenance/v1": "provenance (SLSA)",
    "https://slsa.dev/verification_summary/v1": "decision (SLSA summary)",
}
_PAGES = {"rollout": "/rollouts/", "alert": "/alerts/", "incident": "/incidents/", "dataset": "/lineage?of="}
_UNITS = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_CODE = re.compile(r"`([^`]+)`")
_ID = re.compile(r"[a-z]+_[0-9a-z]{20,}")


def about(entry: Entry) -> str:
    """Write what a leaf of the log is about by its name, where the leaf or its subject says one, and never by an id."""
    kind, _, named = entry.subject.partition("/")
    said = entry.data.get("title") or entry.data.get("name")
    model, candidate = entry.data.get("model"), entry.data.get("candidate")
    if kind == "model":
        return named
    if kind in {"alert", "incident"} and isinstance(said, str):
        return said
    if kind == "rollout" and model and candidate:
        return f"rollout of {model}/{candidate}"
    if isinstance(said, str):
        return f"{kind} {said}"
    if named and not _ID.fullmatch(named):
        return f"{kind} {short(named)}" if named.startswith("sha256:") else f"{kind} {named}"
    return f"{kind} of {model}" if model else kind


def place(subject: str) -> str:
    """Return the page of what a leaf is about; where there is none, what else the log says of it."""
    kind, _, named = subject.partition("/")
    if kind == "model":
        model, _, number = named.partition("/")
        return f"/models/{quote(model)}" + (f"/versions/{number}" if number.isdigit() else "")
    if named and kind in _PAGES:
        return _PAGES[kind] + quote(named)
    return f"/audit?subject={quote(subject)}"


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


def lasted(minutes: float | None) -> str:
    """Write a duration in the two largest units that tell it: `2 h 5 min`."""
    if minutes is None:
        return "—"
    left = round(minutes * 60)
    counted: list[tuple[int, str]] = []
    for unit, size_of in _UNITS:
        n, left = divmod(left, size_of)
        counted.append((n, f"{unit}s" if unit == "day" and n != 1 else unit))
    first = next((place for place, (n, _) in enumerate(counted) if n), None)
    if first is None:
        return "less than a second"
    return " ".join(f"{n} {unit}" for n, unit in counted[first : first + 2] if n)


def percent(share: float | None) -> str:
    """Write a share as a percentage."""
    return "—" if share is None else f"{share:.1%}"


def size(number: int) -> str:
    """Write a number of bytes."""
    amount, units = float(number), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{amount:,.0f} {units[0]}" if amount >= 100 or units[0] == "bytes" else f"{amount:.1f} {units[0]}"


def prose(text: str) -> Markup:
    """Write a text in which `…` is code, as messages and hints have it."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped before


def words(identifier: object) -> str:
    """Write an identifier in words: `rolled_back` becomes `rolled back`."""
    return str(identifier).replace("_", " ")


def metric(name: str) -> str:
    """Write what a rollout compares."""
    return MetricName(name).words if name in set(MetricName) else words(name)


def kind(predicate_type: str) -> str:
    """Write what a statement is, where its predicate type is a known one."""
    return _KINDS.get(predicate_type, predicate_type)


FILTERS: Mapping[str, Callable[[Any], str]] = {
    "when": when,
    "day": day,
    "short": short,
    "figure": figure,
    "percent": percent,
    "lasted": lasted,
    "size": size,
    "words": words,
    "prose": prose,
    "kind": kind,
    "event": happened,
    "about": about,
    "place": place,
    "metric": metric,
    "tally": tally,
}
"""The same, by the names that templates use."""
