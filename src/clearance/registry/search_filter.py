"""Which models are wanted, in which order, and a page of them; pure."""

from __future__ import annotations

from enum import StrEnum

from clearance.registry.model import Lifecycle, Model, ModelKind, Risk
from clearance.values import request, value


class ModelSort(StrEnum):
    """The order of a listing; within it, by name."""

    NAME = "name"
    OWNER = "owner"
    TEAM = "team"
    RISK = "risk"
    """The strictest first."""
    NEWEST = "newest"
    """The model that came last first."""


@request
class ModelFilter:
    """Which models to list; what is None does not matter.

    Attributes:
        search: words that must all be there, as parts of words: in name, title, purpose, description, owner, team or tags.
        use_case, template: exactly these; so are owner and team.
        tag: `key`, or `key=value`.
        assessed: whether the questionnaire was answered.
        incomplete: whether something is missing of the story of its newest version.
        serving: environment where a version of it serves.
        alias: name of an alias that it has; `*` for any.
    """

    search: str | None = None
    owner: str | None = None
    team: str | None = None
    kind: ModelKind | None = None
    use_case: str | None = None
    template: str | None = None
    risk: Risk | None = None
    lifecycle: Lifecycle | None = None
    tag: str | None = None
    assessed: bool | None = None
    incomplete: bool | None = None
    serving: str | None = None
    alias: str | None = None
    sort: ModelSort = ModelSort.NAME


@value
class ModelPage:
    """A page of models; `next` is the cursor of the following one, `total` how many there are on all pages."""

    items: tuple[Model, ...]
    next: str | None
    total: int
