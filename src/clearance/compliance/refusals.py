"""Which versions the gateway would not load, by the leaves of the log so far; pure.

A refusal holds until a leaf says that the version was loaded after all, until a pointer comes to it anew, or, where it was
refused for not being admitted, until it is admitted again. It is written down moments after what it refuses began: so it
reaches back to the time since when, by its own word, that gateway had not served the version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.compliance.served import Refused

_NOT_ADMITTED = "not_admitted"


@dataclass(slots=True)
class Refusals:
    """What is refused after the leaves so far; `every` are all refusals, also those that are still to come."""

    every: Sequence[Entry]
    standing: dict[int, Entry] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Refusals:
        """Return the refusals among the leaves of one model in one environment."""
        return cls(every=[each for each in entries if each.event == Event.LOAD_REFUSED and not _goes_on(each)])

    def of_version(self, number: int) -> Refused | None:
        """Return the refusal of a version that holds, None if none does."""
        entry = self.standing.get(number)
        if entry is None:
            return None
        return Refused(
            leaf=entry.index,
            at=entry.at,
            reason=str(entry.data["reason"]),
            instead=entry.data.get("serving"),
            told="serving" in entry.data,
        )

    def refuse(self, entry: Entry) -> None:
        """Take a leaf that says so."""
        if not _goes_on(entry):
            self.standing[_number(entry)] = entry

    def accept(self, number: int) -> None:
        """Take that a version was loaded after all."""
        self.standing.pop(number, None)

    def readmit(self, number: int, index: int, at: datetime) -> None:
        """Take that a version is admitted again: it is asked for anew where that was all that stood against it."""
        if (entry := self.standing.get(number)) is not None and entry.data["code"] == _NOT_ADMITTED:
            self.ask_anew(number, index, at)

    def ask_anew(self, number: int, index: int, at: datetime) -> None:
        """Take that a version is asked for from leaf `index` on: what was refused before counts no more, only what is to come."""
        self.standing.pop(number, None)
        for entry in self.every:
            if entry.index > index and _number(entry) == number and _not_since(entry) <= at:
                self.standing[number] = entry
                return


def _goes_on(entry: Entry) -> bool:
    """Tell whether the version goes on as it was loaded before: only loading it again was refused."""
    return bool(entry.data.get("serving") == _number(entry))


def _not_since(entry: Entry) -> datetime:
    said = entry.data.get("not_since")
    return entry.at if said is None else datetime.fromisoformat(said)


def _number(entry: Entry) -> int:
    return int(entry.subject.rpartition("/")[2])
