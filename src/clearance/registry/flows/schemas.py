"""What changed between two schemas of a dataset; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from clearance.registry.model import Column
from clearance.values import value


class ChangeKind(StrEnum):
    """What became of a column."""

    RENAMED = "renamed"
    """A guess: at the same place one went and one of the same type came."""
    REMOVED = "removed"
    RETYPED = "retyped"
    ADDED = "added"


@value
class ColumnChange:
    """What became of one column between two schemas.

    Attributes:
        at: when the later schema was first seen.
        column: its name before, or the new one's when it was added.
        before, after: types; empty where there was none.
        renamed_to: its new name, when it was renamed.
    """

    at: datetime
    kind: ChangeKind
    column: str
    before: str = ""
    after: str = ""
    renamed_to: str = ""

    @property
    def text(self) -> str:
        """The change in words."""
        return {
            ChangeKind.RENAMED: f"{self.column} seems to be called {self.renamed_to} now (same place, same type: a guess)",
            ChangeKind.REMOVED: f"{self.column} is gone",
            ChangeKind.RETYPED: f"{self.column} was {self.before or 'untyped'} and is {self.after or 'untyped'} now",
            ChangeKind.ADDED: f"{self.column} is new",
        }[self.kind]


def changes(before: Sequence[Column], after: Sequence[Column], at: datetime) -> tuple[ColumnChange, ...]:
    """Return what became of the columns; a rename is a guess, and only made where nothing else fits."""
    old = {column.name: (place, column.type) for place, column in enumerate(before)}
    new = {column.name: (place, column.type) for place, column in enumerate(after)}
    gone = {name: found for name, found in old.items() if name not in new}
    come = {name: found for name, found in new.items() if name not in old}
    renamed = {
        name: other for name, (place, kind) in gone.items() for other, found in come.items() if found == (place, kind)
    }
    found = []
    for name, (_, kind) in old.items():
        if name in renamed:
            found.append(
                ColumnChange(
                    at=at, kind=ChangeKind.RENAMED, column=name, before=kind, after=kind, renamed_to=renamed[name]
                )
            )
        elif name in gone:
            found.append(ColumnChange(at=at, kind=ChangeKind.REMOVED, column=name, before=kind))
        elif kind != new[name][1]:
            found.append(ColumnChange(at=at, kind=ChangeKind.RETYPED, column=name, before=kind, after=new[name][1]))
    found += [
        ColumnChange(at=at, kind=ChangeKind.ADDED, column=name, after=kind)
        for name, (_, kind) in come.items()
        if name not in renamed.values()
    ]
    return tuple(found)
