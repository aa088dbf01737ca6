"""Values: an upstream column that changed under a version, and how complete the stories of versions are; pure."""

from __future__ import annotations

from datetime import datetime

from clearance.registry.flows.schemas import ColumnChange
from clearance.values import value

ROWS = "*"
"""Stands for all columns at once: which rows there are depends on the column that changed (a filter, a join key)."""


@value
class Finding:
    """A column that went, was renamed or got another type, and a version that uses it.

    Attributes:
        dataset: whose column it is, as `namespace/name`.
        change: what became of the column.
        column: what it is called where the version uses it; `*` when its rows depend on it.
        used_as: `feature` (its contract takes it), `training column`, or `unknown` (no contract and no registered data say).
        via: the datasets from the changed one to the one that the version uses.
        certain: False where a step had no column lineage, so that a column of the same name was taken for the same.
        environments: where the version serves now.
        mended: the dataset has the column again as it was when the version was made.
    """

    dataset: str
    change: ColumnChange
    model: str
    number: int
    column: str
    used_as: str
    via: tuple[str, ...]
    certain: bool
    environments: tuple[str, ...]
    mended: bool

    @property
    def version(self) -> str:
        return f"{self.model}/{self.number}"


@value
class Findings:
    """What was found, newest change first; `cut` says why there may be more, and is empty when this is all."""

    items: tuple[Finding, ...]
    cut: str


@value
class Story:
    """How complete what is known of a version is, its lineage included; what is missing has its own words."""

    model: str
    number: int
    fraction: float
    missing: tuple[str, ...]
    flags: tuple[str, ...]
    environments: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.missing


@value
class Stories:
    """How complete the stories of the versions in use are.

    Attributes:
        as_of: when they were counted.
        total, complete: versions that are not retired, and how many of them lack nothing.
        share: complete of total, None when there are none.
        serving_total, serving_complete: the same of those that serve somewhere.
        missing: fact → how many versions lack it, the most frequent first.
        incomplete: those that lack something, serving ones first, then by how much they lack; a thousand at most.
    """

    as_of: datetime
    total: int
    complete: int
    share: float | None
    serving_total: int
    serving_complete: int
    missing: dict[str, int]
    incomplete: tuple[Story, ...]
