"""Which models are wanted, in which order, and a page of them; pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

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
    """Which models to list; what is None does not matter. API and command line ask for each field by what it says here."""

    search: Annotated[str | None, "Words that must all be there, in part."] = None
    owner: Annotated[str | None, "Who answers for it."] = None
    team: Annotated[str | None, "Team it belongs to."] = None
    kind: Annotated[ModelKind | None, "What sort of model it is."] = None
    use_case: Annotated[str | None, "Its use case."] = None
    template: Annotated[str | None, "Template that it was made from."] = None
    risk: Annotated[Risk | None, "Governance level."] = None
    lifecycle: Annotated[Lifecycle | None, "Where it stands."] = None
    tag: Annotated[str | None, "KEY, or KEY=VALUE."] = None
    assessed: Annotated[bool | None, "Whether the questionnaire was answered."] = None
    incomplete: Annotated[bool | None, "Whether its newest version lacks part of its story."] = None
    serving: Annotated[str | None, "Environment where a version serves: is asked for, and was not stopped."] = None
    alias: Annotated[str | None, "Alias that it has; * for any."] = None
    sort: Annotated[ModelSort, "Order; within it by name."] = ModelSort.NAME


@value
class ModelPage:
    """A page of models; `next` is the cursor of the following one, `total` how many there are on all pages."""

    items: tuple[Model, ...]
    next: str | None
    total: int
