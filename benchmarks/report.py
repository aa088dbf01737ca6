"""Writes what was found, as a page and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.measure import Found, Row, Timing

_SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_INTRODUCTION = """\
# Benchmarks

Written by `make bench`; every figure comes from this one run on this one machine. Both sides of a row were measured in turns
(A B, B A, …), so a busy machine is as unkind to one as to the other: believe the ratios, not the seconds. A figure is the
median with the smallest and the largest of its rounds; a ratio is ours to theirs, the median over the paired rounds, and
below 1 where we are quicker. A *floor* is what the work can't go below, a *limit* what a person is asked to wait; the aim is
the largest ratio that is as it should be.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and when it ran."""

    at: datetime
    cores: int
    memory_gib: float
    load: float
    python: str
    system: str
    version: str
    quick: bool


def page(machine: Machine, found: Sequence[Found], versions: Mapping[str, str]) -> str:
    """Return the page in Markdown."""
    lines = [_INTRODUCTION, *_machine(machine, versions), ""]
    behind = [(case, row) for case in found for row in case.rows if row.behind()]
    lines += ["## Where we are behind the aim", ""]
    lines += [f"- **{case.title}**: {_sentence(row)}" for case, row in behind] or ["Nowhere in this run."]
    for case in found:
        lines += ["", f"## {case.title}", "", f"Case `{case.case}`, {case.seconds:.0f} s in all.", ""]
        if case.rows:
            lines += ["| measured | ours | theirs | ratio | aim |", "|---|---|---|---|---|", *map(_line, case.rows)]
        notes = dict.fromkeys(f"{row.peer}: {row.note}." for row in case.rows if row.note)
        lines += ["", *(f"- {note}" for note in notes)] if notes else []
        lines += ["", f"This case broke: {case.error}"] if case.error else []
    return "\n".join(lines) + "\n"


def document(machine: Machine, found: Sequence[Found], versions: Mapping[str, str]) -> dict[str, Any]:
    """Return everything as JSON values; times in seconds."""
    return {
        "machine": {**{name: getattr(machine, name) for name in machine.__slots__}, "at": machine.at.isoformat()},
        "versions": dict(versions),
        "cases": [
            {
                "case": case.case,
                "title": case.title,
                "seconds": case.seconds,
                "error": case.error,
                "rows": [_row(row) for row in case.rows],
            }
            for case in found
        ],
    }


def amount(seconds: float, unit: str, *, rate: bool) -> str:
    """Return a figure as people read it: `3.1 µs`, or `82,000 events/s`."""
    if rate:
        return f"{float(f'{1 / seconds:.3g}'):,.0f} {'leaves' if unit == 'leaf' else unit + 's'}/s"
    scale, name = next(((scale, name) for scale, name in _SCALES if seconds >= scale), _SCALES[-1])
    return f"{float(f'{seconds / scale:.3g}'):g} {name}"


def _row(row: Row) -> dict[str, Any]:
    return {
        "what": row.what,
        "unit": row.unit,
        "ours": list(row.ours.rounds),
        "peer": row.peer,
        "theirs": None if row.theirs is None else list(row.theirs.rounds),
        "limit": row.limit,
        "ratio": row.ratio(),
        "aim": None if row.aim == float("inf") else row.aim,
        "behind": row.behind(),
        "note": row.note,
        "unavailable": row.unavailable,
    }


def _machine(machine: Machine, versions: Mapping[str, str]) -> list[str]:
    peers = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    size = " **A quick run: sizes are small, figures mean nothing.**" if machine.quick else ""
    return [
        f"{machine.at:%Y-%m-%d %H:%M} UTC, {machine.cores} cores, {machine.memory_gib:.0f} GiB, {machine.system}, "
        f"Python {machine.python}; load when it began: {machine.load:.1f}.{size}",
        "",
        f"Clearance {machine.version} against {peers or 'no peer'}.",
    ]


def _line(row: Row) -> str:
    theirs = row.peer
    if row.theirs is not None:
        theirs = f"{row.peer}: {_spread(row.theirs, row)}"
    elif row.unavailable:
        theirs = f"{row.peer} {row.unavailable}"
    ratio = row.ratio()
    aim = "" if row.aim == float("inf") else f"≤ {row.aim:.3g}"
    cells = (row.what, _spread(row.ours, row), theirs, "" if ratio is None else _ratio(ratio, row), aim)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _ratio(ratio: float, row: Row) -> str:
    return f"**{_number(ratio)}**" if row.behind() else _number(ratio)


def _number(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _spread(timing: Timing, row: Row) -> str:
    if row.memory:
        return f"{timing.median / 2**20:,.0f} MiB"
    shown = amount(timing.median, row.unit, rate=row.rates)
    if not row.rates:
        shown += f" per {row.unit}"
    if len(timing.rounds) == 1:
        return shown + " (once)"
    ends = (amount(end, row.unit, rate=row.rates) for end in (timing.minimum, timing.maximum))
    return f"{shown} ({' to '.join(ends)})"


def _sentence(row: Row) -> str:
    ratio = row.ratio()
    assert ratio is not None
    note = f"; {row.note}" if row.note else ""
    return f"{row.what} takes {_number(ratio)} × {row.peer}, where {row.aim:.3g} is the aim{note}."
